import type { premierepro, ProjectItem, Sequence } from '@adobe/premierepro';
import type { Lent, Placed, PremiereSpot, Version } from './host.ts';
import { clipAt, findClip, readLying, trackName, type Lying } from './premiere-clips.ts';
import { motionOf } from './premiere-motion.ts';
import { giveMotion } from './premiere-placing.ts';
import {
  BIN,
  conform,
  importOnce,
  ownItem,
  ownItems,
  projectOf,
  readMade,
  remembering,
  sequenceOf,
  transact,
  untrim,
  whileTrimmed,
} from './premiere-project.ts';
import { effectsOf } from './premiere-selection.ts';
import { HostProblem } from './problem.ts';

type OwnVersion = Version & { readonly spot: PremiereSpot };

export async function listVersions(api: premierepro, spot: PremiereSpot) {
  const project = projectOf(api, spot);
  const sequence = sequenceOf(api, spot);
  const lying = sequence ? await readLying(api, sequence) : [];
  const versions: (OwnVersion & { where: string | null })[] = [];
  for (const { item, clip } of await ownItems(api, project)) {
    const made = await readMade(api, clip);
    if (made?.spot.host !== 'premiere' || !sameClip(made.spot, spot)) continue;
    const lies = lying.find((one) => one.item === item.getId());
    versions.push({
      ...{ job: made.job, request: made.request, spot: made.spot, path: await clip.getMediaFilePath() },
      where: lies ? trackName(lies.track) : null,
    });
  }
  return versions;
}

/** Two parts of the same clip, which may have been moved and trimmed between. */
const sameClip = (a: PremiereSpot, b: PremiereSpot): boolean =>
  a.sequence === b.sequence &&
  a.item === b.item &&
  a.retimed === b.retimed &&
  BigInt(a.paintedFrom) < BigInt(b.paintedTo) &&
  BigInt(b.paintedFrom) < BigInt(a.paintedTo);

/**
 * Overwrites a result on the timeline by another one: the same range of the same track then shows the same frames of the source,
 * painted otherwise. As one undo step, when the other is needed whole and its Motion is as it comes.
 */
export async function swapVersion(
  api: premierepro,
  there: OwnVersion,
  by: OwnVersion,
  { pause }: Lent,
): Promise<Placed> {
  const project = projectOf(api, there.spot);
  const sequence = sequenceOf(api, there.spot);
  if (!sequence) throw new HostProblem('sequence-gone');
  const before = await readLying(api, sequence);
  const old = (await ownItem(api, project, there.path))?.item ?? null;
  const lies = old && theOneFor(there.spot, before, old);
  if (!lies) {
    // An earlier call may have come that far.
    const other = await ownItem(api, project, by.path);
    const done = other && theOneFor(there.spot, before, other.item);
    if (!done) throw new HostProblem('version-gone');
    await untrim(api, { project, clip: other.clip, spot: by.spot });
    return { where: trackName(done.track), already: true };
  }
  const oldClip = await clipAt(api, sequence, lies);
  if (!oldClip) throw new HostProblem('version-gone');
  if (!lies.even || (await effectsOf(oldClip)).length > 0) throw new HostProblem('version-changed');
  const motion = await motionOf(oldClip);
  const from = lies.in + BigInt(there.spot.paintedFrom) - BigInt(by.spot.paintedFrom);
  const to = from + (lies.end - lies.start);
  const length = BigInt(by.spot.paintedTo) - BigInt(by.spot.paintedFrom);
  if (!sameClip(there.spot, by.spot) || from < 0n || to > length) throw new HostProblem('versions-differ');

  const { item, clip } = await importOnce(api, project, by.path, pause);
  const remember = await remembering(api, clip, by, by.spot);
  await conform(project, clip, by.spot);
  const start = api.TickTime.createWithTicks(String(lies.start));
  return whileTrimmed(api, { project, clip, spot: by.spot, from, to }, async () => {
    const editor = api.SequenceEditor.getEditor(sequence);
    const track = await sequence.getVideoTrack(lies.track);
    const known = before.filter((one) => one.track === lies.track).length;
    transact(project, `${BIN}: swap in ${item.name}`, () => {
      // Somebody may have edited the track since it was read; inside the lock nobody can.
      if (track.getTrackItems(api.Constants.TrackItemType.CLIP, false).length !== known) return [];
      return [...remember(), editor.createOverwriteItemAction(item, start, lies.track, 0)];
    });
    const laid = await swapped(api, { sequence, item, lies, before, pause });
    await giveMotion(api, { project, sequence, laid, motion });
    return { where: trackName(laid.track), already: false };
  });
}

/** Of the clips that show an item: the only one, or the one over the clip that it was painted for. */
function theOneFor(spot: PremiereSpot, lying: readonly Lying[], item: ProjectItem): Lying | null {
  const all = lying.filter((one) => one.item === item.getId());
  const below = findClip(spot, lying);
  const above = all.filter((one) => below && one.start < below.end && one.end > below.start);
  return (all.length === 1 ? all[0] : above[0]) ?? null;
}

type Swapping = {
  readonly sequence: Sequence;
  readonly item: ProjectItem;
  readonly lies: Lying;
  readonly before: readonly Lying[];
  readonly pause: Lent['pause'];
};

async function swapped(api: premierepro, { sequence, item, lies, before, pause }: Swapping): Promise<Lying> {
  const id = item.getId();
  for (let tries = 0; tries < 10; tries++) {
    const after = await readLying(api, sequence);
    const laid = after.find((one) => one.item === id && one.track === lies.track && one.start === lies.start);
    if (laid && (laid.end !== lies.end || after.length !== before.length)) throw new HostProblem('placed-wrongly');
    if (laid) return laid;
    await pause(100);
  }
  throw new HostProblem('placing-failed');
}
