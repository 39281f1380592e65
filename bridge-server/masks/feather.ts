import type { Mask } from './mask.ts';

/**
 * Softens edges with a Gaussian of sigma reach/2 that is cut off at `reach` pixels each way: an edge fades over that many pixels on
 * either side, and what is farther from it keeps its 0 or 1 exactly. At the picture's edges the outermost pixels are repeated.
 *
 * @param reach whole pixels, from 0 on
 */
export function feather(mask: Mask, reach: number): Mask {
  if (reach === 0) return mask;
  const { width, height } = mask;
  const weights = gaussian(reach);
  const across = new Float32Array(mask.data.length);
  for (let y = 0; y < height; y++) {
    blurLine(mask.data, y * width, 1, width, weights, across);
  }
  const data = new Float32Array(mask.data.length);
  for (let x = 0; x < width; x++) blurLine(across, x, width, height, weights, data);
  return { ...mask, data };
}

/** 2·reach+1 weights, sum 1. */
function gaussian(reach: number): Float64Array {
  const sigma = reach / 2;
  const weights = Float64Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-((i - reach) ** 2) / (2 * sigma ** 2)),
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** `length` samples from `start` on, `stride` apart. */
function blurLine(
  from: Float32Array,
  start: number,
  stride: number,
  length: number,
  weights: Float64Array,
  to: Float32Array,
): void {
  const reach = (weights.length - 1) / 2;
  const line = new Float64Array(length + 2 * reach);
  for (let i = 0; i < line.length; i++) {
    line[i] = from[start + Math.min(Math.max(i - reach, 0), length - 1) * stride]!;
  }
  // Of how many samples in a row each is like the one before: in flat parts there is nothing to compute.
  let alike = 0;
  for (let i = 1; i < 2 * reach; i++) alike = line[i] === line[i - 1] ? alike + 1 : 0;
  for (let i = 0; i < length; i++) {
    const last = i + 2 * reach;
    alike = line[last] === line[last - 1] ? alike + 1 : 0;
    let sum = 0;
    if (alike >= 2 * reach) sum = line[last]!;
    else for (let k = 0; k < weights.length; k++) sum += weights[k]! * line[i + k]!;
    to[start + i * stride] = sum;
  }
}
