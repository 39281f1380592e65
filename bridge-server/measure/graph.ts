import sharp from 'sharp';
import { lettering } from './lettering.ts';
import type { FrameMeasures } from './measure.ts';
import { overall } from './report.ts';

type Line = {
  readonly measure: 'warpError' | 'sourceWarpError' | 'flicker' | 'sourceFlicker' | 'psnr' | 'gradientToSource';
  readonly label: string;
  readonly colour: string;
};
type Panel = {
  readonly title: string;
  readonly unit: string;
  readonly fromZero: boolean;
  readonly lines: readonly Line[];
};

const RESULT = '#f2a65a';
const SOURCE = '#6f8fa8';
const PANELS: readonly Panel[] = [
  {
    title: 'Warp error',
    unit: 'levels',
    fromZero: true,
    lines: [
      { measure: 'sourceWarpError', label: 'source', colour: SOURCE },
      { measure: 'warpError', label: 'result', colour: RESULT },
    ],
  },
  {
    title: 'Flicker',
    unit: 'levels',
    fromZero: true,
    lines: [
      { measure: 'sourceFlicker', label: 'source', colour: SOURCE },
      { measure: 'flicker', label: 'result', colour: RESULT },
    ],
  },
  {
    title: 'Detail',
    unit: 'of the source',
    fromZero: true,
    lines: [{ measure: 'gradientToSource', label: 'result', colour: RESULT }],
  },
  {
    title: 'PSNR',
    unit: 'dB against truth',
    fromZero: false,
    lines: [{ measure: 'psnr', label: 'result', colour: RESULT }],
  },
];

const WIDTH = 1200;
const PANEL_HEIGHT = 210;
const MARGIN = { left: 76, right: 24, top: 40, bottom: 14 };
const FOOT = 40;
const BACKGROUND = '#14161b';
const GRID = '#2c313a';
const TEXT = '#c9ced6';

/** The stability of a clip frame by frame as a PNG, 1200 pixels wide: what steps or spikes here pops or boils on the screen. */
export function stabilityGraph(frames: readonly FrameMeasures[]): Promise<Buffer> {
  const shown = PANELS.filter(({ lines }) =>
    lines.some(({ measure }) => frames.some((frame) => frame[measure] !== null)),
  );
  const height = shown.length * PANEL_HEIGHT + FOOT;
  const first = frames[0]?.frame ?? 0;
  const last = Math.max(first + 1, frames.at(-1)?.frame ?? 1);
  const x = (frame: number): number =>
    MARGIN.left + ((WIDTH - MARGIN.left - MARGIN.right) * (frame - first)) / (last - first);
  const ticks = roundNumbers(first, last, 12, 1);
  const svg = [
    `<rect width="${WIDTH}" height="${height}" fill="${BACKGROUND}"/>`,
    ...shown.map((panel, i) => drawPanel(panel, frames, i * PANEL_HEIGHT, x, ticks)),
    ...ticks.map((frame) =>
      lettering(String(frame), x(frame), height - 22, { size: 10, colour: TEXT, anchor: 'middle' }),
    ),
    lettering('frame', 14, height - 22, { size: 10, colour: TEXT }),
  ];
  return sharp(
    Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}">${svg.join('')}</svg>`),
  )
    .png()
    .toBuffer();
}

function drawPanel(
  { title, unit, fromZero, lines }: Panel,
  frames: readonly FrameMeasures[],
  top: number,
  x: (frame: number) => number,
  ticks: readonly number[],
): string {
  const values = lines.flatMap(({ measure }) => frames.flatMap((frame) => frame[measure] ?? []));
  const high = values.reduce((a, b) => Math.max(a, b), 1e-6);
  const low = fromZero ? 0 : values.reduce((a, b) => Math.min(a, b));
  const marks = roundNumbers(low, high * 1.04, 4, 0.01);
  const ceiling = Math.max(high * 1.04, marks.at(-1));
  const floor = Math.min(low, marks[0]!);
  const bottom = top + PANEL_HEIGHT - MARGIN.bottom;
  const y = (value: number): number =>
    bottom - ((PANEL_HEIGHT - MARGIN.top - MARGIN.bottom) * (value - floor)) / (ceiling - floor || 1);
  const all = overall(frames);

  const out = ticks.map((frame) => `<path d="M${x(frame)},${top + MARGIN.top}V${bottom}" stroke="${GRID}"/>`);
  for (const mark of marks) {
    out.push(`<path d="M${MARGIN.left},${y(mark)}H${WIDTH - MARGIN.right}" stroke="${GRID}"/>`);
    out.push(
      lettering(String(Number(mark.toFixed(2))), MARGIN.left - 10, y(mark) + 4, {
        size: 9,
        colour: TEXT,
        anchor: 'end',
      }),
    );
  }
  out.push(lettering(`${title} (${unit})`, MARGIN.left, top + 26, { size: 12, colour: TEXT }));
  let right = WIDTH - MARGIN.right;
  for (const { measure, label, colour } of lines) {
    const mean = all[measure]?.mean;
    if (mean === undefined) continue;
    const text = `${label} ${mean.toFixed(2)}`;
    out.push(lettering(text, right, top + 26, { size: 10, colour, anchor: 'end' }));
    right -= 180;
    for (const run of runsOf(frames, measure)) {
      const points = run.map(({ frame, value }) => `${x(frame).toFixed(1)},${y(value).toFixed(1)}`);
      out.push(
        points.length > 1
          ? `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="2" stroke-linejoin="round"/>`
          : `<circle cx="${points[0]!.split(',')[0]}" cy="${points[0]!.split(',')[1]}" r="2.4" fill="${colour}"/>`,
      );
    }
  }
  return out.join('');
}

/** Stretches of frames that have the measure: the line breaks where there is none. */
function runsOf(frames: readonly FrameMeasures[], measure: Line['measure']): { frame: number; value: number }[][] {
  const runs: { frame: number; value: number }[][] = [[]];
  for (const { frame, [measure]: value } of frames) {
    if (value === null) runs.push([]);
    else runs.at(-1).push({ frame, value });
  }
  return runs.filter((run) => run.length > 0);
}

/** Round numbers (1, 2 or 5 times a power of ten, at least `least` apart) from `low` to `high`, about `count` of them. */
export function roundNumbers(low: number, high: number, count: number, least: number): number[] {
  const rough = Math.max((high - low) / count, least);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= rough * 0.999) ?? rough;
  const marks: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9; i++) marks.push(i * step);
  return marks.length > 0 ? marks : [low];
}
