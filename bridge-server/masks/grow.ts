import { map } from '../diffusion/picture/planes.ts';
import type { Mask } from './mask.ts';

/**
 * Grey morphology with a disc: every pixel takes the largest value within `radius` pixels of it (exact Euclidean distance between
 * pixel centres), so that each level of a soft edge moves out by that much; a negative radius takes the smallest, and moves it in.
 * What lies beyond the picture's edges has no say.
 *
 * @param radius whole pixels
 */
export function grow(mask: Mask, radius: number): Mask {
  if (radius === 0) return mask;
  if (radius > 0) return dilated(mask, radius);
  const negative = (value: number): number => -value;
  return map(dilated(map(mask, negative), -radius), negative);
}

/**
 * Row by row: the largest value of any run of 2^k pixels is known from two runs half as long, and of any other run from two
 * overlapping ones; the disc is one run in each of 2·radius+1 rows.
 */
function dilated(mask: Mask, radius: number): Mask {
  const { width, height } = mask;
  const halves = Array.from({ length: radius + 1 }, (_, dy) => Math.floor(Math.sqrt(radius * radius - dy * dy)));
  const lowest = mask.data.reduce((least, value) => Math.min(least, value), Infinity);
  const padded = width + 2 * radius;
  // runs[k][i]: the largest of the 2^k pixels from i - radius on.
  const runs = Array.from({ length: exponent(2 * radius + 1) + 1 }, () => new Float32Array(padded).fill(-Infinity));
  const data = mask.data.slice();
  for (let y = 0; y < height; y++) {
    const row = mask.data.subarray(y * width, (y + 1) * width);
    // Such a row raises nothing.
    if (row.every((value) => value === lowest)) continue;
    runs[0]!.set(row, radius);
    for (let k = 1; k < runs.length; k++) doubled(runs[k - 1]!, runs[k]!, 2 ** (k - 1));
    for (let dy = Math.max(-radius, -y); dy <= radius && y + dy < height; dy++) {
      const half = halves[Math.abs(dy)]!;
      const k = exponent(2 * half + 1);
      const run = runs[k]!;
      const second = half + 1 - 2 ** k + radius;
      const first = radius - half;
      const target = (y + dy) * width;
      for (let x = 0; x < width; x++) {
        const most = Math.max(run[x + first]!, run[x + second]!);
        if (most > data[target + x]!) data[target + x] = most;
      }
    }
  }
  return { ...mask, data };
}

/** The largest k with 2^k <= length. */
const exponent = (length: number): number => 31 - Math.clz32(length);

function doubled(run: Float32Array, out: Float32Array, length: number): void {
  for (let i = 0; i + length < run.length; i++) out[i] = Math.max(run[i]!, run[i + length]!);
}
