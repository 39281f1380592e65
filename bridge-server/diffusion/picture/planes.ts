import type { Frame } from '../../media/frame.ts';

/** A picture or a latent as the networks see it: float32 planes, channel after channel, rows from the top. */
export type Planes = {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Length channels·height·width. */
  readonly data: Float32Array;
};

/** The colours of a frame as three planes in [-1, 1], in its own transfer curve. */
export function planesOf(frame: Frame): Planes {
  const area = frame.width * frame.height;
  const data = new Float32Array(3 * area);
  for (let p = 0; p < area; p++) {
    for (let c = 0; c < 3; c++) data[c * area + p] = frame.data[p * frame.channels + c]! / 32767.5 - 1;
  }
  return { channels: 3, height: frame.height, width: frame.width, data };
}

/** Three planes in [-1, 1] as a frame; what lies outside is cut off. `alphaFrom` lends its alpha, when it has one. */
export function frameOf(planes: Planes, alphaFrom: Frame | null = null): Frame {
  const area = planes.width * planes.height;
  const channels = alphaFrom?.channels ?? 3;
  const data = new Uint16Array(area * channels);
  for (let p = 0; p < area; p++) {
    for (let c = 0; c < 3; c++) {
      data[p * channels + c] = Math.min(Math.max(Math.round((planes.data[c * area + p]! + 1) * 32767.5), 0), 65535);
    }
    if (alphaFrom && channels === 4) data[p * 4 + 3] = alphaFrom.data[p * 4 + 3]!;
  }
  return { width: planes.width, height: planes.height, channels, data };
}

export const withData = (like: Planes, data: Float32Array): Planes => ({ ...like, data });

export const map = (planes: Planes, f: (value: number) => number): Planes => withData(planes, planes.data.map(f));

/** One plane after the other, of pictures of one size. */
export function stack(...parts: readonly Planes[]): Planes {
  const [first] = parts;
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return { ...first!, channels: parts.reduce((sum, part) => sum + part.channels, 0), data };
}

/** A rectangle that lies inside. */
export function crop(planes: Planes, left: number, top: number, width: number, height: number): Planes {
  const data = new Float32Array(planes.channels * width * height);
  for (let c = 0; c < planes.channels; c++) {
    for (let y = 0; y < height; y++) {
      const from = (c * planes.height + top + y) * planes.width + left;
      data.set(planes.data.subarray(from, from + width), (c * height + y) * width);
    }
  }
  return { channels: planes.channels, height, width, data };
}
