// Blurs of f32 planes with [1 4 6 4 1]/16 (deviation 1 pixel), edges repeated. Several planes, `apart` bytes from each other, at once.

// from, width, height, to, apart
@compute @workgroup_size(16, 8)
fn smoothAcross(@builtin(global_invocation_id) id: vec3<u32>) {
  let width = argI(1u);
  let x = i32(id.x);
  if (x >= width || id.y >= arg(2u)) {
    return;
  }
  let row = arg(0u) + id.z * arg(4u) + ((id.y * u32(width)) << 2u);
  let last = width - 1;
  let outer = loadF(row + (u32(max(0, x - 2)) << 2u)) + loadF(row + (u32(min(last, x + 2)) << 2u));
  let inner = loadF(row + (u32(max(0, x - 1)) << 2u)) + loadF(row + (u32(min(last, x + 1)) << 2u));
  let to = arg(3u) + id.z * arg(4u) + ((id.y * u32(width) + id.x) << 2u);
  storeF(to, outer * 0.0625 + inner * 0.25 + loadF(row + (id.x << 2u)) * 0.375);
}

// from, width, height, to, apart
@compute @workgroup_size(16, 8)
fn smoothDown(@builtin(global_invocation_id) id: vec3<u32>) {
  let width = arg(1u);
  let height = argI(2u);
  let y = i32(id.y);
  if (id.x >= width || y >= height) {
    return;
  }
  let stride = width << 2u;
  let column = arg(0u) + id.z * arg(4u) + (id.x << 2u);
  let last = height - 1;
  let outer = loadF(column + u32(max(0, y - 2)) * stride) + loadF(column + u32(min(last, y + 2)) * stride);
  let inner = loadF(column + u32(max(0, y - 1)) * stride) + loadF(column + u32(min(last, y + 1)) * stride);
  let to = arg(3u) + id.z * arg(4u) + ((id.y * width + id.x) << 2u);
  storeF(to, outer * 0.0625 + inner * 0.25 + loadF(column + id.y * stride) * 0.375);
}
