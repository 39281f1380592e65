import { fit } from '../masks/fit.ts';
import type { Mask } from '../masks/mask.ts';
import { weighted } from './schedulers/algebra.ts';
import type { Scheduler } from './schedulers/scheduler.ts';

/**
 * A mask at the latent's size. 'most': each cell as the pixel of its 8x8 block that is repainted most, in [0, 1]. The others are
 * upstream's: 0 or 1 by one pixel of the block, the one in its middle (which keeps the mask in place), or its first (which is how
 * torch's nearest interpolation does it, half a block off).
 */
export function latentMask(mask: Mask, block: number, pick: 'most' | 'middle' | 'first'): Float32Array {
  const [width, height] = [Math.floor(mask.width / block), Math.floor(mask.height / block)];
  if (pick === 'most') return fit(mask, { width, height }, 'most').data;
  const offset = pick === 'middle' ? block / 2 : 0;
  return Float32Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return mask.data[(y * block + offset) * mask.width + x * block + offset]! >= 0.5 ? 1 : 0;
  });
}

/**
 * Keeps what the mask does not repaint, with any network: after each call the kept cells become the original with the noise that
 * belongs there. `level` says which: that of the call just made ('current', the older way, one step behind) or of the next one,
 * which is none after the last ('next'). A cell of a soft mask is kept at first and repainted in so much of the last calls as its
 * value says (Levin & Fried 2023, "Differential Diffusion"): its strength, where a mix of two pictures would be a double exposure.
 *
 * @param original the clean latent; @param noise the noise of the start, so that both halves fit; @param mask one plane for all channels
 */
export function keepUnmasked(
  scheduler: Scheduler,
  original: Float32Array,
  noise: Float32Array,
  mask: Float32Array,
  level: 'current' | 'next',
): (sample: Float32Array, index: number) => Float32Array {
  const calls = scheduler.timesteps.length;
  return (sample, index) => {
    const at = level === 'current' ? index : index + 1;
    const kept = at < calls ? scheduler.addNoise(original, noise, at) : original;
    const left = calls - 1 - index;
    const repainted = mask.map((value) => (value > 0 && value * (calls - scheduler.first) >= left ? 1 : 0));
    return compose(sample, kept, repainted);
  };
}

/** 1 where anything is repainted. */
export const touched = (mask: Float32Array): Float32Array => mask.map((value) => (value > 0 ? 1 : 0));

/** Where the mask is 1 the first, where it is 0 the second. */
export function compose(painted: Float32Array, kept: Float32Array, mask: Float32Array): Float32Array {
  return painted.map((value, i) => {
    const weight = mask[i % mask.length]!;
    return weight * value + (1 - weight) * kept[i]!;
  });
}

/** The clean latent of a picture's encoding: its mean, or a sample of its posterior when there is noise to draw it with. */
export function latentOf(
  mean: Float32Array,
  logVariance: Float32Array,
  noise: Float32Array | null,
  scale: number,
): Float32Array {
  if (!noise) return weighted([scale, mean]);
  return mean.map((value, i) => (value + Math.exp(0.5 * logVariance[i]!) * noise[i]!) * scale);
}
