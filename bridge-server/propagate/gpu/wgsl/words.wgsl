// Words of 32 bits, moved and set.

// from, to, count
@compute @workgroup_size(256)
fn copyWords(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = linear(group, groups, local);
  if (i < arg(2u)) {
    storeU(arg(1u) + 4u * i, loadU(arg(0u) + 4u * i));
  }
}

// at, count, value
@compute @workgroup_size(256)
fn fillWords(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = linear(group, groups, local);
  if (i < arg(1u)) {
    storeU(arg(0u) + 4u * i, arg(2u));
  }
}

fn sampleCode(pixels: u32, i: u32, channels: u32) -> u32 {
  var before = 0u;
  if (i >= channels) {
    before = loadShort(pixels + 2u * (i - channels));
  }
  let difference = i32((loadShort(pixels + 2u * i) - before) << 16u) >> 16u;
  return u32((difference << 1u) ^ (difference >> 31u));
}

/** Four bytes a thread of a frame as it lies in the cache (kernels/assembly/differences.ts). */
// pixels, samples, channels, out
@compute @workgroup_size(256)
fn frameDifferences(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = linear(group, groups, local);
  let samples = arg(1u);
  if (4u * i >= 2u * samples) {
    return;
  }
  var word = 0u;
  for (var k = 0u; k < 4u; k++) {
    let at = 4u * i + k;
    if (at < samples) {
      word |= ((sampleCode(arg(0u), at, arg(2u)) >> 8u) & 255u) << (8u * k);
    } else if (at < 2u * samples) {
      word |= (sampleCode(arg(0u), at - samples, arg(2u)) & 255u) << (8u * k);
    }
  }
  storeU(arg(3u) + 4u * i, word);
}
