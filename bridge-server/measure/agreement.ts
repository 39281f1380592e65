import type { Engine } from '../kernels/engine.ts';
import type { Frame, FrameRange } from '../media/frame.ts';
import type { Report } from '../progress.ts';
import { type Luma, lumaOf } from '../shot/flow.ts';
import { motionBetween } from './measure.ts';
import { pictureOf, type Picture } from './similarity.ts';
import { fetched, warpError } from './stability.ts';

/** A figure of the result, and the source's own for the same frames, in 8-bit levels. */
export type Beside = { readonly result: number; readonly source: number };

/** How pictures of one shot agree, each with the one before it. */
export type Agreement = {
  /** How many pictures. */
  readonly count: number;
  /** Mean warp error of neighbours (see stability.ts); null: nothing could be followed from any to the next. */
  readonly warpError: Beside | null;
  /** The picture that differs most from the one before it, as the result's warp error; null as before. */
  readonly worst: number | null;
  /** How far a picture's mean colour is from the first one's at most, mean over the three colours. */
  readonly colourDrift: Beside;
  /** The warp error of each picture against the one before it, where any of it could be followed. */
  readonly series: readonly (Beside & { readonly frame: number })[];
};

/** How a repainted shot holds together: its keys, and the finished clip frame by frame. */
export type ShotStability = FrameRange & { readonly keys: Agreement; readonly frames: Agreement };

/** Pictures of the source and of what became of it, by frame. */
export type Pair = {
  readonly source: (frame: number, signal: AbortSignal) => Promise<Frame>;
  readonly result: (frame: number, signal: AbortSignal) => Promise<Frame>;
};

/** Pixels of the longer side that pictures are compared at: enough to see what boils and drifts, and quick. */
const LONGEST = 640;

/** Compares the pictures of `frames`, which are of one shot, ascending. Two of each are in memory, however many there are. */
export async function agreement(
  engine: Engine,
  frames: readonly number[],
  pair: Pair,
  report: Report,
  signal: AbortSignal,
): Promise<Agreement> {
  const errors: (Beside & { readonly frame: number })[] = [];
  let drift: Beside = { result: 0, source: 0 };
  let first: Means | null = null;
  let before: Looked | null = null;
  try {
    for (const [index, frame] of frames.entries()) {
      signal.throwIfAborted();
      const now = await look(engine, await pair.source(frame, signal), await pair.result(frame, signal));
      try {
        const means = { source: meanColour(now.source), result: meanColour(now.result) };
        first ??= means;
        drift = {
          source: Math.max(drift.source, apart(means.source, first.source)),
          result: Math.max(drift.result, apart(means.result, first.result)),
        };
        const error = before && (await compare(engine, before, now));
        if (error) errors.push({ frame, ...error });
      } finally {
        if (before) engine.free(before.luma);
        before = now;
      }
      report(index + 1, frames.length);
    }
  } finally {
    if (before) engine.free(before.luma);
  }
  const mean = (which: keyof Beside): number => errors.reduce((sum, error) => sum + error[which], 0) / errors.length;
  return {
    count: frames.length,
    warpError: errors.length === 0 ? null : { result: mean('result'), source: mean('source') },
    worst: errors.length === 0 ? null : errors.reduce((a, b) => (b.result > a.result ? b : a)).frame,
    colourDrift: drift,
    series: errors,
  };
}

/** The report in plain words, a line for each shot. */
export function stabilityInWords(shots: readonly ShotStability[]): string[] {
  return shots.map(({ from, to, keys, frames }) => {
    const place = shots.length === 1 ? 'Keys' : `Frames ${from} to ${to - 1}: keys`;
    const parts = [
      `${keys.count} of them`,
      ...(keys.warpError ? [`each differs from the one before by ${figures(keys.warpError)}`] : []),
      `their colours drift by ${figures(keys.colourDrift)}`,
      ...(frames.warpError ? [`from frame to frame the result differs by ${figures(frames.warpError)}`] : []),
    ];
    return `${place}: ${parts.join('; ')}.`;
  });
}

const figures = ({ result, source }: Beside): string =>
  `${result.toFixed(1)} levels (the source itself by ${source.toFixed(1)})`;

type Looked = { readonly source: Picture; readonly result: Picture; readonly luma: Luma };
type Means = { readonly source: readonly number[]; readonly result: readonly number[] };

async function look(engine: Engine, source: Frame, result: Frame): Promise<Looked> {
  const [small, painted] = [reduced(pictureOf(source)), reduced(pictureOf(result))];
  return { source: small, result: painted, luma: await lumaOf(engine, small) };
}

async function compare(engine: Engine, before: Looked, now: Looked): Promise<Beside | null> {
  const { width, height } = now.source;
  const { back, backVisible } = await motionBetween(engine, now.luma, before.luma, width, height);
  const of = (which: keyof Beside): number | null => warpError(now[which], fetched(before[which], back), backVisible);
  const [source, result] = [of('source'), of('result')];
  return source === null || result === null ? null : { source, result };
}

/** The picture made smaller by a whole factor, each pixel the mean of those it stands for. */
function reduced(picture: Picture): Picture {
  const factor = Math.ceil(Math.max(picture.width, picture.height) / LONGEST);
  if (factor === 1) return picture;
  const [width, height] = [Math.floor(picture.width / factor), Math.floor(picture.height / factor)];
  if (width === 0 || height === 0) return picture;
  const data = new Uint16Array(width * height * 3);
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let j = 0; j < factor; j++) {
          const row = (y * factor + j) * picture.width + x * factor;
          for (let i = 0; i < factor; i++) sum += picture.data[3 * (row + i) + c]!;
        }
        data[3 * p + c] = Math.round(sum / factor ** 2);
      }
    }
  }
  return { width, height, channels: 3, data };
}

function meanColour({ data }: Picture): number[] {
  const sums = [0, 0, 0];
  for (let i = 0; i < data.length; i++) sums[i % 3]! += data[i]!;
  return sums.map((sum) => (3 * sum) / data.length / 257);
}

const apart = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, c) => sum + Math.abs(value - b[c]!), 0) / a.length;
