import sharp from 'sharp';
import { roundNumbers } from '../measure/graph.ts';
import { lettering } from '../measure/lettering.ts';

const [WIDTH, HEIGHT] = [1200, 420];
const MARGIN = { left: 76, right: 24, top: 44, bottom: 44 };
const [BACKGROUND, GRID, TEXT, FAINT, STRONG] = ['#14161b', '#2c313a', '#c9ced6', '#4d5f70', '#f2a65a'];

/**
 * The losses of a training as a PNG, 1200 pixels wide: each step, and their running mean. One step's says little, because it is that
 * of one noise at one timestep.
 */
export function lossCurve(losses: readonly number[], steps: number): Promise<Buffer> {
  const means = runningMean(losses, Math.max(1, Math.round(steps / 20)));
  const high = Math.max(1e-6, ...losses);
  const marks = roundNumbers(0, high * 1.04, 5, 1e-4);
  const ceiling = Math.max(high * 1.04, marks.at(-1));
  const x = (step: number): number => MARGIN.left + ((WIDTH - MARGIN.left - MARGIN.right) * step) / Math.max(1, steps);
  const y = (loss: number): number => HEIGHT - MARGIN.bottom - ((HEIGHT - MARGIN.top - MARGIN.bottom) * loss) / ceiling;
  const line = (values: readonly number[], colour: string, width: number): string => {
    const points = values.map((value, i) => `${x(i + 1).toFixed(1)},${y(value).toFixed(1)}`);
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="${width}"/>`;
  };
  const last = means.at(-1);
  const svg = [
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="${BACKGROUND}"/>`,
    ...marks.flatMap((mark) => [
      `<path d="M${MARGIN.left},${y(mark)}H${WIDTH - MARGIN.right}" stroke="${GRID}"/>`,
      lettering(String(Number(mark.toPrecision(3))), MARGIN.left - 10, y(mark) + 4, {
        size: 9,
        colour: TEXT,
        anchor: 'end',
      }),
    ]),
    ...roundNumbers(0, steps, 10, 1).map((step) =>
      lettering(String(step), x(step), HEIGHT - 20, { size: 10, colour: TEXT, anchor: 'middle' }),
    ),
    lettering('Loss', MARGIN.left, 26, { size: 12, colour: TEXT }),
    ...(last === undefined
      ? []
      : [
          lettering(`mean ${last.toFixed(4)} after ${losses.length} of ${steps} steps`, WIDTH - MARGIN.right, 26, {
            size: 10,
            colour: STRONG,
            anchor: 'end',
          }),
        ]),
    line(losses, FAINT, 1),
    line(means, STRONG, 2.5),
  ];
  const picture = `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}">${svg.join('')}</svg>`;
  return sharp(Buffer.from(picture)).png().toBuffer();
}

/** Of each value and those before it, `count` at most. */
function runningMean(values: readonly number[], count: number): number[] {
  let sum = 0;
  return values.map((value, i) => {
    sum += value - (values[i - count] ?? 0);
    return sum / Math.min(i + 1, count);
  });
}
