import type { Planes } from '../picture/planes.ts';
import type { Size } from '../picture/size.ts';

/** Where the points of one picture are found in another of its size. */
export type Correspondence = {
  /** Two planes, dx and dy in pixels: pixel p of the one is found at p + flow(p) of the other. */
  readonly flow: Planes;
  /** One plane in [0, 1]: 1 where the point is seen in both. */
  readonly visible: Planes;
};

/** The same motion for pictures of another size; every pixel takes what lies under its middle, so that borders of motion stay sharp. */
export function atSize({ flow, visible }: Correspondence, { width, height }: Size): Correspondence {
  if (flow.width === width && flow.height === height) return { flow, visible };
  const [scaleX, scaleY] = [width / flow.width, height / flow.height];
  const area = width * height;
  const motion = new Float32Array(2 * area);
  const seen = new Float32Array(area);
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      const [fromX, fromY] = [(x + 0.5) / scaleX - 0.5, (y + 0.5) / scaleY - 0.5];
      motion[p] = scaleX * linear(flow, 0, fromX, fromY);
      motion[area + p] = scaleY * linear(flow, 1, fromX, fromY);
      seen[p] = linear(visible, 0, fromX, fromY);
    }
  }
  return {
    flow: { channels: 2, height, width, data: motion },
    visible: { channels: 1, height, width, data: seen },
  };
}

/**
 * The other picture brought into the place of this one: every pixel is fetched along the flow, by Catmull and Rom's cubic between
 * pixels (which loses little detail) and exactly where the flow is whole. Meaningless where nothing is visible.
 */
export function moved(other: Planes, { flow }: Correspondence): Planes {
  const { channels, width, height } = other;
  const area = width * height;
  const data = new Float32Array(channels * area);
  const [weightsX, weightsY] = [new Float64Array(4), new Float64Array(4)];
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      const [fromX, fromY] = [x + flow.data[p]!, y + flow.data[area + p]!];
      const [left, top] = [Math.floor(fromX), Math.floor(fromY)];
      cubic(fromX - left, weightsX);
      cubic(fromY - top, weightsY);
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let j = 0; j < 4; j++) {
          const row = c * area + inside(top + j - 1, height) * width;
          for (let i = 0; i < 4; i++) {
            const weight = weightsX[i]! * weightsY[j]!;
            if (weight !== 0) sum += weight * other.data[row + inside(left + i - 1, width)]!;
          }
        }
        data[c * area + p] = sum;
      }
    }
  }
  return { channels, height, width, data };
}

function cubic(t: number, weights: Float64Array): void {
  weights[0] = 0.5 * t * (t * (2 - t) - 1);
  weights[1] = 1 + 0.5 * t * t * (3 * t - 5);
  weights[2] = 0.5 * t * (1 + t * (4 - 3 * t));
  weights[3] = 0.5 * t * t * (t - 1);
}

function linear({ data, width, height }: Planes, channel: number, x: number, y: number): number {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const at = (i: number, j: number): number => data[(channel * height + inside(j, height)) * width + inside(i, width)]!;
  const [fx, fy] = [x - left, y - top];
  const above = at(left, top) * (1 - fx) + at(left + 1, top) * fx;
  const below = at(left, top + 1) * (1 - fx) + at(left + 1, top + 1) * fx;
  return above * (1 - fy) + below * fy;
}

const inside = (i: number, length: number): number => (i < 0 ? 0 : i >= length ? length - 1 : i);
