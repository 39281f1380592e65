// Pixels of four channels as four floats.

/** Of guides, u8. */
// @ts-ignore: decorator
@inline
export function pixel(at: usize): v128 {
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(at))));
}

/** Of residuals and the like, i16. */
// @ts-ignore: decorator
@inline
export function words(at: usize): v128 {
  return f32x4.convert_i32x4_s(v128.load16x4_s(at));
}

/** The same back, rounded; what does not fit is the nearest that does. */
// @ts-ignore: decorator
@inline
export function storeWords(at: usize, value: v128): void {
  const rounded = i32x4.trunc_sat_f32x4_s(f32x4.nearest(value));
  v128.store64_lane(at, i16x8.narrow_i32x4_s(rounded, rounded), 0);
}

/** The sum over the channels. */
// @ts-ignore: decorator
@inline
export function total(value: v128): f32 {
  const pairs = f32x4.add(value, i8x16.shuffle(value, value, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}
