import { bandFrom, bandTo, barrier } from './team';
import { pixel } from './pixel';
import { placeBy, sampleBytes } from './sample';
import { smooth } from './smooth';

// Maps say where each pixel of a frame is found in a key: f32 (dx, dy), interleaved, in pixels. Pictures are guides (guide.ts).

/** The map of a frame by its neighbour's: `step` is the flow from the frame to that neighbour, `known` the neighbour's map. */
export function mapAlong(step: usize, known: usize, width: i32, height: i32, out: usize): void {
  const bottom = bandTo(height);
  for (let y = bandFrom(height); y < bottom; y++) {
    let at = (<usize>y * <usize>width) << 3;
    for (let x = 0; x < width; x++, at += 8) {
      const dx = load<f32>(step + at);
      const dy = load<f32>(step + at, 4);
      const px = max<f32>(0, min<f32>(<f32>(width - 1), <f32>x + dx));
      const py = max<f32>(0, min<f32>(<f32>(height - 1), <f32>y + dy));
      const ix = <i32>px;
      const iy = <i32>py;
      const tx = px - <f32>ix;
      const ty = py - <f32>iy;
      const upper = known + ((<usize>iy * <usize>width + <usize>ix) << 3);
      const lower = iy + 1 < height ? upper + (<usize>width << 3) : upper;
      const right: usize = ix + 1 < width ? 8 : 0;
      const a = f32x4.mul(v128.load64_zero(upper), f32x4.splat((1 - tx) * (1 - ty)));
      const b = f32x4.mul(v128.load64_zero(upper + right), f32x4.splat(tx * (1 - ty)));
      const c = f32x4.mul(v128.load64_zero(lower), f32x4.splat((1 - tx) * ty));
      const d = f32x4.mul(v128.load64_zero(lower + right), f32x4.splat(tx * ty));
      const there = f32x4.add(f32x4.add(a, b), f32x4.add(c, d));
      store<f32>(out + at, dx + f32x4.extract_lane(there, 0));
      store<f32>(out + at, dy + f32x4.extract_lane(there, 1), 4);
    }
  }
}

/**
 * Keeps in `map`, pixel by pixel, whichever of `map` and `other` matches better about there; `other`, where it differs, may be a
 * little worse. `plane`, `between`: scratch, f32.
 */
export function mapBetter(
  frame: usize,
  key: usize,
  width: i32,
  height: i32,
  map: usize,
  other: usize,
  plane: usize,
  between: usize,
): void {
  const top = bandFrom(height);
  const bottom = bandTo(height);
  for (let y = top; y < bottom; y++) {
    for (let x = 0; x < width; x++) {
      const p = <usize>y * <usize>width + <usize>x;
      let gain: f32 = 0;
      if (load<u64>(map + (p << 3)) != load<u64>(other + (p << 3))) {
        const here = pixel(frame + (p << 2));
        gain = errorAt(here, key, width, height, x, y, map + (p << 3));
        gain += SLACK - errorAt(here, key, width, height, x, y, other + (p << 3));
      }
      store<f32>(plane + (p << 2), gain);
    }
  }
  barrier();
  smooth(plane, between, width, height);
  smooth(plane, between, width, height);
  const to = <usize>bottom * <usize>width;
  for (let p = <usize>top * <usize>width; p < to; p++) {
    if (load<f32>(plane + (p << 2)) > 0) store<u64>(map + (p << 3), load<u64>(other + (p << 3)));
  }
}

// @ts-ignore: decorator
@inline
function errorAt(here: v128, key: usize, width: i32, height: i32, x: i32, y: i32, vector: usize): f32 {
  const there = sampleBytes(key, width, height, placeBy(vector, x, y, width, height));
  const difference = f32x4.sub(there, here);
  return total(f32x4.mul(difference, difference));
}

// @ts-ignore: decorator
@inline
function total(value: v128): f32 {
  const pairs = f32x4.add(value, i8x16.shuffle(value, value, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}

/** Squared difference of a pixel, summed over the channels, that is worth an alternative. */
const TOLERABLE: f32 = 80;
/** Squared difference of a pixel by which what an even map says may match worse than what nothing about it bears out: grain. */
const SLACK: f32 = 20;
/** Pixels of a window, times that. */
const WINDOW_SLACK: i32 = 36 * 20;
/** The nearest and the farthest neighbours that are asked, in pixels; each ring is twice the one before. */
const NEAREST = 3;
const FARTHEST = 96;
/** How far a vector may be from the mean of those on either side of it, in pixels, where the map is even. */
const EVEN: f32 = 0.3;
/** How far from that mean, of those so far aside, makes a vector worth an alternative. */
const UNEVEN: f32 = 1.5;
const ASIDE = 5;
/** Components that differ by less say the same. */
const ALIKE: f32 = 1;

/**
 * A second opinion where the map matches badly or is torn, into `out`: the motion of a neighbour 3 to 96 pixels away, carried on by its own
 * gradient, if windows agree; else the map's own. What came into sight since the neighbouring frame is found so: it moves like
 * something beside it. Where the picture has little texture almost anything matches, so there a neighbour from where the map is even is
 * believed more than a vector that no such neighbour bears out. One from where it is not even, or instead of a vector that is borne
 * out, must match clearly better. Decided for cells of 2x2 pixels.
 */
export function mapBorrow(frame: usize, key: usize, width: i32, height: i32, map: usize, out: usize): void {
  const cellsY = (height + 1) >> 1;
  const bottom = bandTo(cellsY);
  const line = <usize>width << 3;
  for (let cy = bandFrom(cellsY); cy < bottom; cy++) {
    const y = 2 * cy;
    for (let x = 0; x < width; x += 2) {
      const at = map + ((<usize>y * <usize>width + <usize>x) << 3);
      const diagonal = y + 1 < height && x + 1 < width ? at + line + 8 : at;
      const beside = diagonal == at ? 0 : 1;
      let doubt = errorAt(pixel(frame + ((at - map) >> 1)), key, width, height, x, y, at);
      doubt += errorAt(pixel(frame + ((diagonal - map) >> 1)), key, width, height, x + beside, y + beside, diagonal);
      const doubtful = doubt > 2 * TOLERABLE;
      let lender: usize = 0;
      let lenderX = 0;
      let lenderY = 0;
      let lenderReach = 0;
      if (doubtful || bend(at, width, height, x, y, ASIDE) > UNEVEN) {
        const vector = v128.load64_zero(at);
        const here = f32x4(<f32>x, <f32>y, 0, 0);
        const ownPlace = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.add(here, vector)));
        const ownX = i32x4.extract_lane(ownPlace, 0);
        const ownY = i32x4.extract_lane(ownPlace, 1);
        const own = windowError(frame, key, width, height, x, y, ownX, ownY, i32.MAX_VALUE);
        const clearly = own - (own >> 2);
        let least = own < i32.MAX_VALUE - WINDOW_SLACK ? own + WINDOW_SLACK : own;
        let borneOut = false;
        // The place tried last: most neighbours lend the same one.
        let lastX = ownX;
        let lastY = ownY;
        for (let ring = NEAREST; ring <= FARTHEST; ring <<= 1) {
          const reach = max(2, ring >> 2);
          for (let side = 0; side < 8; side++) {
            const qx = x + (side < 3 ? -ring : side < 5 ? 0 : ring);
            const qy = y + (side == 0 || side == 3 || side == 5 ? -ring : side == 1 || side == 6 ? 0 : ring);
            if (qx < reach || qy < reach || qx + reach >= width || qy + reach >= height) continue;
            const q = map + ((<usize>qy * <usize>width + <usize>qx) << 3);
            const aside = <usize>reach << 3;
            const below = <usize>reach * line;
            const even = !v128.any_true(f32x4.gt(f32x4.max(bendAlong(q, aside), bendAlong(q, below)), f32x4.splat(EVEN)));
            if (!even && !doubtful) continue;
            const carried = carriedOn(q, aside, below, x - qx, y - qy, reach);
            const unlike = f32x4.ge(f32x4.abs(f32x4.sub(carried, vector)), f32x4.splat(ALIKE));
            if (even && !v128.any_true(unlike)) borneOut = true;
            const place = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.add(here, carried)));
            const kx = i32x4.extract_lane(place, 0);
            const ky = i32x4.extract_lane(place, 1);
            if ((kx == ownX && ky == ownY) || (kx == lastX && ky == lastY)) continue;
            lastX = kx;
            lastY = ky;
            const limit = even ? least : min(least, clearly);
            const error = windowError(frame, key, width, height, x, y, kx, ky, limit);
            if (error < limit) {
              least = error;
              lender = q;
              lenderX = qx;
              lenderY = qy;
              lenderReach = reach;
            }
          }
        }
        if (borneOut && least >= clearly) lender = 0;
      }
      const right = min(width, x + 2);
      const below = min(height, y + 2);
      for (let j = y; j < below; j++) {
        for (let i = x; i < right; i++) {
          const p = (<usize>j * <usize>width + <usize>i) << 3;
          if (lender == 0) {
            store<u64>(out + p, load<u64>(map + p));
          } else {
            const aside = <usize>lenderReach << 3;
            const below = <usize>lenderReach * line;
            v128.store64_lane(out + p, carriedOn(lender, aside, below, i - lenderX, j - lenderY, lenderReach), 0);
          }
        }
      }
    }
  }
  barrier();
}

/**
 * How far the vector at `at`, of pixel (x, y), is from the mean of those `reach` pixels on either side of it, along the axis where it is
 * further, in pixels; nothing along an axis where the picture ends before.
 */
function bend(at: usize, width: i32, height: i32, x: i32, y: i32, reach: i32): f32 {
  let most = f32x4.splat(0);
  if (x >= reach && x + reach < width) most = bendAlong(at, <usize>reach << 3);
  if (y >= reach && y + reach < height) most = f32x4.max(most, bendAlong(at, (<usize>reach * <usize>width) << 3));
  return max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1));
}

/** Both components of that, along one axis; `aside`: bytes. */
// @ts-ignore: decorator
@inline
function bendAlong(at: usize, aside: usize): v128 {
  const both = f32x4.add(v128.load64_zero(at - aside), v128.load64_zero(at + aside));
  return f32x4.abs(f32x4.sub(v128.load64_zero(at), f32x4.mul(both, f32x4.splat(0.5))));
}

/** The vector at `at`, extrapolated by (x, y) pixels, by how it changes over `reach` pixels either way: `aside` and `below`, in bytes. */
// @ts-ignore: decorator
@inline
function carriedOn(at: usize, aside: usize, below: usize, x: i32, y: i32, reach: i32): v128 {
  const over = f32x4.splat(<f32>0.5 / <f32>reach);
  const alongX = f32x4.mul(f32x4.sub(v128.load64_zero(at + aside), v128.load64_zero(at - aside)), over);
  const alongY = f32x4.mul(f32x4.sub(v128.load64_zero(at + below), v128.load64_zero(at - below)), over);
  const moved = f32x4.add(v128.load64_zero(at), f32x4.mul(f32x4.splat(<f32>x), alongX));
  const carried = f32x4.add(moved, f32x4.mul(f32x4.splat(<f32>y), alongY));
  return f32x4.max(f32x4.splat(-32000), f32x4.min(f32x4.splat(32000), carried));
}

/**
 * Sum of squared differences of the windows of 6x6 about the cells at (x, y) and, in the key, at (kx, ky); rows are left out once `limit` is
 * reached.
 */
function windowError(
  frame: usize,
  key: usize,
  width: i32,
  height: i32,
  x: i32,
  y: i32,
  kx: i32,
  ky: i32,
  limit: i32,
): i32 {
  if (kx < -1 || ky < -1 || kx > width || ky > height) return i32.MAX_VALUE;
  const inside = x >= 2 && kx >= 2 && x + 4 <= width && kx + 4 <= width;
  let sum = 0;
  for (let j = -2; j < 4; j++) {
    const row = frame + ((<usize>max(0, min(height - 1, y + j)) * <usize>width) << 2);
    const keyRow = key + ((<usize>max(0, min(height - 1, ky + j)) * <usize>width) << 2);
    let squares = i32x4.splat(0);
    if (inside) {
      const a = row + (<usize>(x - 2) << 2);
      const b = keyRow + (<usize>(kx - 2) << 2);
      const here = v128.load(a);
      const there = v128.load(b);
      const one = i16x8.sub(i16x8.extend_low_i8x16_u(here), i16x8.extend_low_i8x16_u(there));
      const two = i16x8.sub(i16x8.extend_high_i8x16_u(here), i16x8.extend_high_i8x16_u(there));
      const three = i16x8.sub(v128.load8x8_u(a, 16), v128.load8x8_u(b, 16));
      squares = i32x4.add(i32x4.dot_i16x8_s(one, one), i32x4.dot_i16x8_s(two, two));
      squares = i32x4.add(squares, i32x4.dot_i16x8_s(three, three));
    } else {
      for (let i = -2; i < 4; i++) {
        const a = i16x8.extend_low_i8x16_u(v128.load32_zero(row + (<usize>max(0, min(width - 1, x + i)) << 2)));
        const b = i16x8.extend_low_i8x16_u(v128.load32_zero(keyRow + (<usize>max(0, min(width - 1, kx + i)) << 2)));
        const off = i16x8.sub(a, b);
        squares = i32x4.add(squares, i32x4.dot_i16x8_s(off, off));
      }
    }
    const pairs = i32x4.add(squares, i8x16.shuffle(squares, squares, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    sum += i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 1);
    if (sum >= limit) return sum;
  }
  return sum;
}

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

/** The largest component of the map, per row, into `rows` (f32): what decides the scale it is stored at. */
export function mapExtent(map: usize, width: i32, height: i32, rows: usize): void {
  const bottom = bandTo(height);
  for (let y = bandFrom(height); y < bottom; y++) {
    let most: f32 = 0;
    const row = map + ((<usize>y * <usize>width) << 3);
    for (let x = 0; x < 2 * width; x++) most = max(most, abs(load<f32>(row + (<usize>x << 2))));
    store<f32>(rows + (<usize>y << 2), most);
  }
}

/**
 * The map in i16 of 1/scale pixel, each less its left neighbour's (rows begin anew), as four planes of u8: high bytes of dx, of dy, low
 * bytes of dx, of dy; so that it compresses. The map itself is rounded to what was stored.
 */
export function mapPack(map: usize, width: i32, height: i32, scale: f32, out: usize): void {
  const count = <usize>width * <usize>height;
  const bottom = bandTo(height);
  for (let y = bandFrom(height); y < bottom; y++) {
    let lastX = 0;
    let lastY = 0;
    let p = <usize>y * <usize>width;
    for (let x = 0; x < width; x++, p++) {
      const dx = <i32>nearest<f32>(load<f32>(map + (p << 3)) * scale);
      const dy = <i32>nearest<f32>(load<f32>(map + (p << 3), 4) * scale);
      store<f32>(map + (p << 3), <f32>dx / scale);
      store<f32>(map + (p << 3), <f32>dy / scale, 4);
      const codeX = zigzag(dx - lastX);
      const codeY = zigzag(dy - lastY);
      store<u8>(out + p, <u8>(codeX >> 8));
      store<u8>(out + count + p, <u8>(codeY >> 8));
      store<u8>(out + 2 * count + p, <u8>codeX);
      store<u8>(out + 3 * count + p, <u8>codeY);
      lastX = dx;
      lastY = dy;
    }
  }
}

/** The inverse of mapPack. */
export function mapUnpack(packed: usize, width: i32, height: i32, scale: f32, map: usize): void {
  const count = <usize>width * <usize>height;
  const bottom = bandTo(height);
  for (let y = bandFrom(height); y < bottom; y++) {
    let dx = 0;
    let dy = 0;
    let p = <usize>y * <usize>width;
    for (let x = 0; x < width; x++, p++) {
      dx = <i32><i16>(dx + unzigzag((<u32>load<u8>(packed + p) << 8) | <u32>load<u8>(packed + 2 * count + p)));
      dy = <i32><i16>(dy + unzigzag((<u32>load<u8>(packed + count + p) << 8) | <u32>load<u8>(packed + 3 * count + p)));
      store<f32>(map + (p << 3), <f32>dx / scale);
      store<f32>(map + (p << 3), <f32>dy / scale, 4);
    }
  }
}

/** Differences wrap to 16 bits; 0, -1, 1, -2, … become 0, 1, 2, 3, … */
// @ts-ignore: decorator
@inline
function zigzag(value: i32): u32 {
  const wrapped = <i32><i16>value;
  return <u32>((wrapped << 1) ^ (wrapped >> 31));
}

// @ts-ignore: decorator
@inline
function unzigzag(code: u32): i32 {
  return <i32>(code >> 1) ^ -<i32>(code & 1);
}
