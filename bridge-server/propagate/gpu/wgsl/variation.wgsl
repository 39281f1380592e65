// Variational refinement of one level's flow (kernels/assembly/refine.ts says what and after whom). Planes have no padding here, and
// red and black pixels stay in their places.

const BRIGHTNESS: f32 = 5.0;
const GRADIENT: f32 = 10.0;
const SMOOTHNESS: f32 = 20.0;
const OMEGA: f32 = 1.6;
const EPSILON2: f32 = 0.001 * 0.001;
const ZETA2: f32 = 0.1 * 0.1;

// What all kernels of this file are given first:
// width, height, u, v, scratch, bytes of a plane
// The planes of scratch: start u, start v, mean, change, smoothness, and seven of the linear system.
const MEAN: u32 = 2u;
const CHANGE: u32 = 3u;
const SMOOTH: u32 = 4u;
const A12: u32 = 5u;
const B1: u32 = 6u;
const B2: u32 = 7u;
const INVERSE1: u32 = 8u;
const INVERSE2: u32 = 9u;
const RIGHT: u32 = 10u;
const DOWN: u32 = 11u;

fn planeAt(plane: u32, p: u32) -> u32 {
  return arg(4u) + plane * arg(5u) + (p << 2u);
}

/** The pictures' edges repeat. */
fn pictureAt(plane: u32, x: i32, y: i32) -> f32 {
  let cx = clamp(x, 0, argI(0u) - 1);
  let cy = clamp(y, 0, argI(1u) - 1);
  return loadF(planeAt(plane, u32(cy * argI(0u) + cx)));
}

/** The mean of A and the warped B, and their difference. */
// …, A, B, stride
@compute @workgroup_size(16, 8)
fn warp(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= arg(0u) || id.y >= arg(1u)) {
    return;
  }
  let p = id.y * arg(0u) + id.x;
  let vector = vec2<f32>(loadF(arg(2u) + (p << 2u)), loadF(arg(3u) + (p << 2u)));
  storeF(planeAt(0u, p), vector.x);
  storeF(planeAt(1u, p), vector.y);
  let to = clamp(vec2<f32>(id.xy) + vector, vec2<f32>(0.0), vec2<f32>(f32(arg(0u) - 1u), f32(arg(1u) - 1u)));
  let i = vec2<i32>(to);
  let t = to - vec2<f32>(i);
  let stride = argI(8u);
  let b = u32(argI(7u) + i.y * stride + i.x);
  let upper = f32(loadByte(b)) * (1.0 - t.x) + f32(loadByte(b + 1u)) * t.x;
  let lower = f32(loadByte(b + u32(stride))) * (1.0 - t.x) + f32(loadByte(b + u32(stride) + 1u)) * t.x;
  let warped = upper * (1.0 - t.y) + lower * t.y;
  let own = f32(loadByte(u32(argI(6u) + i32(id.y) * stride + i32(id.x))));
  storeF(planeAt(MEAN, p), 0.5 * (own + warped));
  storeF(planeAt(CHANGE, p), warped - own);
}

/** Half the weight of smoothness at each pixel: an edge's weight is the mean of its two ends. */
@compute @workgroup_size(16, 8)
fn smoothness(@builtin(global_invocation_id) id: vec3<u32>) {
  let width = arg(0u);
  if (id.x >= width || id.y >= arg(1u)) {
    return;
  }
  let p = id.y * width + id.x;
  let own = vec2<f32>(loadF(arg(2u) + (p << 2u)), loadF(arg(3u) + (p << 2u)));
  let right = select(p, p + 1u, id.x + 1u < width);
  let below = select(p, p + width, id.y + 1u < arg(1u));
  let alongX = vec2<f32>(loadF(arg(2u) + (right << 2u)), loadF(arg(3u) + (right << 2u))) - own;
  let alongY = vec2<f32>(loadF(arg(2u) + (below << 2u)), loadF(arg(3u) + (below << 2u))) - own;
  let square = (alongX.x * alongX.x + alongY.x * alongY.x) + (alongX.y * alongX.y + alongY.y * alongY.y);
  storeF(planeAt(SMOOTH, p), SMOOTHNESS * 0.5 / sqrt(square + EPSILON2));
}

/** The linear system of a pixel, linearised at the flow that the level began with. */
@compute @workgroup_size(16, 8)
fn assemble(@builtin(global_invocation_id) id: vec3<u32>) {
  let width = argI(0u);
  let height = argI(1u);
  let x = i32(id.x);
  let y = i32(id.y);
  if (x >= width || y >= height) {
    return;
  }
  let p = u32(y * width + x);
  let twice = 2.0 * pictureAt(MEAN, x, y);
  let ix = 0.5 * (pictureAt(MEAN, x + 1, y) - pictureAt(MEAN, x - 1, y));
  let iy = 0.5 * (pictureAt(MEAN, x, y + 1) - pictureAt(MEAN, x, y - 1));
  let iz = pictureAt(CHANGE, x, y);
  let ixx = 0.25 * ((pictureAt(MEAN, x + 2, y) + pictureAt(MEAN, x - 2, y)) - twice);
  let iyy = 0.25 * ((pictureAt(MEAN, x, y + 2) + pictureAt(MEAN, x, y - 2)) - twice);
  let ixy = 0.25 * ((pictureAt(MEAN, x + 1, y + 1) - pictureAt(MEAN, x - 1, y + 1)) -
    (pictureAt(MEAN, x + 1, y - 1) - pictureAt(MEAN, x - 1, y - 1)));
  let ixz = 0.5 * (pictureAt(CHANGE, x + 1, y) - pictureAt(CHANGE, x - 1, y));
  let iyz = 0.5 * (pictureAt(CHANGE, x, y + 1) - pictureAt(CHANGE, x, y - 1));

  let u0 = loadF(planeAt(0u, p));
  let v0 = loadF(planeAt(1u, p));
  let du = loadF(arg(2u) + (p << 2u)) - u0;
  let dv = loadF(arg(3u) + (p << 2u)) - v0;
  // Where the vector leaves the picture there is nothing to compare with.
  let toX = f32(x) + u0;
  let toY = f32(y) + v0;
  let visible = toX >= 0.0 && toX <= f32(width - 1) && toY >= 0.0 && toY <= f32(height - 1);

  let inverse = 1.0 / ((ix * ix + iy * iy) + ZETA2);
  let rest = iz + (ix * du + iy * dv);
  let bright = select(0.0, (BRIGHTNESS * inverse) / sqrt((rest * rest) * inverse + EPSILON2), visible);
  let xySquare = ixy * ixy + ZETA2;
  let inverseX = 1.0 / (ixx * ixx + xySquare);
  let inverseY = 1.0 / (iyy * iyy + xySquare);
  let restX = ixz + (ixx * du + ixy * dv);
  let restY = iyz + (ixy * du + iyy * dv);
  let robust = sqrt(((restX * restX) * inverseX + (restY * restY) * inverseY) + EPSILON2);
  let gradient = select(0.0, GRADIENT / robust, visible);
  let gradientX = gradient * inverseX;
  let gradientY = gradient * inverseY;

  let bx = bright * ix;
  let by = bright * iy;
  let gxx = gradientX * ixx;
  let gxy = gradientX * ixy;
  let gyx = gradientY * ixy;
  let gyy = gradientY * iyy;
  let a11 = bx * ix + (gxx * ixx + gyx * ixy);
  let a12 = bx * iy + (gxx * ixy + gyx * iyy);
  let a22 = by * iy + (gxy * ixy + gyy * iyy);
  let c1 = bx * iz + (gxx * ixz + gyx * iyz);
  let c2 = by * iz + (gxy * ixz + gyy * iyz);

  let s = loadF(planeAt(SMOOTH, p));
  var right = 0.0;
  var left = 0.0;
  var up = 0.0;
  var down = 0.0;
  if (x + 1 < width) {
    right = s + loadF(planeAt(SMOOTH, p + 1u));
  }
  if (x > 0) {
    left = s + loadF(planeAt(SMOOTH, p - 1u));
  }
  if (y > 0) {
    up = s + loadF(planeAt(SMOOTH, p - u32(width)));
  }
  if (y + 1 < height) {
    down = s + loadF(planeAt(SMOOTH, p + u32(width)));
  }
  let sum = (left + right) + (up + down);
  storeF(planeAt(A12, p), a12);
  storeF(planeAt(B1, p), (a11 * u0 + a12 * v0) - c1);
  storeF(planeAt(B2, p), (a12 * u0 + a22 * v0) - c2);
  storeF(planeAt(INVERSE1, p), 1.0 / ((a11 + sum) + 1e-6));
  storeF(planeAt(INVERSE2, p), 1.0 / ((a22 + sum) + 1e-6));
  storeF(planeAt(RIGHT, p), right);
  storeF(planeAt(DOWN, p), down);
}

fn flowAt(p: u32) -> vec2<f32> {
  return vec2<f32>(loadF(arg(2u) + (p << 2u)), loadF(arg(3u) + (p << 2u)));
}

const CORE: vec2<i32> = vec2<i32>(32, 16);
/** The core, and two pixels around it. */
const TILE: vec2<i32> = vec2<i32>(36, 20);

var<workgroup> tile: array<vec2<f32>, 720>;

/** One SOR step of the pixel at `p` of the tile, `place` of the picture. Its neighbours have the other colour. */
fn relaxed(p: i32, place: vec2<i32>) {
  let size = vec2<i32>(argI(0u), argI(1u));
  if (any(place < vec2<i32>(0)) || any(place >= size)) {
    return;
  }
  let at = u32(place.y * size.x + place.x);
  var sideways = vec2<f32>(0.0);
  var upright = vec2<f32>(0.0);
  if (place.x > 0) {
    sideways = loadF(planeAt(RIGHT, at - 1u)) * tile[p - 1];
  }
  if (place.x + 1 < size.x) {
    sideways += loadF(planeAt(RIGHT, at)) * tile[p + 1];
  }
  if (place.y > 0) {
    upright = loadF(planeAt(DOWN, at - u32(size.x))) * tile[p - TILE.x];
  }
  if (place.y + 1 < size.y) {
    upright += loadF(planeAt(DOWN, at)) * tile[p + TILE.x];
  }
  let around = sideways + upright;
  let old = tile[p];
  let a12 = loadF(planeAt(A12, at));
  let solvedU = ((loadF(planeAt(B1, at)) + around.x) - a12 * old.y) * loadF(planeAt(INVERSE1, at));
  let newU = old.x + OMEGA * (solvedU - old.x);
  let solvedV = ((loadF(planeAt(B2, at)) + around.y) - a12 * newU) * loadF(planeAt(INVERSE2, at));
  tile[p] = vec2<f32>(newU, old.y + OMEGA * (solvedV - old.y));
}

/**
 * One SOR iteration, red pixels (x + y even) before black ones, from one pair of planes to another: a workgroup does it for the core of its
 * tile, and the red pixels beside that once more, so that the system is read once for both colours.
 */
// …, new u, new v
@compute @workgroup_size(256)
fn relax(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let size = vec2<i32>(argI(0u), argI(1u));
  let corner = vec2<i32>(group.xy) * CORE - 2;
  for (var i = i32(local); i < TILE.x * TILE.y; i += 256) {
    let place = clamp(corner + vec2<i32>(i % TILE.x, i / TILE.x), vec2<i32>(0), size - 1);
    tile[i] = flowAt(u32(place.y * size.x + place.x));
  }
  workgroupBarrier();
  // Half of the pixels of the core with a border of one.
  for (var i = i32(local); i < (CORE.x / 2 + 1) * (CORE.y + 2); i += 256) {
    let y = 1 + i / (CORE.x / 2 + 1);
    let x = 1 + 2 * (i % (CORE.x / 2 + 1)) + ((corner.x + corner.y + 1 + y) & 1);
    relaxed(y * TILE.x + x, corner + vec2<i32>(x, y));
  }
  workgroupBarrier();
  let y = 2 + i32(local) / (CORE.x / 2);
  let x = 2 + 2 * (i32(local) % (CORE.x / 2)) + ((corner.x + corner.y + 1 + y) & 1);
  relaxed(y * TILE.x + x, corner + vec2<i32>(x, y));
  workgroupBarrier();
  for (var i = i32(local); i < CORE.x * CORE.y; i += 256) {
    let inside = vec2<i32>(i % CORE.x, i / CORE.x) + 2;
    let place = corner + inside;
    if (all(place < size)) {
      let at = u32(place.y * size.x + place.x) << 2u;
      let value = tile[inside.y * TILE.x + inside.x];
      storeF(arg(6u) + at, value.x);
      storeF(arg(7u) + at, value.y);
    }
  }
}
