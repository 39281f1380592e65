import { bandFrom, bandTo, barrier, firstDealt, nextDealt } from './team';
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
  const line = <usize>width << 3;
  for (let cy = firstDealt(); cy < cellsY; cy = nextDealt(cy)) {
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
        const ownPlace = placeOf(f32x4.add(here, vector));
        const own = windowError(frame, key, width, height, x, y, ownPlace, i32.MAX_VALUE);
        const clearly = own - (own >> 2);
        let least = own < i32.MAX_VALUE - WINDOW_SLACK ? own + WINDOW_SLACK : own;
        let borneOut = false;
        // The place tried last: most neighbours lend the same one.
        let lastPlace = ownPlace;
        for (let ring = NEAREST; ring <= FARTHEST; ring <<= 1) {
          const reach = max(2, ring >> 2);
          const aside = <usize>reach << 3;
          const below = <usize>reach * line;
          const over: f32 = 0.5 / <f32>reach;
          for (let dx = -ring; dx <= ring; dx += ring) {
            const qx = x + dx;
            if (qx < reach || qx + reach >= width) continue;
            for (let dy = -ring; dy <= ring; dy += ring) {
              const qy = y + dy;
              if (qy < reach || qy + reach >= height || (dx | dy) == 0) continue;
              const q = map + ((<usize>qy * <usize>width + <usize>qx) << 3);
              const before = v128.load64_lane(q - below, v128.load64_zero(q - aside), 1);
              const after = v128.load64_lane(q + below, v128.load64_zero(q + aside), 1);
              const uneven = v128.any_true(f32x4.gt(bends(v128.load64_splat(q), before, after), f32x4.splat(EVEN)));
              if (uneven && !doubtful) continue;
              const carried = carriedOn(v128.load64_zero(q), before, after, -dx, -dy, over);
              const unlike = f32x4.ge(f32x4.abs(f32x4.sub(carried, vector)), f32x4.splat(ALIKE));
              if (!uneven && i64x2.extract_lane(unlike, 0) == 0) borneOut = true;
              const place = placeOf(f32x4.add(here, carried));
              if (place == ownPlace || place == lastPlace) continue;
              lastPlace = place;
              const limit = uneven ? min(least, clearly) : least;
              const error = windowError(frame, key, width, height, x, y, place, limit);
              if (error < limit) {
                least = error;
                lender = q;
                lenderX = qx;
                lenderY = qy;
                lenderReach = reach;
              }
            }
          }
        }
        if (borneOut && least >= clearly) lender = 0;
      }
      const right = min(width, x + 2);
      const end = min(height, y + 2);
      for (let j = y; j < end; j++) {
        for (let i = x; i < right; i++) {
          const p = (<usize>j * <usize>width + <usize>i) << 3;
          if (lender == 0) {
            store<u64>(out + p, load<u64>(map + p));
          } else {
            const aside = <usize>lenderReach << 3;
            const below = <usize>lenderReach * line;
            const before = v128.load64_lane(lender - below, v128.load64_zero(lender - aside), 1);
            const after = v128.load64_lane(lender + below, v128.load64_zero(lender + aside), 1);
            const over: f32 = 0.5 / <f32>lenderReach;
            const carried = carriedOn(v128.load64_zero(lender), before, after, i - lenderX, j - lenderY, over);
            v128.store64_lane(out + p, carried, 0);
          }
        }
      }
    }
  }
  barrier();
}

/** The nearest pixel, as two i32. */
// @ts-ignore: decorator
@inline
function placeOf(position: v128): i64 {
  return i64x2.extract_lane(i32x4.trunc_sat_f32x4_s(f32x4.nearest(position)), 0);
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
  for (let y = firstDealt(); y < height; y = nextDealt(y)) {
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
  const to = <usize>bandTo(height) * <usize>width;
  for (let p = <usize>bandFrom(height) * <usize>width; p < to; p++) {
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
// @ts-ignore: decorator
@inline
function bend(at: usize, width: i32, height: i32, x: i32, y: i32, reach: i32): f32 {
  const own = v128.load64_splat(at);
  const aside: usize = x >= reach && x + reach < width ? <usize>reach << 3 : 0;
  const below: usize = y >= reach && y + reach < height ? (<usize>reach * <usize>width) << 3 : 0;
  const before = v128.load64_lane(at - below, v128.load64_zero(at - aside), 1);
  const after = v128.load64_lane(at + below, v128.load64_zero(at + aside), 1);
  const most = bends(own, before, after);
  return max(
    max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
    max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
  );
}

/** How far a vector (`own`, twice) is from the mean of those to its left and right, and from that of those above and below it. */
// @ts-ignore: decorator
@inline
function bends(own: v128, before: v128, after: v128): v128 {
  return f32x4.abs(f32x4.sub(own, f32x4.mul(f32x4.add(before, after), f32x4.splat(0.5))));
}

/**
 * A vector, extrapolated by (x, y) pixels, by those `before` it (to the left, above) and `after` it, of which the distance is 1 / `over`; in the
 * first two lanes.
 */
// @ts-ignore: decorator
@inline
function carriedOn(own: v128, before: v128, after: v128, x: i32, y: i32, over: f32): v128 {
  const slopes = f32x4.mul(f32x4.sub(after, before), f32x4.splat(over));
  const by = i64x2.shuffle(f32x4.splat(<f32>x), f32x4.splat(<f32>y), 0, 3);
  const along = f32x4.mul(by, slopes);
  const carried = f32x4.add(f32x4.add(own, along), i64x2.shuffle(along, along, 1, 0));
  return f32x4.max(f32x4.splat(-32000), f32x4.min(f32x4.splat(32000), carried));
}

/**
 * Sum of squared differences of the windows of 6x6 about the cells at (x, y) and, in the key, at `place`; rows are left out once `limit`
 * is reached.
 */
function windowError(frame: usize, key: usize, width: i32, height: i32, x: i32, y: i32, place: i64, limit: i32): i32 {
  const kx = <i32>place;
  const ky = <i32>(place >> 32);
  if (kx < -1 || ky < -1 || kx > width || ky > height) return i32.MAX_VALUE;
  const across = min(x, kx) >= 2 && max(x, kx) + 4 <= width;
  let sum = 0;
  if (across && min(y, ky) >= 2 && max(y, ky) + 4 <= height) {
    const line = <usize>width << 2;
    let a = frame + ((<usize>(y - 2) * <usize>width + <usize>(x - 2)) << 2);
    let b = key + ((<usize>(ky - 2) * <usize>width + <usize>(kx - 2)) << 2);
    for (let j = 0; j < 6; j += 2, a += 2 * line, b += 2 * line) {
      sum += totalOf(i32x4.add(squaresOf(a, b), squaresOf(a + line, b + line)));
      if (sum >= limit) return sum;
    }
    return sum;
  }
  for (let j = -2; j < 4; j++) {
    const row = frame + ((<usize>max(0, min(height - 1, y + j)) * <usize>width) << 2);
    const keyRow = key + ((<usize>max(0, min(height - 1, ky + j)) * <usize>width) << 2);
    let squares = i32x4.splat(0);
    for (let i = -2; i < 4; i++) {
      const a = i16x8.extend_low_i8x16_u(v128.load32_zero(row + (<usize>max(0, min(width - 1, x + i)) << 2)));
      const b = i16x8.extend_low_i8x16_u(v128.load32_zero(keyRow + (<usize>max(0, min(width - 1, kx + i)) << 2)));
      const off = i16x8.sub(a, b);
      squares = i32x4.add(squares, i32x4.dot_i16x8_s(off, off));
    }
    sum += totalOf(squares);
    if (sum >= limit) return sum;
  }
  return sum;
}

/** Of the differences of six pixels in a row. */
// @ts-ignore: decorator
@inline
function squaresOf(a: usize, b: usize): v128 {
  const here = v128.load(a);
  const there = v128.load(b);
  const one = i16x8.sub(i16x8.extend_low_i8x16_u(here), i16x8.extend_low_i8x16_u(there));
  const two = i16x8.sub(i16x8.extend_high_i8x16_u(here), i16x8.extend_high_i8x16_u(there));
  const three = i16x8.sub(v128.load8x8_u(a, 16), v128.load8x8_u(b, 16));
  const squares = i32x4.add(i32x4.dot_i16x8_s(one, one), i32x4.dot_i16x8_s(two, two));
  return i32x4.add(squares, i32x4.dot_i16x8_s(three, three));
}

// @ts-ignore: decorator
@inline
function totalOf(counts: v128): i32 {
  const pairs = i32x4.add(counts, i8x16.shuffle(counts, counts, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 1);
}
