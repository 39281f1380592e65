import { bandFrom, bandTo } from './team';

// Maps say where each pixel of a frame is found in a key: f32 (dx, dy), interleaved, in pixels.

/** The map of a frame by its neighbour's: `step` is the flow from the frame to that neighbour, `known` the neighbour's map. */
export function mapAlong(step: usize, known: usize, width: i32, height: i32, out: usize): void {
  const bottom = bandTo(height);
  for (let y = bandFrom(height); y < bottom; y++) {
    let at = (<usize>y * <usize>width) << 3;
    for (let x = 0; x < width; x++, at += 8) {
      const dx = load<f32>(step + at);
      const dy = load<f32>(step + at, 4);
      const px = max<f32>(0, min<f32>(<f32>(width - 1), <f32>x + dx));
      const py = max<f32>(0, min<f32>(<f32>(height - 1), <f32>y + dy));
      const ix = <i32>px;
      const iy = <i32>py;
      const tx = px - <f32>ix;
      const ty = py - <f32>iy;
      const upper = known + ((<usize>iy * <usize>width + <usize>ix) << 3);
      const lower = iy + 1 < height ? upper + ((<usize>width) << 3) : upper;
      const right: usize = ix + 1 < width ? 8 : 0;
      const a = f32x4.mul(v128.load64_zero(upper), f32x4.splat((1 - tx) * (1 - ty)));
      const b = f32x4.mul(v128.load64_zero(upper + right), f32x4.splat(tx * (1 - ty)));
      const c = f32x4.mul(v128.load64_zero(lower), f32x4.splat((1 - tx) * ty));
      const d = f32x4.mul(v128.load64_zero(lower + right), f32x4.splat(tx * ty));
      const there = f32x4.add(f32x4.add(a, b), f32x4.add(c, d));
      store<f32>(out + at, dx + f32x4.extract_lane(there, 0));
      store<f32>(out + at, dy + f32x4.extract_lane(there, 1), 4);
    }
  }
}
