import type { Frame } from './frame.ts';

/** How the stored picture is turned for display: the matrix [a b; c d] of the container, x' = a x + c y, y' = b x + d y, entries -1, 0 or 1. */
export type Orientation = { readonly a: number; readonly b: number; readonly c: number; readonly d: number };

export const UPRIGHT: Orientation = { a: 1, b: 0, c: 0, d: 1 };

export const isUpright = ({ a, b, c, d }: Orientation): boolean => a === 1 && b === 0 && c === 0 && d === 1;

/** Width and height change places. */
export const isSideways = ({ a }: Orientation): boolean => a === 0;

export function oriented(frame: Frame, { a, b, c, d }: Orientation): Frame {
  const { width, height, channels, data } = frame;
  const sideways = a === 0;
  const [outWidth, outHeight] = sideways ? [height, width] : [width, height];
  const out = new Uint16Array(data.length);
  // The stored pixel of a shown pixel: the inverse of a matrix of this kind is its transpose.
  const stepX = (a + c * width) * channels;
  const stepY = (b + d * width) * channels;
  const startX = a + b < 0 ? width - 1 : 0;
  const startY = c + d < 0 ? height - 1 : 0;
  const start = (startY * width + startX) * channels;
  for (let y = 0, at = 0; y < outHeight; y++) {
    let from = start + y * stepY;
    for (let x = 0; x < outWidth; x++, from += stepX, at += channels) {
      for (let k = 0; k < channels; k++) out[at + k] = data[from + k]!;
    }
  }
  return { width: outWidth, height: outHeight, channels, data: out };
}
