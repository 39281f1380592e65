// Filling in by votes (kernels/assembly/vote.ts says what and why).

const RESIDUAL: f32 = 8.0;
const OFFSET: f32 = 16384.0;
const R: i32 = 2;
const DOUBT: f32 = 100.0;
const CLEARLY: f32 = 0.7;

/** Mean squared residual over the colours. */
// residual, width, height, plane
@compute @workgroup_size(16, 8)
fn doubt(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= arg(1u) || id.y >= arg(2u)) {
    return;
  }
  let p = id.y * arg(1u) + id.x;
  let missed = loadSigned(arg(0u) + (p << 3u));
  storeF(arg(3u) + (p << 2u), colour3(missed * missed) * (1.0 / 3.0 / 64.0));
}

/** Sums over blocks. */
// plane, width, height, side, sums
@compute @workgroup_size(8, 8)
fn blockSums(@builtin(global_invocation_id) id: vec3<u32>) {
  let side = arg(3u);
  let blocksX = (arg(1u) + side - 1u) / side;
  if (id.x >= blocksX || id.y * side >= arg(2u)) {
    return;
  }
  var sum = 0.0;
  for (var y = id.y * side; y < min(arg(2u), (id.y + 1u) * side); y++) {
    for (var x = id.x * side; x < min(arg(1u), (id.x + 1u) * side); x++) {
      sum += loadF(arg(0u) + ((y * arg(1u) + x) << 2u));
    }
  }
  storeF(arg(4u) + ((id.y * blocksX + id.x) << 2u), sum);
}

// frame, atlas, pictures, width, height, field, errors, filled, votes, misses, plane
@compute @workgroup_size(8, 8)
fn voteGather(@builtin(global_invocation_id) id: vec3<u32>) {
  let width = argI(3u);
  let height = argI(4u);
  let x = i32(id.x);
  let y = i32(id.y);
  if (x >= width || y >= height) {
    return;
  }
  let p = y * width + x;
  var weights = 0.0;
  var patches = 0;
  var source = vec4<f32>(0.0);
  var painted = vec4<f32>(0.0);
  for (var j = max(-R, -y); j <= min(R, height - 1 - y); j++) {
    for (var i = max(-R, -x); i <= min(R, width - 1 - x); i++) {
      let q = u32(p + j * width + i) << 2u;
      let place = loadI(arg(5u) + q);
      if (place < 0) {
        continue;
      }
      let weight = DOUBT / (DOUBT + loadF(arg(6u) + q));
      let shown = u32(place - j * width - i);
      source += loadPixel(arg(1u) + (shown << 2u)) * weight;
      painted += loadWords(arg(2u) + (shown << 3u)) * weight;
      weights += weight;
      patches++;
    }
  }
  let at = u32(p);
  storeF(arg(7u) + (at << 2u), f32(patches) * (1.0 / 25.0));
  var error = 0.0;
  if (patches > 0) {
    let each = 1.0 / weights;
    let off = loadPixel(arg(0u) + (at << 2u)) - source * each;
    storeWords(arg(9u) + (at << 3u), off * RESIDUAL + OFFSET);
    error = colour3(off * off);
    storeWords(arg(8u) + (at << 3u), painted * each);
  } else {
    storeU(arg(8u) + (at << 3u), 0u);
    storeU(arg(8u) + (at << 3u) + 4u, 0u);
  }
  storeF(arg(10u) + (at << 2u), error * (1.0 / 3.0));
}

// width, height, doubts, residual, filled, misses, plane
@compute @workgroup_size(16, 8)
fn voteTake(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= arg(0u) || id.y >= arg(1u)) {
    return;
  }
  let p = id.y * arg(0u) + id.x;
  let cover = loadF(arg(4u) + (p << 2u));
  if (cover == 0.0) {
    return;
  }
  let gain = loadF(arg(2u) + (p << 2u)) / (CLEARLY * loadF(arg(6u) + (p << 2u)) + 1.0) - 1.0;
  let share = cover * clamp(gain, 0.0, 1.0);
  storeF(arg(4u) + (p << 2u), share);
  if (share == 0.0) {
    return;
  }
  let missed = loadWords(arg(5u) + (p << 3u)) - OFFSET;
  let kept = loadSigned(arg(3u) + (p << 3u)) * (1.0 - share);
  storeSigned(arg(3u) + (p << 3u), kept + missed * share);
}
