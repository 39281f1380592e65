// Bicubic sampling (Keys 1981, a = -0.75, the sharper of the usual two) of pictures with four channels a pixel, as f32x4. Places
// outside the picture read its edge.

const A: f32 = -0.75;

// @ts-ignore: decorator
@inline
function before(t: f32): f32 {
  return A * t * (1 - t) * (1 - t);
}

// @ts-ignore: decorator
@inline
function near(t: f32): f32 {
  return ((A + 2) * t - (A + 3)) * t * t + 1;
}

// @ts-ignore: decorator
@inline
function fourBytes(at: usize): v128 {
  return f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(at))));
}

// @ts-ignore: decorator
@inline
function fourWords(at: usize): v128 {
  return f32x4.convert_i32x4_u(v128.load16x4_u(at));
}

// @ts-ignore: decorator
@inline
function times(value: v128, weight: f32): v128 {
  return f32x4.mul(value, f32x4.splat(weight));
}

// @ts-ignore: decorator
@inline
function rowOfBytes(row: usize, x0: f32, x1: f32, x2: f32, x3: f32): v128 {
  const bytes = v128.load(row);
  const low = i16x8.extend_low_i8x16_u(bytes);
  const high = i16x8.extend_high_i8x16_u(bytes);
  const left = f32x4.add(
    times(f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(low)), x0),
    times(f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(low)), x1),
  );
  const right = f32x4.add(
    times(f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(high)), x2),
    times(f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(high)), x3),
  );
  return f32x4.add(left, right);
}

/** Of a picture of four u8 a pixel, no padding, at (x, y) in pixels. */
export function sampleBytes(picture: usize, width: i32, height: i32, x: f32, y: f32): v128 {
  const px = max<f32>(0, min<f32>(<f32>(width - 1), x));
  const py = max<f32>(0, min<f32>(<f32>(height - 1), y));
  const ix = <i32>px;
  const iy = <i32>py;
  const tx = px - <f32>ix;
  const ty = py - <f32>iy;
  const x0 = before(tx);
  const x1 = near(tx);
  const x2 = near(1 - tx);
  const x3 = before(1 - tx);
  const line = <usize>width << 2;
  if (ix > 0 && iy > 0 && ix + 2 < width && iy + 2 < height) {
    const row = picture + ((<usize>(iy - 1) * <usize>width + <usize>(ix - 1)) << 2);
    const upper = f32x4.add(
      times(rowOfBytes(row, x0, x1, x2, x3), before(ty)),
      times(rowOfBytes(row + line, x0, x1, x2, x3), near(ty)),
    );
    const lower = f32x4.add(
      times(rowOfBytes(row + 2 * line, x0, x1, x2, x3), near(1 - ty)),
      times(rowOfBytes(row + 3 * line, x0, x1, x2, x3), before(1 - ty)),
    );
    return f32x4.add(upper, lower);
  }
  const a = <usize>max(ix - 1, 0) << 2;
  const b = <usize>ix << 2;
  const c = <usize>min(ix + 1, width - 1) << 2;
  const d = <usize>min(ix + 2, width - 1) << 2;
  let sum = f32x4.splat(0);
  for (let j = 0; j < 4; j++) {
    const row = picture + <usize>max(0, min(height - 1, iy - 1 + j)) * line;
    const left = f32x4.add(times(fourBytes(row + a), x0), times(fourBytes(row + b), x1));
    const right = f32x4.add(times(fourBytes(row + c), x2), times(fourBytes(row + d), x3));
    const weight = j == 0 ? before(ty) : j == 1 ? near(ty) : j == 2 ? near(1 - ty) : before(1 - ty);
    sum = f32x4.add(sum, times(f32x4.add(left, right), weight));
  }
  return sum;
}

/** Of a picture of four u16 a pixel, no padding, at (x, y) in pixels. */
export function sampleWords(picture: usize, width: i32, height: i32, x: f32, y: f32): v128 {
  const px = max<f32>(0, min<f32>(<f32>(width - 1), x));
  const py = max<f32>(0, min<f32>(<f32>(height - 1), y));
  const ix = <i32>px;
  const iy = <i32>py;
  const tx = px - <f32>ix;
  const ty = py - <f32>iy;
  const x0 = before(tx);
  const x1 = near(tx);
  const x2 = near(1 - tx);
  const x3 = before(1 - tx);
  const a = <usize>max(ix - 1, 0) << 3;
  const b = <usize>ix << 3;
  const c = <usize>min(ix + 1, width - 1) << 3;
  const d = <usize>min(ix + 2, width - 1) << 3;
  const line = <usize>width << 3;
  const row = picture + <usize>iy * line;
  const above = iy > 0 ? row - line : row;
  const below = iy + 1 < height ? row + line : row;
  const far = iy + 2 < height ? below + line : below;
  const upper = f32x4.add(
    times(rowOfWords(above, a, b, c, d, x0, x1, x2, x3), before(ty)),
    times(rowOfWords(row, a, b, c, d, x0, x1, x2, x3), near(ty)),
  );
  const lower = f32x4.add(
    times(rowOfWords(below, a, b, c, d, x0, x1, x2, x3), near(1 - ty)),
    times(rowOfWords(far, a, b, c, d, x0, x1, x2, x3), before(1 - ty)),
  );
  return f32x4.add(upper, lower);
}

// @ts-ignore: decorator
@inline
function rowOfWords(row: usize, a: usize, b: usize, c: usize, d: usize, x0: f32, x1: f32, x2: f32, x3: f32): v128 {
  const left = f32x4.add(times(fourWords(row + a), x0), times(fourWords(row + b), x1));
  const right = f32x4.add(times(fourWords(row + c), x2), times(fourWords(row + d), x3));
  return f32x4.add(left, right);
}
