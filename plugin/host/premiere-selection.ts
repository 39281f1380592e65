import type {
  AudioClipTrackItem,
  ClipProjectItem,
  FootageInterpretation,
  premierepro,
  Project,
  Sequence,
  VideoClipTrackItem,
} from '@adobe/premierepro';
import type { ExportReason, Notice, PremiereSpot, SelectedClip, Selection, Shot, ShotMarker } from './host.ts';
import { isImage, numberedImage } from './images.ts';
import { findClip, playsEvenly, readLying, shownAt, timesOf, type ItemTimes } from './premiere-clips.ts';
import { motionOf } from './premiere-motion.ts';
import { readMade, sequenceOf } from './premiere-project.ts';
import { HostProblem } from './problem.ts';
import { frameAt, frameUpTo, rateOfNumber, rateOfTicks, sameRate, ticksOfFrame, type Rational } from './time.ts';

type Place = {
  readonly project: Project;
  readonly sequence: Sequence;
  readonly ticksPerFrame: bigint;
  readonly pixelAspect: number | null;
};

/** The selected clips of the active sequence, each as a shot or with the reason why it cannot be one. */
export async function readSelection(api: premierepro, withEffects: boolean): Promise<Selection> {
  const project = (await api.Project.getActiveProject()) as Project | null;
  const sequence = (await project?.getActiveSequence()) as Sequence | null | undefined;
  if (!project || !sequence) return { timeline: null, clips: [] };
  const ticksPerFrame = BigInt(await sequence.getTimebase());
  const { width, height } = await sequence.getFrameSize();
  const pixelAspect = ratioOf(await (await sequence.getSettings()).getVideoPixelAspectRatio());
  const timeline = { name: sequence.name, rate: rateOfTicks(ticksPerFrame), width, height, pixelAspect };

  const selected = (await (await sequence.getSelection())?.getTrackItems()) ?? [];
  const clips: SelectedClip[] = [];
  for (const item of selected.filter(isVideo)) {
    const name = await item.getName();
    try {
      const shot = await readShot(api, item, { project, sequence, ticksPerFrame, pixelAspect }, withEffects);
      clips.push({ usable: true, name, shot });
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

/** How the text of a sequence's pixel aspect reads is not documented: a number, or two of them. Null when it is neither. */
function ratioOf(text: string): number | null {
  const [, above, below = '1'] = /(\d+(?:\.\d+)?)(?:\s*[:/]\s*(\d+(?:\.\d+)?))?/.exec(text) ?? [];
  const ratio = Number(above) / Number(below);
  return ratio > 0 && Number.isFinite(ratio) ? ratio : null;
}

async function readShot(api: premierepro, item: VideoClipTrackItem, place: Place, withEffects: boolean): Promise<Shot> {
  if (await item.isAdjustmentLayer()) throw new HostProblem('adjustment-layer');
  const projectItem = await item.getProjectItem();
  const clip = projectItem && (api.ClipProjectItem.cast(projectItem) as ClipProjectItem | null);
  if (!clip) throw new HostProblem('generated');
  const times = await timesOf(item);

  const made = await readMade(api, clip);
  if (made) {
    const { path, from, to } = made.request.source;
    const { rate } = made.spot;
    // The result's own time is counted from its first frame.
    const markers = await markersOf(api, { place, clip: null, times }, (shown) => from + frameAt(shown, rate), {
      from,
      to,
    });
    return { source: { path, from, to }, rate, notices: [], markers, export: null, spot: made.spot, made };
  }

  const even = await playsEvenly(item, times, place.ticksPerFrame);
  const effects = await effectsOf(item);
  const file = await fileOf(clip);
  const why = file.why ?? (even ? (withEffects && effects.length > 0 ? 'effects' : null) : 'retimed');
  const common = {
    ...{ host: 'premiere' as const, item: projectItem.getId(), track: await item.getTrackIndex() },
    ...{ project: place.project.guid.toString(), sequence: place.sequence.guid.toString() },
    ...{ start: String(times.start), end: String(times.end), sourceIn: String(times.in) },
  };

  if (why !== null || file.why !== null) {
    const retimed = !even;
    const frames = Number((times.end - times.start) / place.ticksPerFrame);
    const shownFrom = retimed ? 0n : times.in;
    const rate = rateOfTicks(place.ticksPerFrame);
    const spot: PremiereSpot = {
      ...common,
      ...{ paintedFrom: String(shownFrom), paintedTo: String(shownFrom + times.end - times.start) },
      ...{ retimed, exported: true, rate, pixelAspect: place.pixelAspect },
    };
    const source = { path: '', from: 0, to: frames };
    const frameOf = (shown: bigint): number => frameAt(shown - times.in, rate);
    const markers = await markersOf(api, { place, clip: retimed ? null : clip, times }, frameOf, source);
    const notices: Notice[] = (await item.isDisabled()) ? [{ code: 'disabled' }] : [];
    return { source, rate, notices, markers, export: why, spot, made: null };
  }

  const { path, rate, interpretation } = file;
  const [from, to] = [frameAt(times.in, rate), frameUpTo(times.out, rate)];
  const { folder, first } = numberedImage(path) ?? { folder: path, first: 0 };
  const source = { path: folder, from: first + from, to: first + to };
  const notices: Notice[] = [];
  if (effects.length > 0) notices.push({ code: 'effects', names: effects });
  if ((await clip.hasProxy()) && (await clip.getProxyPath()) === path) notices.push({ code: 'proxy' });
  if (!sameRate(rate, rateOfTicks(place.ticksPerFrame))) notices.push({ code: 'rate-differs', rate });
  if (await item.isDisabled()) notices.push({ code: 'disabled' });
  if ((await motionOf(item)) === 'animated') notices.push({ code: 'motion' });
  return {
    source,
    rate,
    notices,
    markers: await markersOf(api, { place, clip, times }, (shown) => first + frameAt(shown, rate), source),
    export: null,
    spot: {
      ...common,
      ...{ paintedFrom: String(ticksOfFrame(from, rate)), paintedTo: String(ticksOfFrame(to, rate)) },
      ...{ retimed: false, exported: false, rate, pixelAspect: interpretation.getPixelAspectRatio() },
    },
    made: null,
  };
}

type File =
  | {
      readonly why: null;
      readonly path: string;
      readonly rate: Rational;
      readonly interpretation: FootageInterpretation;
    }
  /** There is none to paint from. */
  | { readonly why: ExportReason };

/** A multicam source is also a sequence, and neither a sequence nor what the editor generates has a file: asked in this order. */
async function fileOf(clip: ClipProjectItem): Promise<File> {
  if (await clip.isMulticamClip()) return { why: 'multicam' };
  if (await clip.isSequence()) return { why: 'nested' };
  if (await clip.isOffline()) throw new HostProblem('offline');
  const path = await clip.getMediaFilePath();
  if (!path) return { why: 'generated' };
  const interpretation = await clip.getFootageInterpretation();
  const value = interpretation.getFrameRate();
  if (!(value > 0) || (isImage(path) && !numberedImage(path))) return { why: 'still' };
  return { why: null, path, rate: rateOfNumber(value), interpretation };
}

/** What every clip has without anybody's doing. */
const INTRINSIC = ['AE.ADBE Motion', 'AE.ADBE Opacity'];

/** As the user knows them. */
export async function effectsOf(item: VideoClipTrackItem): Promise<string[]> {
  const chain = await item.getComponentChain();
  const names: string[] = [];
  for (let n = 0; n < chain.getComponentCount(); n++) {
    const component = chain.getComponentAtIndex(n);
    if (!INTRINSIC.includes(await component.getMatchName())) names.push(await component.getDisplayName());
  }
  return names;
}

/** Markers of the sequence above the clip, and of the clip where it shows them; each frame once. */
async function markersOf(
  api: premierepro,
  { place, clip, times }: { place: Place; clip: ClipProjectItem | null; times: ItemTimes },
  frameOf: (shown: bigint) => number,
  range: { readonly from: number; readonly to: number | null },
): Promise<ShotMarker[]> {
  const found = new Map<number, string>();
  const length = times.end - times.start;
  for (const [owner, origin] of [[place.sequence, times.start] as const, [clip, times.in] as const]) {
    const markers = owner && (await api.Markers.getMarkers(owner).catch(() => null));
    for (const marker of markers?.getMarkers() ?? []) {
      const after = BigInt(marker.getStart().ticks) - origin;
      if (after < 0n || after >= length) continue;
      const frame = frameOf(times.in + after);
      if (frame >= range.from && (range.to === null || frame < range.to)) found.set(frame, marker.getName());
    }
  }
  return [...found].map(([frame, name]) => ({ frame, name })).sort((a, b) => a.frame - b.frame);
}

/** The frame of the shot's source that its sequence shows at the playhead. */
export async function readPlayhead(api: premierepro, { spot, source }: Shot): Promise<number | null> {
  if (spot?.host !== 'premiere') return null;
  const sequence = sequenceOf(api, spot);
  const clip = sequence && findClip(spot, await readLying(api, sequence));
  if (!clip) return null;
  const time = BigInt((await sequence.getPlayerPosition()).ticks);
  if (time < clip.start || time >= clip.end) return null;
  const frame = source.from + frameAt(shownAt(spot, clip, time) - BigInt(spot.paintedFrom), spot.rate);
  return frame >= source.from && (source.to === null || frame < source.to) ? frame : null;
}
