import { noiseFrom, type NoiseOrigin, normalNoise } from './noise.ts';
import type { PaintJob } from './painter.ts';
import { LATENT_CHANNELS, type PassNoise } from './pass.ts';

/** Whether it comes cell by cell from other frames. */
export const isCarried = (noise: PaintJob['noise']): noise is readonly NoiseOrigin[] => Array.isArray(noise);

/** The noise of a pass. @param length of its latent */
export function noiseOf(noise: PaintJob['noise'], seed: number, pass: number, length: number): PassNoise {
  const draw = (n: number): Float32Array =>
    isCarried(noise)
      ? noiseFrom(noise[pass]!, seed, { pass, draw: n }, LATENT_CHANNELS)
      : normalNoise(typeof noise === 'number' ? { seed, frame: noise } : noise, { pass, draw: n }, length);
  return { start: draw(0), posterior: null, maskedPosterior: null, at: (call) => draw(call + 1) };
}
