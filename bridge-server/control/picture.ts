import { map, type Planes } from '../diffusion/picture/planes.ts';
import { resample } from '../diffusion/picture/resample.ts';
import type { Size } from '../diffusion/picture/size.ts';
import type { Frame } from '../media/frame.ts';

/** A frame's colours at the size of its map: three planes in [0, 1], its own transfer curve; what is transparent is over black. */
export function pictureOf(frame: Frame, { width, height }: Size): Planes {
  const { channels, data } = frame;
  const area = frame.width * frame.height;
  const colours = new Float32Array(3 * area);
  for (let p = 0, at = 0; p < area; p++, at += channels) {
    const scale = channels === 4 ? data[at + 3]! / (65535 * 65535) : 1 / 65535;
    colours[p] = data[at]! * scale;
    colours[area + p] = data[at + 1]! * scale;
    colours[2 * area + p] = data[at + 2]! * scale;
  }
  return resized({ channels: 3, width: frame.width, height: frame.height, data: colours }, { width, height });
}

/** At another size, still in [0, 1]. */
export function resized(planes: Planes, { width, height }: Size): Planes {
  const result = resample(planes, width, height);
  return result === planes ? planes : map(result, (value) => (value < 0 ? 0 : value > 1 ? 1 : value));
}

/** One plane: luma of rec. 709 weights, of the nonlinear colours. */
export function luminance({ width, height, data }: Planes): Planes {
  const area = width * height;
  const luma = new Float32Array(area);
  for (let p = 0; p < area; p++) {
    luma[p] = 0.2126 * data[p]! + 0.7152 * data[area + p]! + 0.0722 * data[2 * area + p]!;
  }
  return { channels: 1, width, height, data: luma };
}
