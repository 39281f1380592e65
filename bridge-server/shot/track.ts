import type { Block, Engine } from '../kernels/engine.ts';
import type { Frame, FrameRange } from '../media/frame.ts';
import { ALIKE as SAME_SHOT } from './cuts.ts';
import { estimateFlow, lumaOf, type Luma } from './flow.ts';
import { bestShift, likeness, thumbnailOf } from './likeness.ts';

/** A rectangle in pixels of the picture, from its left upper corner; parts of it may lie outside. Real numbers. */
export type Box = { readonly x: number; readonly y: number; readonly width: number; readonly height: number };

/** Where a box goes: frame by frame as long as it could be followed, its own frame included. */
export type Track = {
  readonly boxes: ReadonlyMap<number, Box>;
  /** The first frames, backwards and forwards, in which it was lost; null: it was seen to the end of the range. */
  readonly lost: { readonly before: number | null; readonly after: number | null };
};

type Size = { readonly width: number; readonly height: number };

/** Steps that were made before, and where new ones go. */
export type TrackMemory = {
  readonly known: (frame: number) => Promise<Step | null>;
  readonly keep: (frame: number, step: Step) => Promise<void>;
};

/** A picture to follow a box in; both planes are freed by whoever made them. */
type Seen = { readonly luma: Luma; readonly box: Box };

/**
 * Follows a box from one frame through the whole range, both ways. Where it is lost it is given up, not guessed. Holds two frames,
 * whatever the range's length. `known` has steps of an earlier call: they are not made again, and each new one is told to `keep`.
 */
export async function trackBox(
  engine: Engine,
  footage: Size & { get(frame: number, signal: AbortSignal): Promise<Frame> },
  range: FrameRange,
  start: { readonly frame: number; readonly box: Box },
  { known, keep }: TrackMemory,
  signal: AbortSignal,
): Promise<Track> {
  const boxes = new Map([[start.frame, start.box]]);
  const lost = { before: null as number | null, after: null as number | null };
  const lumaAt = async (frame: number): Promise<Luma> => lumaOf(engine, await footage.get(frame, signal));

  for (const [side, step] of [
    ['after', 1],
    ['before', -1],
  ] as const) {
    // The frame that is looked at, and the first one; read only when a step has to be made.
    let here: { readonly frame: number; readonly luma: Luma } | null = null;
    let first: Luma | null = null;
    try {
      for (let frame = start.frame + step; frame >= range.from && frame < range.to; frame += step) {
        signal.throwIfAborted();
        const before = boxes.get(frame - step)!;
        let made = await known(frame);
        if (!made) {
          first ??= await lumaAt(start.frame);
          if (here?.frame !== frame - step) {
            if (here) engine.free(here.luma);
            here = null;
            here = { frame: frame - step, luma: await lumaAt(frame - step) };
          }
          const next = await lumaAt(frame);
          try {
            made = {
              box: await follow(
                engine,
                { luma: here.luma, box: before },
                next,
                { luma: first, box: start.box },
                footage,
              ),
            };
            await keep(frame, made);
          } finally {
            engine.free(here.luma);
            here = { frame, luma: next };
          }
        }
        if (made.box === null) {
          lost[side] = frame;
          break;
        }
        boxes.set(frame, made.box);
      }
    } finally {
      if (here) engine.free(here.luma);
      if (first) engine.free(first);
    }
  }
  return { boxes: new Map([...boxes].sort(([a], [b]) => a - b)), lost };
}

/** Where the box is in a frame, when it was found. */
export type Step = { readonly box: Box | null };

/** Points that are followed, along each side; they leave out the rim, where the background begins. */
const POINTS = 24;
const RIM = 0.1;
/** Share of the points that must be found again, and how alike the box must be to itself a frame ago, and at the beginning. */
const FOUND = 0.4;
const ALIKE = { before: 0.5, first: 0.25 };
/** The most that its size changes in one frame. */
const MOST_ZOOM = 1.2;
/** Share of the box that must be in the picture. */
const INSIDE = 0.4;

/**
 * One step of the box, or null where it is lost: the median of the flow of its points, and of how their distances change (Kalal,
 * Mikolajczyk & Matas 2010, "Forward-Backward Error"), counting only points that lead back to where they came from.
 */
async function follow(
  engine: Engine,
  from: Seen,
  next: Luma,
  first: Seen,
  { width, height }: Size,
): Promise<Box | null> {
  if (!(await isOneShot(engine, from.luma, next, { width, height }))) return null;
  const there = engine.alloc(width * height * 8);
  const back = engine.alloc(width * height * 8);
  try {
    await estimateFlow(engine, from.luma, next, { width, height, quality: 'fast', out: there });
    await estimateFlow(engine, next, from.luma, { width, height, quality: 'fast', out: back });
    const points = pointsOf(engine, from.box, there, back, { width, height });
    const box = points && stepped(from.box, points);
    if (!box || inside(box, { width, height }) < INSIDE) return null;
    const look = (luma: Luma, at: Box) => sampled(engine.u8(luma, width * height), at, { width, height });
    const now = look(next, box);
    const alike =
      correlation(now, look(from.luma, from.box)) >= ALIKE.before &&
      correlation(now, look(first.luma, first.box)) >= ALIKE.first;
    return alike ? box : null;
  } finally {
    engine.free(there, back);
  }
}

/** Whether there is no cut between two pictures: small and smooth boxes are like something in any other scene. */
async function isOneShot(engine: Engine, a: Luma, b: Luma, { width, height }: Size): Promise<boolean> {
  const before = await thumbnailOf(engine, a, width, height);
  const after = await thumbnailOf(engine, b, width, height);
  if ((await likeness(engine, before, after)) >= SAME_SHOT) return true;
  return (await likeness(engine, before, after, bestShift(before, after))) >= SAME_SHOT;
}

/** A point that was found again: where it was, and how it moved. */
export type MovedPoint = { readonly x: number; readonly y: number; readonly dx: number; readonly dy: number };

/** The box's points that lead back to themselves; null when too few do. */
function pointsOf(engine: Engine, box: Box, there: Block, back: Block, { width, height }: Size): MovedPoint[] | null {
  const forwards = engine.f32(there, width * height * 2);
  const backwards = engine.f32(back, width * height * 2);
  const points: MovedPoint[] = [];
  let asked = 0;
  for (const [px, py] of grid(box)) {
    const [x, y] = [Math.round(px), Math.round(py)];
    if (x < 0 || y < 0 || x >= width || y >= height) continue;
    asked++;
    const at = 2 * (y * width + x);
    const [dx, dy] = [forwards[at]!, forwards[at + 1]!];
    const [tx, ty] = [Math.round(x + dx), Math.round(y + dy)];
    if (tx < 0 || ty < 0 || tx >= width || ty >= height) continue;
    const home = 2 * (ty * width + tx);
    const error = (dx + backwards[home]!) ** 2 + (dy + backwards[home + 1]!) ** 2;
    // The usual bound (Sundaram, Brox & Keutzer 2010); half a pixel is lost to rounding.
    if (error < 0.01 * (dx * dx + dy * dy) + 1) points.push({ x, y, dx, dy });
  }
  return points.length >= 8 && points.length >= FOUND * asked ? points : null;
}

/** The box moved by its points' median, about its middle, and scaled by the median of their distances' ratios. */
export function stepped(box: Box, points: readonly MovedPoint[]): Box {
  const reach = Math.min(box.width, box.height) / 4;
  const ratios: number[] = [];
  const half = points.length >> 1;
  for (let i = 0; i < points.length; i++) {
    const [a, b] = [points[i]!, points[(i + half) % points.length]!];
    const before = Math.hypot(b.x - a.x, b.y - a.y);
    if (before >= reach) ratios.push(Math.hypot(b.x + b.dx - a.x - a.dx, b.y + b.dy - a.y - a.dy) / before);
  }
  const zoom = Math.min(Math.max(ratios.length > 0 ? median(ratios) : 1, 1 / MOST_ZOOM), MOST_ZOOM);
  const [cx, cy] = [box.x + box.width / 2, box.y + box.height / 2];
  // Without the part of each point's motion that the zoom makes, all of them say where the middle goes.
  const dx = median(points.map((p) => p.dx - (zoom - 1) * (p.x - cx)));
  const dy = median(points.map((p) => p.dy - (zoom - 1) * (p.y - cy)));
  const [width, height] = [box.width * zoom, box.height * zoom];
  return { x: cx + dx - width / 2, y: cy + dy - height / 2, width, height };
}

/** Points spread evenly over a box without its rim. */
function* grid({ x, y, width, height }: Box): Generator<readonly [number, number]> {
  const at = (i: number): number => RIM + ((1 - 2 * RIM) * (i + 0.5)) / POINTS;
  for (let j = 0; j < POINTS; j++) {
    // Pixel centres are whole numbers here, as in the flow.
    for (let i = 0; i < POINTS; i++) yield [x + width * at(i) - 0.5, y + height * at(j) - 0.5];
  }
}

/** What is seen in a box, at its points; outside the picture the nearest of it. */
function sampled(luma: Uint8Array, box: Box, { width, height }: Size): Float64Array {
  const inner = (value: number, length: number): number => Math.min(Math.max(Math.round(value), 0), length - 1);
  return Float64Array.from([...grid(box)], ([x, y]) => luma[inner(y, height) * width + inner(x, width)]!);
}

/** Pearson's, -1 to 1; 1 where both are flat. */
function correlation(a: Float64Array, b: Float64Array): number {
  const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += (a[i]! - ma) * (b[i]! - mb);
    aa += (a[i]! - ma) ** 2;
    bb += (b[i]! - mb) ** 2;
  }
  return aa === 0 && bb === 0 ? 1 : ab / Math.max(Math.sqrt(aa * bb), 1e-9);
}

/** Share of the box that lies in the picture. */
function inside({ x, y, width, height }: Box, size: Size): number {
  const across = Math.min(x + width, size.width) - Math.max(x, 0);
  const down = Math.min(y + height, size.height) - Math.max(y, 0);
  return (Math.max(across, 0) * Math.max(down, 0)) / (width * height);
}

function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
