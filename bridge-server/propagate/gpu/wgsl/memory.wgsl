// What every kernel sees: one memory, addressed in bytes as the kernels for the processor address theirs, and its arguments.

@group(0) @binding(0) var<storage, read_write> memory: array<u32>;
@group(0) @binding(1) var<uniform> arguments: array<vec4<u32>, 8>;

fn arg(i: u32) -> u32 {
  return arguments[i >> 2u][i & 3u];
}

fn argI(i: u32) -> i32 {
  return i32(arg(i));
}

fn argF(i: u32) -> f32 {
  return bitcast<f32>(arg(i));
}

/** The place in a row of threads that may be too long for one dimension. */
fn linear(group: vec3<u32>, groups: vec3<u32>, local: u32) -> u32 {
  return (group.y * groups.x + group.x) * 256u + local;
}

fn loadU(at: u32) -> u32 {
  return memory[at >> 2u];
}

fn loadI(at: u32) -> i32 {
  return i32(memory[at >> 2u]);
}

fn loadF(at: u32) -> f32 {
  return bitcast<f32>(memory[at >> 2u]);
}

fn storeU(at: u32, value: u32) {
  memory[at >> 2u] = value;
}

fn storeI(at: u32, value: i32) {
  memory[at >> 2u] = u32(value);
}

fn storeF(at: u32, value: f32) {
  memory[at >> 2u] = bitcast<u32>(value);
}

fn loadByte(at: u32) -> u32 {
  return (memory[at >> 2u] >> ((at & 3u) << 3u)) & 255u;
}

fn loadShort(at: u32) -> u32 {
  return (memory[at >> 2u] >> ((at & 2u) << 3u)) & 65535u;
}

/** A vector of a map or a flow: two f32. */
fn loadVector(at: u32) -> vec2<f32> {
  return vec2<f32>(loadF(at), loadF(at + 4u));
}

fn storeVector(at: u32, value: vec2<f32>) {
  storeF(at, value.x);
  storeF(at + 4u, value.y);
}

/** Four u8. */
fn loadPixelI(at: u32) -> vec4<i32> {
  let word = memory[at >> 2u];
  return vec4<i32>(vec4<u32>(word, word >> 8u, word >> 16u, word >> 24u) & vec4<u32>(255u));
}

fn loadPixel(at: u32) -> vec4<f32> {
  return vec4<f32>(loadPixelI(at));
}

/** Four u16. */
fn loadWordsI(at: u32) -> vec4<i32> {
  let low = memory[at >> 2u];
  let high = memory[(at >> 2u) + 1u];
  return vec4<i32>(vec4<u32>(low & 65535u, low >> 16u, high & 65535u, high >> 16u));
}

fn loadWords(at: u32) -> vec4<f32> {
  return vec4<f32>(loadWordsI(at));
}

/** Four i16. */
fn loadSigned(at: u32) -> vec4<f32> {
  let low = i32(memory[at >> 2u]);
  let high = i32(memory[(at >> 2u) + 1u]);
  return vec4<f32>(vec4<i32>((low << 16u) >> 16u, low >> 16u, (high << 16u) >> 16u, high >> 16u));
}

/** Four i16, rounded to the nearest, ties to even, saturated. */
fn storeSigned(at: u32, value: vec4<f32>) {
  let rounded = vec4<u32>(clamp(vec4<i32>(round(value)), vec4<i32>(-32768), vec4<i32>(32767))) & vec4<u32>(65535u);
  memory[at >> 2u] = rounded.x | (rounded.y << 16u);
  memory[(at >> 2u) + 1u] = rounded.z | (rounded.w << 16u);
}

/** Four u16, rounded half up; nothing is negative. */
fn storeWords(at: u32, value: vec4<f32>) {
  let levels = vec4<u32>(value + 0.5);
  memory[at >> 2u] = (levels.x & 65535u) | (levels.y << 16u);
  memory[(at >> 2u) + 1u] = (levels.z & 65535u) | (levels.w << 16u);
}

fn colour3(value: vec4<f32>) -> f32 {
  return value.x + value.y + value.z;
}

fn total4(value: vec4<f32>) -> f32 {
  return (value.x + value.z) + (value.y + value.w);
}
