import { bandFrom, bandTo, barrier } from './team';
import { pixel, storeWords, words } from './pixel';
import { placeBy, sampleBytes, sampleWords } from './sample';
import { smooth } from './smooth';
import { withBeside } from './beside';

// A frame from its keys. How the keys' own sources, moved along the maps, make up the frame's source says how the repainted keys
// make up the result; what they fail to make up (the residual) is carried over as far as the repainted keys follow their sources.

/** What a match error of 8 bits counts as at least: below this it is grain, and nearness in time decides. */
const FLOOR: f32 = 4;
/**
 * How firmly the mix holds to what the errors alone say: this, and so many times the squared error of the better key, for what the keys
 * differ by no more than that is grain.
 */
const HOLD: f32 = 1;
const HOLD_BY_ERROR: f32 = 2;
/** Residuals are i16 in 1/8 of an 8-bit level; samples of guides are kept in 1/64. */
const RESIDUAL: f32 = 8;
const SAMPLE: f32 = 64;

// @ts-ignore: decorator
@inline
function colour3(value: v128): f32 {
  return f32x4.extract_lane(value, 0) + f32x4.extract_lane(value, 1) + f32x4.extract_lane(value, 2);
}

/**
 * The share 0..1 of key A at each pixel into `share` (f32), and the residual, frame less mix, into `residual` (four i16 in 1/8).
 * `nearness` 0..1 is how near A is in time (1: the frame is A's own). `samples`: scratch like `residual`; errorA, errorB, cross,
 * between: f32 planes of scratch, of which `share` is errorA.
 */
export function mix(
  frame: usize,
  keyA: usize,
  mapA: usize,
  keyB: usize,
  mapB: usize,
  width: i32,
  height: i32,
  nearness: f32,
  residual: usize,
  samples: usize,
  share: usize,
  errorB: usize,
  cross: usize,
  square: usize,
  between: usize,
): void {
  const from = <usize>bandFrom(height) * <usize>width;
  const to = <usize>bandTo(height) * <usize>width;
  let x: i32 = 0;
  let y: i32 = bandFrom(height);
  for (let p = from; p < to; p++) {
    const here = pixel(frame + (p << 2));
    const a = sampleBytes(keyA, width, height, placeBy(mapA + (p << 3), x, y, width, height));
    const b = sampleBytes(keyB, width, height, placeBy(mapB + (p << 3), x, y, width, height));
    storeWords(residual + (p << 3), f32x4.mul(a, f32x4.splat(SAMPLE)));
    storeWords(samples + (p << 3), f32x4.mul(b, f32x4.splat(SAMPLE)));
    const offA = f32x4.sub(a, here);
    const offB = f32x4.sub(b, here);
    const apart = f32x4.sub(a, b);
    const squares = colours4(f32x4.mul(offA, offA), f32x4.mul(offB, offB), f32x4.mul(offB, apart), f32x4.mul(apart, apart));
    const means = f32x4.mul(squares, f32x4(1.0 / 3.0, 1.0 / 3.0, -1.0 / 3.0, 1.0 / 3.0));
    v128.store32_lane(share + (p << 2), means, 0);
    v128.store32_lane(errorB + (p << 2), means, 1);
    v128.store32_lane(cross + (p << 2), means, 2);
    v128.store32_lane(square + (p << 2), means, 3);
    if (++x == width) {
      x = 0;
      y++;
    }
  }
  barrier();
  smooth(share, between, width, height);
  smooth(share, between, width, height);
  smooth(errorB, between, width, height);
  smooth(errorB, between, width, height);
  smooth(cross, between, width, height);
  smooth(square, between, width, height);
  for (let p = from; p < to; ) {
    // Four pixels at once, but for the last of the band.
    const at = p << 2;
    const four = p + 4 <= to;
    let weights = four
      ? sharesOf(v128.load(share + at), v128.load(errorB + at), v128.load(cross + at), v128.load(square + at), nearness)
      : sharesOf(
          v128.load32_zero(share + at),
          v128.load32_zero(errorB + at),
          v128.load32_zero(cross + at),
          v128.load32_zero(square + at),
          nearness,
        );
    if (four) v128.store(share + at, weights);
    else v128.store32_lane(share + at, weights, 0);
    for (const end = p + (four ? 4 : 1); p < end; p++) {
      const weight = f32x4.extract_lane(weights, 0);
      weights = i32x4.shuffle(weights, weights, 1, 2, 3, 0);
      const mixed = f32x4.add(
        f32x4.mul(words(residual + (p << 3)), f32x4.splat(weight / SAMPLE)),
        f32x4.mul(words(samples + (p << 3)), f32x4.splat((1 - weight) / SAMPLE)),
      );
      storeWords(residual + (p << 3), f32x4.mul(f32x4.sub(pixel(frame + (p << 2)), mixed), f32x4.splat(RESIDUAL)));
    }
  }
  barrier();
}

/** Of four values each the sum over the colours. */
// @ts-ignore: decorator
@inline
function colours4(a: v128, b: v128, c: v128, d: v128): v128 {
  const redsGreens = i32x4.shuffle(a, b, 0, 4, 1, 5);
  const moreRedsGreens = i32x4.shuffle(c, d, 0, 4, 1, 5);
  const reds = i64x2.shuffle(redsGreens, moreRedsGreens, 0, 2);
  const greens = i64x2.shuffle(redsGreens, moreRedsGreens, 1, 3);
  const blues = i64x2.shuffle(i32x4.shuffle(a, b, 2, 6, 3, 7), i32x4.shuffle(c, d, 2, 6, 3, 7), 0, 2);
  return f32x4.add(f32x4.add(reds, greens), blues);
}

/** The shares of key A at four pixels, from both errors, and the cross product and the square that say which mix is best. */
// @ts-ignore: decorator
@inline
function sharesOf(errorA: v128, errorB: v128, cross: v128, square: v128, nearness: f32): v128 {
  const a = f32x4.add(errorA, f32x4.splat(FLOOR));
  const b = f32x4.add(errorB, f32x4.splat(FLOOR));
  const forA = f32x4.mul(f32x4.mul(f32x4.splat(nearness), b), f32x4.sqrt(b));
  const forB = f32x4.mul(f32x4.mul(f32x4.splat(<f32>1 - nearness), a), f32x4.sqrt(a));
  const byError = f32x4.div(forA, f32x4.add(forA, forB));
  const better = f32x4.sub(f32x4.min(a, b), f32x4.splat(FLOOR));
  const hold = f32x4.add(f32x4.splat(HOLD), f32x4.mul(f32x4.splat(HOLD_BY_ERROR), better));
  const best = f32x4.div(f32x4.add(cross, f32x4.mul(hold, byError)), f32x4.add(square, hold));
  return f32x4.max(f32x4.splat(0), f32x4.min(f32x4.splat(1), best));
}

/** The residual, frame less key moved along its map, where there is one key only. */
export function miss(frame: usize, key: usize, map: usize, width: i32, height: i32, residual: usize): void {
  const bottom = bandTo(height);
  for (let y = bandFrom(height); y < bottom; y++) {
    let p = <usize>y * <usize>width;
    for (let x = 0; x < width; x++, p++) {
      const vector = map + (p << 3);
      const there = sampleBytes(key, width, height, placeBy(vector, x, y, width, height));
      storeWords(residual + (p << 3), f32x4.mul(f32x4.sub(pixel(frame + (p << 2)), there), f32x4.splat(RESIDUAL)));
    }
  }
  barrier();
}

/** Side of the cells of the coarsest band. */
const CELL = 4;

/** Bytes of the coarsest band, with what it takes to make it. */
export function coarseBytes(width: i32, height: i32): usize {
  return (<usize>((width + CELL - 1) / CELL) * <usize>((height + CELL - 1) / CELL)) << 5;
}

/**
 * The residual in two coarser bands: `soft`, blurred with deviation 1 (like `residual`), and `coarse`, four f32 a cell of 4x4 pixels,
 * blurred to deviation about 3 pixels. `between`: scratch like `residual`.
 */
export function bands(residual: usize, width: i32, height: i32, soft: usize, between: usize, coarse: usize): void {
  const top = bandFrom(height);
  const bottom = bandTo(height);
  const line = <usize>width << 3;
  for (let y = top; y < bottom; y++) {
    const row = residual + <usize>y * line;
    for (let x = 0; x < width; x++) {
      const a = v128.load64_zero(row + (<usize>max(0, x - 2) << 3));
      const b = v128.load64_zero(row + (<usize>max(0, x - 1) << 3));
      const c = v128.load64_zero(row + (<usize>x << 3));
      const d = v128.load64_zero(row + (<usize>min(width - 1, x + 1) << 3));
      const e = v128.load64_zero(row + (<usize>min(width - 1, x + 2) << 3));
      v128.store64_lane(between + <usize>y * line + (<usize>x << 3), blur5(a, b, c, d, e), 0);
    }
  }
  barrier();
  for (let y = top; y < bottom; y++) {
    const a = between + <usize>max(0, y - 2) * line;
    const b = between + <usize>max(0, y - 1) * line;
    const c = between + <usize>y * line;
    const d = between + <usize>min(height - 1, y + 1) * line;
    const e = between + <usize>min(height - 1, y + 2) * line;
    const out = soft + <usize>y * line;
    for (let at: usize = 0; at < line; at += 8) {
      const value = blur5(
        v128.load64_zero(a + at),
        v128.load64_zero(b + at),
        v128.load64_zero(c + at),
        v128.load64_zero(d + at),
        v128.load64_zero(e + at),
      );
      v128.store64_lane(out + at, value, 0);
    }
  }
  const cellsX = (width + CELL - 1) / CELL;
  const cellsY = (height + CELL - 1) / CELL;
  const raw = coarse + ((<usize>cellsX * <usize>cellsY) << 4);
  const cellTop = bandFrom(cellsY);
  const cellBottom = bandTo(cellsY);
  for (let cy = cellTop; cy < cellBottom; cy++) {
    const below = min(height, (cy + 1) * CELL);
    for (let cx = 0; cx < cellsX; cx++) {
      const right = min(width, (cx + 1) * CELL);
      let sum = f32x4.splat(0);
      for (let y = cy * CELL; y < below; y++) {
        for (let x = cx * CELL; x < right; x++) {
          sum = f32x4.add(sum, words(residual + <usize>y * line + (<usize>x << 3)));
        }
      }
      const count = (right - cx * CELL) * (below - cy * CELL);
      v128.store(raw + ((<usize>cy * <usize>cellsX + <usize>cx) << 4), f32x4.mul(sum, f32x4.splat(1 / <f32>count)));
    }
  }
  barrier();
  for (let cy = cellTop; cy < cellBottom; cy++) {
    for (let cx = 0; cx < cellsX; cx++) {
      let sum = f32x4.splat(0);
      for (let j = -1; j <= 1; j++) {
        const row = raw + ((<usize>max(0, min(cellsY - 1, cy + j)) * <usize>cellsX) << 4);
        const left = v128.load(row + (<usize>max(0, cx - 1) << 4));
        const right = v128.load(row + (<usize>min(cellsX - 1, cx + 1) << 4));
        const own = v128.load(row + (<usize>cx << 4));
        const three = f32x4.add(f32x4.add(left, right), f32x4.mul(own, f32x4.splat(2)));
        sum = f32x4.add(sum, f32x4.mul(three, f32x4.splat(j == 0 ? 0.125 : 0.0625)));
      }
      v128.store(coarse + ((<usize>cy * <usize>cellsX + <usize>cx) << 4), sum);
    }
  }
  barrier();
}

// @ts-ignore: decorator
@inline
function blur5(a: v128, b: v128, c: v128, d: v128, e: v128): v128 {
  const outer = i16x8.add(a, e);
  const inner = i16x8.shl(i16x8.add(b, d), 2);
  const middle = i16x8.add(i16x8.shl(c, 2), i16x8.shl(c, 1));
  return i16x8.shr_s(i16x8.add(i16x8.add(i16x8.add(outer, inner), middle), i16x8.splat(8)), 4);
}

// @ts-ignore: decorator
@inline
function coarseAt(coarse: usize, cellsX: i32, cellsY: i32, x: i32, y: i32): v128 {
  const px = max<f32>(0, min<f32>(<f32>(cellsX - 1), (<f32>x + 0.5) / <f32>CELL - 0.5));
  const py = max<f32>(0, min<f32>(<f32>(cellsY - 1), (<f32>y + 0.5) / <f32>CELL - 0.5));
  const ix = <i32>px;
  const iy = <i32>py;
  const tx = px - <f32>ix;
  const ty = py - <f32>iy;
  const upper = coarse + ((<usize>iy * <usize>cellsX + <usize>ix) << 4);
  const lower = iy + 1 < cellsY ? upper + (<usize>cellsX << 4) : upper;
  const right: usize = ix + 1 < cellsX ? 16 : 0;
  return f32x4.add(
    f32x4.add(
      f32x4.mul(v128.load(upper), f32x4.splat((1 - tx) * (1 - ty))),
      f32x4.mul(v128.load(upper + right), f32x4.splat(tx * (1 - ty))),
    ),
    f32x4.add(
      f32x4.mul(v128.load(lower), f32x4.splat((1 - tx) * ty)),
      f32x4.mul(v128.load(lower + right), f32x4.splat(tx * ty)),
    ),
  );
}

/** Nine rows of four f32. */
const RELATION_BYTES: usize = 144;
/** Numbers a row that `relate` sums: 45 products of the nine residual features, 27 of these with the three colours. */
export const RELATION_NUMBERS = 72;
/** Squared residual (sum over colours, 8 bit) at which a pixel counts half. */
const OUTLIER: f32 = 400;

/**
 * How the repainted keys follow their sources: sums for the least-squares relation between what the moved source of one key
 * misses of the other's (`residual`, `soft`, `coarse`) and what its moved repainting misses. `painted` and `other`: premultiplied
 * pictures of four u16; `map`: where each pixel of `painted` is in `other`. For every other row, 72 f64 into `rows`.
 */
export function relate(
  residual: usize,
  soft: usize,
  coarse: usize,
  painted: usize,
  other: usize,
  map: usize,
  width: i32,
  height: i32,
  rows: usize,
): void {
  const cellsX = (width + CELL - 1) / CELL;
  const cellsY = (height + CELL - 1) / CELL;
  const half = (height + 1) >> 1;
  const bottom = bandTo(half);
  for (let r = bandFrom(half); r < bottom; r++) {
    const y = 2 * r;
    const sums = rows + <usize>r * (RELATION_NUMBERS << 3);
    memory.fill(sums, 0, RELATION_NUMBERS << 3);
    for (let x = 0; x < width; x += 2) {
      const p = <usize>y * <usize>width + <usize>x;
      const fine = f32x4.mul(words(residual + (p << 3)), f32x4.splat(1 / RESIDUAL));
      const mild = f32x4.mul(words(soft + (p << 3)), f32x4.splat(1 / RESIDUAL));
      const wide = f32x4.mul(coarseAt(coarse, cellsX, cellsY, x, y), f32x4.splat(1 / RESIDUAL));
      const vector = map + (p << 3);
      const there = sampleWords(other, width, height, placeBy(vector, x, y, width, height));
      const missed = f32x4.mul(f32x4.sub(f32x4.convert_i32x4_s(v128.load16x4_u(painted + (p << 3))), there), f32x4.splat(1.0 / 257.0));
      const weight = OUTLIER / (OUTLIER + colour3(f32x4.mul(fine, fine)));
      let at = sums;
      for (let i = 0; i < 9; i++) {
        const left = <f64>weight * feature(fine, mild, wide, i);
        for (let j = 0; j <= i; j++, at += 8) store<f64>(at, load<f64>(at) + left * feature(fine, mild, wide, j));
        store<f64>(at, load<f64>(at) + left * <f64>f32x4.extract_lane(missed, 0));
        store<f64>(at, load<f64>(at, 8) + left * <f64>f32x4.extract_lane(missed, 1), 8);
        store<f64>(at, load<f64>(at, 16) + left * <f64>f32x4.extract_lane(missed, 2), 16);
        at += 24;
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function feature(fine: v128, mild: v128, wide: v128, index: i32): f64 {
  const band = index < 3 ? fine : index < 6 ? mild : wide;
  const channel = index % 3;
  const value = channel == 0 ? f32x4.extract_lane(band, 0) : channel == 1 ? f32x4.extract_lane(band, 1) : f32x4.extract_lane(band, 2);
  return <f64>value;
}

/**
 * The frame as a picture (premultiplied, four u16), `out`: both repainted keys moved along their maps and mixed by `share` and by what the motions `beside` take of that (beside.ts), plus the residual times `relation` (nine rows of four f32: what one 8-bit level of each feature adds in
 * 16-bit levels of red, green, blue, nothing). Where there is one key only, keyB is 0 and `share` unused. `filled`, `votes`: what
 * patches fill in (vote.ts), or 0; what they leave is taken times the second relation, which lies behind the first.
 */
export function compose(
  keyA: usize,
  mapA: usize,
  keyB: usize,
  mapB: usize,
  width: i32,
  height: i32,
  share: usize,
  beside: usize,
  residual: usize,
  soft: usize,
  coarse: usize,
  relation: usize,
  filled: usize,
  votes: usize,
  out: usize,
): void {
  const cellsX = (width + CELL - 1) / CELL;
  const cellsY = (height + CELL - 1) / CELL;
  const bottom = bandTo(height);
  for (let y = bandFrom(height); y < bottom; y++) {
    let p = <usize>y * <usize>width;
    for (let x = 0; x < width; x++, p++) {
      const weight: f32 = keyB == 0 ? 1 : load<f32>(share + (p << 2));
      let value = f32x4.splat(0);
      if (weight > 0) {
        const vector = mapA + (p << 3);
        const a = sampleWords(keyA, width, height, placeBy(vector, x, y, width, height));
        value = f32x4.mul(a, f32x4.splat(weight));
      }
      if (weight < 1) {
        const vector = mapB + (p << 3);
        const b = sampleWords(keyB, width, height, placeBy(vector, x, y, width, height));
        value = f32x4.add(value, f32x4.mul(b, f32x4.splat(1 - weight)));
      }
      if (load<u32>(beside + (p << 2)) != 0) {
        value = withBeside(true, value, p, x, y, keyA, mapA, keyB, mapB, width, height, share, beside);
      }
      const patched: f32 = filled == 0 ? 0 : load<f32>(filled + (p << 2));
      if (patched > 0) {
        const voted = f32x4.convert_i32x4_s(v128.load16x4_u(votes + (p << 3)));
        value = f32x4.add(f32x4.mul(value, f32x4.splat(1 - patched)), f32x4.mul(voted, f32x4.splat(patched)));
      }
      const alpha = max<f32>(0, min<f32>(65535, f32x4.extract_lane(value, 3)));
      const fine = words(residual + (p << 3));
      const mild = words(soft + (p << 3));
      const wide = coarseAt(coarse, cellsX, cellsY, x, y);
      let more = carried(fine, mild, wide, relation);
      if (patched > 0) {
        const elsewhere = carried(fine, mild, wide, relation + RELATION_BYTES);
        more = f32x4.add(f32x4.mul(more, f32x4.splat(1 - patched)), f32x4.mul(elsewhere, f32x4.splat(patched)));
      }
      value = f32x4.add(value, f32x4.mul(more, f32x4.splat(alpha * <f32>(1.0 / 65535.0 / RESIDUAL))));
      value = f32x4.max(f32x4.splat(0), f32x4.min(f32x4.splat(alpha), value));
      put(out + (p << 3), f32x4.replace_lane(value, 3, alpha));
    }
  }
  barrier();
}

// @ts-ignore: decorator
@inline
function ofBand(band: v128, rows: usize): v128 {
  const red = f32x4.mul(f32x4.splat(f32x4.extract_lane(band, 0)), v128.load(rows));
  const green = f32x4.mul(f32x4.splat(f32x4.extract_lane(band, 1)), v128.load(rows, 16));
  const blue = f32x4.mul(f32x4.splat(f32x4.extract_lane(band, 2)), v128.load(rows, 32));
  return f32x4.add(f32x4.add(red, green), blue);
}

/** What a relation makes of the three bands of a residual. */
// @ts-ignore: decorator
@inline
function carried(fine: v128, mild: v128, wide: v128, relation: usize): v128 {
  return f32x4.add(f32x4.add(ofBand(fine, relation), ofBand(mild, relation + 48)), ofBand(wide, relation + 96));
}

// @ts-ignore: decorator
@inline
function put(at: usize, value: v128): void {
  const levels = i32x4.trunc_sat_f32x4_s(f32x4.add(value, f32x4.splat(0.5)));
  v128.store64_lane(at, i16x8.narrow_i32x4_u(levels, levels), 0);
}
