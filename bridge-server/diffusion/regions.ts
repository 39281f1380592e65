import type { Conditioning } from './networks/text.ts';

/** A part of the picture with a prompt of its own. */
export type Region = {
  readonly conditioning: Conditioning;
  /** How much it counts in each cell of the latent, 0 to 1, row by row. */
  readonly mask: Float32Array;
};

/** One prompt's part in a prediction: its weight in each cell; null: 1 in all. */
export type Share = { readonly conditioning: Conditioning; readonly weights: Float32Array | null };

/** What pictures are asked to show: one prompt, and others in regions. */
export type Wanted = { readonly positive: Conditioning; readonly regions: readonly Region[] };

/**
 * What the predictions of pictures are mixed of, as rows of one share for each picture: in each cell the weights of its shares sum to
 * 1. Regions count as their masks say, scaled down where they overlap to more than 1, and the base prompt has what they leave. A
 * region with the conditioning of the base or of an earlier region adds to that one, so that a region with the base prompt changes
 * nothing; rows that count nowhere in any picture are left out, and cost nothing. In a row all pictures have the same region.
 */
export function sharesOf(pictures: readonly Wanted[]): Share[][] {
  const own = pictures.map(sharesOfOne);
  const rows = Array.from({ length: Math.max(...own.map(({ length }) => length)) }, (_, row) =>
    own.map((shares, i) => shares[row] ?? { conditioning: pictures[i]!.positive, weights: new Float32Array(1) }),
  );
  return rows.filter((row) => row.some(({ weights }) => weights === null || weights.some((weight) => weight > 0)));
}

/** The base's share, then each region's. */
function sharesOfOne({ positive, regions }: Wanted): Share[] {
  if (regions.length === 0) return [{ conditioning: positive, weights: null }];
  const cells = regions[0]!.mask.length;
  const conditionings = [positive, ...regions.map(({ conditioning }) => conditioning)];
  const weights = conditionings.map(() => new Float32Array(cells));
  const rows = conditionings.map((conditioning) => conditionings.indexOf(conditioning));
  for (let cell = 0; cell < cells; cell++) {
    const total = regions.reduce((sum, { mask }) => sum + mask[cell]!, 0);
    const parts = conditionings.map(() => 0);
    parts[0] = Math.max(1 - total, 0);
    for (const [r, { mask }] of regions.entries()) parts[rows[r + 1]!]! += mask[cell]!;
    for (const [row, part] of parts.entries()) weights[row]![cell] = part / Math.max(total, 1);
  }
  return conditionings.map((conditioning, row) => ({ conditioning, weights: weights[row]! }));
}

/** A picture's predictions, one for each of its shares, mixed cell by cell. */
export function mixed(shares: readonly Share[], predictions: readonly Float32Array[]): Float32Array {
  const [only] = shares;
  if (shares.length === 1 && only!.weights === null) return predictions[0]!;
  return Float32Array.from(predictions[0]!, (_, i) => {
    let sum = 0;
    for (const [k, { weights }] of shares.entries()) {
      sum += (weights === null ? 1 : weights[i % weights.length]!) * predictions[k]![i]!;
    }
    return sum;
  });
}
