import { bandFrom, bandTo } from './team';

// Rec. 709 weights in 1/65536, on the nonlinear channels: luma serves to find motion and need not be colorimetric.
const RED: u32 = 13933;
const GREEN: u32 = 46871;
const BLUE: u32 = 4732;

/**
 * 8-bit luma, rounded, of 16-bit RGB or straight RGBA (interleaved, no padding). What is transparent is over black: colours
 * under zero alpha mean nothing and must not look like motion.
 */
export function luma(pixels: usize, width: i32, height: i32, channels: i32, out: usize): void {
  const bytes = <usize>channels * 2;
  const to = bandTo(height);
  for (let y = bandFrom(height); y < to; y++) {
    let from = pixels + <usize>y * <usize>width * bytes;
    const row = out + <usize>y * <usize>width;
    for (let x = 0; x < width; x++, from += bytes) {
      let value =
        (<u32>load<u16>(from) * RED + <u32>load<u16>(from, 2) * GREEN + <u32>load<u16>(from, 4) * BLUE + 32768) >> 16;
      if (channels == 4) value = (value * <u32>load<u16>(from, 6) + 32767) / 65535;
      store<u8>(row + x, <u8>((value * 255 + 32767) / 65535));
    }
  }
}
