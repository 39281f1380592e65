import { bandFrom, bandTo, barrier } from './team';
import { smooth } from './smooth';

// Filling in by votes: every patch of the nearest-neighbour field (nnf.ts) that covers a pixel says what its place in the keys shows there.

const RESIDUAL: f32 = 8; // as in blend.ts
/** Added to residuals where they are kept as u16. */
const OFFSET: f32 = 16384;
const R = 2;
/** Squared error a value at which a patch's vote counts half. */
const DOUBT: f32 = 100;
/** A filled-in pixel counts where its squared error, times this, is below that of the mix, and fully where it is half of that. */
const CLEARLY: f32 = 0.7;

/** Mean squared residual over the colours, blurred to deviation 1.4 pixels, into `plane` (f32). */
export function doubt(residual: usize, width: i32, height: i32, plane: usize, between: usize): void {
  const to = <usize>bandTo(height) * <usize>width;
  for (let p = <usize>bandFrom(height) * <usize>width; p < to; p++) {
    const at = residual + (p << 3);
    const r = <f32>load<i16>(at);
    const g = <f32>load<i16>(at, 2);
    const b = <f32>load<i16>(at, 4);
    store<f32>(plane + (p << 2), (r * r + g * g + b * b) * <f32>(1.0 / 3.0 / 64.0));
  }
  barrier();
  smooth(plane, between, width, height);
  smooth(plane, between, width, height);
}

/** Sums of a plane (f32) over blocks of `side` x `side` pixels, fewer at the right and lower edges, into `sums` (f32). */
export function blockSums(plane: usize, width: i32, height: i32, side: i32, sums: usize): void {
  const blocksX = (width + side - 1) / side;
  const blocksY = (height + side - 1) / side;
  const last = bandTo(blocksY);
  for (let by = bandFrom(blocksY); by < last; by++) {
    const below = min(height, (by + 1) * side);
    for (let bx = 0; bx < blocksX; bx++) {
      const right = min(width, (bx + 1) * side);
      let sum: f32 = 0;
      for (let y = by * side; y < below; y++) {
        for (let x = bx * side; x < right; x++) sum += load<f32>(plane + ((<usize>y * <usize>width + <usize>x) << 2));
      }
      store<f32>(sums + ((<usize>by * <usize>blocksX + <usize>bx) << 2), sum);
    }
  }
}

/**
 * Fills in about the pixels that have a place in `field` (i32, -1: none; `errors` their squared patch distances, f32 a value): votes of the
 * keys' guides (`atlas`) and repaintings (`pictures`, premultiplied, in the same order), weighed by how alike the patches are. Where
 * the vote matches the frame clearly better than the mix, whose blurred squared error is `doubts`, it takes its place: its
 * share 0..1 into `filled` (f32), its picture into `votes` (four u16), and the residual is what it misses. `misses`: scratch like `votes`;
 * `plane`, `between`: f32 planes of scratch.
 */
export function vote(
  frame: usize,
  atlas: usize,
  pictures: usize,
  width: i32,
  height: i32,
  field: usize,
  errors: usize,
  doubts: usize,
  residual: usize,
  filled: usize,
  votes: usize,
  misses: usize,
  plane: usize,
  between: usize,
): void {
  const top = bandFrom(height);
  const bottom = bandTo(height);
  for (let y = top; y < bottom; y++) {
    for (let x = 0; x < width; x++) {
      const p = y * width + x;
      let weights: f32 = 0;
      let patches = 0;
      let source = f32x4.splat(0);
      let painted = f32x4.splat(0);
      for (let j = max(-R, -y); j <= min(R, height - 1 - y); j++) {
        for (let i = max(-R, -x); i <= min(R, width - 1 - x); i++) {
          const q = p + j * width + i;
          const place = load<i32>(field + (<usize>q << 2));
          if (place < 0) continue;
          const weight: f32 = DOUBT / (DOUBT + load<f32>(errors + (<usize>q << 2)));
          const from = <usize>(place - j * width - i);
          const guide = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(atlas + (from << 2))));
          source = f32x4.add(source, f32x4.mul(f32x4.convert_i32x4_s(guide), f32x4.splat(weight)));
          const picture = f32x4.convert_i32x4_s(v128.load16x4_u(pictures + (from << 3)));
          painted = f32x4.add(painted, f32x4.mul(picture, f32x4.splat(weight)));
          weights += weight;
          patches++;
        }
      }
      const at = <usize>p;
      store<f32>(filled + (at << 2), <f32>patches * <f32>(1.0 / 25.0));
      let error: f32 = 0;
      if (patches > 0) {
        const each = f32x4.splat(1 / weights);
        const here = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(frame + (at << 2))));
        const off = f32x4.sub(f32x4.convert_i32x4_s(here), f32x4.mul(source, each));
        put(misses + (at << 3), f32x4.add(f32x4.mul(off, f32x4.splat(RESIDUAL)), f32x4.splat(OFFSET)));
        const squares = f32x4.mul(off, off);
        error = f32x4.extract_lane(squares, 0) + f32x4.extract_lane(squares, 1) + f32x4.extract_lane(squares, 2);
        put(votes + (at << 3), f32x4.mul(painted, each));
      } else {
        store<u64>(votes + (at << 3), 0);
      }
      store<f32>(plane + (at << 2), error * <f32>(1.0 / 3.0));
    }
  }
  barrier();
  smooth(plane, between, width, height);
  const to = <usize>bottom * <usize>width;
  for (let p = <usize>top * <usize>width; p < to; p++) {
    const cover = load<f32>(filled + (p << 2));
    if (cover == 0) continue;
    const gain = load<f32>(doubts + (p << 2)) / (CLEARLY * load<f32>(plane + (p << 2)) + 1) - 1;
    const share = cover * max<f32>(0, min<f32>(1, gain));
    store<f32>(filled + (p << 2), share);
    if (share == 0) continue;
    const at = residual + (p << 3);
    const missed = f32x4.sub(f32x4.convert_i32x4_s(v128.load16x4_u(misses + (p << 3))), f32x4.splat(OFFSET));
    const kept = f32x4.mul(f32x4.convert_i32x4_s(v128.load16x4_s(at)), f32x4.splat(1 - share));
    const rounded = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.add(kept, f32x4.mul(missed, f32x4.splat(share)))));
    v128.store64_lane(at, i16x8.narrow_i32x4_s(rounded, rounded), 0);
  }
  barrier();
}

// @ts-ignore: decorator
@inline
function put(at: usize, value: v128): void {
  const levels = i32x4.trunc_sat_f32x4_u(f32x4.add(value, f32x4.splat(0.5)));
  store<u16>(at, <u16>i32x4.extract_lane(levels, 0));
  store<u16>(at, <u16>i32x4.extract_lane(levels, 1), 2);
  store<u16>(at, <u16>i32x4.extract_lane(levels, 2), 4);
  store<u16>(at, <u16>i32x4.extract_lane(levels, 3), 6);
}
