import type { FrameRange } from '../media/frame.ts';
import type { Unsure } from './fill.ts';
import type { Span } from './spans.ts';

/**
 * What the sources tell of a result before anything is painted: how far each frame is expected to be off, and which key would help most.
 * Errors are root mean squares over pixels and colours, in 8-bit levels, of a repainting as contrasty as its source.
 */
export type Advice = {
  /** One a frame of the range; 0 at keys. */
  readonly expectedErrors: readonly number[];
  /** Stretches [from, to) that the keys serve worst, the worst first; the error is that at its peak. */
  readonly worst: readonly (FrameRange & { readonly peak: number; readonly error: number })[];
  /** What to make a key next, the most helpful first, each given those before it; `error`: what it saves, summed over the frames. */
  readonly proposals: readonly { readonly frame: number; readonly error: number }[];
};

/** A span and the expected errors of its frames, in order. */
export type SpanErrors = { readonly span: Span; readonly errors: readonly number[] };

/**
 * How much of what the sources leave unexplained is wrong in the end, in squared levels: less than all of it, because part is grain and
 * part is carried over. Fitted by least squares on drawn scenes with known truth: 606 frames of three kinds, keys 4 to 20 frames
 * apart and on one side only, little grain and much. There it is right within a factor of 1.4,
 * and in nine frames of ten within 1.2.
 */
const OF_RESIDUAL = 0.37;
const OF_PATCHES = 0.28;

/** From this error on a frame is worth a remark. */
const NOTICEABLE = 2;
/** A weak stretch reaches as far as the error stays above this part of its peak. */
const ABOUT = 0.7;
const MOST_WORST = 5;
const MOST_PROPOSALS = 5;
/** A key that saves less than this in sum is not proposed. */
const LEAST_SAVED = 1;
/** A key is only added by itself where it saves as much as so many barely bearable frames: keys a frame or two apart make a shot restless. */
const LEAST_WORTH = 3;
/** In longer spans a key is sought among so many frames. */
const MOST_CANDIDATES = 400;
/** A key has helped where it took at least this part of the error that was left. */
const HELPED = 0.1;

/** The expected error of a frame of which the match stage says this. */
export function expectedError({ residual, failed, filled }: Unsure): number {
  return Math.sqrt(OF_RESIDUAL * (1 - failed) * residual + OF_PATCHES * failed * filled);
}

/** `spans`: those of the range, in order. */
export function adviceOf(range: FrameRange, spans: readonly SpanErrors[]): Advice {
  const expectedErrors = new Array<number>(range.to - range.from).fill(0);
  for (const { span, errors } of spans) {
    for (const [i, error] of errors.entries()) expectedErrors[span.from + i - range.from] = rounded(error);
  }
  const worst = spans.map(weakest).filter(({ error }) => error >= NOTICEABLE);
  return {
    expectedErrors,
    worst: worst.sort((a, b) => b.error - a.error || a.from - b.from).slice(0, MOST_WORST),
    proposals: proposalsFor(spans),
  };
}

/** Where the result is weakest and what would help, in a sentence each; nothing where all is well. */
export function adviceInWords({ worst: [weak], proposals: [best] }: Advice): string[] {
  if (!weak) return [];
  const last = weak.to - 1;
  const where = weak.from === last ? `Frame ${last} is` : `Frames ${weak.from} to ${last} are`;
  const help = best ? [`A key at frame ${best.frame} would help most.`] : [];
  return [`${where} expected to be the weakest (${weak.error.toFixed(1)} of 255 levels off).`, ...help];
}

function weakest({ span, errors }: SpanErrors): Advice['worst'][number] {
  const at = errors.indexOf(highest(errors));
  const peak = errors[at]!;
  const isWeak = (error: number): boolean => error >= ABOUT * peak;
  const before = errors.slice(0, at).findLastIndex((error) => !isWeak(error)) + 1;
  const after = errors.slice(at).findIndex((error) => !isWeak(error));
  const to = after === -1 ? errors.length : at + after;
  return { from: span.from + before, to: span.from + to, peak: span.from + at, error: rounded(peak) };
}

function proposalsFor(spans: readonly SpanErrors[]): Advice['proposals'] {
  const left = spans.map((each) => ({ each, best: bestKey(each) }));
  const proposals: { frame: number; error: number }[] = [];
  while (proposals.length < MOST_PROPOSALS && left.length > 0) {
    const at = left.reduce((most, { best }, i) => (best.saved > left[most]!.best.saved ? i : most), 0);
    const { each, best } = left[at]!;
    if (best.saved < LEAST_SAVED) break;
    proposals.push({ frame: best.frame, error: rounded(best.saved) });
    const parts = split(each, best.frame).filter(({ errors }) => errors.length > 0);
    left.splice(at, 1, ...parts.map((part) => ({ each: part, best: bestKey(part) })));
  }
  return proposals;
}

/**
 * The keys to add next, at most one a span and `room` in all, ascending: where more than `bearable` is expected in `now`. `before`: the spans
 * of the round before, null in the first. What a key did not help then (grain, flashes) another will not, and what was left alone stays so.
 */
export function keysToAdd(
  now: readonly SpanErrors[],
  before: readonly SpanErrors[] | null,
  { bearable, room }: { readonly bearable: number; readonly room: number },
): number[] {
  const isOpen = before === null ? () => true : openSince(before);
  return now
    .filter((each) => highest(each.errors) > bearable && isOpen(each))
    .map(bestKey)
    .filter(({ saved }) => saved >= LEAST_WORTH * bearable)
    .sort((a, b) => b.saved - a.saved || a.frame - b.frame)
    .slice(0, room)
    .map(({ frame }) => frame)
    .sort((a, b) => a - b);
}

/** Whether a span is new since the round before, and better than its frames were then. */
function openSince(before: readonly SpanErrors[]): (each: SpanErrors) => boolean {
  const expected = new Map(before.flatMap(({ span, errors }) => errors.map((error, i) => [span.from + i, error])));
  const old = new Set(before.map(({ span }) => nameOf(span)));
  return ({ span, errors }) => {
    if (old.has(nameOf(span))) return false;
    const then = errors.reduce((sum, _, i) => sum + expected.get(span.from + i)!, 0);
    return total(errors) <= (1 - HELPED) * then;
  };
}

const nameOf = ({ before, after }: Span): string => `${before} ${after}`;

/** The frame of a span that lowers the expected errors' sum most as a key, and by how much. */
function bestKey(each: SpanErrors): { readonly frame: number; readonly saved: number } {
  const { span, errors } = each;
  const least = lowest(errors);
  const step = Math.ceil(errors.length / MOST_CANDIDATES);
  let best = { frame: span.from, saved: 0 };
  // The middle of each stretch of candidates stands for it.
  for (let frame = span.from + (step >> 1); frame < span.to; frame += step) {
    let saved = 0;
    for (const [i, error] of errors.entries()) saved += error - errorWith(frame, span, span.from + i, error, least);
    if (saved > best.saved) best = { frame, saved };
  }
  return best;
}

/**
 * What is expected of frame `n` once `key` is one too. The error grows with the distance from the keys as the mean of two pictures does
 * that are a and b wrong (ab/(a+b)), from what is left even beside a key: grain, which no key takes away.
 */
function errorWith(key: number, span: Span, n: number, error: number, least: number): number {
  if (n === key) return 0;
  const own = n < key ? reach(span.before, key, n) : reach(key, span.after, n);
  return least + ((error - least) * own) / reach(span.before, span.after, n);
}

function split({ span, errors }: SpanErrors, key: number): [SpanErrors, SpanErrors] {
  const least = lowest(errors);
  const part = (own: Span): SpanErrors => ({
    span: own,
    errors: errors
      .slice(own.from - span.from, own.to - span.from)
      .map((error, i) => errorWith(key, span, own.from + i, error, least)),
  });
  return [part({ ...span, after: key, to: key }), part({ ...span, before: key, from: key + 1 })];
}

function reach(before: number | null, after: number | null, n: number): number {
  if (before === null) return after! - n;
  if (after === null) return n - before;
  return ((n - before) * (after - n)) / (after - before);
}

const highest = (errors: readonly number[]): number => errors.reduce((a, b) => Math.max(a, b), 0);
const lowest = (errors: readonly number[]): number => errors.reduce((a, b) => Math.min(a, b), Infinity);
const total = (errors: readonly number[]): number => errors.reduce((sum, error) => sum + error, 0);

/** To a hundredth of a level. */
const rounded = (error: number): number => Math.round(100 * error) / 100;
