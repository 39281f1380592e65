// Twice the size, bilinearly: between levels of the pyramid, and from the finest level to the flow that is handed out.
import { bandFrom, bandTo, worker } from './team';
import { planeStride } from './refine';

/** Bytes of scratch for each worker: a row of u and a row of v of the coarser level, with a border. */
export function enlargeBytes(coarseWidth: i32): usize {
  return (<usize>(planeStride(coarseWidth) + 8)) << 3;
}

/**
 * A flow (planes u and v, w x h) at twice the size and length, width x height, where w = ceil(width / 2). Into planes when
 * `outV` is not 0, else interleaved without padding into `outU`.
 */
export function enlarge(
  u: usize,
  v: usize,
  w: i32,
  h: i32,
  outU: usize,
  outV: usize,
  width: i32,
  height: i32,
  scratch: usize,
): void {
  const line = (<usize>planeStride(w)) << 2;
  const rowU = scratch + <usize>worker * enlargeBytes(w) + 16;
  const rowV = rowU + enlargeBytes(w) / 2;
  const bottom = bandTo(height);
  for (let y = bandFrom(height); y < bottom; y++) {
    const near = <usize>(y >> 1) * line;
    const far = <usize>max(0, min(h - 1, (y >> 1) + (y & 1 ? 1 : -1))) * line;
    mixRows(u + near, u + far, w, rowU);
    mixRows(v + near, v + far, w, rowV);
    if (outV != 0) {
      const to = (<usize>y * <usize>planeStride(width)) << 2;
      widenRow(rowU, w, outU + to);
      widenRow(rowV, w, outV + to);
    } else {
      interleaveWidened(rowU, rowV, width, outU + ((<usize>y * <usize>width) << 3));
    }
  }
}

/** Planes to interleaved vectors of the same size. */
export function interleave(u: usize, v: usize, width: i32, height: i32, out: usize): void {
  const line = (<usize>planeStride(width)) << 2;
  const bottom = bandTo(height);
  for (let y = bandFrom(height); y < bottom; y++) {
    const row = <usize>y * line;
    let to = out + ((<usize>y * <usize>width) << 3);
    let x = 0;
    for (; x + 4 <= width; x += 4, to += 32) {
      const us = v128.load(u + row + ((<usize>x) << 2));
      const vs = v128.load(v + row + ((<usize>x) << 2));
      v128.store(to, v128.shuffle<f32>(us, vs, 0, 4, 1, 5));
      v128.store(to, v128.shuffle<f32>(us, vs, 2, 6, 3, 7), 16);
    }
    for (; x < width; x++, to += 8) {
      store<f32>(to, load<f32>(u + row + ((<usize>x) << 2)));
      store<f32>(to, load<f32>(v + row + ((<usize>x) << 2)), 4);
    }
  }
}

/** Twice (3 near + far) / 4, with its ends repeated: the vertical half of the interpolation. */
function mixRows(near: usize, far: usize, w: i32, to: usize): void {
  const length = (<usize>w) << 2;
  for (let x: usize = 0; x < length; x += 16) {
    const mixed = f32x4.add(
      f32x4.mul(f32x4.splat(1.5), v128.load(near + x)),
      f32x4.mul(f32x4.splat(0.5), v128.load(far + x)),
    );
    v128.store(to + x, mixed);
  }
  store<f32>(to - 4, load<f32>(to));
  const last = load<f32>(to + length - 4);
  for (let i: usize = 0; i < 16; i += 4) store<f32>(to + length + i, last);
}

// Four values at a quarter of the way to the one before, or after.
function leftOf(row: usize): v128 {
  return f32x4.add(f32x4.mul(f32x4.splat(0.75), v128.load(row)), f32x4.mul(f32x4.splat(0.25), v128.load(row - 4)));
}
function rightOf(row: usize): v128 {
  return f32x4.add(f32x4.mul(f32x4.splat(0.75), v128.load(row)), f32x4.mul(f32x4.splat(0.25), v128.load(row + 4)));
}

/** Writes up to seven values past the end, which a plane's row has room for. */
function widenRow(row: usize, w: i32, to: usize): void {
  const length = (<usize>w) << 2;
  for (let x: usize = 0; x < length; x += 16, to += 32) {
    const even = leftOf(row + x);
    const odd = rightOf(row + x);
    v128.store(to, v128.shuffle<f32>(even, odd, 0, 4, 1, 5));
    v128.store(to, v128.shuffle<f32>(even, odd, 2, 6, 3, 7), 16);
  }
}

function interleaveWidened(rowU: usize, rowV: usize, width: i32, to: usize): void {
  let x = 0;
  for (; x + 8 <= width; x += 8, to += 64) {
    const at = (<usize>x) << 1;
    const evenU = leftOf(rowU + at);
    const oddU = rightOf(rowU + at);
    const evenV = leftOf(rowV + at);
    const oddV = rightOf(rowV + at);
    const evenLow = v128.shuffle<f32>(evenU, evenV, 0, 4, 1, 5);
    const evenHigh = v128.shuffle<f32>(evenU, evenV, 2, 6, 3, 7);
    const oddLow = v128.shuffle<f32>(oddU, oddV, 0, 4, 1, 5);
    const oddHigh = v128.shuffle<f32>(oddU, oddV, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<f64>(evenLow, oddLow, 0, 2));
    v128.store(to, v128.shuffle<f64>(evenLow, oddLow, 1, 3), 16);
    v128.store(to, v128.shuffle<f64>(evenHigh, oddHigh, 0, 2), 32);
    v128.store(to, v128.shuffle<f64>(evenHigh, oddHigh, 1, 3), 48);
  }
  for (; x < width; x++, to += 8) {
    const at = (<usize>(x >> 1)) << 2;
    const other = x & 1 ? at + 4 : at - 4;
    store<f32>(to, 0.75 * load<f32>(rowU + at) + 0.25 * load<f32>(rowU + other));
    store<f32>(to, 0.75 * load<f32>(rowV + at) + 0.25 * load<f32>(rowV + other), 4);
  }
}
