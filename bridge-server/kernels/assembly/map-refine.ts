import { bandFrom, bandTo, barrier } from './team';
import { total } from './pixel';
import { placeBy, sampleBytes } from './sample';
import { smooth } from './smooth';

// Maps (map-along.ts) made exact to a small part of a pixel. Pictures are guides (guide.ts).

/** Squared difference over the channels at which a pixel counts half in the refinement: it may belong to something else. */
const DOUBT: f32 = 400;
/** Squared gradient that holds vectors back where there is nothing to follow, for a cell of four pixels. */
const STIFFNESS: f32 = 80;
/** Pixels that a vector may move in one step. */
const REACH: f32 = 1;

/** Bytes of scratch that mapRefine needs. */
export function refineMapBytes(width: i32, height: i32): usize {
  return ((<usize>width * <usize>height) << 3) + 11 * cellBytes(width, height);
}

function cellBytes(width: i32, height: i32): usize {
  return ((((<usize>(width + 1)) >> 1) * ((<usize>(height + 1)) >> 1)) << 2) + 15 & ~15;
}

/**
 * Moves the map to where the key matches best, to a small part of a pixel: robust Gauss-Newton steps (Lucas and Kanade 1981) on
 * all channels, in a window of deviation 2 pixels about each cell of 2x2. A step is kept only where the error falls.
 */
export function mapRefine(
  frame: usize,
  key: usize,
  width: i32,
  height: i32,
  map: usize,
  iterations: i32,
  scratch: usize,
): void {
  const cellsX = (width + 1) >> 1;
  const cellsY = (height + 1) >> 1;
  const size = cellBytes(width, height);
  const kept = scratch;
  const xx = kept + ((<usize>width * <usize>height) << 3);
  const xy = xx + size;
  const yy = xy + size;
  const xt = yy + size;
  const yt = xt + size;
  const error = yt + size;
  const between = error + size;
  const least = between + size;
  const moved = least + size;
  const steps = moved + size;
  const top = bandFrom(cellsY);
  const bottom = bandTo(cellsY);

  for (let i = 0; i <= iterations; i++) {
    const last = i == iterations;
    for (let cy = top; cy < bottom; cy++) {
      let at = (<usize>cy * <usize>cellsX) << 2;
      for (let cx = 0; cx < cellsX; cx++, at += 4) {
        if (last) store<f32>(error + at, misfit(frame, key, width, height, map, cx, cy));
        else gather(frame, key, width, height, map, cx, cy, at, xx, xy, yy, xt, yt, error);
      }
    }
    barrier();
    smooth(error, between, cellsX, cellsY);
    if (!last) {
      smooth(xx, between, cellsX, cellsY);
      smooth(xy, between, cellsX, cellsY);
      smooth(yy, between, cellsX, cellsY);
      smooth(xt, between, cellsX, cellsY);
      smooth(yt, between, cellsX, cellsY);
    }
    const to = (<usize>bottom * <usize>cellsX) << 2;
    for (let at = (<usize>top * <usize>cellsX) << 2; at < to; at += 4) {
      const now = load<f32>(error + at);
      const better = i == 0 || now < load<f32>(least + at);
      store<f32>(moved + at, better ? 1 : 0);
      if (better) store<f32>(least + at, now);
      if (!last) solve(at, better, xx, xy, yy, xt, yt, steps);
    }
    barrier();
    for (let cy = top; cy < bottom; cy++) {
      for (let cx = 0; cx < cellsX; cx++) {
        const cell = <usize>cy * <usize>cellsX + <usize>cx;
        const better = load<f32>(moved + (cell << 2)) > 0;
        const at = (<usize>(2 * cy) * <usize>width + <usize>(2 * cx)) << 3;
        const below = at + (<usize>width << 3);
        const hasBelow = 2 * cy + 1 < height;
        const hasRight = 2 * cx + 1 < width;
        if (last) {
          if (better) continue;
          copyVectors(map + at, kept + at, hasRight);
          if (hasBelow) copyVectors(map + below, kept + below, hasRight);
          continue;
        }
        if (better) {
          copyVectors(kept + at, map + at, hasRight);
          if (hasBelow) copyVectors(kept + below, map + below, hasRight);
        }
        // The steps at the four pixels: between the steps of the cells, bilinearly.
        const left: usize = cx > 0 ? 8 : 0;
        const right: usize = hasRight && cx + 1 < cellsX ? 8 : 0;
        const middle = steps + (cell << 3);
        const own = across(middle, left, right);
        const upper = cy > 0 ? across(middle - (<usize>cellsX << 3), left, right) : own;
        const lower = cy + 1 < cellsY ? across(middle + (<usize>cellsX << 3), left, right) : own;
        moveVectors(map + at, kept + at, f32x4.add(quarter(upper), threeQuarters(own)), hasRight);
        if (hasBelow) moveVectors(map + below, kept + below, f32x4.add(quarter(lower), threeQuarters(own)), hasRight);
      }
    }
    barrier();
  }
}

// @ts-ignore: decorator
@inline
function quarter(value: v128): v128 {
  return f32x4.mul(value, f32x4.splat(0.25));
}

// @ts-ignore: decorator
@inline
function threeQuarters(value: v128): v128 {
  return f32x4.mul(value, f32x4.splat(0.75));
}

/** What the vectors of a cell and of those beside it say for its left and its right pixel. */
// @ts-ignore: decorator
@inline
function across(cell: usize, left: usize, right: usize): v128 {
  const beside = v128.load64_lane(cell + right, v128.load64_zero(cell - left), 1);
  return f32x4.add(quarter(beside), threeQuarters(v128.load64_splat(cell)));
}

/** Two vectors beside each other, or one. */
// @ts-ignore: decorator
@inline
function copyVectors(to: usize, from: usize, both: bool): void {
  if (both) v128.store(to, v128.load(from));
  else store<u64>(to, load<u64>(from));
}

// @ts-ignore: decorator
@inline
function moveVectors(to: usize, from: usize, step: v128, both: bool): void {
  if (both) v128.store(to, f32x4.add(v128.load(from), step));
  else v128.store64_lane(to, f32x4.add(v128.load64_zero(from), step), 0);
}

/** Two pixels beside each other as i16, channels together; edges repeated. */
// @ts-ignore: decorator
@inline
function pairAt(picture: usize, width: i32, height: i32, x: i32, y: i32): v128 {
  const row = picture + ((<usize>max(0, min(height - 1, y)) * <usize>width) << 2);
  const one = v128.load32_zero(row + (<usize>max(0, min(width - 1, x)) << 2));
  return i16x8.extend_low_i8x16_u(v128.load32_lane(row + (<usize>max(0, min(width - 1, x + 1)) << 2), one, 1));
}

/** Parts of an 8-bit level that differences are rounded to. */
const PARTS: f32 = 16;

/** The key less the frame at two pixels beside each other, i16 in 1/16; nothing for the second where there is only one. */
// @ts-ignore: decorator
@inline
function differences(
  frame: usize,
  key: usize,
  width: i32,
  height: i32,
  map: usize,
  x: i32,
  y: i32,
  both: bool,
): v128 {
  const p = <usize>y * <usize>width + <usize>x;
  const vector = map + (p << 3);
  const one = sampleBytes(key, width, height, placeBy(vector, x, y, width, height));
  const here = i16x8.shl(i16x8.extend_low_i8x16_u(both ? v128.load64_zero(frame + (p << 2)) : v128.load32_zero(frame + (p << 2))), 4);
  let two = f32x4.splat(0);
  if (both) two = sampleBytes(key, width, height, placeBy(vector + 8, x + 1, y, width, height));
  return i16x8.sub(i16x8.narrow_i32x4_s(parts(one), parts(two)), here);
}

// @ts-ignore: decorator
@inline
function parts(value: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(value, f32x4.splat(PARTS))));
}

/** The squared difference of one cell. */
// @ts-ignore: decorator
@inline
function misfit(frame: usize, key: usize, width: i32, height: i32, map: usize, cx: i32, cy: i32): f32 {
  const x = 2 * cx;
  const both = x + 1 < width;
  const below = min(height, 2 * cy + 2);
  let sum = i32x4.splat(0);
  for (let y = 2 * cy; y < below; y++) {
    const t = differences(frame, key, width, height, map, x, y, both);
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(t, t));
  }
  return total(f32x4.convert_i32x4_s(sum)) * (1 / (PARTS * PARTS));
}

/** Sums over the pixels of one cell: products of the frame's gradient, of it and the difference, and the squared difference. */
// @ts-ignore: decorator
@inline
function gather(
  frame: usize,
  key: usize,
  width: i32,
  height: i32,
  map: usize,
  cx: i32,
  cy: i32,
  at: usize,
  xx: usize,
  xy: usize,
  yy: usize,
  xt: usize,
  yt: usize,
  error: usize,
): void {
  let sumXX = f32x4.splat(0);
  let sumXY = f32x4.splat(0);
  let sumYY = f32x4.splat(0);
  let sumXT = f32x4.splat(0);
  let sumYT = f32x4.splat(0);
  let sumTT = f32x4.splat(0);
  const x = 2 * cx;
  const both = x + 1 < width;
  const below = min(height, 2 * cy + 2);
  const line = <usize>width << 2;
  for (let y = 2 * cy; y < below; y++) {
    const t = differences(frame, key, width, height, map, x, y, both);
    let gx: v128;
    let gy: v128;
    if (x >= 2 && y >= 2 && x + 4 <= width && y + 3 <= height) {
      const px = frame + ((<usize>y * <usize>width + <usize>x) << 2);
      gx = slope(v128.load8x8_u(px - 8), v128.load8x8_u(px - 4), v128.load8x8_u(px + 4), v128.load8x8_u(px + 8));
      gy = slope(v128.load8x8_u(px - 2 * line), v128.load8x8_u(px - line), v128.load8x8_u(px + line), v128.load8x8_u(px + 2 * line));
    } else {
      gx = slope(
        pairAt(frame, width, height, x - 2, y),
        pairAt(frame, width, height, x - 1, y),
        pairAt(frame, width, height, x + 1, y),
        pairAt(frame, width, height, x + 2, y),
      );
      gy = slope(
        pairAt(frame, width, height, x, y - 2),
        pairAt(frame, width, height, x, y - 1),
        pairAt(frame, width, height, x, y + 1),
        pairAt(frame, width, height, x, y + 2),
      );
      if (!both) {
        gx = v128.and(gx, i64x2(-1, 0));
        gy = v128.and(gy, i64x2(-1, 0));
      }
    }
    const tt = f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(t, t));
    const each = f32x4.add(tt, i32x4.shuffle(tt, tt, 1, 0, 3, 2));
    const doubt = f32x4.splat(DOUBT * PARTS * PARTS);
    const trust = f32x4.div(doubt, f32x4.add(doubt, each));
    sumXX = f32x4.add(sumXX, f32x4.mul(trust, f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(gx, gx))));
    sumXY = f32x4.add(sumXY, f32x4.mul(trust, f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(gx, gy))));
    sumYY = f32x4.add(sumYY, f32x4.mul(trust, f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(gy, gy))));
    sumXT = f32x4.add(sumXT, f32x4.mul(trust, f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(gx, t))));
    sumYT = f32x4.add(sumYT, f32x4.mul(trust, f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(gy, t))));
    sumTT = f32x4.add(sumTT, tt);
  }
  store<f32>(xx + at, total(sumXX) * (1 / (SLOPES * SLOPES)));
  store<f32>(xy + at, total(sumXY) * (1 / (SLOPES * SLOPES)));
  store<f32>(yy + at, total(sumYY) * (1 / (SLOPES * SLOPES)));
  store<f32>(xt + at, total(sumXT) * (1 / (SLOPES * PARTS)));
  store<f32>(yt + at, total(sumYT) * (1 / (SLOPES * PARTS)));
  store<f32>(error + at, total(sumTT) * (1 / (PARTS * PARTS)));
}

/** What `slope` is the slope times. */
const SLOPES: f32 = 12;

/** Of two pixels, i16: by four taps. */
// @ts-ignore: decorator
@inline
function slope(a: v128, b: v128, c: v128, d: v128): v128 {
  return i16x8.sub(i16x8.shl(i16x8.sub(c, b), 3), i16x8.sub(d, a));
}

/** The step of one cell, into `steps` (dx, dy); none where the last one did no good. */
// @ts-ignore: decorator
@inline
function solve(at: usize, worthwhile: bool, xx: usize, xy: usize, yy: usize, xt: usize, yt: usize, steps: usize): void {
  let dx: f32 = 0;
  let dy: f32 = 0;
  if (worthwhile) {
    const a = load<f32>(xx + at) + STIFFNESS;
    const b = load<f32>(xy + at);
    const c = load<f32>(yy + at) + STIFFNESS;
    const p = load<f32>(xt + at);
    const q = load<f32>(yt + at);
    const over: f32 = -1 / (a * c - b * b);
    dx = (c * p - b * q) * over;
    dy = (a * q - b * p) * over;
    const longest = max(abs(dx), abs(dy));
    if (longest > REACH) {
      dx *= REACH / longest;
      dy *= REACH / longest;
    }
  }
  store<f32>(steps + 2 * at, dx);
  store<f32>(steps + 2 * at, dy, 4);
}
