import type { Action, premierepro, Project, ProjectItem, Sequence } from '@adobe/premierepro';
import type { Lent, Placed, PremiereSpot, Result } from './host.ts';
import {
  BIN,
  conform,
  importOnce,
  projectOf,
  remembering,
  sequenceOf,
  transact,
  untrim,
  whileTrimmed,
} from './premiere-project.ts';
import { clipAt, findClip, least, most, readLying, shownAt, trackName, type Lying } from './premiere-clips.ts';
import { motionOf, settingMotion } from './premiere-motion.ts';
import { HostProblem } from './problem.ts';

/** Where the result goes: `start` to `end` on the sequence showing `from` to `to` of the result's own time, above `below`. */
type Aim = {
  readonly below: Lying;
  readonly start: bigint;
  readonly end: bigint;
  readonly from: bigint;
  readonly to: bigint;
};

/**
 * Lays a result above its clip. The clip is looked for anew, because rendering takes minutes and editors edit: it may have moved,
 * been trimmed, or be gone. What Premiere answers counts for nothing until the sequence, read back, shows the result.
 */
export async function placeResult(api: premierepro, result: Result, spot: PremiereSpot, pause: Pause): Promise<Placed> {
  const project = projectOf(api, spot);
  const { item, clip } = await importOnce(api, project, result.path, pause);
  const remember = await remembering(api, clip, result, spot);
  await conform(project, clip, spot);

  const sequence = sequenceOf(api, spot);
  const aim = sequence && aimAt(spot, await readLying(api, sequence), BigInt(await sequence.getTimebase()));
  if (!sequence || !aim) {
    transact(project, `${BIN}: remember settings`, remember);
    throw new HostProblem(sequence ? 'clip-gone' : 'sequence-gone');
  }

  const lies = lyingAs(await readLying(api, sequence), item, aim);
  if (lies) {
    await untrim(api, { project, clip, spot });
    return { where: trackName(lies.track), already: true };
  }
  return whileTrimmed(api, { project, clip, spot, from: aim.from, to: aim.to }, async () => {
    const laid = await layDown({ api, project, sequence, item, aim, pause, remember });
    const below = spot.exported ? null : await clipAt(api, sequence, aim.below);
    if (below) await giveMotion(api, { project, sequence, laid, motion: await motionOf(below) });
    return { where: trackName(laid.track), already: false };
  });
}

/** Its own step, since the clip must be there; only where it differs. A result that lies is worth more than how it is scaled. */
export async function giveMotion(api: premierepro, given: Given): Promise<void> {
  try {
    const clip = await clipAt(api, given.sequence, given.laid);
    const actions = clip && (await settingMotion(clip, given.motion));
    if (actions) transact(given.project, `${BIN}: same Motion`, actions);
  } catch {
    // Somebody took it away meanwhile, or this editor tells another Motion than it takes.
  }
}

type Given = {
  readonly project: Project;
  readonly sequence: Sequence;
  readonly laid: Lying;
  readonly motion: Awaited<ReturnType<typeof motionOf>>;
};

/** The clip that was selected, as it is now, and what part of the result belongs above it; null when it is gone or retimed. */
function aimAt(spot: PremiereSpot, lying: readonly Lying[], ticksPerFrame: bigint): Aim | null {
  const clip = findClip(spot, lying);
  if (!clip) return null;
  const [paintedFrom, paintedTo] = [BigInt(spot.paintedFrom), BigInt(spot.paintedTo)];
  const first = shownAt(spot, clip, clip.start);
  // Onto whole frames of the sequence, inwards.
  const lead = most(first, paintedFrom) - first;
  const start = clip.start + ((lead + ticksPerFrame - 1n) / ticksPerFrame) * ticksPerFrame;
  const until = least(clip.start + (paintedTo - first), clip.end);
  const end = start + ((until - start) / ticksPerFrame) * ticksPerFrame;
  if (end <= start) return null;
  const from = shownAt(spot, clip, start) - paintedFrom;
  return { below: clip, start, end, from, to: from + (end - start) };
}

/** Whether the result already lies there, from an earlier call. */
const lyingAs = (lying: readonly Lying[], item: ProjectItem, aim: Aim): Lying | undefined =>
  lying.find((one) => one.item === item.getId() && one.start < aim.end && one.end > aim.start);

type Pause = Lent['pause'];

type Laying = {
  readonly api: premierepro;
  readonly project: Project;
  readonly sequence: Sequence;
  readonly item: ProjectItem;
  readonly aim: Aim;
  readonly pause: Pause;
  readonly remember: () => readonly Action[];
};

/** On the first track above that is free for the whole range, else on a new one. Returns how it is seen to lie. */
async function layDown({ api, project, sequence, item, aim, pause, remember }: Laying): Promise<Lying> {
  const time = api.TickTime.createWithTicks(String(aim.start));
  const editor = api.SequenceEditor.getEditor(sequence);
  for (let attempt = 0, above = aim.below.track + 1; attempt < 8; attempt++) {
    const lying = await readLying(api, sequence);
    const count = await sequence.getVideoTrackCount();
    const occupied = (track: number): boolean =>
      lying.some((one) => one.track === track && one.start < aim.end && one.end > aim.start);
    while (above < count && occupied(above)) above++;
    const track = above;
    const target = track < count ? await sequence.getVideoTrack(track) : null;
    const known = lying.filter((one) => one.track === track).length;
    let disturbed = false;
    transact(project, `${BIN}: place ${item.name}`, () => {
      // Somebody may have put a clip there since it was read; inside the lock nobody can.
      const there = target?.getTrackItems(api.Constants.TrackItemType.CLIP, false).length ?? 0;
      disturbed = there !== known;
      if (disturbed) return [];
      const place = target
        ? editor.createOverwriteItemAction(item, time, track, 0)
        : editor.createInsertProjectItemAction(item, time, track, 0, true);
      return [...remember(), place];
    });
    if (disturbed) continue;
    const lies = await seen(api, sequence, item, aim, pause);
    if (lies && (lies.start !== aim.start || lies.end !== aim.end)) throw new HostProblem('placed-wrongly');
    if (lies) return lies;
    // Claimed and not there: a locked track, for one. The next one up.
    above = track < count ? track + 1 : count;
  }
  throw new HostProblem('placing-failed');
}

async function seen(
  api: premierepro,
  sequence: Sequence,
  item: ProjectItem,
  aim: Aim,
  pause: Pause,
): Promise<Lying | null> {
  for (let tries = 0; tries < 10; tries++) {
    const lies = lyingAs(await readLying(api, sequence), item, aim);
    if (lies) return lies;
    await pause(100);
  }
  return null;
}
