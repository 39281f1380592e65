import { bandFrom, bandTo, barrier } from './team';
import { pixel, storeWords, words } from './pixel';
import { placeBy, sampleBytes, sampleWords } from './sample';

// At the border of two things that move differently a map follows one of them. What the motions of the pixels beside would show there is
// mixed in as far as it explains the frame's source: half-covered pixels get both, pixels on the wrong side the other.

/** How far away the pixels are whose motions are tried: left, above, right, below. */
const AWAY: i32 = 3;
const SIDES: i32 = 4;
/** Motions that differ by less, in pixels along both axes, are the same. */
const APART: f32 = 1;
/** Weights of the window of 3x3 about a pixel: 1 2 1 along both axes. */
const WINDOW: f32 = 16;
/** Squared residual, summed over the colours, from which on it is tried. */
const MISSED: f32 = 12;
/** Squared difference of the two, summed over the colours, that holds a pixel to its own motion. */
const HOLD: f32 = 5;
/** Squared error that counts as nothing when motions are compared. */
const GRAIN: f32 = 1;
/** Shares nearer than this to one key are all of it: another sample would change nothing. */
const SLIGHT: f32 = 0.02;
/** Residuals are i16 in 1/8 of an 8-bit level (blend.ts). */
const RESIDUAL: f32 = 8;
/** Shares of motions are u8. */
const WHOLE: f32 = 255;

// @ts-ignore: decorator
@inline
function missed(residual: usize, p: usize): v128 {
  return f32x4.mul(words(residual + (p << 3)), f32x4.splat(1 / RESIDUAL));
}

// @ts-ignore: decorator
@inline
function colours(a: v128, b: v128): f32 {
  const product = f32x4.mul(a, b);
  return f32x4.extract_lane(product, 0) + f32x4.extract_lane(product, 1) + f32x4.extract_lane(product, 2);
}

/** The pixel beside (x, y) on a side; -1 outside the picture. */
// @ts-ignore: decorator
@inline
function besideOf(side: i32, x: i32, y: i32, width: i32, height: i32): i32 {
  const qx = x + (side == 0 ? -AWAY : side == 2 ? AWAY : 0);
  const qy = y + (side == 1 ? -AWAY : side == 3 ? AWAY : 0);
  return qx < 0 || qy < 0 || qx >= width || qy >= height ? -1 : qy * width + qx;
}

/** The share of key A at a pixel; all or nothing where it is nearly that. */
// @ts-ignore: decorator
@inline
function shareAt(share: usize, keyB: usize, q: usize): f32 {
  if (keyB == 0) return 1;
  const part = load<f32>(share + (q << 2));
  return part > 1 - SLIGHT ? 1 : part < SLIGHT ? 0 : part;
}

/** What both keys, mixed as at pixel `q`, show at (x, y) by the motions of `q`. */
// @ts-ignore: decorator
@inline
function shownBy(
  words: bool,
  q: usize,
  part: f32,
  keyA: usize,
  mapA: usize,
  keyB: usize,
  mapB: usize,
  width: i32,
  height: i32,
  x: i32,
  y: i32,
): v128 {
  let shown = f32x4.splat(0);
  if (part > 0) {
    const place = placeBy(mapA + (q << 3), x, y, width, height);
    const a = words ? sampleWords(keyA, width, height, place) : sampleBytes(keyA, width, height, place);
    shown = f32x4.mul(a, f32x4.splat(part));
  }
  if (part < 1) {
    const place = placeBy(mapB + (q << 3), x, y, width, height);
    const b = words ? sampleWords(keyB, width, height, place) : sampleBytes(keyB, width, height, place);
    shown = f32x4.add(shown, f32x4.mul(b, f32x4.splat(1 - part)));
  }
  return shown;
}

// @ts-ignore: decorator
@inline
function apart(map: usize, p: usize, q: usize): bool {
  const dx = load<f32>(map + (p << 3)) - load<f32>(map + (q << 3));
  const dy = load<f32>(map + (p << 3), 4) - load<f32>(map + (q << 3), 4);
  return max(abs(dx), abs(dy)) >= APART;
}

/**
 * How well the motions of `q` explain what the mix misses about pixel (x, y): the part of it that they take (least squares, held towards none),
 * times the weight of that, and the weight itself, against 1 for the pixel's own motions, whose squared error is `own`.
 */
function explained(
  q: usize,
  part: f32,
  frame: usize,
  keyA: usize,
  mapA: usize,
  keyB: usize,
  mapB: usize,
  width: i32,
  height: i32,
  residual: usize,
  x: i32,
  y: i32,
  own: f32,
): v128 {
  const p = <usize>y * <usize>width + <usize>x;
  const centre = missed(residual, p);
  const first = shownBy(false, q, part, keyA, mapA, keyB, mapB, width, height, x, y);
  const better = f32x4.add(f32x4.sub(first, pixel(frame + (p << 2))), centre);
  if (colours(better, centre) <= 0) return f32x4.splat(0);
  let square: f32 = 0;
  let cross: f32 = 0;
  for (let j = -1; j <= 1; j++) {
    const ny = max(0, min(height - 1, y + j));
    for (let i = -1; i <= 1; i++) {
      const nx = max(0, min(width - 1, x + i));
      const n = <usize>ny * <usize>width + <usize>nx;
      const left = missed(residual, n);
      const shown = shownBy(false, q, part, keyA, mapA, keyB, mapB, width, height, nx, ny);
      // Shown less mixed: the mix is the frame less the residual.
      const change = f32x4.add(f32x4.sub(shown, pixel(frame + (n << 2))), left);
      const weight = <f32>((i == 0 ? 2 : 1) * (j == 0 ? 2 : 1));
      square += weight * colours(change, change);
      cross += weight * colours(change, left);
    }
  }
  const taken = max<f32>(0, min<f32>(1, cross / (square + HOLD * WINDOW)));
  const error = own - 2 * taken * cross + taken * taken * square;
  const ratio = (own + GRAIN * WINDOW) / (max<f32>(0, error) + GRAIN * WINDOW);
  const weight: f32 = error < own ? ratio * ratio * ratio * ratio : 0;
  return f32x4.replace_lane(f32x4.splat(weight), 0, taken * weight);
}

/**
 * Of a mix (blend.ts; `keyB` 0 where there is one key) the shares that the motions of the pixels beside take of each pixel, into `beside`: four
 * u8, parts of 255, none for most. `residual` becomes what is missed then.
 */
export function mixBeside(
  frame: usize,
  keyA: usize,
  mapA: usize,
  keyB: usize,
  mapB: usize,
  width: i32,
  height: i32,
  share: usize,
  residual: usize,
  beside: usize,
): void {
  const top = bandFrom(height);
  const bottom = bandTo(height);
  for (let y = top; y < bottom; y++) {
    for (let x = 0; x < width; x++) {
      const p = <usize>y * <usize>width + <usize>x;
      let own: f32 = 0;
      for (let j = -1; j <= 1; j++) {
        const row = <usize>max(0, min(height - 1, y + j)) * <usize>width;
        for (let i = -1; i <= 1; i++) {
          const left = missed(residual, row + <usize>max(0, min(width - 1, x + i)));
          own += <f32>((i == 0 ? 2 : 1) * (j == 0 ? 2 : 1)) * colours(left, left);
        }
      }
      let shares = f32x4.splat(0);
      let total: f32 = 1;
      if (own > MISSED * WINDOW) {
        for (let side = 0; side < SIDES; side++) {
          shares = i32x4.shuffle(shares, shares, 1, 2, 3, 0);
          const q = <usize>besideOf(side, x, y, width, height);
          if (<isize>q < 0) continue;
          const part = shareAt(share, keyB, q);
          if (!((part > 0 && apart(mapA, p, q)) || (part < 1 && apart(mapB, p, q)))) continue;
          const found = explained(q, part, frame, keyA, mapA, keyB, mapB, width, height, residual, x, y, own);
          shares = f32x4.replace_lane(shares, 3, f32x4.extract_lane(found, 0));
          total += f32x4.extract_lane(found, 1);
        }
      }
      const parts = i32x4.trunc_sat_f32x4_u(f32x4.nearest(f32x4.mul(shares, f32x4.splat(WHOLE / total))));
      const halves = i16x8.narrow_i32x4_u(parts, parts);
      store<u32>(beside + (p << 2), i32x4.extract_lane(i8x16.narrow_i16x8_u(halves, halves), 0));
    }
  }
  barrier();
  for (let y = top; y < bottom; y++) {
    for (let x = 0; x < width; x++) {
      const p = <usize>y * <usize>width + <usize>x;
      if (load<u32>(beside + (p << 2)) == 0) continue;
      const here = pixel(frame + (p << 2));
      const mixed = f32x4.sub(here, missed(residual, p));
      const shown = withBeside(false, mixed, p, x, y, keyA, mapA, keyB, mapB, width, height, share, beside);
      storeWords(residual + (p << 3), f32x4.mul(f32x4.sub(here, shown), f32x4.splat(RESIDUAL)));
    }
  }
  barrier();
}

/** A mixed pixel of guides (u8) or pictures (`words`, u16), with what the motions beside take of it. */
// @ts-ignore: decorator
@inline
export function withBeside(
  words: bool,
  mixed: v128,
  p: usize,
  x: i32,
  y: i32,
  keyA: usize,
  mapA: usize,
  keyB: usize,
  mapB: usize,
  width: i32,
  height: i32,
  share: usize,
  beside: usize,
): v128 {
  let value = mixed;
  for (let side = 0; side < SIDES; side++) {
    const taken = load<u8>(beside + (p << 2) + <usize>side);
    if (taken == 0) continue;
    const q = <usize>besideOf(side, x, y, width, height);
    const shown = shownBy(words, q, shareAt(share, keyB, q), keyA, mapA, keyB, mapB, width, height, x, y);
    value = f32x4.add(value, f32x4.mul(f32x4.sub(shown, mixed), f32x4.splat(<f32>taken / WHOLE)));
  }
  return value;
}
