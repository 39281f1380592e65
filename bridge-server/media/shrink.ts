import type { Frame } from './frame.ts';

/** The frame at 1/factor of its size, rounded up: the mean of each square of pixels, colours weighed by their alpha. */
export function shrunk(frame: Frame, factor: number): Frame {
  if (factor === 1) return frame;
  const { channels, data } = frame;
  const width = Math.ceil(frame.width / factor);
  const height = Math.ceil(frame.height / factor);
  const out = new Uint16Array(width * height * channels);
  for (let y = 0, at = 0; y < height; y++) {
    const bottom = Math.min(frame.height, (y + 1) * factor);
    for (let x = 0; x < width; x++, at += channels) {
      const right = Math.min(frame.width, (x + 1) * factor);
      let [r, g, b, weights, count] = [0, 0, 0, 0, 0];
      for (let j = y * factor; j < bottom; j++) {
        for (let i = x * factor, from = (j * frame.width + i) * channels; i < right; i++, from += channels) {
          const weight = channels === 4 ? data[from + 3]! : 1;
          r += data[from]! * weight;
          g += data[from + 1]! * weight;
          b += data[from + 2]! * weight;
          weights += weight;
          count++;
        }
      }
      const whole = Math.max(weights, 1);
      out[at] = Math.round(r / whole);
      out[at + 1] = Math.round(g / whole);
      out[at + 2] = Math.round(b / whole);
      if (channels === 4) out[at + 3] = Math.round(weights / count);
    }
  }
  return { width, height, channels, data: out };
}
