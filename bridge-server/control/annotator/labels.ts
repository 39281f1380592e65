import type { Planes } from '../../diffusion/picture/planes.ts';
import type { Size } from '../../diffusion/picture/size.ts';
import type { Nearby } from '../steady.ts';

/** A label number for each pixel, one plane. */
export type Labels = Planes;

/** Of each pixel the channel with the highest score; the first of several that are equal. */
export function highestScores({ channels, width, height, data }: Planes): Labels {
  const area = width * height;
  const labels = new Float32Array(area);
  for (let p = 0; p < area; p++) {
    let best = 0;
    for (let c = 1; c < channels; c++) if (data[c * area + p]! > data[best * area + p]!) best = c;
    labels[p] = best;
  }
  return { channels: 1, width, height, data: labels };
}

/** At another size: labels are not mixed, each pixel takes the nearest. */
export function labelsAt(labels: Labels, { width, height }: Size): Labels {
  const data = new Float32Array(width * height);
  for (let y = 0, p = 0; y < height; y++) {
    const row = Math.floor(((y + 0.5) * labels.height) / height) * labels.width;
    for (let x = 0; x < width; x++, p++) data[p] = labels.data[row + Math.floor(((x + 0.5) * labels.width) / width)]!;
  }
  return { channels: 1, width, height, data };
}

/** Of each pixel the label that most of the window sees there along the motion; its own where no other has more. */
export function steadyLabels(own: Labels, nearby: readonly Nearby<Labels>[]): Labels {
  const { width } = own;
  const data = own.data.map((mine, p) => {
    const x = p % width;
    const y = (p - x) / width;
    const votes = new Map([[mine, 1]]);
    for (const { flow, trust, values } of nearby) {
      const weight = trust[p]!;
      if (weight === 0) continue;
      const label = values.data[Math.round(y + flow[2 * p + 1]!) * width + Math.round(x + flow[2 * p]!)]!;
      votes.set(label, (votes.get(label) ?? 0) + weight);
    }
    let best = mine;
    for (const [label, count] of votes) if (count > votes.get(best)!) best = label;
    return best;
  });
  return { ...own, data };
}

/** In their colours, 0..255 each; a label that has none is black. */
export function labelColours(
  { width, height, data }: Labels,
  palette: readonly (readonly [number, number, number])[],
): Planes {
  const area = width * height;
  const colours = new Float32Array(3 * area);
  for (let p = 0; p < area; p++) {
    const colour = palette[data[p]!];
    for (let c = 0; c < 3; c++) colours[c * area + p] = (colour?.[c] ?? 0) / 255;
  }
  return { channels: 3, width, height, data: colours };
}
