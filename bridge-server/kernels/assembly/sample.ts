// Bicubic sampling (Keys 1981, a = -0.75, the sharper of the usual two) of pictures with four channels a pixel, as f32x4, at places in
// 1/64 pixel, which is what maps are stored in. Places outside the picture read its edge. Along a row it is done in integers: one
// 16-bit dot product takes two taps of four channels.

const A: f64 = -0.75;
const PHASES: i32 = 64;
/** One, as a tap of a row. */
const UNIT: i32 = 16384;
/** Of a phase: the first two taps and the last two, each pair four times (i16), and four f32 that take rows together. */
const PHASE_BYTES: usize = 48;
const taps: usize = memory.data(64 * 48, 16);

/** Fills in the table of taps. Every worker writes the same. */
export function makeTaps(): void {
  for (let phase = 0; phase < PHASES; phase++) {
    const t = <f64>phase / <f64>PHASES;
    const w0 = <i32>nearest<f64>(outer(t) * UNIT);
    const w1 = <i32>nearest<f64>(inner(t) * UNIT);
    const w3 = <i32>nearest<f64>(outer(1 - t) * UNIT);
    const w2 = UNIT - w0 - w1 - w3;
    const at = taps + <usize>phase * PHASE_BYTES;
    v128.store(at, i32x4.splat((w0 & 0xffff) | (w1 << 16)));
    v128.store(at, i32x4.splat((w2 & 0xffff) | (w3 << 16)), 16);
    v128.store(at, f32x4.mul(f32x4.convert_i32x4_s(i32x4(w0, w1, w2, w3)), f32x4.splat(<f32>(1.0 / 16384.0 / 16384.0))), 32);
  }
}

// Taps at a distance of t+1 and t.
function outer(t: f64): f64 {
  return A * t * (1 - t) * (1 - t);
}
function inner(t: f64): f64 {
  return ((A + 2) * t - (A + 3)) * t * t + 1;
}

/** Where pixel (x, y) is by the vector at an address (f32 dx, dy): (x, y) in 1/64 pixel, inside the picture, in the first two lanes. */
// @ts-ignore: decorator
@inline
export function placeBy(vector: usize, x: i32, y: i32, width: i32, height: i32): v128 {
  const moved = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load64_zero(vector), f32x4.splat(<f32>PHASES))));
  const place = i32x4.add(moved, i32x4(x << 6, y << 6, 0, 0));
  return i32x4.max_s(i32x4.splat(0), i32x4.min_s(place, i32x4((width - 1) << 6, (height - 1) << 6, 0, 0)));
}

/** Where the taps for a place are: along its row (the two that `rowOf…` takes), and down its column. */
// @ts-ignore: decorator
@inline
export function tapsAcross(place: v128): usize {
  return taps + <usize>(i32x4.extract_lane(place, 0) & 63) * PHASE_BYTES;
}

// @ts-ignore: decorator
@inline
export function tapsDown(place: v128): usize {
  return taps + <usize>(i32x4.extract_lane(place, 1) & 63) * PHASE_BYTES;
}

/** Four rows of a column, taken together by the taps down it. */
// @ts-ignore: decorator
@inline
export function together(one: v128, two: v128, three: v128, four: v128, down: usize): v128 {
  const upper = f32x4.add(f32x4.mul(one, v128.load32_splat(down, 32)), f32x4.mul(two, v128.load32_splat(down, 36)));
  const lower = f32x4.add(f32x4.mul(three, v128.load32_splat(down, 40)), f32x4.mul(four, v128.load32_splat(down, 44)));
  return f32x4.add(upper, lower);
}

/** Four pixels beside each other by the taps across. */
// @ts-ignore: decorator
@inline
export function rowOfBytes(bytes: v128, first: v128, last: v128): v128 {
  const paired = i8x16.shuffle(bytes, bytes, 0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15);
  const left = i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(paired), first);
  return f32x4.convert_i32x4_s(i32x4.add(left, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(paired), last)));
}

/** Of a picture of four u8 a pixel, no padding, at a place that `placeBy` gave. */
// @ts-ignore: decorator
@inline
export function sampleBytes(picture: usize, width: i32, height: i32, place: v128): v128 {
  const px = i32x4.extract_lane(place, 0);
  const py = i32x4.extract_lane(place, 1);
  const ix = px >> 6;
  const iy = py >> 6;
  const across = tapsAcross(place);
  const down = tapsDown(place);
  const first = v128.load(across);
  const last = v128.load(across, 16);
  const line = <usize>width << 2;
  if (ix > 0 && iy > 0 && ix + 2 < width && iy + 2 < height) {
    const row = picture + ((<usize>(iy - 1) * <usize>width + <usize>(ix - 1)) << 2);
    const one = rowOfBytes(v128.load(row), first, last);
    const two = rowOfBytes(v128.load(row + line), first, last);
    const three = rowOfBytes(v128.load(row + 2 * line), first, last);
    return together(one, two, three, rowOfBytes(v128.load(row + 3 * line), first, last), down);
  }
  return edgeBytes(picture, width, height, ix, iy, across, down);
}

function edgeBytes(picture: usize, width: i32, height: i32, ix: i32, iy: i32, across: usize, down: usize): v128 {
  let sum = f32x4.splat(0);
  for (let j = 0; j < 4; j++) {
    const row = picture + ((<usize>max(0, min(height - 1, iy - 1 + j)) * <usize>width) << 2);
    let bytes = v128.load32_zero(row + (<usize>max(ix - 1, 0) << 2));
    bytes = v128.load32_lane(row + (<usize>ix << 2), bytes, 1);
    bytes = v128.load32_lane(row + (<usize>min(ix + 1, width - 1) << 2), bytes, 2);
    bytes = v128.load32_lane(row + (<usize>min(ix + 2, width - 1) << 2), bytes, 3);
    const weight = v128.load32_splat(down + (<usize>j << 2), 32);
    sum = f32x4.add(sum, f32x4.mul(rowOfBytes(bytes, v128.load(across), v128.load(across, 16)), weight));
  }
  return sum;
}

/** Sixteen bits do not fit the signed dot product: half of the range is taken off, and added again at the end. */
// @ts-ignore: decorator
@inline
function rowOfWords(left: v128, right: v128, first: v128, last: v128): v128 {
  const half = i16x8.splat(-32768);
  const one = v128.xor(i8x16.shuffle(left, left, 0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15), half);
  const two = v128.xor(i8x16.shuffle(right, right, 0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15), half);
  return f32x4.convert_i32x4_s(i32x4.add(i32x4.dot_i16x8_s(one, first), i32x4.dot_i16x8_s(two, last)));
}

/** Of a picture of four u16 a pixel, no padding, at a place that `placeBy` gave. */
// @ts-ignore: decorator
@inline
export function sampleWords(picture: usize, width: i32, height: i32, place: v128): v128 {
  const px = i32x4.extract_lane(place, 0);
  const py = i32x4.extract_lane(place, 1);
  const ix = px >> 6;
  const iy = py >> 6;
  const across = tapsAcross(place);
  const down = tapsDown(place);
  const first = v128.load(across);
  const last = v128.load(across, 16);
  const line = <usize>width << 3;
  if (ix > 0 && iy > 0 && ix + 2 < width && iy + 2 < height) {
    const row = picture + ((<usize>(iy - 1) * <usize>width + <usize>(ix - 1)) << 3);
    const third = row + 2 * line;
    const fourth = row + 3 * line;
    const one = rowOfWords(v128.load(row), v128.load(row, 16), first, last);
    const two = rowOfWords(v128.load(row + line), v128.load(row + line, 16), first, last);
    const three = rowOfWords(v128.load(third), v128.load(third, 16), first, last);
    const four = rowOfWords(v128.load(fourth), v128.load(fourth, 16), first, last);
    return f32x4.add(together(one, two, three, four, down), f32x4.splat(32768));
  }
  return edgeWords(picture, width, height, ix, iy, across, down);
}

function edgeWords(picture: usize, width: i32, height: i32, ix: i32, iy: i32, across: usize, down: usize): v128 {
  let sum = f32x4.splat(0);
  for (let j = 0; j < 4; j++) {
    const row = picture + ((<usize>max(0, min(height - 1, iy - 1 + j)) * <usize>width) << 3);
    let left = v128.load64_zero(row + (<usize>max(ix - 1, 0) << 3));
    left = v128.load64_lane(row + (<usize>ix << 3), left, 1);
    let right = v128.load64_zero(row + (<usize>min(ix + 1, width - 1) << 3));
    right = v128.load64_lane(row + (<usize>min(ix + 2, width - 1) << 3), right, 1);
    const weight = v128.load32_splat(down + (<usize>j << 2), 32);
    sum = f32x4.add(sum, f32x4.mul(rowOfWords(left, right, v128.load(across), v128.load(across, 16)), weight));
  }
  return f32x4.add(sum, f32x4.splat(32768));
}
