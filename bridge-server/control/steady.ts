import { type Planes, withData } from '../diffusion/picture/planes.ts';
import { type CannyOptions, type Edges, thresholdsOf } from './canny.ts';
import { connect } from './hysteresis.ts';
import { fetch, type Neighbour } from './surroundings.ts';

/** What one of the neighbours has, at the same size. */
export type Nearby<T> = Neighbour & { readonly values: T };

/** How far around, in pixels, a frame's own values limit those of its neighbours. */
const AROUND = 2;

/**
 * A map of continuous values averaged along the motion with its neighbours', each counting for as much as it is trusted there: noise
 * and flicker go down. No ghosts: what has no counterpart (hidden, moved out, another brightness) keeps its own value, and no neighbour's
 * counts for more or less than what this frame has close by (as temporal anti-aliasing does), for values spread around what causes
 * them. Without neighbours the map comes back as it is.
 */
export function steadyValues(own: Planes, nearby: readonly Nearby<Planes>[]): Planes {
  if (nearby.length === 0) return own;
  const { channels, width, height } = own;
  const area = width * height;
  const sums = Float32Array.from(own.data);
  const weights = new Float32Array(area).fill(1);
  const least = extremes(own, Math.min);
  const most = extremes(own, Math.max);
  for (const { flow, trust, values } of nearby) {
    for (let y = 0, p = 0; y < height; y++) {
      for (let x = 0; x < width; x++, p++) {
        const weight = trust[p]!;
        if (weight === 0) continue;
        weights[p]! += weight;
        const tx = x + flow[2 * p]!;
        const ty = y + flow[2 * p + 1]!;
        for (let c = 0, i = p; c < channels; c++, i += area) {
          const value = fetch(values.data, c * area, width, height, tx, ty);
          sums[i]! += weight * (value < least[i]! ? least[i]! : value > most[i]! ? most[i]! : value);
        }
      }
    }
  }
  for (let i = 0; i < sums.length; i++) sums[i]! /= weights[i % area]!;
  return withData(own, sums);
}

/** The least or the most of each value's square of 2 AROUND + 1 pixels. */
function extremes({ width, height, data }: Planes, pick: (a: number, b: number) => number): Float32Array {
  const rows = new Float32Array(data.length);
  for (let row = 0; row < data.length; row += width) {
    for (let x = 0; x < width; x++) {
      let found = data[row + x]!;
      for (let q = Math.max(x - AROUND, 0); q <= Math.min(x + AROUND, width - 1); q++)
        found = pick(found, data[row + q]!);
      rows[row + x] = found;
    }
  }
  const out = new Float32Array(data.length);
  for (let y = 0, row = 0; row < data.length; y = (y + 1) % height, row += width) {
    const plane = row - y * width;
    const [top, bottom] = [Math.max(y - AROUND, 0), Math.min(y + AROUND, height - 1)];
    for (let x = 0; x < width; x++) {
      let found = rows[plane + top * width + x]!;
      for (let q = top + 1; q <= bottom; q++) found = pick(found, rows[plane + q * width + x]!);
      out[row + x] = found;
    }
  }
  return out;
}

/**
 * Canny's hysteresis, also along the motion: a line begins where most frames of the window have an edge within a pixel, each counting
 * for as much as it is trusted, even if this frame's own is only half the low threshold; it goes on over what is above the low
 * threshold. What this frame alone has vanishes, gaps that it alone has close. Lines always lie on this frame's own ridges, so that
 * none is a ghost of another frame's. Without neighbours these are the frame's own edges.
 */
export function steadyEdges(own: Edges, nearby: readonly Nearby<Edges>[], options: CannyOptions): Uint8Array {
  const { width, height } = own;
  const { low } = thresholdsOf(options);
  const others = nearby.map(({ flow, trust, values }) => ({ flow, trust, near: widened(values.edges, width, height) }));
  const classes = new Uint8Array(own.ridge.length);
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      if (own.ridge[p] === 0) continue;
      let votes = own.edges[p]!;
      let all = 1;
      for (const { flow, trust, near } of others) {
        const weight = trust[p]!;
        if (weight === 0) continue;
        all += weight;
        votes += weight * near[Math.round(y + flow[2 * p + 1]!) * width + Math.round(x + flow[2 * p]!)]!;
      }
      classes[p] = 2 * votes > all ? 2 : own.ridge[p]! > low ? 1 : 0;
    }
  }
  return connect(classes, width, height);
}

/** 1 within a pixel of a 1, also diagonally. */
function widened(edges: Uint8Array, width: number, height: number): Uint8Array {
  const out = new Uint8Array(edges.length);
  for (let p = 0; p < edges.length; p++) {
    if (edges[p] === 0) continue;
    const x = p % width;
    const y = (p - x) / width;
    for (let qy = Math.max(y - 1, 0); qy <= Math.min(y + 1, height - 1); qy++) {
      out.fill(1, qy * width + Math.max(x - 1, 0), qy * width + Math.min(x + 1, width - 1) + 1);
    }
  }
  return out;
}
