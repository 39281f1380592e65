import type { Picture } from './similarity.ts';

/** Interleaved (dx, dy) in pixels: pixel p of this frame is found at p + flow(p) of the other. */
export type Flow = Float32Array;

/** Where less than this part of the picture can be followed (a cut, a whip pan), no figure is given. */
const LEAST_VISIBLE = 0.1;

/**
 * Which pixels of this frame can be followed to the other: 1 where the way there and back ends where it began, within
 * 0.01 (|there|² + |back|²) + 0.5 pixels², and in the picture (Sundaram, Brox and Keutzer, 2010).
 */
export function visibility(there: Flow, back: Flow, width: number, height: number): Uint8Array {
  const visible = new Uint8Array(width * height);
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      const dx = there[2 * p]!;
      const dy = there[2 * p + 1]!;
      const tx = x + dx;
      const ty = y + dy;
      if (!(tx >= 0 && ty >= 0 && tx <= width - 1 && ty <= height - 1)) continue;
      const bx = between(back, 2, 0, width, height, tx, ty);
      const by = between(back, 2, 1, width, height, tx, ty);
      const miss = (dx + bx) ** 2 + (dy + by) ** 2;
      if (miss <= 0.01 * (dx * dx + dy * dy + bx * bx + by * by) + 0.5) visible[p] = 1;
    }
  }
  return visible;
}

/** The other frame's picture fetched along the flow, bilinearly: RGB f32 in 0..65535. Meaningless where not visible. */
export function fetched(other: Picture, flow: Flow): Float32Array {
  const { width, height, data } = other;
  const out = new Float32Array(width * height * 3);
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      const tx = clamp(x + flow[2 * p]!, width - 1);
      const ty = clamp(y + flow[2 * p + 1]!, height - 1);
      for (let c = 0; c < 3; c++) out[3 * p + c] = between(data, 3, c, width, height, tx, ty);
    }
  }
  return out;
}

export function fractionVisible(visible: Uint8Array): number {
  let count = 0;
  for (const v of visible) count += v;
  return count / visible.length;
}

/**
 * Warp error: mean absolute difference, in 8-bit levels over the three colours, between a frame and its predecessor fetched along
 * the SOURCE's motion, over the pixels that the source's motion can follow. It is 0 where every point keeps its colour. Fetching
 * between pixels, light that changes and grain all add to it: read it beside the source's own figure, and never across sizes or clips.
 * Null where the motion cannot be followed.
 */
export function warpError(picture: Picture, predecessor: Float32Array, visible: Uint8Array): number | null {
  return meanLevels(visible, (i) => Math.abs(picture.data[i]! - predecessor[i]!));
}

/**
 * Flicker: mean absolute difference, in 8-bit levels over the three colours, between a frame and the mean of its two neighbours
 * fetched along the SOURCE's motion, over the pixels that can be followed both ways. A steady change (a fade, a turn towards the light)
 * does not count, what comes and goes within a frame does: pops, boiling, pulsing. Read it beside the source's own figure.
 */
export function flicker(
  picture: Picture,
  before: Float32Array,
  after: Float32Array,
  visible: Uint8Array,
): number | null {
  return meanLevels(visible, (i) => Math.abs(picture.data[i]! - 0.5 * (before[i]! + after[i]!)));
}

function meanLevels(visible: Uint8Array, difference: (i: number) => number): number | null {
  let sum = 0;
  let count = 0;
  for (let p = 0; p < visible.length; p++) {
    if (visible[p] === 0) continue;
    count++;
    sum += difference(3 * p) + difference(3 * p + 1) + difference(3 * p + 2);
  }
  return count < LEAST_VISIBLE * visible.length ? null : sum / (3 * 257 * count);
}

/** One channel of an interleaved picture at a place between pixels, which must lie in it. */
function between(
  data: Float32Array | Uint16Array,
  channels: number,
  channel: number,
  width: number,
  height: number,
  x: number,
  y: number,
): number {
  const i = Math.min(Math.floor(x), Math.max(0, width - 2));
  const j = Math.min(Math.floor(y), Math.max(0, height - 2));
  const right = width > 1 ? channels : 0;
  const down = height > 1 ? channels * width : 0;
  const at = (j * width + i) * channels + channel;
  const fx = x - i;
  const top = data[at]! + (data[at + right]! - data[at]!) * fx;
  const bottom = data[at + down]! + (data[at + down + right]! - data[at + down]!) * fx;
  return top + (bottom - top) * (y - j);
}

const clamp = (v: number, most: number): number => (v > 0 ? (v < most ? v : most) : 0);
