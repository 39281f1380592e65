// What frames are compared by (kernels/assembly/guide.ts and luma.ts); whole numbers, bit-equal to the processor's.

const RADIUS: i32 = 3;
const MASK_STEP: i32 = 64;

/** Luma of one pixel of u16 RGB(A), 8 bits. */
fn lumaAt(pixels: u32, p: u32, channels: u32) -> u32 {
  let at = pixels + p * channels * 2u;
  var value =
    (loadShort(at) * 13933u + loadShort(at + 2u) * 46871u + loadShort(at + 4u) * 4732u + 32768u) >> 16u;
  if (channels == 4u) {
    value = (value * loadShort(at + 6u) + 32767u) / 65535u;
  }
  return (value * 255u + 32767u) / 65535u;
}

// pixels, width, height, channels, out; four pixels a thread
@compute @workgroup_size(256)
fn luma(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = linear(group, groups, local);
  let count = arg(1u) * arg(2u);
  if (4u * i >= count) {
    return;
  }
  var word = 0u;
  for (var k = 0u; k < 4u; k++) {
    if (4u * i + k < count) {
      word |= lumaAt(arg(0u), 4u * i + k, arg(3u)) << (8u * k);
    }
  }
  storeU(arg(4u) + 4u * i, word);
}

// mask, width, height, luma; four pixels a thread
@compute @workgroup_size(256)
fn maskLuma(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = linear(group, groups, local);
  let count = arg(1u) * arg(2u);
  if (4u * i >= count) {
    return;
  }
  var word = 0u;
  for (var k = 0u; k < 4u; k++) {
    let p = 4u * i + k;
    if (p < count) {
      word |= ((3u * loadByte(arg(3u) + p) + loadByte(arg(0u) + p) + 2u) >> 2u) << (8u * k);
    }
  }
  storeU(arg(3u) + 4u * i, word);
}

fn eight(value: u32, alpha: u32) -> u32 {
  let over = select((value * alpha + 32767u) / 65535u, value, alpha == 65535u);
  return (over - (over >> 8u) + 128u) >> 8u;
}

/** Colours, and grey where edge will be. */
// pixels, width, height, channels, out
@compute @workgroup_size(16, 8)
fn guideColours(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= arg(1u) || id.y >= arg(2u)) {
    return;
  }
  let p = id.y * arg(1u) + id.x;
  let at = arg(0u) + p * arg(3u) * 2u;
  var alpha = 65535u;
  if (arg(3u) == 4u) {
    alpha = loadShort(at + 6u);
  }
  let r = eight(loadShort(at), alpha);
  let g = eight(loadShort(at + 2u), alpha);
  let b = eight(loadShort(at + 4u), alpha);
  let grey = (r * 19595u + g * 38470u + b * 7471u + 32768u) >> 16u;
  storeU(arg(4u) + (p << 2u), r | (g << 8u) | (b << 16u) | (grey << 24u));
}

/** Sums of seven greys of a row, u16; two a thread. */
// guide, width, height, sums
@compute @workgroup_size(256)
fn guideSums(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = linear(group, groups, local);
  let width = argI(1u);
  let count = arg(1u) * arg(2u);
  if (2u * i >= count) {
    return;
  }
  var word = 0u;
  for (var k = 0u; k < 2u; k++) {
    let p = min(2u * i + k, count - 1u);
    let x = i32(p % arg(1u));
    let row = arg(0u) + ((p - u32(x)) << 2u);
    var sum = 0u;
    for (var j = -RADIUS; j <= RADIUS; j++) {
      sum += loadU(row + (u32(clamp(x + j, 0, width - 1)) << 2u)) >> 24u;
    }
    word |= sum << (16u * k);
  }
  storeU(arg(3u) + 4u * i, word);
}

/** Edge takes grey's place. */
// guide, width, height, sums, mask
@compute @workgroup_size(16, 8)
fn guideEdges(@builtin(global_invocation_id) id: vec3<u32>) {
  let width = arg(1u);
  let height = argI(2u);
  if (id.x >= width || i32(id.y) >= height) {
    return;
  }
  const AREA: i32 = (2 * RADIUS + 1) * (2 * RADIUS + 1);
  var sum = 0;
  for (var j = -RADIUS; j <= RADIUS; j++) {
    let row = u32(clamp(i32(id.y) + j, 0, height - 1)) * width;
    sum += i32(loadShort(arg(3u) + ((row + id.x) << 1u)));
  }
  let p = id.y * width + id.x;
  let word = loadU(arg(0u) + (p << 2u));
  var edge = 128 + i32(word >> 24u) - (sum + (AREA >> 1u)) / AREA;
  if (arg(4u) != 0u) {
    edge += (i32(loadByte(arg(4u) + p)) * MASK_STEP) / 255 - MASK_STEP / 2;
  }
  storeU(arg(0u) + (p << 2u), (word & 0xffffffu) | (u32(clamp(edge, 0, 255)) << 24u));
}

fn byAlpha(value: u32, alpha: u32) -> u32 {
  return select((value * alpha + 32767u) / 65535u, value, alpha == 65535u);
}

// pixels, width, height, channels, out
@compute @workgroup_size(16, 8)
fn premultiply(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= arg(1u) || id.y >= arg(2u)) {
    return;
  }
  let p = id.y * arg(1u) + id.x;
  let at = arg(0u) + p * arg(3u) * 2u;
  var alpha = 65535u;
  if (arg(3u) == 4u) {
    alpha = loadShort(at + 6u);
  }
  let out = arg(4u) + (p << 3u);
  storeU(out, byAlpha(loadShort(at), alpha) | (byAlpha(loadShort(at + 2u), alpha) << 16u));
  storeU(out + 4u, byAlpha(loadShort(at + 4u), alpha) | (alpha << 16u));
}

// picture, width, height, out
@compute @workgroup_size(16, 8)
fn guideHalf(@builtin(global_invocation_id) id: vec3<u32>) {
  let width = arg(1u);
  let height = arg(2u);
  let w = (width + 1u) >> 1u;
  if (id.x >= w || id.y >= ((height + 1u) >> 1u)) {
    return;
  }
  let left = 2u * id.x;
  let right = min(left + 1u, width - 1u);
  let upper = arg(0u) + ((2u * id.y * width) << 2u);
  let lower = arg(0u) + ((min(2u * id.y + 1u, height - 1u) * width) << 2u);
  let sum =
    loadPixel(upper + (left << 2u)) + loadPixel(upper + (right << 2u)) +
    loadPixel(lower + (left << 2u)) + loadPixel(lower + (right << 2u));
  let mean = (vec4<u32>(sum) + 2u) >> vec4<u32>(2u);
  storeU(arg(3u) + ((id.y * w + id.x) << 2u), mean.x | (mean.y << 8u) | (mean.z << 16u) | (mean.w << 24u));
}
