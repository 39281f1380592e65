import type { FrameMeasures } from './measure.ts';

/** A measure over the whole clip: the mean over the frames that have it, and the frame where it is worst. */
export type Overall = { readonly mean: number; readonly worst: { readonly frame: number; readonly value: number } };

type Measure = Exclude<keyof FrameMeasures, 'frame'>;

/** What is worse of each: less, more, or further from 1. */
const WORSE: Record<Measure, (value: number) => number> = {
  psnr: (v) => -v,
  squaredError: (v) => v,
  ssim: (v) => -v,
  gradientToTruth: (v) => Math.abs(Math.log(v)),
  gradientToSource: (v) => -v,
  warpError: (v) => v,
  sourceWarpError: (v) => v,
  flicker: (v) => v,
  sourceFlicker: (v) => v,
  visible: (v) => -v,
};
const MEASURES = Object.keys(WORSE) as Measure[];

export type OverallMeasures = { readonly [M in Measure]: Overall | null };

/** `psnr` is the mean of the frames' decibels, as papers give it; frames that are identical to the truth have none and do not count. */
export function overall(frames: readonly FrameMeasures[]): OverallMeasures {
  const entries = MEASURES.map((measure) => {
    const values = frames.flatMap(({ frame, [measure]: value }) => (value === null ? [] : [{ frame, value }]));
    if (values.length === 0) return [measure, null];
    const mean = values.reduce((sum, { value }) => sum + value, 0) / values.length;
    const worst = values.reduce((a, b) => (WORSE[measure](b.value) > WORSE[measure](a.value) ? b : a));
    return [measure, { mean, worst }];
  });
  return Object.fromEntries(entries) as OverallMeasures;
}

type Column = { readonly measure: Measure; readonly title: string; readonly digits: number };

const COLUMNS: readonly Column[] = [
  { measure: 'psnr', title: 'PSNR dB', digits: 2 },
  { measure: 'ssim', title: 'SSIM', digits: 4 },
  { measure: 'gradientToTruth', title: 'detail/truth', digits: 3 },
  { measure: 'gradientToSource', title: 'detail/source', digits: 3 },
  { measure: 'warpError', title: 'warp error', digits: 2 },
  { measure: 'sourceWarpError', title: '(source)', digits: 2 },
  { measure: 'flicker', title: 'flicker', digits: 2 },
  { measure: 'sourceFlicker', title: '(source)', digits: 2 },
];

/** Where there is nothing to tell. */
const NONE = '–';

/** A line for each frame, then the means and the worst frames. */
export function inWords(frames: readonly FrameMeasures[]): string {
  const all = overall(frames);
  const value = (frame: FrameMeasures, { measure, digits }: Column): string => {
    if (measure === 'psnr' && frame.squaredError === 0) return 'same';
    return frame[measure]?.toFixed(digits) ?? NONE;
  };
  const columns = COLUMNS.filter((column) => frames.some((frame) => value(frame, column) !== NONE));
  const cell = ({ title }: Column, text: string): string => text.padStart(Math.max(title.length, 7));
  const row = (label: string, text: (column: Column) => string): string =>
    `${label.padStart(7)}  ${columns.map((column) => cell(column, text(column))).join('  ')}`;
  const number = (value: number | undefined, { digits }: Column): string => value?.toFixed(digits) ?? NONE;
  return [
    row('frame', ({ title }) => title),
    ...frames.map((frame) => row(String(frame.frame), (column) => value(frame, column))),
    '',
    row('mean', (column) => number(all[column.measure]?.mean, column)),
    row('worst', (column) => number(all[column.measure]?.worst.value, column)),
    row('at', ({ measure }) => String(all[measure]?.worst.frame ?? NONE)),
    '',
    'Warp error and flicker are in 8-bit levels, along the source’s motion. Read them beside the source’s own.',
    '',
  ].join('\n');
}
