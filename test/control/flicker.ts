import type { Planes } from '../../bridge-server/diffusion/picture/planes.ts';
import { fetch, type Neighbour } from '../../bridge-server/control/surroundings.ts';

/** Pixels this much trusted are compared. */
const SEEN = 0.5;

/**
 * How much a map flickers: the mean difference between it and the mean of the maps before and after it, fetched along the motion, over
 * the pixels that can be followed both ways, as a share of the map's own mean.
 */
export function flickerOf(map: Planes, around: readonly (Neighbour & { readonly map: Planes })[]): number {
  const { width, height } = map;
  let sum = 0;
  let all = 0;
  for (let p = 0; p < width * height; p++) {
    if (around.some(({ trust }) => trust[p]! < SEEN)) continue;
    const mean = around.reduce((s, one) => s + at(one, p, width, height), 0) / around.length;
    sum += Math.abs(map.data[p]! - mean);
    all += map.data[p]!;
  }
  return sum / all;
}

function at({ map, flow }: Neighbour & { readonly map: Planes }, p: number, width: number, height: number): number {
  const x = p % width;
  return fetch(map.data, 0, width, height, x + flow[2 * p]!, (p - x) / width + flow[2 * p + 1]!);
}

/**
 * How much thin edges blink: edge pixels that have none within a pixel in either neighbouring frame, and places where both neighbours
 * have one and this frame has none within a pixel, as a share of the edge pixels. Over pixels that can be followed both ways.
 */
export function blinkingOf(map: Planes, around: readonly (Neighbour & { readonly map: Planes })[]): number {
  const { width, height } = map;
  const near = (planes: Planes, x: number, y: number): boolean => {
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) {
        const [qx, qy] = [Math.round(x) + dx, Math.round(y) + dy];
        if (qx >= 0 && qy >= 0 && qx < width && qy < height && planes.data[qy * width + qx]! > 0.5) return true;
      }
    }
    return false;
  };
  let blinks = 0;
  let edges = 0;
  for (let p = 0; p < width * height; p++) {
    if (around.some(({ trust }) => trust[p]! < SEEN)) continue;
    const x = p % width;
    const y = (p - x) / width;
    const ends = around.map(({ flow, map: other }) => [other, x + flow[2 * p]!, y + flow[2 * p + 1]!] as const);
    if (map.data[p]! > 0.5) {
      edges++;
      if (!ends.some(([other, ex, ey]) => near(other, ex, ey))) blinks++;
    } else if (
      !near(map, x, y) &&
      ends.every(([other, ex, ey]) => other.data[Math.round(ey) * width + Math.round(ex)]! > 0.5)
    ) {
      blinks++;
    }
  }
  return blinks / edges;
}
