import { bandFrom, bandTo, barrier } from './team';

// What frames are compared by: four u8 a pixel: red, green, blue (over black where transparent) and edge, which is 128 plus grey
// minus its blur: texture counts even where the light changes. A mask, where there is one, shifts edge: inside matches inside.

const RED: u32 = 19595; // Rec. 601 weights in 1/65536: grey for the eye, the colours themselves are there too
const GREEN: u32 = 38470;
const BLUE: u32 = 7471;
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
    for (let x = 0; x < width; x++, from += bytes) {
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

// @ts-ignore: decorator
@inline
function rowOf(y: i32, width: i32, height: i32): usize {
  return (<usize>max(0, min(height - 1, y)) * <usize>width) << 1;
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
