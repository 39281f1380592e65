/**
 * A picture that exists at every real position, so that it can be moved exactly: value noise of several octaves, 0..255.
 * Different seeds are different scenes.
 */
export function texture(seed: number): (x: number, y: number) => number {
  const octaves = [
    { size: 48, weight: 0.4 },
    { size: 19, weight: 0.3 },
    { size: 8, weight: 0.2 },
    { size: 4, weight: 0.1 },
  ];
  return (x, y) =>
    255 * octaves.reduce((sum, { size, weight }, i) => sum + weight * noise(seed * 31 + i, x / size, y / size), 0);
}

/** width*height bytes of what `at` says, rounded. */
export function paint(width: number, height: number, at: (x: number, y: number) => number): Uint8Array {
  const plane = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) plane[y * width + x] = Math.max(0, Math.min(255, Math.round(at(x, y))));
  }
  return plane;
}

function noise(seed: number, x: number, y: number): number {
  const ix = Math.floor(x);
  const iy = Math.floor(y);
  const fx = smooth(x - ix);
  const fy = smooth(y - iy);
  const upper = hash(seed, ix, iy) * (1 - fx) + hash(seed, ix + 1, iy) * fx;
  const lower = hash(seed, ix, iy + 1) * (1 - fx) + hash(seed, ix + 1, iy + 1) * fx;
  return upper * (1 - fy) + lower * fy;
}

const smooth = (t: number): number => t * t * (3 - 2 * t);

function hash(seed: number, x: number, y: number): number {
  let h = Math.imul(seed, 0x9e3779b1) ^ Math.imul(x, 0x85ebca6b) ^ Math.imul(y, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return ((h ^ (h >>> 15)) >>> 0) / 2 ** 32;
}
