import type { Frame } from './frame.ts';

/**
 * Straight and premultiplied alpha at 16 bit, in place, four channels. `premultiply(unpremultiply(x))` is x wherever no colour is
 * greater than its alpha, which is so in every well-formed premultiplied picture.
 */
export function unpremultiply(data: Uint16Array): void {
  for (let p = 0; p < data.length; p += 4) {
    const alpha = data[p + 3]!;
    if (alpha === 65535 || alpha === 0) continue;
    const half = alpha >> 1;
    for (let c = p; c < p + 3; c++) data[c] = Math.min(65535, Math.floor((data[c]! * 65535 + half) / alpha));
  }
}

export function premultiply(data: Uint16Array): void {
  for (let p = 0; p < data.length; p += 4) {
    const alpha = data[p + 3]!;
    if (alpha === 65535) continue;
    for (let c = p; c < p + 3; c++) data[c] = Math.floor((data[c]! * alpha + 32767) / 65535);
  }
}

/** A copy with its colours multiplied by its alpha; the frame itself when it has none. */
export function premultiplied(frame: Frame): Frame {
  if (frame.channels === 3) return frame;
  const data = frame.data.slice();
  premultiply(data);
  return { ...frame, data };
}
