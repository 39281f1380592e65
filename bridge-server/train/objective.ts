import { weighted } from '../diffusion/schedulers/algebra.ts';

/** What a network is trained to say about a noisy latent: its noise, or its velocity (https://arxiv.org/abs/2202.00512). */
export type Objective = 'epsilon' | 'v_prediction';

/** `latents` with `noise`, where `alpha` of the variance is left (a value of alphasCumprod). */
export const noisy = (latents: Float32Array, noise: Float32Array, alpha: number): Float32Array =>
  weighted([Math.sqrt(alpha), latents], [Math.sqrt(1 - alpha), noise]);

/** What the prediction should be. */
export const targetOf = (
  objective: Objective,
  latents: Float32Array,
  noise: Float32Array,
  alpha: number,
): Float32Array =>
  objective === 'epsilon' ? noise : weighted([Math.sqrt(alpha), noise], [-Math.sqrt(1 - alpha), latents]);

/**
 * How much a timestep counts, by its signal-to-noise ratio (min-SNR, https://arxiv.org/abs/2303.09556): so that those of little noise,
 * where a little error in the picture is a large one in what is predicted, do not outweigh the others.
 *
 * @param gamma the ratio above which a timestep counts less; null: all count 1
 */
export function snrWeight(objective: Objective, alpha: number, gamma: number | null): number {
  if (gamma === null) return 1;
  const ratio = alpha / (1 - alpha);
  const capped = Math.min(ratio, gamma);
  return objective === 'epsilon' ? capped / ratio : capped / (ratio + 1);
}
