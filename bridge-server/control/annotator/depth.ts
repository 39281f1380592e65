import { type Planes, withData } from '../../diffusion/picture/planes.ts';

/** Nearer than this, in the network's unit of length, everything is equally near. */
const NEAREST = 1e-3;

/**
 * Depth as a ControlNet reads it: near is white, far is black, in proportion to the inverse of the distance. What lies beyond the
 * percentiles is cut off, so that a few wild values do not decide the greys of all others. What is no number counts as far.
 *
 * @param values one plane: an inverse depth of any scale and offset, or a distance
 */
export function depthMap(values: Planes, form: 'inverse' | 'metric', [low, high]: readonly [number, number]): Planes {
  const inverse = values.data.map((value) => {
    if (form === 'inverse') return Number.isFinite(value) ? value : NaN;
    return Number.isNaN(value) || value < 0 ? NaN : 1 / Math.max(value, NEAREST);
  });
  const sorted = inverse.filter((value) => !Number.isNaN(value)).sort();
  const at = (percent: number): number => sorted[Math.round((percent / 100) * (sorted.length - 1))] ?? 0;
  const far = at(low);
  const range = at(high) - far;
  return withData(
    values,
    inverse.map((value) => (range > 0 && !Number.isNaN(value) ? Math.min(Math.max((value - far) / range, 0), 1) : 0)),
  );
}
