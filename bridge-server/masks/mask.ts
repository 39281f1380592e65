import type { Planes } from '../diffusion/picture/planes.ts';
import type { Frame } from '../media/frame.ts';

/** One plane in [0, 1]: 1 is repainted, 0 is kept, between them as much as it says. */
export type Mask = Planes;

/** What of an image is the mask: its grey (the green channel) where it is opaque, or its alpha alone, as of a layer. */
export type MaskChannel = 'grey' | 'alpha';

/** The mask that an image stands for. One without alpha is opaque. */
export function maskOf({ width, height, channels, data }: Frame, channel: MaskChannel): Mask {
  const plane = new Float32Array(width * height);
  for (let pixel = 0, at = 0; pixel < plane.length; pixel++, at += channels) {
    const alpha = channels === 4 ? data[at + 3]! / 65535 : 1;
    plane[pixel] = channel === 'alpha' ? alpha : (data[at + 1]! / 65535) * alpha;
  }
  return { channels: 1, width, height, data: plane };
}

/** The mask as an opaque grey image, rounded to 16 bits. */
export function maskFrame({ width, height, data }: Mask): Frame {
  const samples = new Uint16Array(3 * data.length);
  for (const [pixel, value] of data.entries()) samples.fill(Math.round(65535 * value), 3 * pixel, 3 * pixel + 3);
  return { width, height, channels: 3, data: samples };
}
