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
 * pixel the channel with the longest gradient (red before green before blue), local maxima along it in four directions, and hysteresis
 * over eight neighbours.
 *
 * @param picture three planes in [0, 1]
 */
export function canny(picture: Planes, options: CannyOptions): Edges {
  const { width, height } = picture;
  const { weak, low, high } = thresholdsOf(options);
  const ridge = ridges(gradients(picture, options.gradient), weak);
  const classes = new Uint8Array(ridge.length);
  for (let p = 0; p < ridge.length; p++) {
    const length = ridge[p]!;
    if (length > low) classes[p] = length > high ? 2 : 1;
  }
  return { width, height, ridge, edges: connect(classes, width, height) };
}

/** The edges of one picture, and how strong each would be. */
export type Edges = {
  readonly width: number;
  readonly height: number;
  /** The gradient's length (for l2 its square) where it is a local maximum along its direction and above `weak`, else 0. */
  readonly ridge: Int32Array;
  /** 1 on an edge, else 0. */
  readonly edges: Uint8Array;
};

/** Of the low threshold: how weak a ridge is still told of. */
const WEAK = 0.5;

/**
 * The thresholds in the scale of ridges: lengths, or their squares for l2. A low threshold above the high one changes places with it.
 */
export function thresholdsOf({ low, high, gradient }: CannyOptions): { weak: number; low: number; high: number } {
  const [less, more] = low > high ? [high, low] : [low, high];
  const scaled = (threshold: number): number =>
    Math.floor(gradient === 'l1' ? threshold : Math.min(threshold, 32767) ** 2);
  return { weak: scaled(WEAK * less), low: scaled(less), high: scaled(more) };
}

type Gradients = {
  readonly width: number;
  readonly height: number;
  /** [height, width], of the channel where the gradient is longest. */
  readonly dx: Int16Array;
  readonly dy: Int16Array;
  /** Its length, or the square of it, with a border of zeros one pixel wide: rows of width + 2. */
  readonly length: Int32Array;
};

/** tan(22.5°) in 1/32768, as OpenCV rounds it. */
const TAN_22 = 13573;

/** See Edges. */
function ridges({ width, height, dx, dy, length }: Gradients, weak: number): Int32Array {
  const stride = width + 2;
  const out = new Int32Array(width * height);
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0, at = (y + 1) * stride + 1; x < width; x++, p++, at++) {
      const m = length[at]!;
      if (m <= weak) continue;
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

function gradients({ channels, width, height, data }: Planes, gradient: CannyOptions['gradient']): Gradients {
  const stride = width + 2;
  const dx = new Int16Array(width * height);
  const dy = new Int16Array(width * height);
  const length = new Int32Array(stride * (height + 2));
  const isSquared = gradient === 'l2';
  const bytes = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) bytes[i] = data[i]! * 255 + 0.5;
  // What Sobel sums and subtracts from top to bottom: one row, with a pixel repeated on both sides.
  const sums = new Int32Array(stride);
  const steps = new Int32Array(stride);
  for (let y = 0; y < height; y++) {
    for (let c = 0; c < channels; c++) {
      const row = (c * height + y) * width;
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
      let sumLeft = sums[0];
      let sumHere = sums[1]!;
      let stepLeft = steps[0];
      let stepHere = steps[1]!;
      for (let x = 0, p = y * width; x < width; x++, p++) {
        const sumRight = sums[x + 2]!;
        const stepRight = steps[x + 2]!;
        const gx = sumRight - sumLeft;
        const gy = stepLeft + 2 * stepHere + stepRight;
        const m = isSquared ? gx * gx + gy * gy : Math.abs(gx) + Math.abs(gy);
        if (c === 0 || m > length[at + x]!) {
          length[at + x] = m;
          dx[p] = gx;
          dy[p] = gy;
        }
        sumLeft = sumHere;
        sumHere = sumRight;
        stepLeft = stepHere;
        stepHere = stepRight;
      }
    }
  }
  return { width, height, dx, dy, length };
}
