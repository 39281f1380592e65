import type { Colour } from './colour.ts';
import { chromaCodes, fromRgb, lumaCodes } from './colour.ts';
import type { Frame } from './frame.ts';

/** The raw layouts that our encoders take, planar little-endian YUV; 4:2:0 chroma is sited left, as H.264 assumes. */
export type EncoderFormat = 'yuv444p10le' | 'yuva444p10le' | 'yuv420p' | 'yuv444p';

/**
 * Makes the function that turns working frames into one encoder's raw pictures. `decode-pixels` of the result gives the frame
 * back to within the format's own rounding. The returned bytes are the caller's: a pipe may still be reading them when the next
 * frame is encoded.
 */
export function pixelEncoder(format: EncoderFormat, width: number, height: number, colour: Colour) {
  const bits = format.endsWith('10le') ? 10 : 8;
  const pixels = width * height;
  const bytesPerSample = bits > 8 ? 2 : 1;
  const halved = format === 'yuv420p';
  const chromaWidth = halved ? Math.ceil(width / 2) : width;
  const chromaHeight = halved ? Math.ceil(height / 2) : height;
  const chromaPixels = chromaWidth * chromaHeight;
  const samples = pixels + 2 * chromaPixels + (format === 'yuva444p10le' ? pixels : 0);
  const [planeCb, planeCr, planeAlpha] = [pixels, pixels + chromaPixels, pixels + 2 * chromaPixels];

  const luma = lumaCodes(bits, colour.range);
  const chroma = chromaCodes(bits, colour.range);
  const maximum = 2 ** bits - 1;
  const [yr, yg, yb, ur, ug, ub, vr, vg, vb] = fromRgb(colour.matrix).map(
    (weight, at) => (weight / 65535) * (at < 3 ? luma.scale : chroma.scale),
  ) as [number, number, number, number, number, number, number, number, number];

  const cb = halved ? new Float64Array(pixels) : null;
  const cr = halved ? new Float64Array(pixels) : null;

  const encode = ({ data, channels }: Frame): Uint8Array => {
    const out = bits > 8 ? new Uint16Array(samples) : new Uint8Array(samples);
    for (let p = 0, at = 0; p < pixels; p++, at += channels) {
      const r = data[at]!;
      const g = data[at + 1]!;
      const b = data[at + 2]!;
      out[p] = yr * r + yg * g + yb * b + luma.zero + 0.5;
      const u = ur * r + ug * g + ub * b + chroma.zero;
      const v = vr * r + vg * g + vb * b + chroma.zero;
      if (cb && cr) {
        cb[p] = u;
        cr[p] = v;
      } else {
        out[planeCb + p] = round(u, maximum);
        out[planeCr + p] = round(v, maximum);
      }
    }
    if (cb && cr) {
      halve(cb, width, height, out, planeCb);
      halve(cr, width, height, out, planeCr);
    }
    if (format === 'yuva444p10le') {
      for (let p = 0; p < pixels; p++) {
        out[planeAlpha + p] = channels === 4 ? (data[4 * p + 3]! * maximum) / 65535 + 0.5 : maximum;
      }
    }
    return new Uint8Array(out.buffer);
  };
  return { bytes: samples * bytesPerSample, encode };
}

const round = (value: number, maximum: number): number => (value < 0 ? 0 : value > maximum ? maximum : value + 0.5);

/**
 * 4:2:0 from 4:4:4. The filters are the duals of the linear interpolation by which chroma comes up again, so that pictures which
 * were 4:2:0 before lose nothing, however often: across, where samples sit on a column, [-1 2 6 2 -1]/8 (LeGall 5/3); down, where
 * they sit between two rows, [-1 3 3 -1]/4 (biorthogonal 3.1). Edges are repeated, as the interpolation repeats them.
 */
function halve(plane: Float64Array, width: number, height: number, out: Uint8Array | Uint16Array, start: number): void {
  const columns = Math.ceil(width / 2);
  const rows = Math.ceil(height / 2);
  const maximum = out instanceof Uint8Array ? 255 : 1023;
  const rowAt = (y: number): number => Math.max(0, Math.min(height - 1, y)) * width;
  // Two columns more on either side, so that the inner loop has no edges.
  const row = new Float64Array(width + 4);
  for (let j = 0; j < rows; j++) {
    const a = rowAt(2 * j - 1);
    const b = rowAt(2 * j);
    const c = rowAt(2 * j + 1);
    const d = rowAt(2 * j + 2);
    for (let x = 0; x < width; x++) {
      row[x + 2] = (3 * (plane[b + x]! + plane[c + x]!) - plane[a + x]! - plane[d + x]!) / 4;
    }
    row.fill(row[2]!, 0, 2).fill(row[width + 1]!, width + 2);
    for (let i = 0, x = 0; i < columns; i++, x += 2) {
      const near = row[x + 1]! + row[x + 3]!;
      const far = row[x]! + row[x + 4]!;
      out[start + j * columns + i] = round((6 * row[x + 2]! + 2 * near - far) / 8, maximum);
    }
  }
}
