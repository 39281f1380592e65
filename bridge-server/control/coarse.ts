import type { Planes } from '../diffusion/picture/planes.ts';
import { resized } from './picture.ts';

/** The picture with nothing finer than `coarseness` pixels: made smaller by that factor, and as large again. */
export function tile(picture: Planes, coarseness: number): Planes {
  const { width, height } = picture;
  const less = (length: number): number => Math.max(1, Math.round(length / coarseness));
  return resized(resized(picture, { width: less(width), height: less(height) }), { width, height });
}

/** Squares of `side` pixels from the top left corner on, each in the mean colour of the picture there. */
export function colourBlocks(picture: Planes, side: number): Planes {
  const { channels, width, height } = picture;
  const data = new Float32Array(picture.data.length);
  for (let c = 0; c < channels; c++) {
    const plane = c * width * height;
    for (let top = 0; top < height; top += side) {
      const bottom = Math.min(top + side, height);
      for (let left = 0; left < width; left += side) {
        const right = Math.min(left + side, width);
        let sum = 0;
        for (let y = top; y < bottom; y++) {
          for (let x = left; x < right; x++) sum += picture.data[plane + y * width + x]!;
        }
        const mean = sum / ((bottom - top) * (right - left));
        for (let y = top; y < bottom; y++) data.fill(mean, plane + y * width + left, plane + y * width + right);
      }
    }
  }
  return { ...picture, data };
}
