// Variational refinement of one level's flow: brightness and gradient constancy, both normalised by the gradient and robust
// (Brox et al. 2004, Zimmer et al. 2011), a robust smoothness of the flow; fixed-point iterations around it, each linear
// system relaxed by red-black SOR. Red and black pixels are kept apart so that four neighbours of a colour fill a vector; a
// sweep of one colour reads only the other, so the order of rows cannot matter.
import { bandFrom, bandTo, barrier, worker, workers } from './team';

const BRIGHTNESS: f32 = 5;
const GRADIENT: f32 = 10;
const SMOOTHNESS: f32 = 20;
const OMEGA: f32 = 1.6;
const EPSILON2: f32 = 0.001 * 0.001;
const ZETA2: f32 = 0.1 * 0.1;

// Planes of a colour, in this order.
const A12: usize = 0;
const B1: usize = 1;
const B2: usize = 2;
const INVERSE1: usize = 3;
const INVERSE2: usize = 4;
const RIGHT: usize = 5;
const DOWN: usize = 6;
const U: usize = 7;
const V: usize = 8;
const PLANES: usize = 9;
/** Eight pixels of each of them, before they are divided into colours. */
const PAIR_BYTES: usize = PLANES * 32;
/** From one worker's to the next one's: no two in one line of the cache. */
const PAIR_STRIDE: usize = PAIR_BYTES + 128;

/** Floats in a row of a plane of the level's flow: room for what vectors and patches write past the end. A multiple of 8. */
export function planeStride(width: i32): i32 {
  return (width + 15) & ~7;
}

/** Bytes of such a plane, with the spare row below. */
export function planeBytes(width: i32, height: i32): usize {
  return (<usize>(planeStride(width) * (height + 1))) << 2;
}

// The pictures have four columns and two rows of border, the colours one row above and one below.
function pictureStride(width: i32): i32 {
  return planeStride(width) + 8;
}
function pictureBytes(width: i32, height: i32): usize {
  return (<usize>(pictureStride(width) * (height + 4))) << 2;
}
function colourBytes(width: i32, height: i32): usize {
  return (<usize>(planeStride(width) / 2) * <usize>(height + 2) + 8) << 2;
}

export function refineBytes(width: i32, height: i32): usize {
  return (
    3 * planeBytes(width, height) +
    2 * pictureBytes(width, height) +
    2 * PLANES * colourBytes(width, height) +
    <usize>workers * PAIR_STRIDE
  );
}

// The level at hand.
let width: i32 = 0;
let height: i32 = 0;
let floats: usize = 0; // bytes of a row of a plane
let u: usize = 0;
let v: usize = 0;
let startU: usize = 0;
let startV: usize = 0;
let smooth: usize = 0;
let mean: usize = 0;
let change: usize = 0;
let pictureRow: usize = 0;
let red: usize = 0;
let black: usize = 0;
let colourPlane: usize = 0;
let pair: usize = 0;

/** Refines the planes u and v in place. `a` and `b` are the level's pixels with their border. */
export function refine(
  a: usize,
  b: usize,
  stride: i32,
  width_: i32,
  height_: i32,
  u_: usize,
  v_: usize,
  outer: i32,
  inner: i32,
  scratch: usize,
): void {
  width = width_;
  height = height_;
  floats = (<usize>planeStride(width)) << 2;
  u = u_;
  v = v_;
  startU = scratch;
  startV = startU + planeBytes(width, height);
  smooth = startV + planeBytes(width, height);
  pictureRow = (<usize>pictureStride(width)) << 2;
  mean = smooth + planeBytes(width, height) + 2 * pictureRow + 16;
  change = mean + pictureBytes(width, height);
  colourPlane = colourBytes(width, height);
  const colours = change + pictureBytes(width, height) - 2 * pictureRow - 16;
  red = colours + 16 + floats / 2;
  black = red + PLANES * colourPlane;
  pair = colours + 2 * PLANES * colourPlane + <usize>worker * PAIR_STRIDE;

  const top = bandFrom(height);
  const bottom = bandTo(height);
  for (let y = top; y < bottom; y++) {
    const row = <usize>y * floats;
    memory.copy(startU + row, u + row, floats);
    memory.copy(startV + row, v + row, floats);
    warpRow(a, b, stride, y);
  }
  if (top == 0) clearEdge(-1);
  if (bottom == height) clearEdge(height);
  barrier();
  for (let i = 0; i < outer; i++) {
    for (let y = top; y < bottom; y++) smoothRow(y);
    barrier();
    for (let y = top; y < bottom; y++) assembleRow(y);
    barrier();
    relax(2 * inner, top, bottom);
    for (let y = top; y < bottom; y++) mergeRow(y);
    barrier();
  }
}

/** Rows beyond the picture: what is read there has weight 0, and must be finite. */
function clearEdge(y: i32): void {
  const row = (floats / 2) * <usize>(y + 1);
  for (let plane: usize = 0; plane < PLANES; plane++) {
    const at = row + plane * colourPlane;
    memory.fill(red - floats / 2 - 16 + at, 0, floats / 2 + 32);
    memory.fill(black - floats / 2 - 16 + at, 0, floats / 2 + 32);
  }
}

/** The mean of A and the warped B, and their difference, each with its edge repeated around it. */
function warpRow(a: usize, b: usize, stride: i32, y: i32): void {
  const meanRow = mean + <usize>y * pictureRow;
  const changeRow = change + <usize>y * pictureRow;
  const aRow = a + <usize>(y * stride);
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  const lastX = f32x4.splat(<f32>(width - 1));
  const lastY = f32x4.splat(<f32>(height - 1));
  let position = f32x4(0, 1, 2, 3);
  // Four at a time; what is written past the end is the border's.
  for (let x = 0; x < width; x += 4) {
    const at = <usize>y * floats + ((<usize>x) << 2);
    const px = f32x4.max(zero, f32x4.min(lastX, f32x4.add(position, v128.load(u + at))));
    const py = f32x4.max(zero, f32x4.min(lastY, f32x4.add(f32x4.splat(<f32>y), v128.load(v + at))));
    position = f32x4.add(position, f32x4.splat(4));
    const ix = i32x4.trunc_sat_f32x4_s(px);
    const iy = i32x4.trunc_sat_f32x4_s(py);
    const fx = f32x4.sub(px, f32x4.convert_i32x4_s(ix));
    const fy = f32x4.sub(py, f32x4.convert_i32x4_s(iy));
    const from = i32x4.add(i32x4.mul(iy, i32x4.splat(stride)), ix);
    const upper = across(pairsAt(b, from), one, fx);
    const lower = across(pairsAt(b + stride, from), one, fx);
    const warped = f32x4.add(f32x4.mul(upper, f32x4.sub(one, fy)), f32x4.mul(lower, fy));
    const bytes = i16x8.extend_low_i8x16_u(v128.load32_zero(aRow + x));
    const here = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(bytes));
    v128.store(meanRow + ((<usize>x) << 2), f32x4.mul(f32x4.splat(0.5), f32x4.add(here, warped)));
    v128.store(changeRow + ((<usize>x) << 2), f32x4.sub(warped, here));
  }
  borderRow(meanRow, y);
  borderRow(changeRow, y);
}

/** Of each of four places the byte there and the one after it. */
// @ts-ignore: decorator
@inline
function pairsAt(picture: usize, places: v128): v128 {
  let pairs = i32x4.splat(0);
  pairs = v128.load16_lane(picture + i32x4.extract_lane(places, 0), pairs, 0);
  pairs = v128.load16_lane(picture + i32x4.extract_lane(places, 1), pairs, 2);
  pairs = v128.load16_lane(picture + i32x4.extract_lane(places, 2), pairs, 4);
  return v128.load16_lane(picture + i32x4.extract_lane(places, 3), pairs, 6);
}

/** Between the two. */
// @ts-ignore: decorator
@inline
function across(pairs: v128, one: v128, fx: v128): v128 {
  const left = f32x4.convert_i32x4_s(v128.and(pairs, i32x4.splat(255)));
  const right = f32x4.convert_i32x4_s(i32x4.shr_u(pairs, 8));
  return f32x4.add(f32x4.mul(left, f32x4.sub(one, fx)), f32x4.mul(right, fx));
}

function borderRow(row: usize, y: i32): void {
  const first = load<f32>(row);
  const last = load<f32>(row + ((<usize>(width - 1)) << 2));
  for (let i: usize = 4; i <= 16; i += 4) store<f32>(row - i, first);
  for (let i = (<usize>width) << 2; i < floats + 16; i += 4) store<f32>(row + i, last);
  if (y == 0) for (let i: usize = 1; i <= 2; i++) memory.copy(row - 16 - i * pictureRow, row - 16, pictureRow);
  if (y == height - 1) for (let i: usize = 1; i <= 2; i++) memory.copy(row - 16 + i * pictureRow, row - 16, pictureRow);
}

/** The weight of smoothness at each pixel, from the forward differences of the flow. */
function smoothRow(y: i32): void {
  const row = <usize>y * floats;
  const below: usize = y < height - 1 ? floats : 0;
  const index = i32x4.splat(width - 1);
  let lanes = i32x4(0, 1, 2, 3);
  for (let x: usize = 0; x < floats; x += 16) {
    const at = row + x;
    const inside = i32x4.lt_s(lanes, index);
    lanes = i32x4.add(lanes, i32x4.splat(4));
    const hereU = v128.load(u + at);
    const hereV = v128.load(v + at);
    const ux = v128.and(inside, f32x4.sub(v128.load(u + at, 4), hereU));
    const vx = v128.and(inside, f32x4.sub(v128.load(v + at, 4), hereV));
    const uy = f32x4.sub(v128.load(u + at + below), hereU);
    const vy = f32x4.sub(v128.load(v + at + below), hereV);
    const square = f32x4.add(
      f32x4.add(f32x4.mul(ux, ux), f32x4.mul(uy, uy)),
      f32x4.add(f32x4.mul(vx, vx), f32x4.mul(vy, vy)),
    );
    // Half of it, because an edge's weight is the mean of its two ends.
    v128.store(
      smooth + at,
      f32x4.div(f32x4.splat(SMOOTHNESS * 0.5), f32x4.sqrt(f32x4.add(square, f32x4.splat(EPSILON2)))),
    );
  }
}

/** The linear system of one row, linearised at the flow that the level began with, split into colours. */
function assembleRow(y: i32): void {
  const row = <usize>y * floats;
  const above: usize = y > 0 ? floats : 0;
  const below: usize = y < height - 1 ? floats : 0;
  const hasAbove = f32x4.splat(y > 0 ? 1 : 0);
  const hasBelow = f32x4.splat(y < height - 1 ? 1 : 0);
  const oneHalf = f32x4.splat(0.5);
  const quarter = f32x4.splat(0.25);
  const zeta = f32x4.splat(ZETA2);
  const epsilon = f32x4.splat(EPSILON2);
  const one = f32x4.splat(1);
  const zero = f32x4.splat(0);
  const lastX = f32x4.splat(<f32>(width - 1));
  const lastY = f32x4.splat(<f32>(height - 1));
  let position = f32x4(0, 1, 2, 3);
  const line = pictureRow;
  const even = y & 1 ? black : red;
  const odd = y & 1 ? red : black;
  for (let x: usize = 0; x < floats; x += 16) {
    const at = row + x;
    const m = mean + <usize>y * pictureRow + x;
    const c = change + <usize>y * pictureRow + x;
    const centre = v128.load(m);
    const twice = f32x4.add(centre, centre);
    const ix = f32x4.mul(oneHalf, f32x4.sub(v128.load(m + 4), v128.load(m - 4)));
    const iy = f32x4.mul(oneHalf, f32x4.sub(v128.load(m + line), v128.load(m - line)));
    const iz = v128.load(c);
    const ixx = f32x4.mul(quarter, f32x4.sub(f32x4.add(v128.load(m + 8), v128.load(m - 8)), twice));
    const iyy = f32x4.mul(quarter, f32x4.sub(f32x4.add(v128.load(m + 2 * line), v128.load(m - 2 * line)), twice));
    const ixy = f32x4.mul(
      quarter,
      f32x4.sub(
        f32x4.sub(v128.load(m + line + 4), v128.load(m + line - 4)),
        f32x4.sub(v128.load(m - line + 4), v128.load(m - line - 4)),
      ),
    );
    const ixz = f32x4.mul(oneHalf, f32x4.sub(v128.load(c + 4), v128.load(c - 4)));
    const iyz = f32x4.mul(oneHalf, f32x4.sub(v128.load(c + line), v128.load(c - line)));

    const u0 = v128.load(startU + at);
    const v0 = v128.load(startV + at);
    const hereU = v128.load(u + at);
    const hereV = v128.load(v + at);
    const du = f32x4.sub(hereU, u0);
    const dv = f32x4.sub(hereV, v0);
    // Where the vector leaves the picture there is nothing to compare with.
    const toX = f32x4.add(position, u0);
    const toY = f32x4.add(f32x4.splat(<f32>y), v0);
    const visible = v128.and(
      v128.and(f32x4.ge(toX, zero), f32x4.le(toX, lastX)),
      v128.and(f32x4.ge(toY, zero), f32x4.le(toY, lastY)),
    );

    const inverse = f32x4.div(one, f32x4.add(f32x4.add(f32x4.mul(ix, ix), f32x4.mul(iy, iy)), zeta));
    const rest = f32x4.add(iz, f32x4.add(f32x4.mul(ix, du), f32x4.mul(iy, dv)));
    const bright = v128.and(
      visible,
      f32x4.div(
        f32x4.mul(f32x4.splat(BRIGHTNESS), inverse),
        f32x4.sqrt(f32x4.add(f32x4.mul(f32x4.mul(rest, rest), inverse), epsilon)),
      ),
    );
    const xySquare = f32x4.add(f32x4.mul(ixy, ixy), zeta);
    const inverseX = f32x4.div(one, f32x4.add(f32x4.mul(ixx, ixx), xySquare));
    const inverseY = f32x4.div(one, f32x4.add(f32x4.mul(iyy, iyy), xySquare));
    const restX = f32x4.add(ixz, f32x4.add(f32x4.mul(ixx, du), f32x4.mul(ixy, dv)));
    const restY = f32x4.add(iyz, f32x4.add(f32x4.mul(ixy, du), f32x4.mul(iyy, dv)));
    const gradient = v128.and(
      visible,
      f32x4.div(
        f32x4.splat(GRADIENT),
        f32x4.sqrt(
          f32x4.add(
            f32x4.add(f32x4.mul(f32x4.mul(restX, restX), inverseX), f32x4.mul(f32x4.mul(restY, restY), inverseY)),
            epsilon,
          ),
        ),
      ),
    );
    const gradientX = f32x4.mul(gradient, inverseX);
    const gradientY = f32x4.mul(gradient, inverseY);

    const bx = f32x4.mul(bright, ix);
    const by = f32x4.mul(bright, iy);
    const gxx = f32x4.mul(gradientX, ixx);
    const gxy = f32x4.mul(gradientX, ixy);
    const gyx = f32x4.mul(gradientY, ixy);
    const gyy = f32x4.mul(gradientY, iyy);
    const a11 = f32x4.add(f32x4.mul(bx, ix), f32x4.add(f32x4.mul(gxx, ixx), f32x4.mul(gyx, ixy)));
    const a12 = f32x4.add(f32x4.mul(bx, iy), f32x4.add(f32x4.mul(gxx, ixy), f32x4.mul(gyx, iyy)));
    const a22 = f32x4.add(f32x4.mul(by, iy), f32x4.add(f32x4.mul(gxy, ixy), f32x4.mul(gyy, iyy)));
    const c1 = f32x4.add(f32x4.mul(bx, iz), f32x4.add(f32x4.mul(gxx, ixz), f32x4.mul(gyx, iyz)));
    const c2 = f32x4.add(f32x4.mul(by, iz), f32x4.add(f32x4.mul(gxy, ixz), f32x4.mul(gyy, iyz)));

    const s = v128.load(smooth + at);
    const hasRight = f32x4.lt(position, lastX);
    const hasLeft = v128.and(f32x4.gt(position, zero), f32x4.le(position, lastX));
    const right = v128.and(hasRight, f32x4.add(s, v128.load(smooth + at, 4)));
    const left = v128.and(hasLeft, f32x4.add(s, v128.load(smooth + at - 4)));
    const up = f32x4.mul(hasAbove, f32x4.add(s, v128.load(smooth + at - above)));
    const down = f32x4.mul(hasBelow, f32x4.add(s, v128.load(smooth + at + below)));
    const sum = f32x4.add(f32x4.add(left, right), f32x4.add(up, down));
    const tiny = f32x4.splat(1e-6);

    const half = pair + (x & 16);
    v128.store(half + 32 * A12, a12);
    v128.store(half + 32 * B1, f32x4.sub(f32x4.add(f32x4.mul(a11, u0), f32x4.mul(a12, v0)), c1));
    v128.store(half + 32 * B2, f32x4.sub(f32x4.add(f32x4.mul(a12, u0), f32x4.mul(a22, v0)), c2));
    v128.store(half + 32 * INVERSE1, f32x4.div(one, f32x4.add(f32x4.add(a11, sum), tiny)));
    v128.store(half + 32 * INVERSE2, f32x4.div(one, f32x4.add(f32x4.add(a22, sum), tiny)));
    v128.store(half + 32 * RIGHT, right);
    v128.store(half + 32 * DOWN, down);
    v128.store(half + 32 * U, hereU);
    v128.store(half + 32 * V, hereV);
    position = f32x4.add(position, f32x4.splat(4));
    if ((x & 16) == 0) continue;
    let to = (<usize>y * floats + x - 16) / 2;
    for (let from = pair; from < pair + PAIR_BYTES; from += 32, to += colourPlane) {
      const first = v128.load(from);
      const second = v128.load(from, 16);
      v128.store(even + to, v128.shuffle<f32>(first, second, 0, 2, 4, 6));
      v128.store(odd + to, v128.shuffle<f32>(first, second, 1, 3, 5, 7));
    }
  }
}

/**
 * All sweeps, of red and black in turn. They go down the band together, each a row behind the one before it, so that what they work on
 * is read from memory once. At the edge of a band each sweep ends a row earlier than the one before, since it needs its rows; what is
 * left between two bands is done at the end.
 */
function relax(sweeps: i32, top: i32, bottom: i32): void {
  if (height / workers < 2 * sweeps) {
    for (let sweep = 0; sweep < sweeps; sweep++) {
      for (let y = top; y < bottom; y++) sweepRow(y, sweep);
      barrier();
    }
    return;
  }
  const above = top > 0 ? 1 : 0;
  const below = bottom < height ? 1 : 0;
  for (let first = top; first < bottom + sweeps; first++) {
    for (let sweep = 0; sweep < sweeps; sweep++) {
      const y = first - sweep;
      if (y >= top + above * sweep && y < bottom - below * sweep) sweepRow(y, sweep);
    }
  }
  barrier();
  for (let sweep = 0; sweep < above * sweeps; sweep++) {
    for (let y = top - sweep; y < top + sweep; y++) sweepRow(y, sweep);
  }
  barrier();
}

function sweepRow(y: i32, sweep: i32): void {
  if ((sweep & 1) == 0) relaxRow(y, red, black, y & 1);
  else relaxRow(y, black, red, (y + 1) & 1);
}

/** One SOR step of a colour's pixels of a row; `shift` is 1 when they are the row's odd ones. */
function relaxRow(y: i32, own: usize, other: usize, shift: i32): void {
  const line = floats / 2;
  const row = <usize>y * line;
  own += row;
  other += row;
  const omega = f32x4.splat(OMEGA);
  const toRight = (<usize>shift) << 2;
  for (let at: usize = 0; at < line; at += 16) {
    const here = own + at;
    const there = other + at;
    const atRight = there + toRight;
    const atLeft = atRight - 4;
    const left = v128.load(atLeft + RIGHT * colourPlane);
    const right = v128.load(here + RIGHT * colourPlane);
    const up = v128.load(there - line + DOWN * colourPlane);
    const down = v128.load(here + DOWN * colourPlane);
    const uAt = here + U * colourPlane;
    const vAt = here + V * colourPlane;
    const oldU = v128.load(uAt);
    const oldV = v128.load(vAt);
    const aroundU = f32x4.add(
      f32x4.add(
        f32x4.mul(left, v128.load(atLeft + U * colourPlane)),
        f32x4.mul(right, v128.load(atRight + U * colourPlane)),
      ),
      f32x4.add(
        f32x4.mul(up, v128.load(there - line + U * colourPlane)),
        f32x4.mul(down, v128.load(there + line + U * colourPlane)),
      ),
    );
    const aroundV = f32x4.add(
      f32x4.add(
        f32x4.mul(left, v128.load(atLeft + V * colourPlane)),
        f32x4.mul(right, v128.load(atRight + V * colourPlane)),
      ),
      f32x4.add(
        f32x4.mul(up, v128.load(there - line + V * colourPlane)),
        f32x4.mul(down, v128.load(there + line + V * colourPlane)),
      ),
    );
    const a12 = v128.load(here + A12 * colourPlane);
    const solvedU = f32x4.mul(
      f32x4.sub(f32x4.add(v128.load(here + B1 * colourPlane), aroundU), f32x4.mul(a12, oldV)),
      v128.load(here + INVERSE1 * colourPlane),
    );
    const newU = f32x4.add(oldU, f32x4.mul(omega, f32x4.sub(solvedU, oldU)));
    const solvedV = f32x4.mul(
      f32x4.sub(f32x4.add(v128.load(here + B2 * colourPlane), aroundV), f32x4.mul(a12, newU)),
      v128.load(here + INVERSE2 * colourPlane),
    );
    v128.store(uAt, newU);
    v128.store(vAt, f32x4.add(oldV, f32x4.mul(omega, f32x4.sub(solvedV, oldV))));
  }
}

/** Back from colours to planes. */
function mergeRow(y: i32): void {
  const colourRow = <usize>y * (floats / 2);
  const even = (y & 1 ? black : red) + colourRow;
  const odd = (y & 1 ? red : black) + colourRow;
  const row = <usize>y * floats;
  for (let x: usize = 0; x < floats; x += 32) {
    const evenU = v128.load(even + U * colourPlane + x / 2);
    const oddU = v128.load(odd + U * colourPlane + x / 2);
    v128.store(u + row + x, v128.shuffle<f32>(evenU, oddU, 0, 4, 1, 5));
    v128.store(u + row + x, v128.shuffle<f32>(evenU, oddU, 2, 6, 3, 7), 16);
    const evenV = v128.load(even + V * colourPlane + x / 2);
    const oddV = v128.load(odd + V * colourPlane + x / 2);
    v128.store(v + row + x, v128.shuffle<f32>(evenV, oddV, 0, 4, 1, 5));
    v128.store(v + row + x, v128.shuffle<f32>(evenV, oddV, 2, 6, 3, 7), 16);
  }
}
