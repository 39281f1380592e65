import type { Tensor } from '../../onnx/session.ts';
import type { Planes } from '../picture/planes.ts';

/** One picture or latent as a batch of one. */
export const tensorOf = ({ channels, height, width, data }: Planes): Tensor =>
  floats([1, channels, height, width], data);

/** A batch of one back as planes. */
export function planesFrom(tensor: Tensor): Planes {
  const [, channels, height, width] = tensor.shape as [number, number, number, number];
  return { channels, height, width, data: floatsFrom(tensor) };
}

export type Floats = Tensor & { readonly dtype: 'float32' };

export const floats = (shape: readonly number[], data: Float32Array): Floats => ({ dtype: 'float32', shape, data });

export function floatsFrom(tensor: Tensor): Float32Array {
  if (tensor.dtype !== 'float32') throw new TypeError(`float32 was expected, not ${tensor.dtype}`);
  return tensor.data;
}

/** Arrays end to end. */
export function joined(...parts: readonly Float32Array[]): Float32Array {
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return data;
}
