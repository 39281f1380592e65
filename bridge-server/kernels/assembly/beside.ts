import { barrier, firstDealt, nextDealt } from './team';
import { pixel, storeWords, words } from './pixel';
import { placeBy, rowOfBytes, sampleBytes, sampleWords, tapsAcross, tapsDown, together } from './sample';

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
function colours(value: v128): f32 {
  return f32x4.extract_lane(value, 0) + f32x4.extract_lane(value, 1) + f32x4.extract_lane(value, 2);
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

/** Whether the window about (x, y) and what bicubic samples of it read, at `place` and about it, lie inside the picture. */
// @ts-ignore: decorator
@inline
function wholeInside(place: v128, width: i32, height: i32): bool {
  const ix = i32x4.extract_lane(place, 0) >> 6;
  const iy = i32x4.extract_lane(place, 1) >> 6;
  return ix >= 2 && iy >= 2 && ix + 3 < width && iy + 3 < height;
}

/** Address of the first pixel that a sample at `place` reads, and the next two columns' beside it. */
// @ts-ignore: decorator
@inline
function firstRead(key: usize, place: v128, width: i32): usize {
  const ix = (i32x4.extract_lane(place, 0) >> 6) - 2;
  const iy = (i32x4.extract_lane(place, 1) >> 6) - 2;
  return key + ((<usize>iy * <usize>width + <usize>ix) << 2);
}

// @ts-ignore: decorator
@inline
function rowAt(at: usize, across: usize): v128 {
  return rowOfBytes(v128.load(at), v128.load(across), v128.load(across, 16));
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
  if (colours(f32x4.mul(better, centre)) <= 0) return f32x4.splat(0);
  const byA = part > 0;
  const byB = part < 1;
  const placeA = byA ? placeBy(mapA + (q << 3), x, y, width, height) : i32x4.splat(128);
  const placeB = byB ? placeBy(mapB + (q << 3), x, y, width, height) : i32x4.splat(128);
  let squares = f32x4.splat(0);
  let crosses = f32x4.splat(0);
  if (
    x > 0 && y > 0 && x + 1 < width && y + 1 < height &&
    (!byA || wholeInside(placeA, width, height)) && (!byB || wholeInside(placeB, width, height))
  ) {
    // Nine samples by the same vectors: each row of a column is taken by its taps once.
    const line = <usize>width << 2;
    const acrossA = tapsAcross(placeA);
    const acrossB = tapsAcross(placeB);
    const downA = tapsDown(placeA);
    const downB = tapsDown(placeB);
    const cornerA = firstRead(keyA, placeA, width);
    const cornerB = firstRead(keyB, placeB, width);
    const ofA = f32x4.splat(part);
    const ofB = f32x4.splat(1 - part);
    let a1 = f32x4.splat(0);
    let a2 = f32x4.splat(0);
    let a3 = f32x4.splat(0);
    let b1 = f32x4.splat(0);
    let b2 = f32x4.splat(0);
    let b3 = f32x4.splat(0);
    for (let i = 0; i < 3; i++) {
      let a = cornerA + (<usize>i << 2);
      let b = cornerB + (<usize>i << 2);
      if (byA) {
        a1 = rowAt(a, acrossA);
        a2 = rowAt(a + line, acrossA);
        a3 = rowAt(a + 2 * line, acrossA);
      }
      if (byB) {
        b1 = rowAt(b, acrossB);
        b2 = rowAt(b + line, acrossB);
        b3 = rowAt(b + 2 * line, acrossB);
      }
      let n = p - <usize>width + <usize>i - 1;
      for (let j = 0; j < 3; j++) {
        let shown = f32x4.splat(0);
        if (byA) {
          const a4 = rowAt(a + 3 * line, acrossA);
          shown = f32x4.mul(together(a1, a2, a3, a4, downA), ofA);
          a1 = a2;
          a2 = a3;
          a3 = a4;
          a += line;
        }
        if (byB) {
          const b4 = rowAt(b + 3 * line, acrossB);
          shown = f32x4.add(shown, f32x4.mul(together(b1, b2, b3, b4, downB), ofB));
          b1 = b2;
          b2 = b3;
          b3 = b4;
          b += line;
        }
        const left = missed(residual, n);
        // Shown less mixed: the mix is the frame less the residual.
        const change = f32x4.add(f32x4.sub(shown, pixel(frame + (n << 2))), left);
        const weighed = f32x4.mul(change, f32x4.splat(<f32>((i == 1 ? 2 : 1) * (j == 1 ? 2 : 1))));
        squares = f32x4.add(squares, f32x4.mul(weighed, change));
        crosses = f32x4.add(crosses, f32x4.mul(weighed, left));
        n += <usize>width;
      }
    }
  } else {
    for (let i = 0; i < 3; i++) {
      const nx = max(0, min(width - 1, x + i - 1));
      for (let j = 0; j < 3; j++) {
        const ny = max(0, min(height - 1, y + j - 1));
        const n = <usize>ny * <usize>width + <usize>nx;
        const left = missed(residual, n);
        const shown = shownBy(false, q, part, keyA, mapA, keyB, mapB, width, height, nx, ny);
        const change = f32x4.add(f32x4.sub(shown, pixel(frame + (n << 2))), left);
        const weighed = f32x4.mul(change, f32x4.splat(<f32>((i == 1 ? 2 : 1) * (j == 1 ? 2 : 1))));
        squares = f32x4.add(squares, f32x4.mul(weighed, change));
        crosses = f32x4.add(crosses, f32x4.mul(weighed, left));
      }
    }
  }
  const square = colours(squares);
  const cross = colours(crosses);
  const taken = max<f32>(0, min<f32>(1, cross / (square + HOLD * WINDOW)));
  const error = own - 2 * taken * cross + taken * taken * square;
  const ratio = (own + GRAIN * WINDOW) / (max<f32>(0, error) + GRAIN * WINDOW);
  const weight: f32 = error < own ? ratio * ratio * ratio * ratio : 0;
  return f32x4.replace_lane(f32x4.splat(weight), 0, taken * weight);
}

/** Squared residuals of the colours of two pixels, two sums of each, in 1/64. */
// @ts-ignore: decorator
@inline
function squaresAt(at: usize): v128 {
  const left = v128.and(v128.load(at), i16x8(-1, -1, -1, 0, -1, -1, -1, 0));
  return i32x4.dot_i16x8_s(left, left);
}

/** The same, of three rows of which the middle one counts twice. */
// @ts-ignore: decorator
@inline
function squaresDown(at: usize, line: usize): v128 {
  return i32x4.add(i32x4.add(squaresAt(at - line), squaresAt(at + line)), i32x4.shl(squaresAt(at), 1));
}

/** Squared residuals in the windows about four pixels beside each other, in 1/64, all of them inside the picture. */
// @ts-ignore: decorator
@inline
function squaresAbout(at: usize, line: usize): v128 {
  const one = squaresDown(at - 8, line);
  const two = squaresDown(at + 8, line);
  const three = squaresDown(at + 24, line);
  const left = i32x4.add(i32x4.shuffle(one, two, 0, 2, 4, 6), i32x4.shuffle(one, two, 1, 3, 5, 7));
  const right = i32x4.add(i32x4.shuffle(two, three, 0, 2, 4, 6), i32x4.shuffle(two, three, 1, 3, 5, 7));
  return i32x4.add(i32x4.add(left, right), i32x4.shl(i32x4.shuffle(left, right, 1, 2, 3, 6), 1));
}

/** The same of one pixel anywhere; edges repeated. */
function squareAbout(residual: usize, width: i32, height: i32, x: i32, y: i32): i32 {
  let sum = i32x4.splat(0);
  for (let j = -1; j <= 1; j++) {
    const row = <usize>max(0, min(height - 1, y + j)) * <usize>width;
    for (let i = -1; i <= 1; i++) {
      const left = v128.load64_zero(residual + ((row + <usize>max(0, min(width - 1, x + i))) << 3));
      const three = v128.and(left, i16x8(-1, -1, -1, 0, 0, 0, 0, 0));
      sum = i32x4.add(sum, i32x4.shl(i32x4.dot_i16x8_s(three, three), (i == 0 ? 1 : 0) + (j == 0 ? 1 : 0)));
    }
  }
  return i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 1);
}

/** The shares that the motions beside (x, y) take of it, four u8; `own`: the squared error of its own. */
function sharesBeside(
  frame: usize,
  keyA: usize,
  mapA: usize,
  keyB: usize,
  mapB: usize,
  width: i32,
  height: i32,
  share: usize,
  residual: usize,
  x: i32,
  y: i32,
  own: f32,
): u32 {
  const p = <usize>y * <usize>width + <usize>x;
  let shares = f32x4.splat(0);
  let total: f32 = 1;
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
  const parts = i32x4.trunc_sat_f32x4_u(f32x4.nearest(f32x4.mul(shares, f32x4.splat(WHOLE / total))));
  const halves = i16x8.narrow_i32x4_u(parts, parts);
  return i32x4.extract_lane(i8x16.narrow_i16x8_u(halves, halves), 0);
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
  const line = <usize>width << 3;
  const least = <i32>(MISSED * WINDOW * RESIDUAL * RESIDUAL);
  for (let y = firstDealt(); y < height; y = nextDealt(y)) {
    const row = <usize>y * <usize>width;
    let four = 0;
    for (let x = 0; x < width; x++) {
      // Most pixels are explained by their own motions: four of them are passed over at once.
      while (y > 0 && y + 1 < height && x > 0 && x + 5 <= width && x >= four) {
        const squares = squaresAbout(residual + ((row + <usize>x) << 3), line);
        four = x + 4;
        if (v128.any_true(i32x4.gt_s(squares, i32x4.splat(least)))) break;
        v128.store(beside + ((row + <usize>x) << 2), i32x4.splat(0));
        x += 4;
      }
      const square = squareAbout(residual, width, height, x, y);
      let shares: u32 = 0;
      if (square > least) {
        const own = <f32>square * (1 / (RESIDUAL * RESIDUAL));
        shares = sharesBeside(frame, keyA, mapA, keyB, mapB, width, height, share, residual, x, y, own);
      }
      store<u32>(beside + ((row + <usize>x) << 2), shares);
    }
  }
  barrier();
  for (let y = firstDealt(); y < height; y = nextDealt(y)) {
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
