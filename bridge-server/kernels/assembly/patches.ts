// Dense Inverse Search (Kroeger, Timofte, Dai and Van Gool, ECCV 2016): a grid of 8x8 patches, each moved by Gauss-Newton with
// the gradient and the Hessian of the template (inverse compositional), its mean taken out so that a change of light is no
// error; then the dense flow as the mean of the covering patches' vectors, weighted by how well each explains the pixel.
//
// The inner loops are integer, 5 bits below a grey level, so the result is the same on every machine. Patches do not see
// each other's current vectors, only those of the pass before: the order in which workers take them cannot matter.
import { bandFrom, bandTo, worker, workers } from './team';
import { PAD } from './pyramid';
import { planeStride } from './refine';

const PATCH: i32 = 8;
const NEAREST: f32 = -(<f32>(PAD - 1)); // first position in the border at which a patch may be read
/** A patch's vector and the mean difference at its best place: dx, dy (pixels of the level), mean (grey levels * 32). */
export const PATCH_BYTES: usize = 12;
/** Per worker: the template's gradients in x and y, eight rows each. */
export const TEMPLATE_BYTES: usize = 256;

// The level at hand, set by useLevel.
let imageA: usize = 0;
let imageB: usize = 0;
let stride: i32 = 0;
let width: i32 = 0;
let height: i32 = 0;
let step: i32 = 4;
let template: usize = 0;

export function useLevel(
  a: usize,
  b: usize,
  stride_: i32,
  width_: i32,
  height_: i32,
  step_: i32,
  templates: usize,
): void {
  imageA = a;
  imageB = b;
  stride = stride_;
  width = width_;
  height = height_;
  step = step_;
  template = templates + <usize>worker * TEMPLATE_BYTES;
}

/** Patches along a side; the last may reach over the edge, by less than a step. */
export function patchesAlong(size: i32, step: i32): i32 {
  return size <= PATCH ? 1 : (size - PATCH + step - 1) / step + 1;
}

// The template's own sums.
let sumX: f32 = 0;
let sumY: f32 = 0;
let inverseXX: f32 = 0;
let inverseXY: f32 = 0;
let inverseYY: f32 = 0;

// The sums of the last comparison.
let meanDifference: f32 = 0;
let error: f32 = 0; // sum of squared differences from their mean
let alongX: f32 = 0;
let alongY: f32 = 0;

function total(v: v128): f32 {
  const pairs = i32x4.add(v, i32x4.shuffle(v, v, 2, 3, 0, 1));
  return <f32>(i32x4.extract_lane(pairs, 0) + i32x4.extract_lane(pairs, 1));
}

/** Takes the template at (x, y) of A: gradients (central differences, twice the slope) and the inverse Hessian. */
function takeTemplate(x: i32, y: i32): void {
  let at = imageA + <usize>(y * stride + x);
  let xx = i32x4.splat(0);
  let xy = i32x4.splat(0);
  let yy = i32x4.splat(0);
  let xs = i16x8.splat(0);
  let ys = i16x8.splat(0);
  for (let row = 0; row < PATCH; row++) {
    const gx = i16x8.sub(v128.load_ext<u8>(at + 1), v128.load_ext<u8>(at - 1));
    const gy = i16x8.sub(v128.load_ext<u8>(at + stride), v128.load_ext<u8>(at - stride));
    v128.store(template + row * 32, gx);
    v128.store(template + row * 32, gy, 16);
    xx = i32x4.add(xx, i32x4.dot_i16x8_s(gx, gx));
    xy = i32x4.add(xy, i32x4.dot_i16x8_s(gx, gy));
    yy = i32x4.add(yy, i32x4.dot_i16x8_s(gy, gy));
    xs = i16x8.add(xs, gx);
    ys = i16x8.add(ys, gy);
    at += stride;
  }
  sumX = total(i32x4.extadd_pairwise_i16x8_s(xs));
  sumY = total(i32x4.extadd_pairwise_i16x8_s(ys));
  // A little more than nothing on the diagonal: where there is no texture a patch stays where it was put.
  const a = total(xx) - (sumX * sumX) / 64 + 64;
  const b = total(xy) - (sumX * sumY) / 64;
  const c = total(yy) - (sumY * sumY) / 64 + 64;
  // 16: the gradients are doubled, the differences are in 1/32.
  const scale: f32 = 1 / (16 * (a * c - b * b));
  inverseXX = c * scale;
  inverseXY = -b * scale;
  inverseYY = a * scale;
}

/** Where a vector points from `at`, kept inside the border of B. */
function reach(at: i32, vector: f32, size: i32): f32 {
  return max<f32>(NEAREST, min<f32>(<f32>at + vector, <f32>(size + PAD - PATCH - 2)));
}

/** Compares the template at (x, y) with B at (x + dx, y + dy). With `descend` also the sums that a step needs. */
function compare(x: i32, y: i32, dx: f32, dy: f32, descend: bool): void {
  const px = reach(x, dx, width);
  const py = reach(y, dy, height);
  const fx = floor<f32>(px);
  const fy = floor<f32>(py);
  const right = px - fx;
  const down = py - fy;
  const w11 = <i32>(right * down * 16384);
  const w01 = <i32>(right * 16384) - w11;
  const w10 = <i32>(down * 16384) - w11;
  const upper = i32x4.splat(((16384 - w11 - w01 - w10) & 0xffff) | (w01 << 16));
  const lower = i32x4.splat(w10 | (w11 << 16));
  const half = i32x4.splat(256);

  let a = imageA + <usize>(y * stride + x);
  let b = imageB + <usize>(<i32>fy * stride + <i32>fx);
  let left = v128.load_ext<u8>(b);
  let next = v128.load_ext<u8>(b + 1);
  let low = v128.shuffle<i16>(left, next, 0, 8, 1, 9, 2, 10, 3, 11);
  let high = v128.shuffle<i16>(left, next, 4, 12, 5, 13, 6, 14, 7, 15);
  let sum = i32x4.splat(0);
  let dotX = i32x4.splat(0);
  let dotY = i32x4.splat(0);
  let squared = i32x4.splat(0);
  for (let row = 0; row < PATCH; row++) {
    b += stride;
    left = v128.load_ext<u8>(b);
    next = v128.load_ext<u8>(b + 1);
    const lowBelow = v128.shuffle<i16>(left, next, 0, 8, 1, 9, 2, 10, 3, 11);
    const highBelow = v128.shuffle<i16>(left, next, 4, 12, 5, 13, 6, 14, 7, 15);
    const first = i32x4.shr_s(
      i32x4.add(i32x4.add(i32x4.dot_i16x8_s(low, upper), i32x4.dot_i16x8_s(lowBelow, lower)), half),
      9,
    );
    const second = i32x4.shr_s(
      i32x4.add(i32x4.add(i32x4.dot_i16x8_s(high, upper), i32x4.dot_i16x8_s(highBelow, lower)), half),
      9,
    );
    low = lowBelow;
    high = highBelow;
    const difference = i16x8.sub(i16x8.narrow_i32x4_s(first, second), i16x8.shl(v128.load_ext<u8>(a), 5));
    a += stride;
    sum = i32x4.add(sum, i32x4.extadd_pairwise_i16x8_s(difference));
    squared = i32x4.add(squared, i32x4.dot_i16x8_s(difference, difference));
    if (descend) {
      dotX = i32x4.add(dotX, i32x4.dot_i16x8_s(difference, v128.load(template + row * 32)));
      dotY = i32x4.add(dotY, i32x4.dot_i16x8_s(difference, v128.load(template + row * 32, 16)));
    }
  }
  const squares = f32x4.convert_i32x4_s(squared); // four of them together may not fit into 32 bits
  const all = total(sum);
  meanDifference = all / 64;
  error =
    f32x4.extract_lane(squares, 0) +
    f32x4.extract_lane(squares, 1) +
    (f32x4.extract_lane(squares, 2) + f32x4.extract_lane(squares, 3)) -
    all * meanDifference;
  if (descend) {
    alongX = total(dotX) - meanDifference * sumX;
    alongY = total(dotY) - meanDifference * sumY;
  }
}

/** Gauss-Newton from (dx, dy) while the error falls and the patch stays within its own size of where it began. */
function descend(x: i32, y: i32, dx: f32, dy: f32, iterations: i32, to: usize): void {
  const beginX = dx;
  const beginY = dy;
  compare(x, y, dx, dy, true);
  let least = error;
  let mean = meanDifference;
  for (let i = 0; i < iterations; i++) {
    const stepX = inverseXX * alongX + inverseXY * alongY;
    const stepY = inverseXY * alongX + inverseYY * alongY;
    if (stepX * stepX + stepY * stepY < 0.0001) break;
    const nextX = dx - stepX;
    const nextY = dy - stepY;
    const farX = nextX - beginX;
    const farY = nextY - beginY;
    if (farX * farX + farY * farY > <f32>(PATCH * PATCH)) break;
    compare(x, y, nextX, nextY, true);
    if (!(error < least)) break;
    least = error;
    mean = meanDifference;
    dx = nextX;
    dy = nextY;
  }
  store<f32>(to, dx);
  store<f32>(to, dy, 4);
  store<f32>(to, mean, 8);
}

// What a patch may start from; the first of equals wins.
let bestX: f32 = 0;
let bestY: f32 = 0;
let bestError: f32 = 0;

function consider(x: i32, y: i32, dx: f32, dy: f32): void {
  compare(x, y, dx, dy, false);
  if (!(error < bestError)) return;
  bestError = error;
  bestX = dx;
  bestY = dy;
}

/**
 * First pass: from the flow of the coarser level (planes u and v, 0 at the coarsest level) or from the given full-size flow
 * (interleaved, 0 when there is none), whichever fits better.
 */
export function searchFromFlow(
  level: i32,
  u: usize,
  v: usize,
  coarseWidth: i32,
  coarseHeight: i32,
  given: usize,
  fullWidth: i32,
  fullHeight: i32,
  iterations: i32,
  patches: usize,
): void {
  const columns = patchesAlong(width, step);
  const rows = patchesAlong(height, step);
  // Some patches take more steps than others: rows are dealt out in turn.
  for (let row = worker; row < rows; row += workers) {
    const y = row * step;
    for (let column = 0; column < columns; column++) {
      const x = column * step;
      takeTemplate(x, y);
      bestError = f32.MAX_VALUE;
      bestX = 0;
      bestY = 0;
      const centreX = <f32>min(x + PATCH / 2, width);
      const centreY = <f32>min(y + PATCH / 2, height);
      if (u == 0) consider(x, y, 0, 0);
      else {
        const cx = max<f32>(0, min<f32>(<f32>(coarseWidth - 1), centreX * 0.5 - 0.5));
        const cy = max<f32>(0, min<f32>(<f32>(coarseHeight - 1), centreY * 0.5 - 0.5));
        consider(x, y, 2 * sample(u, coarseWidth, cx, cy), 2 * sample(v, coarseWidth, cx, cy));
      }
      if (given != 0) {
        const gx = min(<i32>(centreX * <f32>(1 << level)), fullWidth - 1);
        const gy = min(<i32>(centreY * <f32>(1 << level)), fullHeight - 1);
        const at = given + ((<usize>gy * <usize>fullWidth + <usize>gx) << 3);
        const scale: f32 = 1 / <f32>(1 << level);
        consider(x, y, load<f32>(at) * scale, load<f32>(at, 4) * scale);
      }
      descend(x, y, bestX, bestY, iterations, patches + <usize>(row * columns + column) * PATCH_BYTES);
    }
  }
}

/** Second pass: from its own vector or a neighbour's, whichever fits better. */
export function searchFromNeighbours(from: usize, iterations: i32, patches: usize): void {
  const columns = patchesAlong(width, step);
  const rows = patchesAlong(height, step);
  const line = <usize>columns * PATCH_BYTES;
  // Some patches take more steps than others: rows are dealt out in turn.
  for (let row = worker; row < rows; row += workers) {
    const y = row * step;
    for (let column = 0; column < columns; column++) {
      const x = column * step;
      takeTemplate(x, y);
      bestError = f32.MAX_VALUE;
      const place = <usize>(row * columns + column) * PATCH_BYTES;
      const at = from + place;
      consider(x, y, load<f32>(at), load<f32>(at, 4));
      if (column > 0) consider(x, y, load<f32>(at - PATCH_BYTES), load<f32>(at - PATCH_BYTES, 4));
      if (column < columns - 1) consider(x, y, load<f32>(at + PATCH_BYTES), load<f32>(at + PATCH_BYTES, 4));
      if (row > 0) consider(x, y, load<f32>(at - line), load<f32>(at - line, 4));
      if (row < rows - 1) consider(x, y, load<f32>(at + line), load<f32>(at + line, 4));
      descend(x, y, bestX, bestY, iterations, patches + place);
    }
  }
}

/** Bilinear; (x, y) lies within the plane. */
function sample(plane: usize, planeWidth: i32, x: f32, y: f32): f32 {
  const ix = <i32>x;
  const iy = <i32>y;
  const fx = x - <f32>ix;
  const fy = y - <f32>iy;
  const right: usize = ix + 1 < planeWidth ? 4 : 0;
  const upper = plane + ((<usize>(iy * planeStride(planeWidth) + ix)) << 2);
  // A row that does not exist below the last is read with weight 0: planes have one spare, finite row.
  const lower = upper + ((<usize>planeStride(planeWidth)) << 2);
  const above = load<f32>(upper) * (1 - fx) + load<f32>(upper + right) * fx;
  const below = load<f32>(lower) * (1 - fx) + load<f32>(lower + right) * fx;
  return above * (1 - fy) + below * fy;
}

/**
 * The dense flow of the level: every pixel the weighted mean of the patches over it, weight 1 / max(1, |difference| in grey
 * levels).
 */
export function densify(patches: usize, u: usize, v: usize, weight: usize): void {
  const floats = planeStride(width);
  const columns = patchesAlong(width, step);
  const rows = patchesAlong(height, step);
  const top = bandFrom(height);
  const bottom = bandTo(height);
  if (top == bottom) return;
  const begin = (<usize>(top * floats)) << 2;
  const length = (<usize>((bottom - top) * floats)) << 2;
  memory.fill(u + begin, 0, length);
  memory.fill(v + begin, 0, length);
  memory.fill(weight + begin, 0, length);

  const last = min(rows - 1, (bottom - 1) / step);
  for (let row = max(0, (top - PATCH + step) / step); row <= last; row++) {
    const y = row * step;
    const from = max(top, y);
    const to = min(bottom, y + PATCH);
    if (from >= to) continue;
    for (let column = 0; column < columns; column++) {
      const x = column * step;
      const at = patches + <usize>(row * columns + column) * PATCH_BYTES;
      const place = (<usize>(from * floats + x)) << 2;
      addPatch(x, y, from - y, to - y, at, u + place, v + place, weight + place, floats << 2);
    }
  }

  for (let y = top; y < bottom; y++) {
    const row = (<usize>(y * floats)) << 2;
    for (let x = 0; x < width; x += 4) {
      const at = row + ((<usize>x) << 2);
      const w = v128.load(weight + at);
      v128.store(u + at, f32x4.div(v128.load(u + at), w));
      v128.store(v + at, f32x4.div(v128.load(v + at), w));
    }
    repeatLast(u + row, floats);
    repeatLast(v + row, floats);
  }
}

function repeatLast(row: usize, floats: i32): void {
  const value = load<f32>(row + ((<usize>(width - 1)) << 2));
  for (let x = width; x < floats; x++) store<f32>(row + ((<usize>x) << 2), value);
}

/** Adds rows [from, to) of one patch to the sums. */
function addPatch(
  x: i32,
  y: i32,
  from: i32,
  to: i32,
  patch: usize,
  u: usize,
  v: usize,
  weight: usize,
  line: usize,
): void {
  const dx = load<f32>(patch);
  const dy = load<f32>(patch, 4);
  const px = reach(x, dx, width);
  const py = reach(y, dy, height);
  const fx = floor<f32>(px);
  const fy = floor<f32>(py);
  const right = px - fx;
  const down = py - fy;
  const w11 = <i32>(right * down * 16384);
  const w01 = <i32>(right * 16384) - w11;
  const w10 = <i32>(down * 16384) - w11;
  const upper = i32x4.splat(((16384 - w11 - w01 - w10) & 0xffff) | (w01 << 16));
  const lower = i32x4.splat(w10 | (w11 << 16));
  const mean = i32x4.splat(<i32>load<f32>(patch, 8));
  const one = i32x4.splat(32);
  const half = i32x4.splat(256);
  const us = f32x4.splat(dx);
  const vs = f32x4.splat(dy);

  let a = imageA + <usize>((y + from) * stride + x);
  let b = imageB + <usize>((<i32>fy + from) * stride + <i32>fx);
  for (let row = from; row < to; row++) {
    const left = v128.load_ext<u8>(b);
    const next = v128.load_ext<u8>(b + 1);
    const leftBelow = v128.load_ext<u8>(b + stride);
    const nextBelow = v128.load_ext<u8>(b + stride + 1);
    const here = i16x8.shl(v128.load_ext<u8>(a), 5);
    for (let side = 0; side < 2; side++) {
      const value = i32x4.shr_s(
        i32x4.add(
          i32x4.add(
            i32x4.dot_i16x8_s(
              side == 0
                ? v128.shuffle<i16>(left, next, 0, 8, 1, 9, 2, 10, 3, 11)
                : v128.shuffle<i16>(left, next, 4, 12, 5, 13, 6, 14, 7, 15),
              upper,
            ),
            i32x4.dot_i16x8_s(
              side == 0
                ? v128.shuffle<i16>(leftBelow, nextBelow, 0, 8, 1, 9, 2, 10, 3, 11)
                : v128.shuffle<i16>(leftBelow, nextBelow, 4, 12, 5, 13, 6, 14, 7, 15),
              lower,
            ),
          ),
          half,
        ),
        9,
      );
      const target = side == 0 ? i32x4.extend_low_i16x8_s(here) : i32x4.extend_high_i16x8_s(here);
      const difference = i32x4.abs(i32x4.sub(i32x4.sub(value, target), mean));
      const w = f32x4.div(f32x4.splat(32), f32x4.convert_i32x4_s(i32x4.max_s(difference, one)));
      const at = <usize>(side * 16);
      v128.store(weight + at, f32x4.add(v128.load(weight + at), w));
      v128.store(u + at, f32x4.add(v128.load(u + at), f32x4.mul(w, us)));
      v128.store(v + at, f32x4.add(v128.load(v + at), f32x4.mul(w, vs)));
    }
    a += stride;
    b += stride;
    u += line;
    v += line;
    weight += line;
  }
}
