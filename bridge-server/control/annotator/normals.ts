import { map, type Planes, withData } from '../../diffusion/picture/planes.ts';

/**
 * Three planes of normals as a picture in [0, 1]: x to the right is red, y up green, towards the camera blue, -1 black and 1 white.
 *
 * @param range what stands for -1 and 1 in `values`
 */
export function normalMap(
  values: Planes,
  [low, high]: readonly [number, number],
  axes: readonly [number, number, number],
): Planes {
  const area = values.width * values.height;
  const data = values.data.map((value, i) => {
    const component = axes[Math.floor(i / area)]! * ((2 * (value - low)) / (high - low) - 1);
    return Number.isFinite(component) ? 0.5 + 0.5 * component : 0.5;
  });
  return unitLength(withData(values, data));
}

/** Gives every vector of such a picture the length of one again; one that has none looks at the camera. */
export function unitLength(picture: Planes): Planes {
  const area = picture.width * picture.height;
  const data = map(picture, (value) => 2 * value - 1).data;
  for (let p = 0; p < area; p++) {
    const length = Math.hypot(data[p]!, data[area + p]!, data[2 * area + p]!);
    for (let c = 0; c < 3; c++) {
      const component = length > 1e-6 ? data[c * area + p]! / length : c === 2 ? 1 : 0;
      data[c * area + p] = 0.5 + 0.5 * component;
    }
  }
  return withData(picture, data);
}
