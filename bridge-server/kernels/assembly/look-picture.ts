import { bandFrom, bandTo, barrier } from './team';

// The looks work on planes of four f32 a pixel (16 bytes, one SIMD register). A picture is (r·a, g·a, b·a, a) in 0..1:
// premultiplied, so that what lies under transparent pixels never bleeds into the visible ones.

/** u16 RGB(A), straight, to a picture. */
export function lookLoad(source: usize, channels: i32, picture: usize, width: i32, height: i32): void {
  const from = bandFrom(height) * width;
  const to = bandTo(height) * width;
  const unit = f32x4.splat(1.0 / 65535.0);
  for (let p = from; p < to; p++) {
    const at = source + p * channels * 2;
    const alpha: f32 = channels == 4 ? <f32>load<u16>(at, 6) : 65535;
    const colour = f32x4.mul(f32x4(<f32>load<u16>(at), <f32>load<u16>(at, 2), <f32>load<u16>(at, 4), 65535), unit);
    v128.store(picture + ((<usize>p) << 4), f32x4.mul(colour, f32x4.splat(alpha * <f32>(1.0 / 65535.0))));
  }
}

/** Straight colour (r, g, b, any) to u16 with the source's alpha. Where the source is fully transparent its colour stays too. */
export function lookStore(picture: usize, source: usize, channels: i32, target: usize, width: i32, height: i32): void {
  const from = bandFrom(height) * width;
  const to = bandTo(height) * width;
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  for (let p = from; p < to; p++) {
    const at = p * channels * 2;
    if (channels == 4) {
      const alpha = load<u16>(source + at, 6);
      store<u16>(target + at, alpha, 6);
      if (alpha == 0) {
        store<u32>(target + at, load<u32>(source + at));
        store<u16>(target + at, load<u16>(source + at, 4), 4);
        continue;
      }
    }
    const colour = f32x4.min(f32x4.max(v128.load(picture + ((<usize>p) << 4)), zero), one);
    const levels = i32x4.trunc_sat_f32x4_s(f32x4.add(f32x4.mul(colour, f32x4.splat(65535)), f32x4.splat(0.5)));
    store<u16>(target + at, <u16>i32x4.extract_lane(levels, 0));
    store<u16>(target + at, <u16>i32x4.extract_lane(levels, 1), 2);
    store<u16>(target + at, <u16>i32x4.extract_lane(levels, 2), 4);
  }
}

/**
 * Weighted mean along rows and then along columns, edges repeated. `weights`: 2*radius+1 f32 that sum to 1. `between` is
 * scratch of the same size; `target` may be `source`.
 */
export function lookBlur(
  source: usize,
  between: usize,
  target: usize,
  width: i32,
  height: i32,
  weights: usize,
  radius: i32,
): void {
  const from = bandFrom(height);
  const to = bandTo(height);
  for (let y = from; y < to; y++) {
    const row = source + ((<usize>y * width) << 4);
    for (let x = 0; x < width; x++) {
      let sum = f32x4.splat(0);
      if (x >= radius && x + radius < width) {
        let at = row + ((<usize>(x - radius)) << 4);
        for (let i = 0; i <= 2 * radius; i++, at += 16) {
          sum = f32x4.add(sum, f32x4.mul(v128.load(at), v128.load32_splat(weights + ((<usize>i) << 2))));
        }
      } else {
        for (let i = -radius; i <= radius; i++) {
          const at = row + ((<usize>min(max(x + i, 0), width - 1)) << 4);
          sum = f32x4.add(sum, f32x4.mul(v128.load(at), v128.load32_splat(weights + ((<usize>(i + radius)) << 2))));
        }
      }
      v128.store(between + ((<usize>y * width + x) << 4), sum);
    }
  }
  barrier();
  const stride = (<usize>width) << 4;
  for (let y = from; y < to; y++) {
    for (let x = 0; x < width; x++) {
      const column = between + ((<usize>x) << 4);
      let sum = f32x4.splat(0);
      for (let i = -radius; i <= radius; i++) {
        const at = column + <usize>min(max(y + i, 0), height - 1) * stride;
        sum = f32x4.add(sum, f32x4.mul(v128.load(at), v128.load32_splat(weights + ((<usize>(i + radius)) << 2))));
      }
      v128.store(target + ((<usize>y * width + x) << 4), sum);
    }
  }
}

/** The four values at a place between pixels, edges repeated. */
export function sample(plane: usize, width: i32, height: i32, x: f32, y: f32): v128 {
  const cx: f32 = min(max(x, 0), <f32>(width - 1));
  const cy: f32 = min(max(y, 0), <f32>(height - 1));
  const i = min(<i32>cx, max(width - 2, 0));
  const j = min(<i32>cy, max(height - 2, 0));
  const fx = f32x4.splat(cx - <f32>i);
  const fy = f32x4.splat(cy - <f32>j);
  const right: usize = width > 1 ? 16 : 0;
  const down: usize = height > 1 ? (<usize>width) << 4 : 0;
  const at = plane + ((<usize>j * width + i) << 4);
  const a = v128.load(at);
  const c = v128.load(at + down);
  const top = f32x4.add(a, f32x4.mul(f32x4.sub(v128.load(at + right), a), fx));
  const bottom = f32x4.add(c, f32x4.mul(f32x4.sub(v128.load(at + down + right), c), fx));
  return f32x4.add(top, f32x4.mul(f32x4.sub(bottom, top), fy));
}
