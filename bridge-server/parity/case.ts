/** How far a result is from the reference, over all elements. */
export type Difference = {
  /** |result - reference| / |reference|, as Euclidean lengths. */
  readonly relativeL2: number;
  readonly maxAbs: number;
};

/** One comparison with the reference data of a folder. It passes when its metric is within `tolerance`. */
export type ParityCase = {
  readonly id: string;
  /** The folder of reference data, by its name. */
  readonly folder: string;
  readonly tolerance: number;
  /** Which of the two differences counts; relativeL2 unless the reference data says otherwise. */
  readonly metric?: keyof Difference;
  readonly measure: (signal: AbortSignal) => Promise<Difference>;
};

/** One call of a network in 32-bit floats: a different order of summation stays below this, a different formula does not. */
export const ONE_CALL = 1e-4;

/** NaN on either side, or another number of elements, is infinitely far. */
export function compare(result: ArrayLike<number>, reference: ArrayLike<number>): Difference {
  if (result.length !== reference.length) return { relativeL2: Infinity, maxAbs: Infinity };
  let [difference, length, maxAbs] = [0, 0, 0];
  for (let i = 0; i < result.length; i++) {
    const [a, b] = [Number(result[i]), Number(reference[i])];
    const distance = Number.isFinite(a - b) ? Math.abs(a - b) : Infinity;
    difference += distance ** 2;
    length += b ** 2;
    maxAbs = Math.max(maxAbs, distance);
  }
  return { relativeL2: difference === 0 ? 0 : Math.sqrt(difference / length), maxAbs };
}
