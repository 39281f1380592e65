import { bandFrom, bandTo, barrier } from './team';

// Planes of f32, no padding. Blurs are sums of taps in a fixed order, never running sums: those would round differently for
// every way to split the rows.

/** Blurs with [1 4 6 4 1]/16 along both axes (deviation 1 pixel), edges repeated. `between`: scratch of the same size. */
export function smooth(plane: usize, between: usize, width: i32, height: i32): void {
  const top = bandFrom(height);
  const bottom = bandTo(height);
  const line = <usize>width << 2;
  for (let y = top; y < bottom; y++) {
    const row = plane + <usize>y * line;
    const to = between + <usize>y * line;
    let x = 0;
    for (; x < min(2, width); x++) store<f32>(to + (<usize>x << 2), edgeTaps(row, width, x));
    for (; x + 6 <= width; x += 4) {
      const at = row + (<usize>x << 2);
      const outer = f32x4.add(v128.load(at - 8), v128.load(at, 8));
      const inner = f32x4.add(v128.load(at - 4), v128.load(at, 4));
      v128.store(to + (<usize>x << 2), weigh(outer, inner, v128.load(at)));
    }
    for (; x < width; x++) store<f32>(to + (<usize>x << 2), edgeTaps(row, width, x));
  }
  barrier();
  for (let y = top; y < bottom; y++) {
    const a = between + <usize>max(0, y - 2) * line;
    const b = between + <usize>max(0, y - 1) * line;
    const c = between + <usize>y * line;
    const d = between + <usize>min(height - 1, y + 1) * line;
    const e = between + <usize>min(height - 1, y + 2) * line;
    const to = plane + <usize>y * line;
    let at: usize = 0;
    for (; at + 16 <= line; at += 16) {
      const outer = f32x4.add(v128.load(a + at), v128.load(e + at));
      const inner = f32x4.add(v128.load(b + at), v128.load(d + at));
      v128.store(to + at, weigh(outer, inner, v128.load(c + at)));
    }
    for (; at < line; at += 4) {
      const outer = load<f32>(a + at) + load<f32>(e + at);
      const inner = load<f32>(b + at) + load<f32>(d + at);
      store<f32>(to + at, outer * 0.0625 + inner * 0.25 + load<f32>(c + at) * 0.375);
    }
  }
  barrier();
}

// @ts-ignore: decorator
@inline
function weigh(outer: v128, inner: v128, middle: v128): v128 {
  return f32x4.add(
    f32x4.add(f32x4.mul(outer, f32x4.splat(0.0625)), f32x4.mul(inner, f32x4.splat(0.25))),
    f32x4.mul(middle, f32x4.splat(0.375)),
  );
}

function edgeTaps(row: usize, width: i32, x: i32): f32 {
  const last = width - 1;
  const outer = load<f32>(row + (<usize>max(0, x - 2) << 2)) + load<f32>(row + (<usize>min(last, x + 2) << 2));
  const inner = load<f32>(row + (<usize>max(0, x - 1) << 2)) + load<f32>(row + (<usize>min(last, x + 1) << 2));
  return outer * 0.0625 + inner * 0.25 + load<f32>(row + (<usize>x << 2)) * 0.375;
}
