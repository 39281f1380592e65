// Variational refinement of one level's flow: brightness and gradient constancy, both normalised by the gradient and robust
// (Brox et al. 2004, Zimmer et al. 2011), a robust smoothness of the flow; fixed-point iterations around it, each linear
// system relaxed by red-black SOR. Red and black pixels are kept apart so that four neighbours of a colour fill a vector; a
// sweep of one colour reads only the other, so the order of rows cannot matter.
import { bandFrom, bandTo, barrier, worker } from './team';

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

export function refineBytes(width: i32, height: i32, workers: i32): usize {
  return (
    3 * planeBytes(width, height) +
    2 * pictureBytes(width, height) +
    2 * PLANES * colourBytes(width, height) +
    ((<usize>planeStride(width) * PLANES * <usize>workers) << 2)
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
let rowBuffers: usize = 0;

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
  rowBuffers = colours + 2 * PLANES * colourPlane + <usize>worker * PLANES * floats;

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
    for (let j = 0; j < inner; j++) {
      for (let y = top; y < bottom; y++) relaxRow(y, red, black, y & 1);
      barrier();
      for (let y = top; y < bottom; y++) relaxRow(y, black, red, (y + 1) & 1);
      barrier();
    }
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
  for (let x = 0; x < width; x++) {
    const at = <usize>y * floats + ((<usize>x) << 2);
    const px = max<f32>(0, min<f32>(<f32>(width - 1), <f32>x + load<f32>(u + at)));
    const py = max<f32>(0, min<f32>(<f32>(height - 1), <f32>y + load<f32>(v + at)));
    const ix = <i32>px;
    const iy = <i32>py;
    const fx = px - <f32>ix;
    const fy = py - <f32>iy;
    const from = b + <usize>(iy * stride + ix);
    const upper = <f32>load<u8>(from) * (1 - fx) + <f32>load<u8>(from, 1) * fx;
    const lower = <f32>load<u8>(from + stride) * (1 - fx) + <f32>load<u8>(from + stride, 1) * fx;
    const warped = upper * (1 - fy) + lower * fy;
    const here = <f32>load<u8>(a + <usize>(y * stride + x));
    store<f32>(meanRow + ((<usize>x) << 2), 0.5 * (here + warped));
    store<f32>(changeRow + ((<usize>x) << 2), warped - here);
  }
  borderRow(meanRow, y);
  borderRow(changeRow, y);
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
  const half = f32x4.splat(0.5);
  const quarter = f32x4.splat(0.25);
  const zeta = f32x4.splat(ZETA2);
  const epsilon = f32x4.splat(EPSILON2);
  const one = f32x4.splat(1);
  const zero = f32x4.splat(0);
  const lastX = f32x4.splat(<f32>(width - 1));
  const lastY = f32x4.splat(<f32>(height - 1));
  let position = f32x4(0, 1, 2, 3);
  const line = pictureRow;
  for (let x: usize = 0; x < floats; x += 16) {
    const at = row + x;
    const m = mean + <usize>y * pictureRow + x;
    const c = change + <usize>y * pictureRow + x;
    const centre = v128.load(m);
    const twice = f32x4.add(centre, centre);
    const ix = f32x4.mul(half, f32x4.sub(v128.load(m + 4), v128.load(m - 4)));
    const iy = f32x4.mul(half, f32x4.sub(v128.load(m + line), v128.load(m - line)));
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
    const ixz = f32x4.mul(half, f32x4.sub(v128.load(c + 4), v128.load(c - 4)));
    const iyz = f32x4.mul(half, f32x4.sub(v128.load(c + line), v128.load(c - line)));

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

    const buffer = rowBuffers + x;
    v128.store(buffer + A12 * floats, a12);
    v128.store(buffer + B1 * floats, f32x4.sub(f32x4.add(f32x4.mul(a11, u0), f32x4.mul(a12, v0)), c1));
    v128.store(buffer + B2 * floats, f32x4.sub(f32x4.add(f32x4.mul(a12, u0), f32x4.mul(a22, v0)), c2));
    v128.store(buffer + INVERSE1 * floats, f32x4.div(one, f32x4.add(f32x4.add(a11, sum), tiny)));
    v128.store(buffer + INVERSE2 * floats, f32x4.div(one, f32x4.add(f32x4.add(a22, sum), tiny)));
    v128.store(buffer + RIGHT * floats, right);
    v128.store(buffer + DOWN * floats, down);
    v128.store(buffer + U * floats, hereU);
    v128.store(buffer + V * floats, hereV);
    position = f32x4.add(position, f32x4.splat(4));
  }

  const colourRow = <usize>y * (floats / 2);
  const even = (y & 1 ? black : red) + colourRow;
  const odd = (y & 1 ? red : black) + colourRow;
  for (let plane: usize = 0; plane < PLANES; plane++) {
    const from = rowBuffers + plane * floats;
    const offset = plane * colourPlane;
    for (let x: usize = 0; x < floats; x += 32) {
      const first = v128.load(from + x);
      const second = v128.load(from + x, 16);
      v128.store(even + offset + x / 2, v128.shuffle<f32>(first, second, 0, 2, 4, 6));
      v128.store(odd + offset + x / 2, v128.shuffle<f32>(first, second, 1, 3, 5, 7));
    }
  }
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
