import { normalNoise, philox } from '../diffusion/noise.ts';

/** What is drawn by chance: each draw is independent of the others, and depends on the seed and on the moment alone. */
const DRAWS = { noise: 0, latent: 1, timestep: 2, order: 3, caption: 4, rank: 5, start: 6 } as const;
export type Draw = keyof typeof DRAWS;

/** Apart from the noise of pictures, which is of the same seed. */
const PASS = 0x7472; // "tr"

/**
 * @param seed an integer, 0 <= seed < 2^53
 * @param moment 0 <= moment < 2^32
 */
export const normal = (seed: number, draw: Draw, moment: number, length: number): Float32Array =>
  normalNoise({ seed, frame: moment }, { pass: PASS, draw: DRAWS[draw] }, length);

/** `length` values in [0, 1). */
export function uniform(seed: number, draw: Draw, moment: number, length: number): Float64Array {
  const words = new Uint32Array(4);
  const key = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0] as const;
  return Float64Array.from({ length }, (_, i) => {
    if (i % 4 === 0) philox(i / 4, moment, DRAWS[draw], PASS, key, words);
    return words[i % 4]! / 2 ** 32;
  });
}

/** 0 … count - 1 in an order by chance. */
export function shuffled(seed: number, moment: number, count: number): number[] {
  const keys = uniform(seed, 'order', moment, count);
  return Array.from({ length: count }, (_, i) => i).sort((a, b) => keys[a]! - keys[b]! || a - b);
}
