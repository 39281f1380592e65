// A frame from its keys (kernels/assembly/blend.ts says what and why).

const FLOOR: f32 = 4.0;
const HOLD: f32 = 1.0;
const HOLD_BY_ERROR: f32 = 2.0;
const RESIDUAL: f32 = 8.0;
const SAMPLE: f32 = 64.0;

/** Both keys moved, and what they miss of the frame and differ by. */
// frame, key A, map A, key B, map B, width, height, residual, samples, error A, error B, cross, square
@compute @workgroup_size(16, 8)
fn mixErrors(@builtin(global_invocation_id) id: vec3<u32>) {
  let width = argI(5u);
  let height = argI(6u);
  if (i32(id.x) >= width || i32(id.y) >= height) {
    return;
  }
  let p = id.y * u32(width) + id.x;
  let own = loadPixel(arg(0u) + (p << 2u));
  let a = samplePixels(arg(1u), width, height, placeBy(loadVector(arg(2u) + (p << 3u)), vec2<i32>(id.xy), width, height));
  let b = samplePixels(arg(3u), width, height, placeBy(loadVector(arg(4u) + (p << 3u)), vec2<i32>(id.xy), width, height));
  storeSigned(arg(7u) + (p << 3u), a * SAMPLE);
  storeSigned(arg(8u) + (p << 3u), b * SAMPLE);
  let offA = a - own;
  let offB = b - own;
  let apart = a - b;
  storeF(arg(9u) + (p << 2u), colour3(offA * offA) * (1.0 / 3.0));
  storeF(arg(10u) + (p << 2u), colour3(offB * offB) * (1.0 / 3.0));
  storeF(arg(11u) + (p << 2u), colour3(offB * apart) * (-1.0 / 3.0));
  storeF(arg(12u) + (p << 2u), colour3(apart * apart) * (1.0 / 3.0));
}

/** The share of A, in place of its error, and the residual. */
// frame, width, height, nearness (f32), residual, samples, share, error B, cross, square
@compute @workgroup_size(16, 8)
fn mixShares(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= arg(1u) || id.y >= arg(2u)) {
    return;
  }
  let p = id.y * arg(1u) + id.x;
  let nearness = argF(3u);
  let a = loadF(arg(6u) + (p << 2u)) + FLOOR;
  let b = loadF(arg(7u) + (p << 2u)) + FLOOR;
  let forA = nearness * b * sqrt(b);
  let forB = (1.0 - nearness) * a * sqrt(a);
  let byError = forA / (forA + forB);
  let hold = HOLD + HOLD_BY_ERROR * (min(a, b) - FLOOR);
  let best = (loadF(arg(8u) + (p << 2u)) + hold * byError) / (loadF(arg(9u) + (p << 2u)) + hold);
  let weight = clamp(best, 0.0, 1.0);
  storeF(arg(6u) + (p << 2u), weight);
  let mixed = loadSigned(arg(4u) + (p << 3u)) * (weight / SAMPLE) +
    loadSigned(arg(5u) + (p << 3u)) * ((1.0 - weight) / SAMPLE);
  storeSigned(arg(4u) + (p << 3u), (loadPixel(arg(0u) + (p << 2u)) - mixed) * RESIDUAL);
}

/** The residual where there is one key only. */
// frame, key, map, width, height, residual
@compute @workgroup_size(16, 8)
fn miss(@builtin(global_invocation_id) id: vec3<u32>) {
  let width = argI(3u);
  let height = argI(4u);
  if (i32(id.x) >= width || i32(id.y) >= height) {
    return;
  }
  let p = id.y * u32(width) + id.x;
  let there = samplePixels(arg(1u), width, height, placeBy(loadVector(arg(2u) + (p << 3u)), vec2<i32>(id.xy), width, height));
  storeSigned(arg(5u) + (p << 3u), (loadPixel(arg(0u) + (p << 2u)) - there) * RESIDUAL);
}

const AWAY: i32 = 3;
const SIDES: u32 = 4u;
const APART: f32 = 1.0;
const WINDOW: f32 = 16.0;
const MISSED: f32 = 12.0;
const OWN_HOLD: f32 = 5.0;
const GRAIN: f32 = 1.0;
const SLIGHT: f32 = 0.02;
const WHOLE: f32 = 255.0;

/** Both keys of a mix: guides or pictures, and their maps; key B is 0 where there is one. */
struct Keys {
  a: u32,
  mapA: u32,
  b: u32,
  mapB: u32,
  size: vec2<i32>,
  share: u32,
}

/** The pixel beside on a side; -1 outside the picture. */
fn besideOf(side: u32, place: vec2<i32>, size: vec2<i32>) -> i32 {
  let across = select(select(0, AWAY, side == 2u), -AWAY, side == 0u);
  let down = select(select(0, AWAY, side == 3u), -AWAY, side == 1u);
  let q = place + vec2<i32>(across, down);
  return select(q.y * size.x + q.x, -1, any(q < vec2<i32>(0)) || any(q >= size));
}

fn shareAt(keys: Keys, q: u32) -> f32 {
  if (keys.b == 0u) {
    return 1.0;
  }
  let part = loadF(keys.share + (q << 2u));
  return select(select(part, 0.0, part < SLIGHT), 1.0, part > 1.0 - SLIGHT);
}

fn shownBy(words: bool, keys: Keys, q: u32, part: f32, place: vec2<i32>) -> vec4<f32> {
  let size = keys.size;
  var shown = vec4<f32>(0.0);
  for (var i = 0u; i < 2u; i++) {
    let weight = select(part, 1.0 - part, i == 1u);
    if (weight <= 0.0) {
      continue;
    }
    let key = select(keys.a, keys.b, i == 1u);
    let map = select(keys.mapA, keys.mapB, i == 1u);
    let there = placeBy(loadVector(map + (q << 3u)), place, size.x, size.y);
    if (words) {
      shown += sampleWords(key, size.x, size.y, there) * weight;
    } else {
      shown += samplePixels(key, size.x, size.y, there) * weight;
    }
  }
  return shown;
}

fn apart(map: u32, p: u32, q: u32) -> bool {
  let off = abs(loadVector(map + (p << 3u)) - loadVector(map + (q << 3u)));
  return max(off.x, off.y) >= APART;
}

fn missedAt(residual: u32, p: u32) -> vec4<f32> {
  return loadSigned(residual + (p << 3u)) * (1.0 / RESIDUAL);
}

/** A place of the window of 3x3 about a place. */
fn windowed(k: i32, place: vec2<i32>, size: vec2<i32>) -> vec2<i32> {
  return clamp(place + vec2<i32>(k % 3 - 1, k / 3 - 1), vec2<i32>(0), size - 1);
}

fn windowWeight(k: i32) -> f32 {
  return select(1.0, 2.0, k % 3 == 1) * select(1.0, 2.0, k / 3 == 1);
}

/** The part that the motions of `q` take, times its weight, and the weight. */
fn explained(q: u32, part: f32, frame: u32, keys: Keys, residual: u32, place: vec2<i32>, own: f32) -> vec2<f32> {
  var square = 0.0;
  var cross = 0.0;
  // The centre first: where it gets worse, nothing is taken.
  for (var i = -1; i < 9; i++) {
    let k = select(i, 4, i < 0);
    let at = windowed(k, place, keys.size);
    let n = u32(at.y * keys.size.x + at.x);
    let left = missedAt(residual, n);
    let change = (shownBy(false, keys, q, part, at) - loadPixel(frame + (n << 2u))) + left;
    if (i < 0) {
      if (colour3(change * left) <= 0.0) {
        return vec2<f32>(0.0);
      }
      continue;
    }
    square += windowWeight(k) * colour3(change * change);
    cross += windowWeight(k) * colour3(change * left);
  }
  let taken = clamp(cross / (square + OWN_HOLD * WINDOW), 0.0, 1.0);
  let error = own - 2.0 * taken * cross + taken * taken * square;
  let ratio = (own + GRAIN * WINDOW) / (max(0.0, error) + GRAIN * WINDOW);
  let weight = select(0.0, ratio * ratio * ratio * ratio, error < own);
  return vec2<f32>(taken * weight, weight);
}

/** What the motions of the pixels beside take of each pixel. */
// frame, key A, map A, key B, map B, width, height, share, residual, beside
@compute @workgroup_size(8, 8)
fn besideShares(@builtin(global_invocation_id) id: vec3<u32>) {
  let size = vec2<i32>(argI(5u), argI(6u));
  let place = vec2<i32>(id.xy);
  if (any(place >= size)) {
    return;
  }
  let keys = Keys(arg(1u), arg(2u), arg(3u), arg(4u), size, arg(7u));
  let p = u32(place.y * size.x + place.x);
  var own = 0.0;
  for (var k = 0; k < 9; k++) {
    let at = windowed(k, place, size);
    let left = missedAt(arg(8u), u32(at.y * size.x + at.x));
    own += windowWeight(k) * colour3(left * left);
  }
  var shares = vec4<f32>(0.0);
  var total = 1.0;
  if (own > MISSED * WINDOW) {
    for (var side = 0u; side < SIDES; side++) {
      let beside = besideOf(side, place, size);
      if (beside < 0) {
        continue;
      }
      let q = u32(beside);
      let part = shareAt(keys, q);
      if (!((part > 0.0 && apart(keys.mapA, p, q)) || (part < 1.0 && apart(keys.mapB, p, q)))) {
        continue;
      }
      let found = explained(q, part, arg(0u), keys, arg(8u), place, own);
      shares[side] = found.x;
      total += found.y;
    }
  }
  let parts = vec4<u32>(round(shares * (WHOLE / total)));
  storeU(arg(9u) + (p << 2u), parts.x | (parts.y << 8u) | (parts.z << 16u) | (parts.w << 24u));
}

fn withBeside(words: bool, mixed: vec4<f32>, keys: Keys, p: u32, place: vec2<i32>, beside: u32) -> vec4<f32> {
  let parts = loadPixel(beside + (p << 2u));
  var value = mixed;
  for (var side = 0u; side < SIDES; side++) {
    if (parts[side] > 0.0) {
      let q = u32(besideOf(side, place, keys.size));
      value += (shownBy(words, keys, q, shareAt(keys, q), place) - mixed) * (parts[side] / WHOLE);
    }
  }
  return value;
}

/** What is missed then. */
// frame, key A, map A, key B, map B, width, height, share, residual, beside
@compute @workgroup_size(16, 8)
fn besideMissed(@builtin(global_invocation_id) id: vec3<u32>) {
  let size = vec2<i32>(argI(5u), argI(6u));
  let place = vec2<i32>(id.xy);
  if (any(place >= size)) {
    return;
  }
  let p = u32(place.y * size.x + place.x);
  if (loadU(arg(9u) + (p << 2u)) == 0u) {
    return;
  }
  let keys = Keys(arg(1u), arg(2u), arg(3u), arg(4u), size, arg(7u));
  let own = loadPixel(arg(0u) + (p << 2u));
  let shown = withBeside(false, own - missedAt(arg(8u), p), keys, p, place, arg(9u));
  storeSigned(arg(8u) + (p << 3u), (own - shown) * RESIDUAL);
}

const CELL: i32 = 4;

fn signedInts(at: u32) -> vec4<i32> {
  return vec4<i32>(loadSigned(at));
}

fn blur5(a: vec4<i32>, b: vec4<i32>, c: vec4<i32>, d: vec4<i32>, e: vec4<i32>) -> vec4<i32> {
  return ((a + e) + 4 * (b + d) + 6 * c + 8) >> vec4<u32>(4u);
}

fn storeInts(at: u32, value: vec4<i32>) {
  let bits = vec4<u32>(value) & vec4<u32>(65535u);
  storeU(at, bits.x | (bits.y << 16u));
  storeU(at + 4u, bits.z | (bits.w << 16u));
}

// residual, width, height, between
@compute @workgroup_size(16, 8)
fn bandAcross(@builtin(global_invocation_id) id: vec3<u32>) {
  let width = argI(1u);
  let x = i32(id.x);
  if (x >= width || id.y >= arg(2u)) {
    return;
  }
  let row = arg(0u) + ((id.y * arg(1u)) << 3u);
  let value = blur5(
    signedInts(row + (u32(max(0, x - 2)) << 3u)),
    signedInts(row + (u32(max(0, x - 1)) << 3u)),
    signedInts(row + (id.x << 3u)),
    signedInts(row + (u32(min(width - 1, x + 1)) << 3u)),
    signedInts(row + (u32(min(width - 1, x + 2)) << 3u)),
  );
  storeInts(arg(3u) + ((id.y * arg(1u) + id.x) << 3u), value);
}

// between, width, height, soft
@compute @workgroup_size(16, 8)
fn bandDown(@builtin(global_invocation_id) id: vec3<u32>) {
  let height = argI(2u);
  let y = i32(id.y);
  if (id.x >= arg(1u) || y >= height) {
    return;
  }
  let stride = arg(1u) << 3u;
  let column = arg(0u) + (id.x << 3u);
  let value = blur5(
    signedInts(column + u32(max(0, y - 2)) * stride),
    signedInts(column + u32(max(0, y - 1)) * stride),
    signedInts(column + id.y * stride),
    signedInts(column + u32(min(height - 1, y + 1)) * stride),
    signedInts(column + u32(min(height - 1, y + 2)) * stride),
  );
  storeInts(arg(3u) + id.y * stride + (id.x << 3u), value);
}

fn storeFour(at: u32, value: vec4<f32>) {
  storeF(at, value.x);
  storeF(at + 4u, value.y);
  storeF(at + 8u, value.z);
  storeF(at + 12u, value.w);
}

fn loadFour(at: u32) -> vec4<f32> {
  return vec4<f32>(loadF(at), loadF(at + 4u), loadF(at + 8u), loadF(at + 12u));
}

/** Means of cells of 4x4 pixels. */
// residual, width, height, cells across, cells down, raw
@compute @workgroup_size(8, 8)
fn bandCells(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= arg(3u) || id.y >= arg(4u)) {
    return;
  }
  let right = min(arg(1u), 4u * id.x + 4u);
  let below = min(arg(2u), 4u * id.y + 4u);
  var sum = vec4<f32>(0.0);
  for (var y = 4u * id.y; y < below; y++) {
    for (var x = 4u * id.x; x < right; x++) {
      sum += loadSigned(arg(0u) + ((y * arg(1u) + x) << 3u));
    }
  }
  let count = (right - 4u * id.x) * (below - 4u * id.y);
  storeFour(arg(5u) + ((id.y * arg(3u) + id.x) << 4u), sum * (1.0 / f32(count)));
}

// raw, cells across, cells down, coarse
@compute @workgroup_size(8, 8)
fn bandCoarse(@builtin(global_invocation_id) id: vec3<u32>) {
  let cellsX = argI(1u);
  let cellsY = argI(2u);
  let cx = i32(id.x);
  let cy = i32(id.y);
  if (cx >= cellsX || cy >= cellsY) {
    return;
  }
  var sum = vec4<f32>(0.0);
  for (var j = -1; j <= 1; j++) {
    let row = arg(0u) + (u32(clamp(cy + j, 0, cellsY - 1) * cellsX) << 4u);
    let left = loadFour(row + (u32(max(0, cx - 1)) << 4u));
    let right = loadFour(row + (u32(min(cellsX - 1, cx + 1)) << 4u));
    let own = loadFour(row + (id.x << 4u));
    sum += ((left + right) + own * 2.0) * select(0.0625, 0.125, j == 0);
  }
  storeFour(arg(3u) + (u32(cy * cellsX + cx) << 4u), sum);
}

fn coarseAt(coarse: u32, width: i32, height: i32, x: u32, y: u32) -> vec4<f32> {
  let cells = vec2<i32>((width + CELL - 1) / CELL, (height + CELL - 1) / CELL);
  let centre = (vec2<f32>(f32(x), f32(y)) + 0.5) / f32(CELL) - 0.5;
  let p = clamp(centre, vec2<f32>(0.0), vec2<f32>(cells - 1));
  let i = vec2<i32>(p);
  let t = p - vec2<f32>(i);
  let upper = coarse + (u32(i.y * cells.x + i.x) << 4u);
  let lower = select(upper, upper + (u32(cells.x) << 4u), i.y + 1 < cells.y);
  let right = select(0u, 16u, i.x + 1 < cells.x);
  return (loadFour(upper) * ((1.0 - t.x) * (1.0 - t.y)) + loadFour(upper + right) * (t.x * (1.0 - t.y))) +
    (loadFour(lower) * ((1.0 - t.x) * t.y) + loadFour(lower + right) * (t.x * t.y));
}

const OUTLIER: f32 = 400.0;
const RELATION_NUMBERS: u32 = 72u;

var<workgroup> features: array<array<f32, 13>, 64>;

/** An f32 as the f64 that the sums of a row are. */
fn storeDouble(at: u32, value: f32) {
  let bits = bitcast<u32>(value);
  let magnitude = bits & 0x7fffffffu;
  if (magnitude < 0x00800000u) {
    storeU(at, 0u);
    storeU(at + 4u, 0u);
    return;
  }
  storeU(at, magnitude << 29u);
  storeU(at + 4u, (bits & 0x80000000u) | ((magnitude >> 3u) + (896u << 20u)));
}

/** Sums for the relation, of every other row. A workgroup has a row; its threads take pixels, then numbers, in turn. */
// residual, soft, coarse, painted, other, map, width, height, rows
@compute @workgroup_size(64)
fn relate(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let width = argI(6u);
  let height = argI(7u);
  let y = 2u * group.x;
  // The two sums of this thread: number `local`, and 64 + local where that is one.
  var own = vec2<f32>(0.0);
  // What is lost of them in rounding (Kahan).
  var lost = vec2<f32>(0.0);
  for (var begin = 0u; begin < u32(width); begin += 128u) {
    let x = begin + 2u * local;
    var weight = 0.0;
    if (x < u32(width)) {
      let p = y * u32(width) + x;
      let fine = loadSigned(arg(0u) + (p << 3u)) * (1.0 / RESIDUAL);
      let mild = loadSigned(arg(1u) + (p << 3u)) * (1.0 / RESIDUAL);
      let wide = coarseAt(arg(2u), width, height, x, y) * (1.0 / RESIDUAL);
      let place = placeBy(loadVector(arg(5u) + (p << 3u)), vec2<i32>(vec2<u32>(x, y)), width, height);
      let there = sampleWords(arg(4u), width, height, place);
      let missed = (loadWords(arg(3u) + (p << 3u)) - there) * (1.0 / 257.0);
      weight = OUTLIER / (OUTLIER + colour3(fine * fine));
      for (var c = 0u; c < 3u; c++) {
        features[local][c] = fine[c];
        features[local][3u + c] = mild[c];
        features[local][6u + c] = wide[c];
        features[local][9u + c] = missed[c];
      }
    }
    features[local][12u] = weight;
    workgroupBarrier();
    for (var half = 0u; half < 2u; half++) {
      let number = local + 64u * half;
      if (number >= RELATION_NUMBERS) {
        continue;
      }
      // Row i of the sums: i + 1 products with features, three with colours.
      var i = 0u;
      var first = 0u;
      while (first + i + 4u <= number) {
        first += i + 4u;
        i++;
      }
      let j = number - first;
      let other = select(9u + j - i - 1u, j, j <= i);
      for (var k = 0u; k < 64u; k++) {
        let w = features[k][12u];
        if (w > 0.0) {
          let value = w * features[k][i] * features[k][other] - lost[half];
          let next = own[half] + value;
          lost[half] = (next - own[half]) - value;
          own[half] = next;
        }
      }
    }
    workgroupBarrier();
  }
  let to = arg(8u) + group.x * RELATION_NUMBERS * 8u;
  storeDouble(to + local * 8u, own.x);
  if (local + 64u < RELATION_NUMBERS) {
    storeDouble(to + (local + 64u) * 8u, own.y);
  }
}

fn ofBand(band: vec4<f32>, rows: u32) -> vec4<f32> {
  return (band.x * loadFour(rows) + band.y * loadFour(rows + 16u)) + band.z * loadFour(rows + 32u);
}

fn carried(fine: vec4<f32>, mild: vec4<f32>, wide: vec4<f32>, relation: u32) -> vec4<f32> {
  return (ofBand(fine, relation) + ofBand(mild, relation + 48u)) + ofBand(wide, relation + 96u);
}

/** A frame as a premultiplied picture. */
// key A, map A, key B, map B, width, height, share, beside, residual, soft, coarse, relation, filled, votes, out
@compute @workgroup_size(16, 8)
fn compose(@builtin(global_invocation_id) id: vec3<u32>) {
  let width = argI(4u);
  let height = argI(5u);
  let x = id.x;
  let y = id.y;
  if (i32(x) >= width || i32(y) >= height) {
    return;
  }
  let p = y * arg(4u) + x;
  var weight = 1.0;
  if (arg(2u) != 0u) {
    weight = loadF(arg(6u) + (p << 2u));
  }
  var value = vec4<f32>(0.0);
  let own = vec2<i32>(vec2<u32>(x, y));
  if (weight > 0.0) {
    value = sampleWords(arg(0u), width, height, placeBy(loadVector(arg(1u) + (p << 3u)), own, width, height)) * weight;
  }
  if (weight < 1.0) {
    value += sampleWords(arg(2u), width, height, placeBy(loadVector(arg(3u) + (p << 3u)), own, width, height)) * (1.0 - weight);
  }
  if (loadU(arg(7u) + (p << 2u)) != 0u) {
    let keys = Keys(arg(0u), arg(1u), arg(2u), arg(3u), vec2<i32>(width, height), arg(6u));
    value = withBeside(true, value, keys, p, own, arg(7u));
  }
  var patched = 0.0;
  if (arg(12u) != 0u) {
    patched = loadF(arg(12u) + (p << 2u));
    if (patched > 0.0) {
      value = value * (1.0 - patched) + loadWords(arg(13u) + (p << 3u)) * patched;
    }
  }
  let alpha = clamp(value.w, 0.0, 65535.0);
  let fine = loadSigned(arg(8u) + (p << 3u));
  let mild = loadSigned(arg(9u) + (p << 3u));
  let wide = coarseAt(arg(10u), width, height, x, y);
  var more = carried(fine, mild, wide, arg(11u));
  if (patched > 0.0) {
    more = more * (1.0 - patched) + carried(fine, mild, wide, arg(11u) + 144u) * patched;
  }
  value += more * (alpha * (1.0 / 65535.0 / RESIDUAL));
  storeWords(arg(14u) + (p << 3u), vec4<f32>(clamp(value, vec4<f32>(0.0), vec4<f32>(alpha)).xyz, alpha));
}
