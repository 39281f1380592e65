import type { Steps } from './scheduler.ts';

/** The weighted sum of arrays of one length, in double precision, rounded once. */
export function weighted(...terms: readonly (readonly [number, Float32Array])[]): Float32Array {
  const result = new Float32Array(terms[0]![1].length);
  for (let i = 0; i < result.length; i++) {
    let sum = 0;
    for (const [weight, values] of terms) sum += weight * values[i]!;
    result[i] = sum;
  }
  return result;
}

/** What the network predicts: the noise, the velocity (Salimans & Ho 2022), or the clean picture. */
export type Prediction = 'epsilon' | 'v_prediction' | 'sample';

/**
 * The clean picture that a prediction stands for, when sample = signal·clean + noise·epsilon with signal² + noise² = 1.
 */
export function cleanOf(
  kind: Prediction,
  sample: Float32Array,
  prediction: Float32Array,
  signal: number,
  noise: number,
): Float32Array {
  switch (kind) {
    case 'epsilon':
      return weighted([1 / signal, sample], [-noise / signal, prediction]);
    case 'v_prediction':
      return weighted([signal, sample], [-noise, prediction]);
    case 'sample':
      return prediction;
  }
}

/** The noise that a prediction stands for, under the same convention. */
export function noiseOf(
  kind: Prediction,
  sample: Float32Array,
  prediction: Float32Array,
  signal: number,
  noise: number,
): Float32Array {
  switch (kind) {
    case 'epsilon':
      return prediction;
    case 'v_prediction':
      return weighted([signal, prediction], [noise, sample]);
    case 'sample':
      return weighted([1 / noise, sample], [-signal / noise, prediction]);
  }
}

export const clamp = (values: Float32Array, range: number | null): Float32Array =>
  range === null ? values : values.map((value) => Math.min(Math.max(value, -range), range));

/** How many of the steps a strength below 1 leaves out at the beginning. */
export const skippedSteps = ({ count, strength }: Steps): number =>
  strength === null ? 0 : Math.max(count - Math.trunc(count * strength), 0);
