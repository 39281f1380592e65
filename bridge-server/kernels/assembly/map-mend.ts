import { bandFrom, bandTo, barrier } from './team';
import { pixel, total } from './pixel';
import { placeBy, sampleBytes } from './sample';
import { smooth } from './smooth';

// Where a map (map-along.ts) matches badly or is torn: what other motions there may be, and which of two maps to believe. Pictures are
// guides (guide.ts).

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
