// Sampling as kernels/assembly/sample.ts has it: bicubic (Keys 1981, a = -0.75), at places in 1/64 pixel, along a row in whole numbers.
// Places outside a picture read its edge.

/** Where the pixel is by a vector in pixels: in 1/64 pixel, inside the picture. */
fn placeBy(vector: vec2<f32>, pixel: vec2<i32>, width: i32, height: i32) -> vec2<i32> {
  let moved = vec2<i32>(round(vector * 64.0));
  return clamp(moved + (pixel << vec2<u32>(6u)), vec2<i32>(0), vec2<i32>(width - 1, height - 1) << vec2<u32>(6u));
}

/** The weights of four neighbours in 1/16384, `k` 64ths past the second. No product of whole numbers here lies between two levels. */
fn taps(k: i32) -> vec4<i32> {
  let rest = 64 - k;
  let first = -((3 * k * rest * rest + 32) >> 6u);
  let second = 16384 - 9 * k * k + ((5 * k * k * k + 32) >> 6u);
  let last = -((3 * rest * k * k + 32) >> 6u);
  return vec4<i32>(first, second, 16384 - first - second - last, last);
}

/** Indices of the four neighbours about `i` within 0..size-1. */
fn around(i: i32, size: i32) -> vec4<u32> {
  return vec4<u32>(u32(max(i - 1, 0)), u32(i), u32(min(i + 1, size - 1)), u32(min(i + 2, size - 1)));
}

const UNIT: f32 = 1.0 / 16384.0 / 16384.0;

/** Of a picture of four u8, at a place that `placeBy` gave. Loops keep what drivers have to compile small. */
fn samplePixels(picture: u32, width: i32, height: i32, place: vec2<i32>) -> vec4<f32> {
  let columns = around(place.x >> 6u, width) << vec4<u32>(2u);
  let rows = around(place.y >> 6u, height) * (u32(width) << 2u) + picture;
  let x = taps(place.x & 63);
  let y = vec4<f32>(taps(place.y & 63)) * UNIT;
  var halves = array<vec4<f32>, 2>();
  for (var j = 0u; j < 4u; j++) {
    var row = vec4<i32>(0);
    for (var i = 0u; i < 4u; i++) {
      row += loadPixelI(rows[j] + columns[i]) * x[i];
    }
    halves[j >> 1u] += vec4<f32>(row) * y[j];
  }
  return halves[0] + halves[1];
}

/** Of a picture of four u16. Half of their range is taken off, so that sums fit 32 bits. */
fn sampleWords(picture: u32, width: i32, height: i32, place: vec2<i32>) -> vec4<f32> {
  let columns = around(place.x >> 6u, width) << vec4<u32>(3u);
  let rows = around(place.y >> 6u, height) * (u32(width) << 3u) + picture;
  let x = taps(place.x & 63);
  let y = vec4<f32>(taps(place.y & 63)) * UNIT;
  var halves = array<vec4<f32>, 2>();
  for (var j = 0u; j < 4u; j++) {
    var row = vec4<i32>(0);
    for (var i = 0u; i < 4u; i++) {
      row += (loadWordsI(rows[j] + columns[i]) - 32768) * x[i];
    }
    halves[j >> 1u] += vec4<f32>(row) * y[j];
  }
  return (halves[0] + halves[1]) + 32768.0;
}

/** Of a plane of f32, bilinear. */
fn samplePlane(plane: u32, width: i32, height: i32, place: vec2<f32>) -> f32 {
  let p = clamp(place, vec2<f32>(0.0), vec2<f32>(f32(width - 1), f32(height - 1)));
  let i = vec2<i32>(p);
  let t = p - vec2<f32>(i);
  let right = select(0u, 4u, i.x + 1 < width);
  let upper = plane + (u32(i.y * width + i.x) << 2u);
  let lower = select(upper, upper + (u32(width) << 2u), i.y + 1 < height);
  let a = loadF(upper) * (1.0 - t.x) + loadF(upper + right) * t.x;
  let b = loadF(lower) * (1.0 - t.x) + loadF(lower + right) * t.x;
  return a * (1.0 - t.y) + b * t.y;
}
