import type { Conditioning } from './networks/text.ts';

/** A part of the picture with a prompt of its own. */
export type Region = {
  readonly conditioning: Conditioning;
  /** How much it counts in each cell of the latent, 0 to 1, row by row. */
  readonly mask: Float32Array;
};

/** One prompt's share of the prediction in each cell; null: all of it everywhere. */
export type Share = { readonly conditioning: Conditioning; readonly weights: Float32Array | null };

/**
 * What each cell's prediction is mixed of, weights that sum to 1: the regions as their masks say, scaled down where they overlap to
 * more than 1, and the base prompt for what they leave. Regions with one and the same conditioning count as one, so that a region
 * with the base prompt changes nothing; those that count nowhere are left out, and cost nothing.
 */
export function sharesOf(base: Conditioning, regions: readonly Region[]): Share[] {
  if (regions.length === 0) return [{ conditioning: base, weights: null }];
  const cells = regions[0]!.mask.length;
  const sums = new Map<Conditioning, Float64Array>([[base, new Float64Array(cells)]]);
  for (let cell = 0; cell < cells; cell++) {
    const total = regions.reduce((sum, { mask }) => sum + mask[cell]!, 0);
    sums.get(base)![cell] = Math.max(1 - total, 0);
  }
  for (const { conditioning, mask } of regions) {
    const sum = sums.get(conditioning) ?? new Float64Array(cells);
    sums.set(conditioning, sum);
    for (let cell = 0; cell < cells; cell++) sum[cell]! += mask[cell]!;
  }
  const all = [...sums].filter(([, weights]) => weights.some((weight) => weight > 0));
  if (all.length === 1) return [{ conditioning: all[0]![0], weights: null }];
  const totals = Float64Array.from({ length: cells }, (_, cell) =>
    all.reduce((sum, [, weights]) => sum + weights[cell]!, 0),
  );
  return all.map(([conditioning, weights]) => ({
    conditioning,
    weights: Float32Array.from(weights, (weight, cell) => weight / totals[cell]!),
  }));
}

/** The predictions, one for each share in its order, mixed cell by cell. */
export function mixed(shares: readonly Share[], predictions: readonly Float32Array[]): Float32Array {
  if (shares.length === 1) return predictions[0]!;
  return Float32Array.from(predictions[0]!, (_, i) => {
    let sum = 0;
    for (const [k, { weights }] of shares.entries()) sum += weights![i % weights!.length]! * predictions[k]![i]!;
    return sum;
  });
}
