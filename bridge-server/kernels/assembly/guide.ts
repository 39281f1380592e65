import { bandFrom, bandTo, barrier } from './team';

// What frames are compared by: four u8 a pixel: red, green, blue (over black where transparent) and edge, which is 128 plus grey
// minus its blur: texture counts even where the light changes. A mask, where there is one, shifts edge: inside matches inside.

const RED: u32 = 19595; // Rec. 601 weights in 1/65536: grey for the eye, the colours themselves are there too
const GREEN: u32 = 38470;
const BLUE: u32 = 7471;
/** The same of red, green, blue and green again, which has half each time: it would not fit 16 bits. */
const GREY: v128 = i16x8(19595, 19235, 7471, 19235, 19595, 19235, 7471, 19235);
const RADIUS = 3;
/** What the edge channel differs by between the inside and the outside of a mask. */
const MASK_STEP = 64;

/** Of u16 RGB(A), straight, no padding. `mask`: width*height u8, or 0. `grey`, `sums`: scratch of width*height u8 and u16. */
export function guide(
  pixels: usize,
  width: i32,
  height: i32,
  channels: i32,
  mask: usize,
  grey: usize,
  sums: usize,
  out: usize,
): void {
  const top = bandFrom(height);
  const bottom = bandTo(height);
  const bytes = <usize>channels << 1;
  for (let y = top; y < bottom; y++) {
    const line = <usize>y * <usize>width;
    let from = pixels + line * bytes;
    let x = 0;
    // Colours alone, two pixels a vector; the last of a row are left to what follows, which reads nothing past it.
    for (; channels == 3 && x + 5 <= width; x += 4, from += 4 * bytes) {
      const one = eights(v128.load(from));
      const two = eights(v128.load(from, 12));
      v128.store(out + ((line + x) << 2), i8x16.narrow_i16x8_u(one, two));
      const a = i32x4.dot_i16x8_s(one, GREY);
      const b = i32x4.dot_i16x8_s(two, GREY);
      const sums = i32x4.add(i32x4.shuffle(a, b, 0, 2, 4, 6), i32x4.shuffle(a, b, 1, 3, 5, 7));
      const greys = i32x4.shr_u(i32x4.add(sums, i32x4.splat(32768)), 16);
      const halves = i16x8.narrow_i32x4_u(greys, greys);
      v128.store32_lane(grey + line + x, i8x16.narrow_i16x8_u(halves, halves), 0);
    }
    for (; x < width; x++, from += bytes) {
      const alpha: u32 = channels == 4 ? <u32>load<u16>(from, 6) : 65535;
      const r = eight(load<u16>(from), alpha);
      const g = eight(load<u16>(from, 2), alpha);
      const b = eight(load<u16>(from, 4), alpha);
      store<u32>(out + ((line + x) << 2), r | (g << 8) | (b << 16));
      store<u8>(grey + line + x, <u8>((r * RED + g * GREEN + b * BLUE + 32768) >> 16));
    }
    let sum: u32 = 0;
    for (let i = -RADIUS; i < RADIUS; i++) sum += <u32>load<u8>(grey + line + max(0, min(width - 1, i)));
    for (let x = 0; x < width; x++) {
      sum += <u32>load<u8>(grey + line + min(width - 1, x + RADIUS));
      store<u16>(sums + ((line + x) << 1), <u16>sum);
      sum -= <u32>load<u8>(grey + line + max(0, x - RADIUS));
    }
  }
  barrier();
  for (let y = top; y < bottom; y++) {
    const line = <usize>y * <usize>width;
    for (let x = 0; x < width; ) {
      const at = sums + (<usize>x << 1);
      if (x + 8 <= width) {
        let total = i16x8.splat(0);
        for (let j = y - RADIUS; j <= y + RADIUS; j++) total = i16x8.add(total, v128.load(at + rowOf(j, width, height)));
        if (mask == 0) {
          putEdges(out, grey, line + x, total);
          x += 8;
          continue;
        }
        for (const end = x + 8; x < end; x++, total = i8x16.shuffle(total, total, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1)) {
          putEdge(out, grey, mask, line + x, <i32>i16x8.extract_lane_u(total, 0));
        }
      } else {
        let total = 0;
        for (let j = y - RADIUS; j <= y + RADIUS; j++) total += <i32>load<u16>(at + rowOf(j, width, height));
        putEdge(out, grey, mask, line + x, total);
        x++;
      }
    }
  }
}

/** Two pixels of three u16 as red, green, blue, green of 8 bits each. */
// @ts-ignore: decorator
@inline
function eights(six: v128): v128 {
  const value = i8x16.shuffle(six, six, 0, 1, 2, 3, 4, 5, 2, 3, 6, 7, 8, 9, 10, 11, 8, 9);
  return i16x8.shr_u(i16x8.add(i16x8.sub(value, i16x8.shr_u(value, 8)), i16x8.splat(128)), 8);
}

// @ts-ignore: decorator
@inline
function rowOf(y: i32, width: i32, height: i32): usize {
  return (<usize>max(0, min(height - 1, y)) * <usize>width) << 1;
}

/** Of eight pixels, by the sums (u16) over the squares about them; no mask. */
// @ts-ignore: decorator
@inline
function putEdges(out: usize, grey: usize, p: usize, sums: v128): void {
  // Over 49, rounded: sums are less than 2^14, for which this is exact.
  const more = i16x8.add(sums, i16x8.splat(24));
  const low = i32x4.shr_u(i32x4.extmul_low_i16x8_u(more, i16x8.splat(21400)), 20);
  const high = i32x4.shr_u(i32x4.extmul_high_i16x8_u(more, i16x8.splat(21400)), 20);
  const greys = i16x8.add(v128.load8x8_u(grey + p), i16x8.splat(128));
  const edges = i16x8.sub(greys, i16x8.narrow_i32x4_s(low, high));
  const bytes = i8x16.narrow_i16x8_u(edges, edges);
  const at = out + (p << 2);
  v128.store8_lane(at, bytes, 0, 3);
  v128.store8_lane(at, bytes, 1, 7);
  v128.store8_lane(at, bytes, 2, 11);
  v128.store8_lane(at, bytes, 3, 15);
  v128.store8_lane(at, bytes, 4, 19);
  v128.store8_lane(at, bytes, 5, 23);
  v128.store8_lane(at, bytes, 6, 27);
  v128.store8_lane(at, bytes, 7, 31);
}

// @ts-ignore: decorator
@inline
function putEdge(out: usize, grey: usize, mask: usize, p: usize, sum: i32): void {
  const AREA: i32 = (2 * RADIUS + 1) * (2 * RADIUS + 1);
  let edge = 128 + <i32>load<u8>(grey + p) - (sum + (AREA >> 1)) / AREA;
  if (mask != 0) edge += (<i32>load<u8>(mask + p) * MASK_STEP) / 255 - MASK_STEP / 2;
  store<u8>(out + (p << 2), <u8>max(0, min(255, edge)), 3);
}

// @ts-ignore: decorator
@inline
function eight(value: u32, alpha: u32): u32 {
  if (alpha != 65535) value = (value * alpha + 32767) / 65535;
  return (value - (value >> 8) + 128) >> 8;
}

/** Makes a mask seen by what estimates flow: a quarter of its step is added to the luma, at the cost of a quarter of the luma's range. */
export function maskLuma(mask: usize, width: i32, height: i32, luma: usize): void {
  const to = <usize>bandTo(height) * <usize>width;
  for (let p = <usize>bandFrom(height) * <usize>width; p < to; p++) {
    store<u8>(luma + p, <u8>((3 * <u32>load<u8>(luma + p) + <u32>load<u8>(mask + p) + 2) >> 2));
  }
}

/** u16 RGB(A), straight, to four u16 a pixel, premultiplied: what is interpolated. */
export function premultiply(pixels: usize, width: i32, height: i32, channels: i32, out: usize): void {
  const to = bandTo(height) * width;
  for (let p = bandFrom(height) * width; p < to; p++) {
    const from = pixels + ((<usize>p * <usize>channels) << 1);
    const alpha: u32 = channels == 4 ? <u32>load<u16>(from, 6) : 65535;
    const at = out + (<usize>p << 3);
    store<u16>(at, times(load<u16>(from), alpha));
    store<u16>(at, times(load<u16>(from, 2), alpha), 2);
    store<u16>(at, times(load<u16>(from, 4), alpha), 4);
    store<u16>(at, alpha, 6);
  }
}

// @ts-ignore: decorator
@inline
function times(value: u32, alpha: u32): u16 {
  return <u16>(alpha == 65535 ? value : (value * alpha + 32767) / 65535);
}
