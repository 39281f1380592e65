import type {
  AudioClipTrackItem,
  ClipProjectItem,
  premierepro,
  Project,
  Sequence,
  VideoClipTrackItem,
} from '@adobe/premierepro';
import type { Notice, SelectedClip, Selection, Shot } from './host.ts';
import { imageFolder } from './images.ts';
import { readMade } from './premiere-project.ts';
import { HostProblem, type HostProblemCode } from './problem.ts';
import { frameAt, frameUpTo, rateOfNumber, rateOfTicks, sameRate, ticksOfFrame, type Rational } from './time.ts';

/** The selected clips of the active sequence, each as a shot or with the reason why it cannot be one. */
export async function readSelection(api: premierepro): Promise<Selection> {
  const project = (await api.Project.getActiveProject()) as Project | null;
  const sequence = (await project?.getActiveSequence()) as Sequence | null | undefined;
  if (!project || !sequence) return { timeline: null, clips: [] };
  const ticksPerFrame = BigInt(await sequence.getTimebase());
  const { width, height } = await sequence.getFrameSize();
  const timeline = { name: sequence.name, rate: rateOfTicks(ticksPerFrame), width, height };

  const selected = (await (await sequence.getSelection())?.getTrackItems()) ?? [];
  const clips: SelectedClip[] = [];
  for (const item of selected.filter(isVideo)) {
    const name = await item.getName();
    try {
      clips.push({ usable: true, name, shot: await readShot(api, item, { project, sequence, ticksPerFrame }) });
    } catch (error) {
      if (!(error instanceof HostProblem)) throw error;
      clips.push({ usable: false, name, reason: error });
    }
  }
  return { timeline, clips };
}

/** A linked clip is selected with its sound. There is no cast for track items: what only pictures have tells them apart. */
const isVideo = (item: VideoClipTrackItem | AudioClipTrackItem): item is VideoClipTrackItem =>
  'createAddVideoTransitionAction' in item;

type Place = { readonly project: Project; readonly sequence: Sequence; readonly ticksPerFrame: bigint };

async function readShot(api: premierepro, item: VideoClipTrackItem, place: Place): Promise<Shot> {
  if (await item.isAdjustmentLayer()) throw new HostProblem('adjustment-layer');
  const projectItem = await item.getProjectItem();
  const clip = projectItem && (api.ClipProjectItem.cast(projectItem) as ClipProjectItem | null);
  if (!clip) throw new HostProblem('generated');
  const refusal = await refuseKind(clip);
  if (refusal) throw new HostProblem(refusal);

  const made = await readMade(api, clip);
  if (made) {
    const { path, from, to } = made.request.source;
    return { source: { path, from, to }, rate: null, notices: [], spot: made.spot, made };
  }

  const path = await clip.getMediaFilePath();
  if (!path) throw new HostProblem('generated');
  const times = await timesOf(item);
  await refuseSpeed(item, times, place.ticksPerFrame);
  const value = (await clip.getFootageInterpretation()).getFrameRate();
  if (!(value > 0)) throw new HostProblem('still');
  const rate = rateOfNumber(value);
  const [from, to] = [frameAt(times.in, rate), frameUpTo(times.out, rate)];
  const { folder, first } = imageFolder(path);

  return {
    source: { path: folder ?? path, from: first + from, to: first + to },
    rate,
    notices: await noticesOf(item, clip, path, rate, rateOfTicks(place.ticksPerFrame)),
    spot: {
      host: 'premiere',
      project: place.project.guid.toString(),
      sequence: place.sequence.guid.toString(),
      item: projectItem.getId(),
      track: await item.getTrackIndex(),
      start: String(times.start),
      end: String(times.end),
      sourceIn: String(times.in),
      paintedFrom: String(ticksOfFrame(from, rate)),
      paintedTo: String(ticksOfFrame(to, rate)),
    },
    made: null,
  };
}

/** A multicam source is also a sequence, and a sequence has no file: asked in this order. */
async function refuseKind(clip: ClipProjectItem): Promise<HostProblemCode | null> {
  if (await clip.isMulticamClip()) return 'multicam';
  if (await clip.isSequence()) return 'nested';
  if (await clip.isOffline()) return 'offline';
  return null;
}

export type ItemTimes = { start: bigint; end: bigint; in: bigint; out: bigint };

/** On the sequence and in the source; `end` and `out` exclusive. */
export async function timesOf(item: VideoClipTrackItem): Promise<ItemTimes> {
  return {
    start: BigInt((await item.getStartTime()).ticks),
    end: BigInt((await item.getEndTime()).ticks),
    in: BigInt((await item.getInPoint()).ticks),
    out: BigInt((await item.getOutPoint()).ticks),
  };
}

/** Nothing says that a clip's time is remapped, but its two lengths then differ. */
async function refuseSpeed(item: VideoClipTrackItem, times: ItemTimes, ticksPerFrame: bigint): Promise<void> {
  if (await item.isSpeedReversed()) throw new HostProblem('reversed');
  if (Math.abs((await item.getSpeed()) - 1) > 1e-6 || !playsEvenly(times, ticksPerFrame)) {
    throw new HostProblem('retimed');
  }
}

/** Whether a clip shows its source at normal speed. Both ends may be rounded to a frame of the sequence. */
export function playsEvenly(times: ItemTimes, ticksPerFrame: bigint): boolean {
  const difference = times.out - times.in - (times.end - times.start);
  return (difference < 0n ? -difference : difference) <= ticksPerFrame;
}

/** What every clip has without anybody's doing. */
const INTRINSIC = ['AE.ADBE Motion', 'AE.ADBE Opacity'];

async function noticesOf(
  item: VideoClipTrackItem,
  clip: ClipProjectItem,
  path: string,
  rate: Rational,
  sequenceRate: Rational,
): Promise<Notice[]> {
  const notices: Notice[] = [];
  const chain = await item.getComponentChain();
  const names: string[] = [];
  for (let n = 0; n < chain.getComponentCount(); n++) {
    const component = chain.getComponentAtIndex(n);
    if (!INTRINSIC.includes(await component.getMatchName())) names.push(await component.getDisplayName());
  }
  if (names.length > 0) notices.push({ code: 'effects', names });
  if ((await clip.hasProxy()) && (await clip.getProxyPath()) === path) notices.push({ code: 'proxy' });
  if (!sameRate(rate, sequenceRate)) notices.push({ code: 'rate-differs', rate });
  if (await item.isDisabled()) notices.push({ code: 'disabled' });
  return notices;
}
