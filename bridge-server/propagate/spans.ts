import { Failure } from '../errors.ts';
import type { FrameRange } from '../media/frame.ts';

/**
 * Frames [from, to) that are made from the keys at their ends: `before` is the key at from-1 or null, `after` the key at `to` or null;
 * at least one is there. No span reaches over a cut.
 */
export type Span = {
  readonly before: number | null;
  readonly after: number | null;
  readonly from: number;
  readonly to: number;
};

/**
 * The spans between keys, in order; none where every frame is a key. `cuts` are the frames that begin a new shot. Throws
 * Failure('shot-without-key') for a shot that has no key.
 */
export function planSpans(range: FrameRange, keys: readonly number[], cuts: readonly number[]): Span[] {
  const within = (n: number): boolean => n >= range.from && n < range.to;
  const inOrder = [...new Set(keys)].filter(within).sort((a, b) => a - b);
  const starts = [...new Set([range.from, ...cuts.filter(within)])].sort((a, b) => a - b);
  return starts.flatMap((from, i) => spansOfShot({ from, to: starts[i + 1] ?? range.to }, inOrder));
}

function spansOfShot(shot: FrameRange, keys: readonly number[]): Span[] {
  const own = keys.filter((key) => key >= shot.from && key < shot.to);
  if (own.length === 0) {
    if (shot.from === shot.to) return [];
    throw new Failure('shot-without-key', { from: shot.from, last: shot.to - 1 });
  }
  const spans: Span[] = [null, ...own].map((before, i) => {
    const after = own[i] ?? null;
    return { before, after, from: before === null ? shot.from : before + 1, to: after ?? shot.to };
  });
  return spans.filter(({ from, to }) => from < to);
}
