import type { Planes } from './planes.ts';

/**
 * Resamples to another size with Lanczos' windowed sinc of three lobes, widened when the picture shrinks. Pixels are areas: the
 * outer edges of both pictures coincide, so that nothing shifts and the way there and back keeps every place. At the edges the
 * outermost pixels are repeated. Values may overshoot the input's range by a few percent.
 */
export function resample(planes: Planes, width: number, height: number): Planes {
  if (planes.width === width && planes.height === height) return planes;
  return resampleColumns(resampleRows(planes, width), height);
}

const LOBES = 3;

/** For each target sample: the first source sample it reads, and the weights of that and the following ones (sum 1). */
type Taps = { readonly first: Int32Array; readonly count: number; readonly weights: Float64Array };

function resampleRows(planes: Planes, width: number): Planes {
  const { first, count, weights } = tapsOf(planes.width, width);
  const rows = planes.channels * planes.height;
  const data = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const start = row * planes.width;
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < count; k++) {
        sum += weights[x * count + k]! * planes.data[start + inside(first[x]! + k, planes.width)]!;
      }
      data[row * width + x] = sum;
    }
  }
  return { ...planes, width, data };
}

function resampleColumns(planes: Planes, height: number): Planes {
  const { width } = planes;
  const { first, count, weights } = tapsOf(planes.height, height);
  const data = new Float32Array(planes.channels * height * width);
  for (let c = 0; c < planes.channels; c++) {
    for (let y = 0; y < height; y++) {
      const target = (c * height + y) * width;
      for (let k = 0; k < count; k++) {
        const weight = weights[y * count + k]!;
        const source = (c * planes.height + inside(first[y]! + k, planes.height)) * width;
        for (let x = 0; x < width; x++) data[target + x]! += weight * planes.data[source + x]!;
      }
    }
  }
  return { ...planes, height, data };
}

function tapsOf(from: number, to: number): Taps {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const reach = LOBES * stretch;
  const count = Math.ceil(2 * reach) + 1;
  const first = new Int32Array(to);
  const weights = new Float64Array(to * count);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale - 0.5;
    first[i] = Math.ceil(centre - reach);
    let sum = 0;
    for (let k = 0; k < count; k++) sum += weights[i * count + k] = lanczos((first[i]! + k - centre) / stretch);
    for (let k = 0; k < count; k++) weights[i * count + k]! /= sum;
  }
  return { first, count, weights };
}

function lanczos(x: number): number {
  if (x === 0) return 1;
  if (Math.abs(x) >= LOBES) return 0;
  const phase = Math.PI * x;
  return (LOBES * Math.sin(phase) * Math.sin(phase / LOBES)) / (phase * phase);
}

const inside = (i: number, length: number): number => (i < 0 ? 0 : i >= length ? length - 1 : i);
