// Sampling. Places outside a picture read its edge.

const A: f32 = -0.75;

fn before(t: f32) -> f32 {
  return A * t * (1.0 - t) * (1.0 - t);
}

fn near(t: f32) -> f32 {
  return ((A + 2.0) * t - (A + 3.0)) * t * t + 1.0;
}

/** The weights of four neighbours in a row, `t` past the second (bicubic, Keys 1981). */
fn cubic(t: f32) -> vec4<f32> {
  return vec4<f32>(before(t), near(t), near(1.0 - t), before(1.0 - t));
}

/** Indices of the four neighbours about `i` within 0..size-1. */
fn around(i: i32, size: i32) -> vec4<u32> {
  return vec4<u32>(u32(max(i - 1, 0)), u32(i), u32(min(i + 1, size - 1)), u32(min(i + 2, size - 1)));
}

fn rowOfPixels(row: u32, columns: vec4<u32>, weights: vec4<f32>) -> vec4<f32> {
  return (loadPixel(row + columns.x) * weights.x + loadPixel(row + columns.y) * weights.y) +
    (loadPixel(row + columns.z) * weights.z + loadPixel(row + columns.w) * weights.w);
}

fn rowOfWords(row: u32, columns: vec4<u32>, weights: vec4<f32>) -> vec4<f32> {
  return (loadWords(row + columns.x) * weights.x + loadWords(row + columns.y) * weights.y) +
    (loadWords(row + columns.z) * weights.z + loadWords(row + columns.w) * weights.w);
}

/** Of a picture of four u8 a pixel, bicubic. */
fn samplePixels(picture: u32, width: i32, height: i32, place: vec2<f32>) -> vec4<f32> {
  let p = clamp(place, vec2<f32>(0.0), vec2<f32>(f32(width - 1), f32(height - 1)));
  let i = vec2<i32>(p);
  let t = p - vec2<f32>(i);
  let columns = around(i.x, width) << vec4<u32>(2u);
  let rows = around(i.y, height) * (u32(width) << 2u) + picture;
  let x = cubic(t.x);
  let y = cubic(t.y);
  return (rowOfPixels(rows.x, columns, x) * y.x + rowOfPixels(rows.y, columns, x) * y.y) +
    (rowOfPixels(rows.z, columns, x) * y.z + rowOfPixels(rows.w, columns, x) * y.w);
}

/** Of a picture of four u16 a pixel, bicubic. */
fn sampleWords(picture: u32, width: i32, height: i32, place: vec2<f32>) -> vec4<f32> {
  let p = clamp(place, vec2<f32>(0.0), vec2<f32>(f32(width - 1), f32(height - 1)));
  let i = vec2<i32>(p);
  let t = p - vec2<f32>(i);
  let columns = around(i.x, width) << vec4<u32>(3u);
  let rows = around(i.y, height) * (u32(width) << 3u) + picture;
  let x = cubic(t.x);
  let y = cubic(t.y);
  return (rowOfWords(rows.x, columns, x) * y.x + rowOfWords(rows.y, columns, x) * y.y) +
    (rowOfWords(rows.z, columns, x) * y.z + rowOfWords(rows.w, columns, x) * y.w);
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
