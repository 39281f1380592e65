import { type Planes, withData } from '../diffusion/picture/planes.ts';
import { type CannyOptions, type Edges, thresholdsOf } from './canny.ts';
import { connect } from './hysteresis.ts';
import { fetch, type Neighbour } from './surroundings.ts';

/** What one of the neighbours has, at the same size. */
export type Nearby<T> = Neighbour & { readonly values: T };

/**
 * A map of continuous values averaged along the motion with its neighbours', each counting for as much as it is trusted there: noise
 * and flicker go down, and what has no counterpart (hidden, moved out, another brightness) keeps its own value, so that nothing shines
 * through. Without neighbours the map comes back as it is.
 */
export function steadyValues(own: Planes, nearby: readonly Nearby<Planes>[]): Planes {
  const { channels, width, height } = own;
  const area = width * height;
  const sums = Float32Array.from(own.data);
  const weights = new Float32Array(area).fill(1);
  for (const { flow, trust, values } of nearby) {
    for (let y = 0, p = 0; y < height; y++) {
      for (let x = 0; x < width; x++, p++) {
        const weight = trust[p]!;
        if (weight === 0) continue;
        weights[p]! += weight;
        const tx = x + flow[2 * p]!;
        const ty = y + flow[2 * p + 1]!;
        for (let c = 0; c < channels; c++) {
          sums[c * area + p]! += weight * fetch(values.data, c * area, width, height, tx, ty);
        }
      }
    }
  }
  for (let i = 0; i < sums.length; i++) sums[i]! /= weights[i % area]!;
  return withData(own, sums);
}

/** Of the low threshold: how weak an edge may be where most of the window has it. */
const KEPT = 0.5;

/**
 * Canny's hysteresis, also along the motion: a line begins where most frames of the window have an edge within a pixel, each counting
 * for as much as it is trusted, even if this frame's own is only half the low threshold; it goes on over what is above the low
 * threshold. What this frame alone has vanishes, gaps that it alone has close. Lines always lie on this frame's own ridges, so that
 * none is a ghost of another frame's. Without neighbours these are the frame's own edges.
 */
export function steadyEdges(own: Edges, nearby: readonly Nearby<Edges>[], options: CannyOptions): Uint8Array {
  const { width, height } = own;
  const { low } = thresholdsOf(options);
  const least = low * (options.gradient === 'l1' ? KEPT : KEPT ** 2);
  const others = nearby.map(({ flow, trust, values }) => ({ flow, trust, near: widened(values.edges, width, height) }));
  const classes = new Uint8Array(own.ridge.length);
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      if (!(own.ridge[p]! > least)) continue;
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
