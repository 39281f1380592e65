import type { Planes } from './picture/planes.ts';
import { weighted } from './schedulers/algebra.ts';
import type { Scheduler } from './schedulers/scheduler.ts';

/** One plane in [0, 1]: 1 is repainted, 0 is kept. */
export type Mask = Planes;

/**
 * A mask at the latent's size, each cell 0 or 1 by one pixel of its 8x8 block: the one in the block's middle (which keeps the mask in
 * place), or its first (which is how torch's nearest interpolation does it, half a block off).
 */
export function latentMask(mask: Mask, block: number, pick: 'middle' | 'first'): Float32Array {
  const [width, height] = [Math.floor(mask.width / block), Math.floor(mask.height / block)];
  const offset = pick === 'middle' ? block / 2 : 0;
  return Float32Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return mask.data[(y * block + offset) * mask.width + x * block + offset]! >= 0.5 ? 1 : 0;
  });
}

/**
 * Keeps what the mask does not repaint, with any network: after each call the kept cells become the original with the noise that
 * belongs there. `level` says which: that of the call just made ('current', the older way, one step behind) or of the next one,
 * which is none after the last ('next').
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
  return (sample, index) => {
    const at = level === 'current' ? index : index + 1;
    const kept = at < scheduler.timesteps.length ? scheduler.addNoise(original, noise, at) : original;
    return compose(sample, kept, mask);
  };
}

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
