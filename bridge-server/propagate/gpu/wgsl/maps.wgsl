// Maps: where each pixel of a frame is found in a key (kernels/assembly/map-*.ts say what and why). Vectors are two f32, in pixels.

// step, known, width, height, out
@compute @workgroup_size(16, 8)
fn mapAlong(@builtin(global_invocation_id) id: vec3<u32>) {
  let width = argI(2u);
  let height = argI(3u);
  if (i32(id.x) >= width || i32(id.y) >= height) {
    return;
  }
  let at = (id.y * u32(width) + id.x) << 3u;
  let step_ = loadVector(arg(0u) + at);
  let p = clamp(vec2<f32>(id.xy) + step_, vec2<f32>(0.0), vec2<f32>(f32(width - 1), f32(height - 1)));
  let i = vec2<i32>(p);
  let t = p - vec2<f32>(i);
  let upper = arg(1u) + (u32(i.y * width + i.x) << 3u);
  let lower = select(upper, upper + (u32(width) << 3u), i.y + 1 < height);
  let right = select(0u, 8u, i.x + 1 < width);
  let there = (loadVector(upper) * ((1.0 - t.x) * (1.0 - t.y)) + loadVector(upper + right) * (t.x * (1.0 - t.y))) +
    (loadVector(lower) * ((1.0 - t.x) * t.y) + loadVector(lower + right) * (t.x * t.y));
  storeVector(arg(4u) + at, step_ + there);
}

fn errorAt(own: vec4<f32>, key: u32, width: i32, height: i32, place: vec2<i32>) -> f32 {
  let difference = samplePixels(key, width, height, place) - own;
  return total4(difference * difference);
}

/** How much better the other map matches. */
// frame, key, width, height, map, other, plane
@compute @workgroup_size(16, 8)
fn mapGain(@builtin(global_invocation_id) id: vec3<u32>) {
  let width = argI(2u);
  let height = argI(3u);
  if (i32(id.x) >= width || i32(id.y) >= height) {
    return;
  }
  let p = id.y * u32(width) + id.x;
  let one = arg(4u) + (p << 3u);
  let other = arg(5u) + (p << 3u);
  var gain = 0.0;
  if (loadU(one) != loadU(other) || loadU(one + 4u) != loadU(other + 4u)) {
    let own = loadPixel(arg(0u) + (p << 2u));
    gain = errorAt(own, arg(1u), width, height, placeBy(loadVector(one), vec2<i32>(id.xy), width, height)) + SLACK -
      errorAt(own, arg(1u), width, height, placeBy(loadVector(other), vec2<i32>(id.xy), width, height));
  }
  storeF(arg(6u) + (p << 2u), gain);
}

// map, other, width, height, plane
@compute @workgroup_size(16, 8)
fn mapTake(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= arg(2u) || id.y >= arg(3u)) {
    return;
  }
  let p = id.y * arg(2u) + id.x;
  if (loadF(arg(4u) + (p << 2u)) > 0.0) {
    storeU(arg(0u) + (p << 3u), loadU(arg(1u) + (p << 3u)));
    storeU(arg(0u) + (p << 3u) + 4u, loadU(arg(1u) + (p << 3u) + 4u));
  }
}

const TOLERABLE: f32 = 80.0;
const SLACK: f32 = 20.0;
const WINDOW_SLACK: i32 = 720;
const EVEN: f32 = 0.3;
const UNEVEN: f32 = 1.5;
const ASIDE: i32 = 5;
const ALIKE: f32 = 1.0;
const NEAREST: i32 = 3;
const FARTHEST: i32 = 96;
const MOST: i32 = 0x7fffffff;

/** Windows of 6x6 about the cells at (x, y) and, in the key, at k; given up once `limit` is reached. */
// frame, key, width, height, map, out
fn windowError(x: i32, y: i32, k: vec2<i32>, limit: i32) -> i32 {
  let width = argI(2u);
  let height = argI(3u);
  if (k.x < -1 || k.y < -1 || k.x > width || k.y > height) {
    return MOST;
  }
  var sum = 0;
  for (var j = -2; j < 4; j++) {
    let row = arg(0u) + (u32(clamp(y + j, 0, height - 1) * width) << 2u);
    let keyRow = arg(1u) + (u32(clamp(k.y + j, 0, height - 1) * width) << 2u);
    for (var i = -2; i < 4; i++) {
      let off = loadPixel(row + (u32(clamp(x + i, 0, width - 1)) << 2u)) -
        loadPixel(keyRow + (u32(clamp(k.x + i, 0, width - 1)) << 2u));
      sum += i32(dot(off, off));
    }
    if (sum >= limit) {
      return sum;
    }
  }
  return sum;
}

/** How far off the map's own pixel is. */
fn pixelError(place: vec2<i32>, width: i32, height: i32) -> f32 {
  let p = u32(place.y * width + place.x);
  let there = placeBy(loadVector(arg(4u) + (p << 3u)), place, width, height);
  return errorAt(loadPixel(arg(0u) + (p << 2u)), arg(1u), width, height, there);
}

/** The map at `at`, extrapolated by its own gradient, taken over `reach` pixels either way. */
fn carriedOn(at: u32, by: vec2<i32>, reach: i32) -> vec2<f32> {
  let right = u32(reach) << 3u;
  let below = arg(2u) * right;
  let over = 0.5 / f32(reach);
  let alongX = (loadVector(at + right) - loadVector(at - right)) * over;
  let alongY = (loadVector(at + below) - loadVector(at - below)) * over;
  let carried = loadVector(at) + f32(by.x) * alongX + f32(by.y) * alongY;
  return clamp(carried, vec2<f32>(-32000.0), vec2<f32>(32000.0));
}

/** How far the vector at `at`, of the pixel `place`, is from the mean of those `reach` pixels on either side, along the worse axis. */
fn bend(at: u32, place: vec2<i32>, size: vec2<i32>, reach: i32) -> f32 {
  let right = u32(reach) << 3u;
  var most = 0.0;
  if (place.x >= reach && place.x + reach < size.x) {
    most = bendAlong(at, right);
  }
  if (place.y >= reach && place.y + reach < size.y) {
    most = max(most, bendAlong(at, arg(2u) * right));
  }
  return most;
}

fn bendAlong(at: u32, aside: u32) -> f32 {
  let off = abs(loadVector(at) - 0.5 * (loadVector(at - aside) + loadVector(at + aside)));
  return max(off.x, off.y);
}

@compute @workgroup_size(8, 8)
fn mapBorrow(@builtin(global_invocation_id) id: vec3<u32>) {
  let width = argI(2u);
  let height = argI(3u);
  let x = 2 * i32(id.x);
  let y = 2 * i32(id.y);
  if (x >= width || y >= height) {
    return;
  }
  let at = arg(4u) + (u32(y * width + x) << 3u);
  let size = vec2<i32>(width, height);
  let corner = vec2<i32>(x, y);
  let other = select(corner, corner + 1, all(corner + 1 < size));
  let misfit = pixelError(corner, width, height) + pixelError(other, width, height);
  var lender = 0u;
  var lendersPlace = vec2<i32>(0);
  var lendersReach = 0;
  let doubtful = misfit > 2.0 * TOLERABLE;
  if (doubtful || bend(at, corner, size, ASIDE) > UNEVEN) {
    let ownPlace = vec2<i32>(round(vec2<f32>(corner) + loadVector(at)));
    let own = windowError(x, y, ownPlace, MOST);
    let clearly = own - (own >> 2u);
    var least = select(own, own + WINDOW_SLACK, own < MOST - WINDOW_SLACK);
    var borneOut = false;
    // The place tried last: most neighbours lend the same one.
    var last = ownPlace;
    for (var ring = NEAREST; ring <= FARTHEST; ring *= 2) {
      let reach = max(2, ring >> 2u);
      for (var side = 0; side < 8; side++) {
        let qx = x + select(select(ring, 0, side < 5), -ring, side < 3);
        let qy = y + select(
          select(ring, 0, side == 1 || side == 6),
          -ring,
          side == 0 || side == 3 || side == 5,
        );
        if (qx < reach || qy < reach || qx + reach >= width || qy + reach >= height) {
          continue;
        }
        let q = arg(4u) + (u32(qy * width + qx) << 3u);
        let even = bend(q, vec2<i32>(qx, qy), size, reach) <= EVEN;
        if (!even && !doubtful) {
          continue;
        }
        let carried = carriedOn(q, vec2<i32>(x - qx, y - qy), reach);
        if (even && all(abs(carried - loadVector(at)) < vec2<f32>(ALIKE))) {
          borneOut = true;
        }
        let k = vec2<i32>(round(vec2<f32>(f32(x), f32(y)) + carried));
        if (all(k == ownPlace) || all(k == last)) {
          continue;
        }
        last = k;
        let limit = select(min(least, clearly), least, even);
        let error = windowError(x, y, k, limit);
        if (error < limit) {
          least = error;
          lender = q;
          lendersPlace = vec2<i32>(qx, qy);
          lendersReach = reach;
        }
      }
    }
    if (borneOut && least >= clearly) {
      lender = 0u;
    }
  }
  for (var j = y; j < min(height, y + 2); j++) {
    for (var i = x; i < min(width, x + 2); i++) {
      let p = u32(j * width + i) << 3u;
      if (lender == 0u) {
        storeU(arg(5u) + p, loadU(arg(4u) + p));
        storeU(arg(5u) + p + 4u, loadU(arg(4u) + p + 4u));
      } else {
        storeVector(arg(5u) + p, carriedOn(lender, vec2<i32>(i, j) - lendersPlace, lendersReach));
      }
    }
  }
}

const DOUBT: f32 = 400.0;
const STIFFNESS: f32 = 80.0;
const REACH: f32 = 1.0;

/** Parts of an 8-bit level that differences are rounded to, and what slopes are multiplied by: both are whole numbers then. */
const PARTS: f32 = 16.0;
const SLOPES: f32 = 12.0;

fn frameAt(x: i32, y: i32) -> vec4<i32> {
  return loadPixelI(arg(0u) + (u32(clamp(y, 0, argI(3u) - 1) * argI(2u) + clamp(x, 0, argI(2u) - 1)) << 2u));
}

/** The key less the frame at a pixel. */
fn differenceAt(x: i32, y: i32) -> vec4<i32> {
  let width = argI(2u);
  let vector = loadVector(arg(4u) + (u32(y * width + x) << 3u));
  let there = samplePixels(arg(1u), width, argI(3u), placeBy(vector, vec2<i32>(x, y), width, argI(3u)));
  return vec4<i32>(round(there * PARTS)) - (frameAt(x, y) << vec4<u32>(4u));
}

fn dotI(a: vec4<i32>, b: vec4<i32>) -> i32 {
  return a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w;
}

/** Sums over a cell of 2x2 pixels, in six planes: gradient products xx, xy, yy; with the difference xt, yt; its square. */
// frame, key, width, height, map, planes, bytes of a plane
@compute @workgroup_size(8, 8)
fn refineGather(@builtin(global_invocation_id) id: vec3<u32>) {
  let size = vec2<i32>(argI(2u), argI(3u));
  let cells = (size + 1) >> vec2<u32>(1u);
  let cell = vec2<i32>(id.xy);
  if (any(cell >= cells)) {
    return;
  }
  var gradients = vec3<f32>(0.0);
  var descent = vec2<f32>(0.0);
  var squares = 0.0;
  for (var k = 0; k < 4; k++) {
    let x = 2 * cell.x + (k & 1);
    let y = 2 * cell.y + (k >> 1u);
    if (x >= size.x || y >= size.y) {
      continue;
    }
    let t = differenceAt(x, y);
    let gx = ((frameAt(x + 1, y) - frameAt(x - 1, y)) << vec4<u32>(3u)) - (frameAt(x + 2, y) - frameAt(x - 2, y));
    let gy = ((frameAt(x, y + 1) - frameAt(x, y - 1)) << vec4<u32>(3u)) - (frameAt(x, y + 2) - frameAt(x, y - 2));
    let square = f32(dotI(t, t));
    let trust = DOUBT * PARTS * PARTS / (DOUBT * PARTS * PARTS + square);
    gradients += trust * vec3<f32>(vec3<i32>(dotI(gx, gx), dotI(gx, gy), dotI(gy, gy)));
    descent += trust * vec2<f32>(vec2<i32>(dotI(gx, t), dotI(gy, t)));
    squares += square;
  }
  let at = arg(5u) + (u32(cell.y * cells.x + cell.x) << 2u);
  storeF(at, gradients.x * (1.0 / (SLOPES * SLOPES)));
  storeF(at + arg(6u), gradients.y * (1.0 / (SLOPES * SLOPES)));
  storeF(at + 2u * arg(6u), gradients.z * (1.0 / (SLOPES * SLOPES)));
  storeF(at + 3u * arg(6u), descent.x * (1.0 / (SLOPES * PARTS)));
  storeF(at + 4u * arg(6u), descent.y * (1.0 / (SLOPES * PARTS)));
  storeF(at + 5u * arg(6u), squares * (1.0 / (PARTS * PARTS)));
}

/** The last of these planes alone. */
// frame, key, width, height, map, plane
@compute @workgroup_size(8, 8)
fn refineMisfit(@builtin(global_invocation_id) id: vec3<u32>) {
  let size = vec2<i32>(argI(2u), argI(3u));
  let cells = (size + 1) >> vec2<u32>(1u);
  let cell = vec2<i32>(id.xy);
  if (any(cell >= cells)) {
    return;
  }
  var squares = 0;
  for (var k = 0; k < 4; k++) {
    let x = 2 * cell.x + (k & 1);
    let y = 2 * cell.y + (k >> 1u);
    if (x < size.x && y < size.y) {
      let t = differenceAt(x, y);
      squares += dotI(t, t);
    }
  }
  storeF(arg(5u) + (u32(cell.y * cells.x + cell.x) << 2u), f32(squares) * (1.0 / (PARTS * PARTS)));
}

/** The step of each cell, in place of xt and yt; none where the last one did no good. */
// planes, bytes of a plane, cells across, cells down, least, moved, first (1: nothing was tried before)
@compute @workgroup_size(16, 8)
fn refineSolve(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= arg(2u) || id.y >= arg(3u)) {
    return;
  }
  let p = (id.y * arg(2u) + id.x) << 2u;
  let at = arg(0u) + p;
  let size = arg(1u);
  let now = loadF(at + 5u * size);
  let better = arg(6u) == 1u || now < loadF(arg(4u) + p);
  storeU(arg(5u) + p, select(0u, 1u, better));
  var step_ = vec2<f32>(0.0);
  if (better) {
    storeF(arg(4u) + p, now);
    let a = loadF(at) + STIFFNESS;
    let b = loadF(at + size);
    let c = loadF(at + 2u * size) + STIFFNESS;
    let x = loadF(at + 3u * size);
    let y = loadF(at + 4u * size);
    let over = -1.0 / (a * c - b * b);
    step_ = vec2<f32>((c * x - b * y) * over, (a * y - b * x) * over);
    let longest = max(abs(step_.x), abs(step_.y));
    if (longest > REACH) {
      step_ *= REACH / longest;
    }
  }
  storeF(at + 3u * size, step_.x);
  storeF(at + 4u * size, step_.y);
}

/** Keeps what was better and goes on from the best known; at the last, stays there. */
// map, kept, width, height, moved, step x, step y, last (1: no more steps)
@compute @workgroup_size(16, 8)
fn refineMove(@builtin(global_invocation_id) id: vec3<u32>) {
  let width = argI(2u);
  let height = argI(3u);
  if (i32(id.x) >= width || i32(id.y) >= height) {
    return;
  }
  let cellsX = (width + 1) >> 1u;
  let cellsY = (height + 1) >> 1u;
  let at = (id.y * u32(width) + id.x) << 3u;
  let cell = ((id.y >> 1u) * u32(cellsX) + (id.x >> 1u)) << 2u;
  var known = loadVector(arg(1u) + at);
  if (loadU(arg(4u) + cell) == 1u) {
    known = loadVector(arg(0u) + at);
    storeVector(arg(1u) + at, known);
  }
  if (arg(7u) == 0u) {
    let centre = (vec2<f32>(id.xy) - 0.5) * 0.5;
    known += vec2<f32>(
      samplePlane(arg(5u), cellsX, cellsY, centre),
      samplePlane(arg(6u), cellsX, cellsY, centre),
    );
  }
  storeVector(arg(0u) + at, known);
}

var<workgroup> longest_: array<f32, 256>;

/** The largest component of each row. A workgroup has a row. */
// map, width, height, rows
@compute @workgroup_size(256)
fn mapExtent(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let row = arg(0u) + ((group.x * arg(1u)) << 3u);
  var most = 0.0;
  for (var x = local; x < 2u * arg(1u); x += 256u) {
    most = max(most, abs(loadF(row + (x << 2u))));
  }
  longest_[local] = most;
  workgroupBarrier();
  if (local == 0u) {
    for (var i = 1u; i < 256u; i++) {
      most = max(most, longest_[i]);
    }
    storeF(arg(3u) + (group.x << 2u), most);
  }
}

fn zigzag(value: i32) -> u32 {
  let wrapped = (value << 16u) >> 16u;
  return u32((wrapped << 1u) ^ (wrapped >> 31u));
}

fn unzigzag(code: u32) -> i32 {
  return i32(code >> 1u) ^ -i32(code & 1u);
}

fn steps(map: u32, p: u32, scale: f32) -> vec2<i32> {
  return vec2<i32>(round(loadVector(map + (p << 3u)) * scale));
}

/** Four bytes a thread of the four planes: high bytes of dx, of dy, low bytes of dx, of dy, each less its left neighbour's. */
// map, width, height, scale (f32), out
@compute @workgroup_size(256)
fn mapPack(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = linear(group, groups, local);
  let count = arg(1u) * arg(2u);
  if (i >= count) {
    return;
  }
  var word = 0u;
  for (var k = 0u; k < 4u; k++) {
    let at = 4u * i + k;
    let plane = at / count;
    let p = at - plane * count;
    var difference = steps(arg(0u), p, argF(3u));
    if (p % arg(1u) != 0u) {
      difference -= steps(arg(0u), p - 1u, argF(3u));
    }
    let code = zigzag(select(difference.x, difference.y, (plane & 1u) == 1u));
    word |= (select(code, code >> 8u, plane < 2u) & 255u) << (8u * k);
  }
  storeU(arg(4u) + 4u * i, word);
}

/** The map itself as it was stored. Nothing is divided: cards do that nearly, and this must be what mapUnpack gives. */
// map, width, height, scale (f32), its inverse (f32)
@compute @workgroup_size(16, 8)
fn mapRound(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= arg(1u) || id.y >= arg(2u)) {
    return;
  }
  let p = id.y * arg(1u) + id.x;
  storeVector(arg(0u) + (p << 3u), vec2<f32>(steps(arg(0u), p, argF(3u))) * argF(4u));
}

var<workgroup> sums_: array<vec2<i32>, 256>;

fn codeAt(p: u32, count: u32) -> vec2<i32> {
  let packed = arg(0u) + p;
  return vec2<i32>(
    unzigzag((loadByte(packed) << 8u) | loadByte(packed + 2u * count)),
    unzigzag((loadByte(packed + count) << 8u) | loadByte(packed + 3u * count)),
  );
}

/** The inverse of mapPack. A workgroup has a row, a thread a piece of it. */
// packed, width, height, inverse of the scale (f32), map
@compute @workgroup_size(256)
fn mapUnpack(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let width = arg(1u);
  let count = width * arg(2u);
  let piece = (width + 255u) / 256u;
  let begin = min(width, local * piece);
  let end = min(width, begin + piece);
  let row = group.x * width;
  var sum = vec2<i32>(0);
  for (var x = begin; x < end; x++) {
    sum += codeAt(row + x, count);
  }
  sums_[local] = sum;
  workgroupBarrier();
  sum = vec2<i32>(0);
  for (var i = 0u; i < local; i++) {
    sum += sums_[i];
  }
  for (var x = begin; x < end; x++) {
    sum += codeAt(row + x, count);
    let wrapped = (sum << vec2<u32>(16u)) >> vec2<u32>(16u);
    storeVector(arg(4u) + ((row + x) << 3u), vec2<f32>(wrapped) * argF(3u));
  }
}
