/** AdamW (https://arxiv.org/abs/1711.05101), with the names and the arithmetic of PyTorch's. */
export type AdamW = {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** What weights lose of themselves in each step, times the rate. */
  readonly decay: number;
};

/** Running means of the gradient and of its square, an element each. */
export type Moments = { readonly mean: Float32Array; readonly square: Float32Array };

export const noMoments = (length: number): Moments => ({
  mean: new Float32Array(length),
  square: new Float32Array(length),
});

/**
 * One step, in place.
 *
 * @param step counted from 1
 */
export function adamw(
  weights: Float32Array,
  gradient: Float32Array,
  { mean, square }: Moments,
  { step, rate }: { step: number; rate: number },
  { beta1, beta2, epsilon, decay }: AdamW,
): void {
  const size = rate / (1 - beta1 ** step);
  const root = Math.sqrt(1 - beta2 ** step);
  for (let i = 0; i < weights.length; i++) {
    const g = gradient[i]!;
    mean[i] = mean[i]! + (1 - beta1) * (g - mean[i]!);
    square[i] = beta2 * square[i]! + (1 - beta2) * g * g;
    weights[i] = weights[i]! * (1 - rate * decay) - (size * mean[i]!) / (Math.sqrt(square[i]!) / root + epsilon);
  }
}

/** What gradients are multiplied by so that all of them together are no longer than `limit`. */
export function clipping(gradients: Iterable<Float32Array>, limit: number | null): number {
  if (limit === null) return 1;
  let square = 0;
  for (const gradient of gradients) for (const value of gradient) square += value * value;
  const length = Math.sqrt(square);
  return length > limit ? limit / length : 1;
}
