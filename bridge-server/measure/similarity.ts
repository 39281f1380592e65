import type { Frame } from '../media/frame.ts';

/**
 * A picture as it is measured: RGB, 3 channels; what was transparent is over black. All measures are of the coded values
 * (nonlinear, full range) as fractions of 65535, so an 8-bit and a 16-bit version of a picture measure the same.
 */
export type Picture = Frame & { readonly channels: 3 };

export function pictureOf({ width, height, channels, data }: Frame): Picture {
  if (channels === 3) return { width, height, channels, data };
  const rgb = new Uint16Array(width * height * 3);
  for (let p = 0; p < width * height; p++) {
    const alpha = data[4 * p + 3]! / 65535;
    for (let c = 0; c < 3; c++) rgb[3 * p + c] = Math.round(data[4 * p + c]! * alpha);
  }
  return { width, height, channels: 3, data: rgb };
}

/** Mean over all pixels and the three colours of the squared difference, both pictures in 0..1. */
export function meanSquaredError(a: Picture, b: Picture): number {
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) {
    const d = a.data[i]! - b.data[i]!;
    sum += d * d;
  }
  return sum / a.data.length / 65535 ** 2;
}

/** Peak signal-to-noise ratio in dB of a mean squared error over 0..1; null when there is no difference at all. */
export const psnr = (error: number): number | null => (error === 0 ? null : -10 * Math.log10(error));

/** Y' of Rec. 709 from the coded values: 0.2126 R' + 0.7152 G' + 0.0722 B', in 0..1. width*height, row-major. */
export function lumaOfPicture({ width, height, data }: Picture): Float32Array {
  const luma = new Float32Array(width * height);
  for (let p = 0; p < luma.length; p++) {
    luma[p] = (0.2126 * data[3 * p]! + 0.7152 * data[3 * p + 1]! + 0.0722 * data[3 * p + 2]!) / 65535;
  }
  return luma;
}

/** Side and deviation of the window, and the constants for a dynamic range of 1: Wang et al. 2004. */
const WINDOW = 11;
const SIGMA = 1.5;
const C1 = 0.01 ** 2;
const C2 = 0.03 ** 2;

/**
 * Mean structural similarity of two luma planes in 0..1 (Wang, Bovik, Sheikh and Simoncelli, 2004): Gaussian window of 11x11,
 * deviation 1.5, K1 0.01, K2 0.03, no downsampling; the mean over those places where the whole window lies in the picture.
 * Null for a picture smaller than the window.
 */
export function ssim(a: Float32Array, b: Float32Array, width: number, height: number): number | null {
  if (width < WINDOW || height < WINDOW) return null;
  const product = (x: Float32Array, y: Float32Array): Float32Array => {
    const out = new Float32Array(x.length);
    for (let i = 0; i < out.length; i++) out[i] = x[i]! * y[i]!;
    return out;
  };
  const [ma, mb, aa, bb, ab] = [a, b, product(a, a), product(b, b), product(a, b)].map((plane) =>
    windowed(plane, width, height),
  ) as [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array];
  let sum = 0;
  for (let i = 0; i < ma.length; i++) {
    const [x, y] = [ma[i]!, mb[i]!];
    const varianceX = aa[i]! - x * x;
    const varianceY = bb[i]! - y * y;
    const covariance = ab[i]! - x * y;
    sum += ((2 * x * y + C1) * (2 * covariance + C2)) / ((x * x + y * y + C1) * (varianceX + varianceY + C2));
  }
  return sum / ma.length;
}

const WEIGHTS = ((): Float64Array => {
  const raw = Array.from({ length: WINDOW }, (_, i) => Math.exp(-((i - (WINDOW - 1) / 2) ** 2) / (2 * SIGMA ** 2)));
  const sum = raw.reduce((x, y) => x + y);
  return Float64Array.from(raw, (w) => w / sum);
})();

/** Weighted means over the window, (width-10)*(height-10). */
function windowed(plane: Float32Array, width: number, height: number): Float32Array {
  const across = width - WINDOW + 1;
  const rows = new Float32Array(across * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < across; x++) {
      let sum = 0;
      for (let i = 0; i < WINDOW; i++) sum += WEIGHTS[i]! * plane[y * width + x + i]!;
      rows[y * across + x] = sum;
    }
  }
  const down = height - WINDOW + 1;
  const out = new Float32Array(across * down);
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < across; x++) {
      let sum = 0;
      for (let i = 0; i < WINDOW; i++) sum += WEIGHTS[i]! * rows[(y + i) * across + x]!;
      out[y * across + x] = sum;
    }
  }
  return out;
}

/**
 * How much detail there is: the mean over the pixels with neighbours on all sides of the squared luma gradient by central differences. Differences
 * to the next pixel would count the finest grain most, which sampling between pixels always takes some of, and make good results look soft.
 */
export function gradientEnergy(luma: Float32Array, width: number, height: number): number {
  let sum = 0;
  for (let y = 1; y + 1 < height; y++) {
    for (let p = y * width + 1; p < (y + 1) * width - 1; p++) {
      sum += ((luma[p + 1]! - luma[p - 1]!) ** 2 + (luma[p + width]! - luma[p - width]!) ** 2) / 4;
    }
  }
  return sum / Math.max(1, (width - 2) * (height - 2));
}
