import type { Block, Engine } from '../kernels/engine.ts';
import type { Comparison } from './compare.ts';
import { compareAlong } from './compare.ts';
import type { Luma } from './flow.ts';
import { estimateFlow } from './flow.ts';

/** A small luma picture: 8 bits a pixel, row-major, its longer side at most 160. */
export type Thumbnail = { readonly width: number; readonly height: number; readonly data: Uint8Array };

const LONGEST = 160;
/** Two pictures that overlap by less than this are not compared. */
const LEAST_OVERLAP = 0.2;
/** What flat pictures say, in shares of the picture: enough to decide when there is hardly any texture, else next to nothing. */
const FLAT_WEIGHT = 0.02;
/** Mean luma by which two flat pictures are unlike. */
const FLAT_RANGE = 48;

/** The picture at 1/2^k of its size, by the mean of squares. */
export async function thumbnailOf(engine: Engine, luma: Luma, width: number, height: number): Promise<Thumbnail> {
  const level = Math.max(0, Math.ceil(Math.log2(Math.max(width, height) / LONGEST)));
  const small = { width: Math.ceil(width / 2 ** level), height: Math.ceil(height / 2 ** level) };
  const bytes = small.width * small.height;
  const pyramid = engine.alloc((await engine.run('pyramidBytes', width, height, level + 1)) >>> 0);
  const out = engine.alloc(bytes);
  try {
    await engine.run('buildPyramid', luma.pointer, width, height, level + 1, pyramid.pointer);
    await engine.run('takeLevel', pyramid.pointer, width, height, level, out.pointer);
    return { ...small, data: engine.u8(out, bytes).slice() };
  } finally {
    engine.free(pyramid, out);
  }
}

/**
 * How much of what one picture shows the other shows too, wherever it has moved to: 1 all of it, near 0 nothing, whatever the
 * light. Frames of one shot stay above 0.7 from one to the next, unrelated pictures below 0.3. It is the share of the
 * pictures' structure that motion explains; the better of both directions, because a camera that backs away shows more than
 * it did. `shift`, in pixels of the thumbnail, is tried as a start.
 */
export async function likeness(engine: Engine, a: Thumbnail, b: Thumbnail, shift?: Shift): Promise<number> {
  const size = { width: a.width, height: a.height };
  const pixels = a.width * a.height;
  const planeA = engine.alloc(pixels);
  const planeB = engine.alloc(pixels);
  const flow = engine.alloc(pixels * 8);
  const initial = engine.alloc(pixels * 8);
  engine.u8(planeA, pixels).set(a.data);
  engine.u8(planeB, pixels).set(b.data);
  const alike = (comparison: Comparison): number => {
    if (comparison.compared < LEAST_OVERLAP) return 0;
    const flat = 1 - Math.min(1, Math.abs(mean(a.data) - mean(b.data)) / FLAT_RANGE);
    const { structure, texture } = comparison;
    return (structure * texture + flat * FLAT_WEIGHT) / (texture + FLAT_WEIGHT);
  };
  const seenFrom = async (from: Block, to: Block, sign: 1 | -1): Promise<number> => {
    const options = { ...size, quality: 'fast', out: flow } as const;
    if (shift) fill(engine.f32(initial, pixels * 2), sign * shift.x, sign * shift.y);
    await estimateFlow(engine, from, to, shift ? { ...options, initial } : options);
    return alike(await compareAlong(engine, from, to, flow, size));
  };
  try {
    return Math.max(await seenFrom(planeA, planeB, 1), await seenFrom(planeB, planeA, -1));
  } finally {
    engine.free(planeA, planeB, flow, initial);
  }
}

export type Shift = { readonly x: number; readonly y: number };

/**
 * The one translation that carries A best onto B, by trying all that leave at least a third of the picture, on a quarter of
 * the thumbnail's size: what a fast pan needs, for which flow from coarse to fine does not reach far enough.
 */
export function bestShift(a: Thumbnail, b: Thumbnail): Shift {
  const coarseA = quarter(a);
  const coarseB = quarter(b);
  const { width, height } = coarseA;
  let best = { error: Infinity, x: 0, y: 0 };
  for (let dy = -Math.floor(height / 2); dy <= height / 2; dy++) {
    for (let dx = -Math.floor((2 * width) / 3); dx <= (2 * width) / 3; dx++) {
      if ((width - Math.abs(dx)) * (height - Math.abs(dy)) * 3 < width * height) continue;
      const error = unlikeness(coarseA, coarseB, dx, dy);
      if (error < best.error) best = { error, x: dx, y: dy };
    }
  }
  return { x: 4 * best.x, y: 4 * best.y };
}

/** 1 - correlation over the overlap: the light may change. */
function unlikeness(a: Thumbnail, b: Thumbnail, dx: number, dy: number): number {
  const { width, height } = a;
  let n = 0;
  let sumA = 0;
  let sumB = 0;
  let squareA = 0;
  let squareB = 0;
  let product = 0;
  for (let y = Math.max(0, -dy); y < Math.min(height, height - dy); y++) {
    for (let x = Math.max(0, -dx); x < Math.min(width, width - dx); x++) {
      const here = a.data[y * width + x]!;
      const there = b.data[(y + dy) * width + x + dx]!;
      n++;
      sumA += here;
      sumB += there;
      squareA += here * here;
      squareB += there * there;
      product += here * there;
    }
  }
  const varianceA = squareA - (sumA * sumA) / n;
  const varianceB = squareB - (sumB * sumB) / n;
  return 1 - (product - (sumA * sumB) / n) / Math.sqrt((varianceA + n) * (varianceB + n));
}

function quarter({ width, height, data }: Thumbnail): Thumbnail {
  const small = { width: Math.ceil(width / 4), height: Math.ceil(height / 4) };
  const out = new Uint8Array(small.width * small.height);
  for (let y = 0; y < small.height; y++) {
    for (let x = 0; x < small.width; x++) {
      let sum = 0;
      for (let v = 0; v < 4; v++) {
        for (let u = 0; u < 4; u++) {
          sum += data[Math.min(height - 1, 4 * y + v) * width + Math.min(width - 1, 4 * x + u)]!;
        }
      }
      out[y * small.width + x] = (sum + 8) >> 4;
    }
  }
  return { ...small, data: out };
}

function mean(values: Uint8Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

function fill(flow: Float32Array, x: number, y: number): void {
  for (let i = 0; i < flow.length; i += 2) {
    flow[i] = x;
    flow[i + 1] = y;
  }
}
