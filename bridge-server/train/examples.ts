import { openAutoencoder } from '../diffusion/networks/autoencoder.ts';
import type { Conditioning, EncodeText } from '../diffusion/networks/text.ts';
import { crop, map, planesOf, type Planes } from '../diffusion/picture/planes.ts';
import { resample } from '../diffusion/picture/resample.ts';
import type { Size } from '../diffusion/picture/size.ts';
import type { Runtime } from '../diffusion/runtime/runtime.ts';
import type { Frame } from '../media/frame.ts';
import type { Box } from '../shot/track.ts';
import { type Model, requirePart } from '../weights/model.ts';

/** A picture and its caption as they are trained on: what the VAE and the text encoders make of them, once. */
export type Example = {
  /** Mean and standard deviation of the latent, scaled as the U-Net reads it. */
  readonly mean: Planes;
  readonly deviation: Planes;
  readonly condition: Conditioning;
  /** What SDXL is told of the picture's size (time_ids); null for families that are told nothing. */
  readonly sizes: Float32Array | null;
};

export type EncodeExample = (picture: Planes, caption: string, signal: AbortSignal) => Promise<Example>;

/** Encodes pictures in [-1, 1], their sides multiples of 64. */
export function openExamples(model: Model, encodeText: EncodeText, runtime: Runtime): EncodeExample {
  const autoencoder = openAutoencoder(requirePart(model, 'vae'), runtime, 'mapped');
  const captions = new Map<string, Conditioning>();
  return async (picture, caption, signal) => {
    const condition = captions.get(caption) ?? (await encodeText(caption, signal));
    captions.set(caption, condition);
    const { mean, logVariance } = await autoencoder.encode(picture, signal);
    const { width, height } = picture;
    return {
      mean: map(mean, (value) => value * autoencoder.scale),
      deviation: map(logVariance, (value) => Math.exp(value / 2) * autoencoder.scale),
      condition,
      sizes: condition.pooled ? Float32Array.from([height, width, 0, 0, height, width]) : null,
    };
  };
}

/**
 * What is inside a box brought to the training size, with so much of what is around it as the shape of that takes; where the frame ends
 * before, the box is cut off evenly instead.
 */
export function cropped(frame: Frame, box: Box, { width, height }: Size): Planes {
  const inside = within(frame, widened(within(frame, box), frame, width / height));
  const scale = Math.max(width / inside.width, height / inside.height);
  const seen = {
    width: Math.min(inside.width, Math.round(width / scale)),
    height: Math.min(inside.height, Math.round(height / scale)),
  };
  const left = inside.x + Math.floor((inside.width - seen.width) / 2);
  const top = inside.y + Math.floor((inside.height - seen.height) / 2);
  return resample(crop(planesOf(frame), left, top, seen.width, seen.height), width, height);
}

/** A box in a picture made wider or taller, as far as there is room, to be `shape` times as wide as it is tall. */
function widened({ x, y, width, height }: Box, picture: Size, shape: number): Box {
  const [wide, high] = [Math.max(width, height * shape), Math.max(height, width / shape)];
  const [w, h] = [Math.min(wide, picture.width), Math.min(high, picture.height)];
  const shifted = (start: number, length: number, limit: number): number =>
    Math.min(Math.max(start, 0), limit - length);
  const left = shifted(x - (w - width) / 2, w, picture.width);
  const top = shifted(y - (h - height) / 2, h, picture.height);
  return { x: left, y: top, width: w, height: h };
}

/** The whole pixels of a box that lie in a picture; at least one. */
export function within({ width, height }: Size, box: Box): Box {
  const clamp = (value: number, limit: number): number => Math.min(Math.max(Math.round(value), 0), limit);
  const [left, top] = [clamp(box.x, width - 1), clamp(box.y, height - 1)];
  const [right, bottom] = [clamp(box.x + box.width, width), clamp(box.y + box.height, height)];
  return { x: left, y: top, width: Math.max(1, right - left), height: Math.max(1, bottom - top) };
}
