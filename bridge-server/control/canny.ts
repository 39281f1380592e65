import type { Planes } from '../diffusion/picture/planes.ts';
import { connect } from './hysteresis.ts';

export type CannyOptions = {
  /** Thresholds of the gradient's length, in its own scale: a step of one grey level is 4 (dx of Sobel). */
  readonly low: number;
  readonly high: number;
  readonly gradient: 'l1' | 'l2';
};

/**
 * Canny's edges (1986) as OpenCV draws them with aperture 3, edge for edge: Sobel on 8-bit colours with the border repeated, at each
 * pixel the channel with the longest gradient (red before green before blue), local maxima along it in four directions, and hysteresis over eight neighbours.
 *
 * @param picture three planes (or one) in [0, 1]
 */
export function canny(picture: Planes, options: CannyOptions): Edges {
  const { width, height } = picture;
  const ridge = ridges(picture, options.gradient);
  const { low, high } = thresholdsOf(options);
  const classes = new Uint8Array(ridge.length);
  for (let p = 0; p < ridge.length; p++) classes[p] = ridge[p]! > high ? 2 : ridge[p]! > low ? 1 : 0;
  return { width, height, ridge, edges: connect(classes, width, height) };
}

/** The edges of one picture, and how strong each would be. */
export type Edges = {
  readonly width: number;
  readonly height: number;
  /** See ridges. */
  readonly ridge: Int32Array;
  /** 1 on an edge, else 0. */
  readonly edges: Uint8Array;
};

/** The scale of `ridges`: lengths, or their squares for l2. A low threshold above the high one changes places with it. */
export function thresholdsOf({ low, high, gradient }: CannyOptions): { low: number; high: number } {
  const [less, more] = low > high ? [high, low] : [low, high];
  const scaled = (threshold: number): number =>
    Math.floor(gradient === 'l1' ? threshold : Math.min(threshold, 32767) ** 2);
  return { low: scaled(less), high: scaled(more) };
}

/** tan(22.5°) in 1/32768, as OpenCV rounds it. */
const TAN_22 = 13573;

/** [height, width]: the gradient's length (for l2 its square) where it is a local maximum along its direction, else 0. Integers. */
function ridges(picture: Planes, gradient: CannyOptions['gradient']): Int32Array {
  const { width, height } = picture;
  const { dx, dy, length, stride } = gradients(picture, gradient);
  const out = new Int32Array(width * height);
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0, at = (y + 1) * stride + 1; x < width; x++, p++, at++) {
      const m = length[at]!;
      if (m === 0) continue;
      const gx = dx[p]!;
      const gy = dy[p]!;
      const up = (gy < 0 ? -gy : gy) * 32768;
      const flat = (gx < 0 ? -gx : gx) * TAN_22;
      let isRidge: boolean;
      if (up < flat) isRidge = m > length[at - 1]! && m >= length[at + 1]!;
      else if (up > flat + (gx < 0 ? -gx : gx) * 65536) isRidge = m > length[at - stride]! && m >= length[at + stride]!;
      else {
        const side = (gx ^ gy) < 0 ? -1 : 1;
        isRidge = m > length[at - stride - side]! && m > length[at + stride + side]!;
      }
      if (isRidge) out[p] = m;
    }
  }
  return out;
}

type Gradients = {
  /** [height, width]. */
  readonly dx: Int16Array;
  readonly dy: Int16Array;
  /** With a border of zeros one pixel wide: rows of `stride`. */
  readonly length: Int32Array;
  readonly stride: number;
};

function gradients({ channels, width, height, data }: Planes, gradient: CannyOptions['gradient']): Gradients {
  const stride = width + 2;
  const dx = new Int16Array(width * height);
  const dy = new Int16Array(width * height);
  const length = new Int32Array(stride * (height + 2));
  const area = width * height;
  const squared = gradient === 'l2';
  const bytes = new Uint8Array(area);
  // One row of what Sobel sums and subtracts vertically, with the border repeated on both sides.
  const sums = new Int16Array(stride);
  const steps = new Int16Array(stride);
  for (let c = 0; c < channels; c++) {
    for (let p = 0; p < area; p++) bytes[p] = data[c * area + p]! * 255 + 0.5;
    for (let y = 0; y < height; y++) {
      const row = y * width;
      const above = y > 0 ? row - width : row;
      const below = y < height - 1 ? row + width : row;
      for (let x = 0; x < width; x++) {
        const a = bytes[above + x]!;
        const b = bytes[below + x]!;
        sums[x + 1] = a + 2 * bytes[row + x]! + b;
        steps[x + 1] = b - a;
      }
      sums[0] = sums[1]!;
      steps[0] = steps[1]!;
      sums[width + 1] = sums[width]!;
      steps[width + 1] = steps[width]!;
      const at = (y + 1) * stride + 1;
      for (let x = 0; x < width; x++) {
        const gx = sums[x + 2]! - sums[x]!;
        const gy = steps[x]! + 2 * steps[x + 1]! + steps[x + 2]!;
        const m = squared ? gx * gx + gy * gy : (gx < 0 ? -gx : gx) + (gy < 0 ? -gy : gy);
        if (m > length[at + x]! || c === 0) {
          length[at + x] = m;
          dx[row + x] = gx;
          dy[row + x] = gy;
        }
      }
    }
  }
  return { dx, dy, length, stride };
}
