import type { Planes } from '../diffusion/picture/planes.ts';
import { withData } from '../diffusion/picture/planes.ts';

/**
 * Gaussian blur by three extended boxes (Gwosdek et al., 2011): the exact standard deviation `sigma` in pixels at a cost that does not
 * depend on it, within 3 % of the Gaussian's peak. Edges are repeated.
 */
export function blurred(planes: Planes, sigma: number): Planes {
  const { width, height } = planes;
  const box = boxOf(sigma);
  let data = planes.data;
  for (let pass = 0; pass < PASSES; pass++) {
    data = boxColumns(boxRows(data, width, box), width, height, box);
  }
  return withData(planes, data);
}

const PASSES = 3;

/** A box of 2·radius + 1 pixels and one more on each side that counts for `edge`; `norm`: one over its sum. */
type Box = { readonly radius: number; readonly edge: number; readonly norm: number };

function boxOf(sigma: number): Box {
  const variance = sigma ** 2 / PASSES;
  const radius = Math.floor(0.5 * Math.sqrt(12 * variance + 1) - 0.5);
  // Chosen so that the box has exactly this variance (equation 6).
  const length = 2 * radius + 1;
  const edge = (length * (radius * (radius + 1) - 3 * variance)) / (6 * (variance - (radius + 1) ** 2));
  return { radius, edge, norm: 1 / (length + 2 * edge) };
}

function boxRows(data: Float32Array, width: number, { radius, edge, norm }: Box): Float32Array<ArrayBuffer> {
  const out = new Float32Array(data.length);
  const last = width - 1;
  for (let row = 0; row < data.length; row += width) {
    const at = (x: number): number => data[row + (x < 0 ? 0 : x > last ? last : x)]!;
    let sum = 0;
    for (let x = -radius; x <= radius; x++) sum += at(x);
    for (let x = 0; x < width; x++) {
      const before = at(x - radius - 1);
      const after = at(x + radius + 1);
      out[row + x] = (sum + edge * (before + after)) * norm;
      sum += after - at(x - radius);
    }
  }
  return out;
}

function boxColumns(data: Float32Array, width: number, height: number, { radius, edge, norm }: Box): Float32Array {
  const out = new Float32Array(data.length);
  const sums = new Float64Array(width);
  const last = height - 1;
  for (let plane = 0; plane < data.length; plane += width * height) {
    const rowAt = (y: number): number => plane + (y < 0 ? 0 : y > last ? last : y) * width;
    sums.fill(0);
    for (let y = -radius; y <= radius; y++) {
      const row = rowAt(y);
      for (let x = 0; x < width; x++) sums[x]! += data[row + x]!;
    }
    for (let y = 0; y < height; y++) {
      const before = rowAt(y - radius - 1);
      const after = rowAt(y + radius + 1);
      const leaving = rowAt(y - radius);
      const to = plane + y * width;
      for (let x = 0; x < width; x++) {
        const next = data[after + x]!;
        out[to + x] = (sums[x]! + edge * (data[before + x]! + next)) * norm;
        sums[x]! += next - data[leaving + x]!;
      }
    }
  }
  return out;
}
