import type { Planes } from '../picture/planes.ts';

/** Mean and covariance of the channels of a picture or a latent. */
export type Statistics = {
  readonly mean: readonly number[];
  /** Rows, symmetric. */
  readonly covariance: Matrix;
};

type Matrix = readonly (readonly number[])[];

/** `weights` says how much each pixel counts (null: all alike); null when none does. */
export function statisticsOf({ channels, data }: Planes, weights: Float32Array | null = null): Statistics | null {
  const area = data.length / channels;
  const sum = new Float64Array(channels);
  let total = 0;
  for (let p = 0; p < area; p++) {
    const weight = weights?.[p] ?? 1;
    if (weight === 0) continue;
    total += weight;
    for (let c = 0; c < channels; c++) sum[c]! += weight * data[c * area + p]!;
  }
  if (total === 0) return null;
  const mean = Array.from(sum, (value) => value / total);
  const products = mean.map(() => new Float64Array(channels));
  for (let p = 0; p < area; p++) {
    const weight = weights?.[p] ?? 1;
    if (weight === 0) continue;
    for (let i = 0; i < channels; i++) {
      const off = weight * (data[i * area + p]! - mean[i]!);
      for (let j = 0; j <= i; j++) products[i]![j]! += off * (data[j * area + p]! - mean[j]!);
    }
  }
  const covariance = mean.map((_, i) => mean.map((_, j) => products[Math.max(i, j)]![Math.min(i, j)]! / total));
  return { mean, covariance };
}

/** x → gain · (x - from) + to, on the channels of a pixel. */
export type Affine = { readonly gain: Matrix; readonly from: readonly number[]; readonly to: readonly number[] };

/** Contrast is never raised or lowered by more than this in any direction. */
const MOST_GAIN = 2;

/**
 * The linear map that turns pictures with the statistics `from` into pictures with the statistics `to` and moves colours least: that of
 * Monge and Kantorovich between normal distributions (Pitié & Kokaram 2007, "The linear Monge-Kantorovitch linear colour mapping").
 * Exact as long as no direction's contrast has to change more than twofold. `floor` is a deviation too small to mean anything.
 */
export function transport(from: Statistics, to: Statistics, floor: number): Affine {
  const raised = ({ covariance }: Statistics): Matrix =>
    covariance.map((row, i) => row.map((value, j) => (i === j ? value + floor ** 2 : value)));
  const root = power(raised(from), 0.5);
  const inverse = power(raised(from), -0.5);
  const middle = power(product(product(root, raised(to)), root), 0.5);
  const gain = limited(product(product(inverse, middle), inverse));
  return { gain, from: from.mean, to: to.mean };
}

export function mapped(planes: Planes, { gain, from, to }: Affine): Planes {
  const { channels } = planes;
  const area = planes.data.length / channels;
  const data = new Float32Array(planes.data.length);
  for (let p = 0; p < area; p++) {
    for (let i = 0; i < channels; i++) {
      let value = to[i]!;
      for (let j = 0; j < channels; j++) value += gain[i]![j]! * (planes.data[j * area + p]! - from[j]!);
      data[i * area + p] = value;
    }
  }
  return { ...planes, data };
}

/** A key of a shot before and after it was repainted. */
export type BeforeAndAfter = { readonly before: Statistics; readonly after: Statistics };

/**
 * What brings a key into line with the first key of its shot: its colours shall be those of the first key, changed as the source's have
 * changed. Contrast follows the source's from the one to the other, and means move as far as repainting lets them. Light that changes in
 * the source changes in the result; what the network makes up from key to key goes. For equal sources the result is equal, exactly.
 */
export function inLineWith(first: BeforeAndAfter, own: BeforeAndAfter, floor: number): Affine {
  const look = transport(first.before, first.after, floor);
  const { gain } = transport(first.before, own.before, floor);
  const moved = own.before.mean.map((value, i) => value - first.before.mean[i]!);
  const expected = {
    mean: first.after.mean.map((value, i) => value + look.gain[i]!.reduce((sum, g, j) => sum + g * moved[j]!, 0)),
    covariance: product(product(gain, first.after.covariance), transpose(gain)),
  };
  return transport(own.after, expected, floor);
}

/** A symmetric matrix with its eigenvalues raised to a power; they must not be negative. */
const power = (matrix: Matrix, exponent: number): Matrix =>
  recomposed(matrix, (value) => Math.max(value, 1e-12) ** exponent);

const limited = (matrix: Matrix): Matrix =>
  recomposed(matrix, (value) => Math.min(Math.max(value, 1 / MOST_GAIN), MOST_GAIN));

function recomposed(matrix: Matrix, change: (eigenvalue: number) => number): Matrix {
  const { values, vectors } = eigen(matrix);
  const scaled = vectors.map((row) => row.map((value, k) => value * change(values[k]!)));
  return product(scaled, transpose(vectors));
}

/** Eigenvalues of a symmetric matrix, and its eigenvectors as columns, by Jacobi's rotations. */
function eigen(matrix: Matrix): { values: number[]; vectors: number[][] } {
  const n = matrix.length;
  const a = matrix.map((row) => [...row]);
  const v = matrix.map((_, i) => matrix.map((_, j) => (i === j ? 1 : 0)));
  for (let sweep = 0; sweep < 50; sweep++) {
    let off = 0;
    for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) off += Math.abs(a[i]![j]!);
    if (off === 0) break;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < i; j++) {
        if (a[i]![j] === 0) continue;
        const theta = (a[i]![i]! - a[j]![j]!) / (2 * a[i]![j]!);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        rotate(a, v, j, i, c, t * c);
      }
    }
  }
  return { values: a.map((row, i) => row[i]!), vectors: v };
}

/** One rotation in the plane of the axes p and q: a becomes JᵀaJ, v becomes vJ. */
function rotate(a: number[][], v: number[][], p: number, q: number, c: number, s: number): void {
  for (const row of [...a, ...v]) {
    const [x, y] = [row[p]!, row[q]!];
    row[p] = c * x - s * y;
    row[q] = s * x + c * y;
  }
  for (let k = 0; k < a.length; k++) {
    const [x, y] = [a[p]![k]!, a[q]![k]!];
    a[p]![k] = c * x - s * y;
    a[q]![k] = s * x + c * y;
  }
  a[p]![q] = a[q]![p] = 0;
}

const product = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((sum, value, k) => sum + value * b[k]![j]!, 0)));

const transpose = (a: Matrix): Matrix => a[0]!.map((_, j) => a.map((row) => row[j]!));
