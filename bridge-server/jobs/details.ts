import { type Placement, placementsOf } from '../diffusion/detail.ts';
import { Failure } from '../errors.ts';
import type { Clip } from '../media/clip.ts';
import type { DiffusionLook } from '../protocol/request.ts';
import { type Box, type Step, type Track, trackBox } from '../shot/track.ts';
import type { Work } from './between.ts';
import { sourceKey, trackKey } from './plan.ts';
import { framesIn } from './masks.ts';

/** The details that are painted over, and where each of them is. */
export type Details = {
  /** Of one frame; null where the detail is not seen. */
  at(frame: number): (Placement | null)[];
  /** Where a detail was lost. */
  readonly notes: readonly string[];
};

/** Failures: detail-frame, detail-box. */
export function refuseDetails({ details }: DiffusionLook, { range, width, height }: Clip): void {
  for (const { frame, ...box } of details.flatMap(({ boxes }) => boxes)) {
    const { from, to } = range;
    if (frame < from || frame >= to) throw new Failure('detail-frame', { frame, from, to });
    const isInside = box.x + box.width <= width && box.y + box.height <= height;
    if (!isInside) throw new Failure('detail-box', { frame, ...box, clipWidth: width, clipHeight: height });
  }
}

/** Follows every detail through the clip. The steps are kept in the cache, by the box that they come from. */
export async function followDetails(work: Work, { details }: DiffusionLook): Promise<Details> {
  const { clip, stages } = work;
  const placements: Map<number, Placement>[] = [];
  const notes: string[] = [];
  const frames = clip.range.to - clip.range.from;
  for (const { boxes: given, feather } of details) {
    const meter = stages.cached('track', 'frames', frames * details.length);
    await meter.run(frames, async (report) => {
      const boxes = await followed(work, given, report);
      placements.push(placementsOf(boxes, feather, clip));
      notes.push(...noteOnLost(framesIn(clip.range), boxes, given[0]!.frame));
    });
  }
  return { at: (frame) => placements.map((own) => own.get(frame) ?? null), notes };
}

type GivenBox = DiffusionLook['details'][number]['boxes'][number];

/**
 * Where the detail is, frame by frame, where it could be followed. Between two given boxes it is followed from both, and goes over
 * from the one's to the other's.
 *
 * @param given ascending
 */
async function followed(
  { engine, cache, clip, source, code, signal }: Work,
  given: readonly GivenBox[],
  report: (done: number, total: number) => void,
): Promise<ReadonlyMap<number, Box>> {
  const { range, width, height } = clip;
  const tracks: Track[] = [];
  let done = 0;
  for (const [i, { frame, ...box }] of given.entries()) {
    const key = trackKey(sourceKey(clip.identity, code), { frame, box }, code);
    const folder = await cache.open('track', key);
    const there = new Set(await folder.names());
    const bounds = { from: (given[i - 1]?.frame ?? range.from - 1) + 1, to: given[i + 1]?.frame ?? range.to };
    const known = async (n: number): Promise<Step | null> =>
      there.has(stepName(n)) ? (JSON.parse(Buffer.from(await folder.read(stepName(n))).toString()) as Step) : null;
    const keep = async (n: number, step: Step): Promise<void> => {
      await folder.write(stepName(n), Buffer.from(JSON.stringify(step)));
      report(++done, range.to - range.from);
    };
    const footage = { width, height, get: (n: number, abort: AbortSignal) => source.get(n, abort) };
    tracks.push(await trackBox(engine, footage, bounds, { frame, box }, { known, keep }, signal));
  }
  report(range.to - range.from, range.to - range.from);
  const boxes = new Map<number, Box>();
  for (const n of framesIn(range)) {
    const next = given.findIndex(({ frame }) => frame > n);
    const right = next < 0 ? undefined : tracks[next];
    const left = next === 0 ? undefined : tracks[(next < 0 ? given.length : next) - 1];
    const [before, after] = [left?.boxes.get(n), right?.boxes.get(n)];
    const box = before && after ? between(before, after, share(n, given[next - 1]!, given[next]!)) : (before ?? after);
    if (box) boxes.set(n, box);
  }
  return boxes;
}

const share = (n: number, before: GivenBox, after: GivenBox): number =>
  (n - before.frame) / (after.frame - before.frame);

function between(a: Box, b: Box, weight: number): Box {
  const mix = (x: number, y: number): number => x + weight * (y - x);
  return { x: mix(a.x, b.x), y: mix(a.y, b.y), width: mix(a.width, b.width), height: mix(a.height, b.height) };
}

const stepName = (frame: number): string => `${String(frame).padStart(6, '0')}.json`;

function noteOnLost(frames: readonly number[], boxes: ReadonlyMap<number, Box>, first: number): string[] {
  const lost = frames.filter((n) => !boxes.has(n));
  if (lost.length === 0) return [];
  const count = lost.length === 1 ? 'one frame' : `${lost.length} frames`;
  return [
    `The detail that was marked at frame ${first} could not be followed to ${count} (the first is frame ${lost[0]}); ` +
      'they are painted without it. Mark it there once more if it is seen.',
  ];
}
