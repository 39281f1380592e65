// Pictures as decoders give them, in working form: what media/decode-pixels.ts does, in single precision.

// data, width, height, out, offsets (3), strides (2), steps (2), word, shift, mask, shared (2), inset (2), middle, colours (12 f32)
fn codeOf(component: u32, x: i32, y: i32, plane: u32) -> i32 {
  let at = arg(0u) + arg(4u + component) + u32(y) * arg(7u + plane) + u32(x) * arg(9u + plane);
  var word = 0u;
  if (arg(11u) == 1u) {
    word = loadByte(at);
  } else {
    word = loadShort(at);
  }
  return i32((word >> arg(12u)) & arg(13u));
}

/** Chroma at a luma sample, linear between its four neighbours, in 1/64 code, from the middle. */
fn chromaOf(component: u32, x: i32, y: i32) -> f32 {
  let shared_ = vec2<i32>(argI(14u), argI(15u));
  let size = (vec2<i32>(argI(1u), argI(2u)) + shared_ - 1) / shared_;
  // In eighths of a chroma sample; nothing is left over.
  let place = (vec2<i32>(x, y) * 8 - vec2<i32>(argI(16u), argI(17u))) / shared_;
  let before_ = clamp(place >> vec2<u32>(3u), vec2<i32>(0), size - 1);
  let after = clamp((place >> vec2<u32>(3u)) + 1, vec2<i32>(0), size - 1);
  let weight = place & vec2<i32>(7);
  let upper = codeOf(component, before_.x, before_.y, 1u) * (8 - weight.x) + codeOf(component, after.x, before_.y, 1u) * weight.x;
  let lower = codeOf(component, before_.x, after.y, 1u) * (8 - weight.x) + codeOf(component, after.x, after.y, 1u) * weight.x;
  return f32(upper * (8 - weight.y) + lower * weight.y - argI(18u));
}

fn colourOf(p: u32) -> vec3<u32> {
  let x = i32(p % arg(1u));
  let y = i32(p / arg(1u));
  let luma = f32(codeOf(0u, x, y, 0u));
  let cb = chromaOf(1u, x, y);
  let cr = chromaOf(2u, x, y);
  var colour = vec3<f32>(0.0);
  for (var c = 0u; c < 3u; c++) {
    let by = 19u + 4u * c;
    colour[c] = (luma * argF(by) + argF(by + 3u)) + (cb * argF(by + 1u) + cr * argF(by + 2u));
  }
  return vec3<u32>(clamp(colour, vec3<f32>(0.0), vec3<f32>(65535.0)));
}

/** Two pixels a thread of RGB, u16. */
@compute @workgroup_size(256)
fn yuvFrame(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = linear(group, groups, local);
  let count = arg(1u) * arg(2u);
  if (2u * i >= count) {
    return;
  }
  let one = colourOf(2u * i);
  let to = arg(3u) + 12u * i;
  storeU(to, one.x | (one.y << 16u));
  if (2u * i + 1u < count) {
    let two = colourOf(2u * i + 1u);
    storeU(to + 4u, one.z | (two.x << 16u));
    storeU(to + 8u, two.y | (two.z << 16u));
  } else {
    storeU(to + 4u, one.z);
  }
}
