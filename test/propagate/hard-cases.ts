import { disc, field, layered, texture, type Channel, type Colours } from './layers.ts';
import { between, type Shot } from './run.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import type { Span } from '../../bridge-server/propagate/spans.ts';

/** Shots that are hard to propagate through, small, with known truth. */
export type HardCase = { readonly name: string; readonly shot: Shot; readonly span: Span };

const size = { width: 160, height: 96 };
const LAST = 8;
const span = between(LAST);

const flat = (r: number, g: number, b: number): Colours => [() => r, () => g, () => b];
const still = (): { x: number; y: number } => ({ x: 0, y: 0 });
const background = { source: texture(1), painted: texture(11), pose: still };
const moving = (dx: number, dy = 0) => ({
  ...background,
  pose: (n: number) => ({ x: dx * n, y: dy * n }),
});
const thing = { source: texture(2), painted: texture(12) };

/** As fine as hair: some curved lines, half covering. */
const strands: Channel = (x, y) => {
  const wave = x - 3 * Math.sin(y / 9);
  const off = Math.abs((((wave % 7) + 7) % 7) - 3.5);
  return Math.abs(x) > 30 || Math.abs(y) > 34 ? 0 : 0.85 * Math.max(0, 1.2 - off);
};

/** Letters, more or less: strokes of two pixels on a grid. */
const letters = (seed: number): Channel => {
  const pick = field(seed);
  return (x, y) => {
    if (Math.abs(x) > 60 || Math.abs(y) > 20) return 0;
    const [column, row] = [Math.floor(x / 8), Math.floor(y / 12)];
    const [u, v] = [x - 8 * column, y - 12 * row];
    const sign = (k: number): boolean => pick(column * 40 + 13 * k, row * 40 + 7) > 0.5;
    const stroke =
      (u < 2 && v < 9) ||
      (sign(1) && v < 2 && u < 6) ||
      (sign(2) && v > 7 && v < 9 && u < 6) ||
      (sign(3) && u > 4 && u < 6 && v < 9);
    return stroke ? 1 : 0;
  };
};

const combed: Channel = (_, y) => (((Math.floor(y) % 2) + 2) % 2 === 0 ? 0.25 : 0.75);

/** Half of it is gone at the last frame. */
const dusk = (n: number): number => 1 - 0.06 * n;
const dim = ({ data, ...frame }: Frame, light: number): Frame => ({
  ...frame,
  data: data.map((value) => value * light),
});
const fading = layered({ ...size, light: dusk, layers: [moving(3, 1)] });

export const HARD_CASES: readonly HardCase[] = [
  {
    name: 'fast motion',
    shot: layered({
      ...size,
      layers: [moving(-2), { ...thing, alpha: disc(20), pose: (n) => ({ x: 16 + 15 * n, y: 48 + 4 * Math.sin(n) }) }],
    }),
    span,
  },
  {
    name: 'motion blur',
    shot: layered({
      ...size,
      shutter: 0.5,
      layers: [background, { ...thing, alpha: disc(24), pose: (n) => ({ x: 30 + 10 * n, y: 48 }) }],
    }),
    span,
  },
  {
    name: 'something turns',
    shot: layered({
      ...size,
      layers: [background, { ...thing, alpha: disc(34), pose: (n) => ({ x: 80, y: 48, turn: 9 * n }) }],
    }),
    span,
  },
  {
    name: 'something passes in front',
    shot: layered({
      ...size,
      layers: [moving(1), { ...thing, alpha: disc(18), pose: (n) => ({ x: -24 + 26 * n, y: 48 }) }],
    }),
    span,
  },
  {
    name: 'something comes in that one key shows',
    shot: layered({
      ...size,
      layers: [background, { ...thing, alpha: disc(22), pose: (n) => ({ x: 200 - 14 * n, y: 50 }) }],
    }),
    span,
  },
  {
    name: 'the light changes',
    shot: fading,
    span,
  },
  {
    name: 'the light changes, and the repainting follows',
    shot: { ...fading, key: (n) => dim(fading.key(n), dusk(n)) },
    span,
  },
  {
    name: 'flat sky and wall',
    shot: layered({
      ...size,
      layers: [
        {
          source: [(_, y) => 0.5 + y / 400, () => 0.7, () => 0.8],
          painted: [() => 0.3, (_, y) => 0.4 + y / 300, () => 0.9],
          pose: still,
        },
        {
          source: flat(0.45, 0.4, 0.35),
          painted: flat(0.7, 0.2, 0.3),
          alpha: (_, y) => (y > 0 ? 1 : 0),
          pose: (n) => ({ x: 0, y: 70 - n }),
        },
        { ...thing, alpha: disc(9), pose: (n) => ({ x: 30 + 9 * n, y: 30 + 2 * n }) },
      ],
    }),
    span,
  },
  {
    name: 'hair',
    shot: layered({
      ...size,
      layers: [
        moving(1.5),
        {
          source: flat(0.12, 0.08, 0.05),
          painted: flat(0.9, 0.8, 0.2),
          alpha: strands,
          pose: (n) => ({ x: 60 + 4 * n, y: 48, turn: n }),
        },
      ],
    }),
    span,
  },
  {
    name: 'text',
    shot: layered({
      ...size,
      layers: [
        background,
        {
          source: flat(0.95, 0.95, 0.9),
          painted: flat(0.1, 0.1, 0.5),
          alpha: letters(5),
          pose: (n) => ({ x: 70 + 2.3 * n, y: 48 - 1.7 * n }),
        },
      ],
    }),
    span,
  },
  {
    name: 'combed lines, as of interlaced video',
    shot: layered({
      ...size,
      layers: [
        background,
        {
          source: [combed, combed, combed],
          painted: [combed, () => 0.4, () => 0.6],
          alpha: disc(30),
          pose: (n) => ({ x: 50 + 6 * n, y: 48 + n }),
        },
      ],
    }),
    span,
  },
  {
    name: 'one key only',
    shot: layered({
      ...size,
      layers: [moving(2), { ...thing, alpha: disc(20), pose: (n) => ({ x: 40 + 6 * n, y: 48, turn: 4 * n }) }],
    }),
    span: { before: 0, after: null, from: 1, to: 7 },
  },
];
