import { bandFrom, bandTo } from './team';

// Maps (map-along.ts) as they are kept.

/** The largest component of the map, per row, into `rows` (f32): what decides the scale it is stored at. */
export function mapExtent(map: usize, width: i32, height: i32, rows: usize): void {
  const bottom = bandTo(height);
  for (let y = bandFrom(height); y < bottom; y++) {
    let most: f32 = 0;
    const row = map + ((<usize>y * <usize>width) << 3);
    for (let x = 0; x < 2 * width; x++) most = max(most, abs(load<f32>(row + (<usize>x << 2))));
    store<f32>(rows + (<usize>y << 2), most);
  }
}

/**
 * The map in i16 of 1/scale pixel, each less its left neighbour's (rows begin anew), as four planes of u8: high bytes of dx, of dy, low
 * bytes of dx, of dy; so that it compresses. The map itself is rounded to what was stored.
 */
export function mapPack(map: usize, width: i32, height: i32, scale: f32, out: usize): void {
  const count = <usize>width * <usize>height;
  const bottom = bandTo(height);
  for (let y = bandFrom(height); y < bottom; y++) {
    let lastX = 0;
    let lastY = 0;
    let p = <usize>y * <usize>width;
    for (let x = 0; x < width; x++, p++) {
      const dx = <i32>nearest<f32>(load<f32>(map + (p << 3)) * scale);
      const dy = <i32>nearest<f32>(load<f32>(map + (p << 3), 4) * scale);
      store<f32>(map + (p << 3), <f32>dx / scale);
      store<f32>(map + (p << 3), <f32>dy / scale, 4);
      const codeX = zigzag(dx - lastX);
      const codeY = zigzag(dy - lastY);
      store<u8>(out + p, <u8>(codeX >> 8));
      store<u8>(out + count + p, <u8>(codeY >> 8));
      store<u8>(out + 2 * count + p, <u8>codeX);
      store<u8>(out + 3 * count + p, <u8>codeY);
      lastX = dx;
      lastY = dy;
    }
  }
}

/** The inverse of mapPack. */
export function mapUnpack(packed: usize, width: i32, height: i32, scale: f32, map: usize): void {
  const count = <usize>width * <usize>height;
  const bottom = bandTo(height);
  for (let y = bandFrom(height); y < bottom; y++) {
    let dx = 0;
    let dy = 0;
    let p = <usize>y * <usize>width;
    for (let x = 0; x < width; x++, p++) {
      dx = <i32><i16>(dx + unzigzag((<u32>load<u8>(packed + p) << 8) | <u32>load<u8>(packed + 2 * count + p)));
      dy = <i32><i16>(dy + unzigzag((<u32>load<u8>(packed + count + p) << 8) | <u32>load<u8>(packed + 3 * count + p)));
      store<f32>(map + (p << 3), <f32>dx / scale);
      store<f32>(map + (p << 3), <f32>dy / scale, 4);
    }
  }
}

/** Differences wrap to 16 bits; 0, -1, 1, -2, … become 0, 1, 2, 3, … */
// @ts-ignore: decorator
@inline
function zigzag(value: i32): u32 {
  const wrapped = <i32><i16>value;
  return <u32>((wrapped << 1) ^ (wrapped >> 31));
}

// @ts-ignore: decorator
@inline
function unzigzag(code: u32): i32 {
  return <i32>(code >> 1) ^ -<i32>(code & 1);
}
