import type { Size } from '../diffusion/picture/size.ts';

/** Sides of training pictures are multiples of this, so that every level of the network halves them evenly. */
export const STEP = 64;

/** The size of about `area` pixels, and no more, whose shape is nearest to that of a picture (aspect ratio bucketing, NovelAI 2022). */
export function bucketOf({ width, height }: Size, area: number): Size {
  const wanted = Math.log(width / height);
  let best: Size = { width: STEP, height: STEP };
  let distance = Infinity;
  const longest = Math.max(STEP, Math.floor((4 * Math.sqrt(area)) / STEP) * STEP);
  for (let wide = STEP; wide <= longest; wide += STEP) {
    const high = Math.floor(area / wide / STEP) * STEP;
    if (high < STEP) continue;
    const away = Math.abs(Math.log(wide / high) - wanted);
    const isNearer = away < distance - 1e-9;
    const isLarger = Math.abs(away - distance) <= 1e-9 && wide * high > best.width * best.height;
    if (isNearer || isLarger) [best, distance] = [{ width: wide, height: high }, away];
  }
  return best;
}
