import type { Planes } from '../diffusion/picture/planes.ts';
import type { Size } from '../diffusion/picture/size.ts';
import { blurred } from './blur.ts';

/** Lengths below are for a map of 512 pixels on its shorter side, the size that the nets were trained at; larger maps scale them. */
export const unitOf = ({ width, height }: Size): number => Math.max(Math.min(width, height) / 512, 0.5);

/** Deviations of the Gaussians at which an edge must show. */
const SCALES = [1.2, 2.4, 4.8];
/** How far around an edge other edges make it part of a texture, and how much of theirs is taken off. */
const SURROUND = 14;
const INHIBITION = 1.1;
/** Edge strength that is taken off everywhere: grain and compression have about that. */
const GRAIN = 0.003;
/** The edge strength that is half white; a step of one, black to white, has 0.4. */
const HALF = 0.03;

/**
 * Soft contours like those of a boundary network (HED, Xie and Tu 2015), without one: an edge counts by the geometric mean of its
 * normalised gradient at three scales (Lindeberg 1998), so that only what persists from fine to coarse remains, and less where its
 * surroundings are full of edges (surround inhibition, Grigorescu et al. 2003), which takes textures back. It knows nothing of
 * objects: shadows and printed patterns stay, contours without contrast are missing. Fixed scales, nothing is normalised per picture.
 *
 * @param picture three planes in [0, 1]
 * @returns one plane in [0, 1), white on black, lines about five pixels wide at 512
 */
export function softEdge(picture: Planes): Planes {
  const { width, height } = picture;
  const unit = unitOf(picture);
  const opponent = opponentColours(picture);
  const persistent = new Float32Array(width * height).fill(1);
  let smooth = opponent;
  let before = 0;
  for (const scale of SCALES) {
    const sigma = scale * unit;
    smooth = blurred(smooth, Math.sqrt(sigma ** 2 - before ** 2));
    before = sigma;
    multiplyByGradient(persistent, smooth, sigma);
  }
  for (let p = 0; p < persistent.length; p++) persistent[p] = Math.cbrt(persistent[p]!);
  const strength: Planes = { channels: 1, width, height, data: persistent };
  const around = blurred(strength, SURROUND * unit).data;
  const data = persistent.map((own, p) => {
    const left = Math.max(own - INHIBITION * around[p]! - GRAIN, 0);
    return left / (left + HALF);
  });
  return { channels: 1, width, height, data };
}

/** Luma and two colour differences, these at half weight: what eyes tell apart. */
function opponentColours({ width, height, data }: Planes): Planes {
  const area = width * height;
  const out = new Float32Array(3 * area);
  for (let p = 0; p < area; p++) {
    const r = data[p]!;
    const g = data[area + p]!;
    const b = data[2 * area + p]!;
    out[p] = 0.3 * r + 0.59 * g + 0.11 * b;
    out[area + p] = 0.5 * (r - g);
    out[2 * area + p] = 0.5 * (0.5 * (r + g) - b);
  }
  return { channels: 3, width, height, data: out };
}

/** Multiplies by the length of the gradient over all channels, times sigma: an ideal edge then weighs the same at every scale. */
function multiplyByGradient(strength: Float32Array, { width, height, data }: Planes, sigma: number): void {
  const area = width * height;
  for (let y = 0, p = 0; y < height; y++) {
    const above = y > 0 ? -width : 0;
    const below = y < height - 1 ? width : 0;
    for (let x = 0; x < width; x++, p++) {
      const left = x > 0 ? -1 : 0;
      const right = x < width - 1 ? 1 : 0;
      let sum = 0;
      for (let q = p; q < data.length; q += area) {
        const dx = data[q + right]! - data[q + left]!;
        const dy = data[q + below]! - data[q + above]!;
        sum += dx * dx + dy * dy;
      }
      strength[p]! *= 0.5 * sigma * Math.sqrt(sum);
    }
  }
}
