// A flow (planes u and v, w x h) at twice the size and length.

fn enlarged(plane: u32, w: i32, h: i32, x: i32, y: i32) -> f32 {
  let column = x >> 1u;
  let row = y >> 1u;
  let beside = clamp(select(column - 1, column + 1, (x & 1) == 1), 0, w - 1);
  let beyond = clamp(select(row - 1, row + 1, (y & 1) == 1), 0, h - 1);
  let near_ = plane + (u32(row * w) << 2u);
  let far = plane + (u32(beyond * w) << 2u);
  let own = 1.5 * loadF(near_ + (u32(column) << 2u)) + 0.5 * loadF(far + (u32(column) << 2u));
  let other = 1.5 * loadF(near_ + (u32(beside) << 2u)) + 0.5 * loadF(far + (u32(beside) << 2u));
  return 0.75 * own + 0.25 * other;
}

// u, v, w, h, out u, out v (0: out u takes both, interleaved), width, height
@compute @workgroup_size(16, 8)
fn enlarge(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= arg(6u) || id.y >= arg(7u)) {
    return;
  }
  let x = i32(id.x);
  let y = i32(id.y);
  let p = id.y * arg(6u) + id.x;
  let u = enlarged(arg(0u), argI(2u), argI(3u), x, y);
  let v = enlarged(arg(1u), argI(2u), argI(3u), x, y);
  if (arg(5u) == 0u) {
    storeVector(arg(4u) + (p << 3u), vec2<f32>(u, v));
  } else {
    storeF(arg(4u) + (p << 2u), u);
    storeF(arg(5u) + (p << 2u), v);
  }
}

// u, v, width, height, out
@compute @workgroup_size(16, 8)
fn interleave(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= arg(2u) || id.y >= arg(3u)) {
    return;
  }
  let p = id.y * arg(2u) + id.x;
  storeVector(arg(4u) + (p << 3u), vec2<f32>(loadF(arg(0u) + (p << 2u)), loadF(arg(1u) + (p << 2u))));
}
