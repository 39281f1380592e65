// A luma pyramid: level 0 is the picture, each further level half the one before (rounded up), 8 bits, every level with a
// border of PAD pixels that repeats its edge, so that patches may reach outside without a test. Pixel x of level l covers
// the pixels [x * 2^l, (x + 1) * 2^l) of level 0: from level to level a vector doubles, and a position p becomes 2p + 0.5.
import { bandFrom, bandTo, barrier } from './team';

export const PAD: i32 = 16;

export function sizeAt(level: i32, size: i32): i32 {
  return (size + (1 << level) - 1) >> level;
}

export function strideAt(level: i32, width: i32): i32 {
  return (sizeAt(level, width) + 2 * PAD + 15) & ~15;
}

/** Bytes of the first `levels` levels, which is also where the next one begins. */
export function pyramidBytes(width: i32, height: i32, levels: i32): usize {
  let bytes: usize = 16;
  for (let level = 0; level < levels; level++) {
    bytes += <usize>strideAt(level, width) * <usize>(sizeAt(level, height) + 2 * PAD);
  }
  return bytes;
}

/** Address of pixel (0, 0) of a level. */
export function levelAt(pyramid: usize, width: i32, height: i32, level: i32): usize {
  return pyramid + pyramidBytes(width, height, level) + <usize>(strideAt(level, width) * PAD + PAD);
}

/** Builds all levels from a plane of width*height bytes. */
export function buildPyramid(plane: usize, width: i32, height: i32, levels: i32, pyramid: usize): void {
  copyLevel(plane, width, height, levelAt(pyramid, width, height, 0), strideAt(0, width));
  barrier();
  for (let level = 1; level < levels; level++) {
    const w = sizeAt(level, width);
    const h = sizeAt(level, height);
    halve(
      levelAt(pyramid, width, height, level - 1),
      strideAt(level - 1, width),
      levelAt(pyramid, width, height, level),
      strideAt(level, width),
      w,
      h,
    );
    barrier();
  }
}

/** One level without its border, packed. */
export function takeLevel(pyramid: usize, width: i32, height: i32, level: i32, out: usize): void {
  const w = sizeAt(level, width);
  const from = levelAt(pyramid, width, height, level);
  const last = bandTo(sizeAt(level, height));
  for (let y = bandFrom(sizeAt(level, height)); y < last; y++) {
    memory.copy(out + <usize>(y * w), from + <usize>(y * strideAt(level, width)), w);
  }
}

function copyLevel(plane: usize, width: i32, height: i32, to: usize, stride: i32): void {
  const last = bandTo(height);
  for (let y = bandFrom(height); y < last; y++) {
    const row = to + <usize>(y * stride);
    memory.copy(row, plane + <usize>y * <usize>width, width);
    finishRow(row, y, width, height, stride);
  }
}

/** The mean of 2x2 pixels, rounded. The border of the finer level stands in where its size is odd. */
function halve(from: usize, fromStride: i32, to: usize, stride: i32, width: i32, height: i32): void {
  const last = bandTo(height);
  for (let y = bandFrom(height); y < last; y++) {
    const upper = from + <usize>(2 * y * fromStride);
    const lower = upper + fromStride;
    const row = to + <usize>(y * stride);
    // Eight at a time; what is written past the end falls into the border, which finishRow then writes.
    for (let x = 0; x < width; x += 8) {
      const sum = i16x8.add(
        i16x8.extadd_pairwise_i8x16_u(v128.load(upper + 2 * x)),
        i16x8.extadd_pairwise_i8x16_u(v128.load(lower + 2 * x)),
      );
      const mean = i16x8.shr_u(i16x8.add(sum, i16x8.splat(2)), 2);
      v128.store64_lane(row + x, i8x16.narrow_i16x8_u(mean, mean), 0);
    }
    finishRow(row, y, width, height, stride);
  }
}

/** Repeats the edge left and right, and the whole row above or below when it is the first or the last. */
function finishRow(row: usize, y: i32, width: i32, height: i32, stride: i32): void {
  const begin = row - PAD;
  memory.fill(begin, load<u8>(row), PAD);
  memory.fill(row + width, load<u8>(row + width - 1), stride - PAD - width);
  if (y == 0) for (let i = 1; i <= PAD; i++) memory.copy(begin - i * stride, begin, stride);
  if (y == height - 1) for (let i = 1; i <= PAD; i++) memory.copy(begin + i * stride, begin, stride);
}
