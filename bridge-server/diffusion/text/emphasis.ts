/**
 * Multiplies each position of one chunk's hidden states by its weight, then scales all of them so that their mean is what it was:
 * emphasis as the common web interfaces do it. Without the second half a strong weight would also change contrast everywhere.
 *
 * @param hidden [positions, width], row-major; not changed
 * @param weights one a position
 */
export function emphasise(hidden: Float32Array, weights: readonly number[]): Float32Array {
  if (weights.every((weight) => weight === 1)) return hidden;
  const width = hidden.length / weights.length;
  const weighted = hidden.map((value, i) => value * weights[Math.floor(i / width)]!);
  const mean = sum(weighted);
  if (mean === 0) return weighted;
  const restore = sum(hidden) / mean;
  return weighted.map((value) => value * restore);
}

function sum(values: Float32Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
