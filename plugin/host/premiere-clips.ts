import type { premierepro, ProjectItem, Sequence, VideoClipTrackItem } from '@adobe/premierepro';
import type { PremiereSpot } from './host.ts';

/** On the sequence and in the source, in ticks; `end` and `out` exclusive. */
export type ItemTimes = { readonly start: bigint; readonly end: bigint; readonly in: bigint; readonly out: bigint };

/** A clip on a sequence as it is now. */
export type Lying = ItemTimes & {
  /** Id of its item in the project. */
  readonly item: string;
  readonly track: number;
  /** Whether it plays its source forwards at normal speed. */
  readonly even: boolean;
};

export async function timesOf(clip: VideoClipTrackItem): Promise<ItemTimes> {
  return {
    start: BigInt((await clip.getStartTime()).ticks),
    end: BigInt((await clip.getEndTime()).ticks),
    in: BigInt((await clip.getInPoint()).ticks),
    out: BigInt((await clip.getOutPoint()).ticks),
  };
}

/**
 * Whether a clip plays its source forwards at normal speed. Nothing says that its time is remapped, but its two lengths then
 * differ; both ends may be rounded to a frame of the sequence.
 */
export async function playsEvenly(clip: VideoClipTrackItem, times: ItemTimes, ticksPerFrame: bigint): Promise<boolean> {
  const difference = times.out - times.in - (times.end - times.start);
  if ((difference < 0n ? -difference : difference) > ticksPerFrame) return false;
  return !(await clip.isSpeedReversed()) && Math.abs((await clip.getSpeed()) - 1) < 1e-6;
}

export async function readLying(api: premierepro, sequence: Sequence): Promise<Lying[]> {
  const ticksPerFrame = BigInt(await sequence.getTimebase());
  const lying: Lying[] = [];
  for (let track = 0; track < (await sequence.getVideoTrackCount()); track++) {
    for (const clip of await clipsOn(api, sequence, track)) {
      const times = await timesOf(clip);
      const item = (await clip.getProjectItem()) as ProjectItem | null;
      const even = await playsEvenly(clip, times, ticksPerFrame);
      lying.push({ ...times, item: item?.getId() ?? '', track, even });
    }
  }
  return lying;
}

async function clipsOn(api: premierepro, sequence: Sequence, track: number): Promise<VideoClipTrackItem[]> {
  return (await sequence.getVideoTrack(track)).getTrackItems(api.Constants.TrackItemType.CLIP, false);
}

/** The object that stands for such a clip; null when it is not there any more. */
export async function clipAt(api: premierepro, sequence: Sequence, lying: Lying): Promise<VideoClipTrackItem | null> {
  for (const clip of await clipsOn(api, sequence, lying.track)) {
    const times = await timesOf(clip);
    if (times.start === lying.start && times.end === lying.end && times.in === lying.in) return clip;
  }
  return null;
}

/** What a clip shows at a time of the sequence, in the terms of the spot's painted range. */
export const shownAt = (spot: PremiereSpot, clip: ItemTimes, time: bigint): bigint =>
  (spot.retimed ? 0n : clip.in) + (time - clip.start);

/** The clip that was selected, as it is now; null when it is gone, or plays in another way. */
export function findClip(spot: PremiereSpot, lying: readonly Lying[]): Lying | null {
  const [start, length, sourceIn] = [BigInt(spot.start), BigInt(spot.end) - BigInt(spot.start), BigInt(spot.sourceIn)];
  const unchanged = (one: Lying): boolean => one.in === sourceIn && one.end - one.start === length;
  const overlap = (one: Lying): bigint =>
    least(shownAt(spot, one, one.end), BigInt(spot.paintedTo)) -
    most(shownAt(spot, one, one.start), BigInt(spot.paintedFrom));
  const likeness = (one: Lying): readonly bigint[] => [
    // Where it was; else with the range it had, wherever it went; else what shows most of the painted range; else the nearest.
    one.track === spot.track && one.start === start && one.in === sourceIn ? 1n : 0n,
    unchanged(one) ? 1n : 0n,
    overlap(one),
    -distance(one.start, start),
  ];
  // Which moment of its source a retimed clip shows where is not told: it must be as it was.
  const fits = (one: Lying): boolean => (spot.retimed ? !one.even && unchanged(one) : one.even && overlap(one) > 0n);
  return (
    lying.filter((one) => one.item === spot.item && fits(one)).sort((a, b) => compare(likeness(b), likeness(a)))[0] ??
    null
  );
}

export const trackName = (index: number): string => `V${index + 1}`;

export const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
export const most = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const distance = (a: bigint, b: bigint): bigint => (a > b ? a - b : b - a);

function compare(a: readonly bigint[], b: readonly bigint[]): number {
  const at = a.findIndex((value, n) => value !== b[n]);
  if (at < 0) return 0;
  return a[at]! > b[at]! ? 1 : -1;
}
