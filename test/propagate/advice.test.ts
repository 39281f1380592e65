import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../../bridge-server/kernels/engine.ts';
import {
  adviceInWords,
  adviceOf,
  expectedError,
  keysToAdd,
  type SpanErrors,
} from '../../bridge-server/propagate/advice.ts';
import { unsureOf } from '../../bridge-server/propagate/fill.ts';
import type { Span } from '../../bridge-server/propagate/spans.ts';
import { makeScene } from '../media/scene.ts';
import { folders, propagate, psnr } from './run.ts';

const spanOf = (before: number | null, after: number | null, errors: readonly number[]): SpanErrors => {
  const from = before === null ? after! - errors.length : before + 1;
  return { span: { before, after, from, to: from + errors.length }, errors };
};

/** Spans between keys, the first and the last open perhaps, with any errors. */
const anySpans = fc
  .record({
    spans: fc.array(fc.array(fc.double({ min: 0.1, max: 20, noNaN: true }), { minLength: 1, maxLength: 12 }), {
      minLength: 1,
      maxLength: 6,
    }),
    open: fc.tuple(fc.boolean(), fc.boolean()),
  })
  .map(({ spans, open: [first, last] }): SpanErrors[] => {
    let at = 0;
    return spans.map((errors, i): SpanErrors => {
      const isFirst = i === 0 && first && (spans.length > 1 || !last);
      const isLast = i === spans.length - 1 && last;
      const from = isFirst ? at : at + 1;
      const to = from + errors.length;
      at = to;
      const span: Span = { before: isFirst ? null : from - 1, after: isLast ? null : to, from, to };
      return { span, errors };
    });
  });

const rangeOf = (spans: readonly SpanErrors[]): { from: number; to: number } => {
  const [first, last] = [spans[0]!.span, spans.at(-1)!.span];
  return { from: first.before ?? first.from, to: (last.after ?? last.to - 1) + 1 };
};

describe('advice', () => {
  test('has an error for each frame, none at keys; its weakest stretches hold their peak and do not overlap', () => {
    fc.assert(
      fc.property(anySpans, (spans) => {
        const range = rangeOf(spans);
        const { expectedErrors, worst, proposals } = adviceOf(range, spans);
        expect(expectedErrors).toHaveLength(range.to - range.from);
        const between = new Set(spans.flatMap(({ span, errors }) => errors.map((_, i) => span.from + i)));
        expectedErrors.forEach((error, i) => expect(error > 0).toBe(between.has(range.from + i)));
        for (const { from, to, peak, error } of worst) {
          expect(peak >= from && peak < to).toBe(true);
          expect(expectedErrors[peak - range.from]).toBe(error);
          for (let n = from; n < to; n++) expect(expectedErrors[n - range.from]!).toBeLessThanOrEqual(error);
        }
        const inOrder = worst.toSorted((a, b) => a.from - b.from);
        inOrder.slice(1).forEach(({ from }, i) => expect(from).toBeGreaterThanOrEqual(inOrder[i]!.to));
        expect(worst.map(({ error }) => error)).toEqual(worst.map(({ error }) => error).toSorted((a, b) => b - a));
        expect(proposals.every(({ frame }) => between.has(frame))).toBe(true);
        expect(new Set(proposals.map(({ frame }) => frame)).size).toBe(proposals.length);
      }),
    );
  });

  test('proposes the middle where all is alike, and the side where it is worse', () => {
    const arch = Array.from({ length: 19 }, (_, i) => 1 + ((i + 1) * (19 - i)) / 20);
    const [middle] = adviceOf({ from: 0, to: 21 }, [spanOf(0, 20, arch)]).proposals;
    expect(middle!.frame).toBe(10);
    const late = arch.map((error, i) => (i > 11 ? error + 6 : error));
    const [side] = adviceOf({ from: 0, to: 21 }, [spanOf(0, 20, late)]).proposals;
    expect(side!.frame).toBeGreaterThan(12);
    const open = Array.from({ length: 20 }, (_, i) => 1 + i / 4);
    const [far] = adviceOf({ from: 0, to: 21 }, [spanOf(0, null, open)]).proposals;
    expect(far!.frame).toBeGreaterThan(10);
  });

  test('is told in words where there is something to tell', () => {
    const arch = Array.from({ length: 19 }, (_, i) => 1 + ((i + 1) * (19 - i)) / 20);
    expect(adviceInWords(adviceOf({ from: 0, to: 21 }, [spanOf(0, 20, arch)]))).toEqual([
      'Frames 4 to 16 are expected to be the weakest (6.0 of 255 levels off).',
      'A key at frame 10 would help most.',
    ]);
    expect(adviceInWords(adviceOf({ from: 0, to: 3 }, [spanOf(0, 2, [0.5])]))).toEqual([]);
  });

  test('a shot of many thousand frames with one key is advised on', () => {
    const errors = Array.from({ length: 20_000 }, (_, i) => Math.min(12, 1 + i / 500));
    const { proposals, worst } = adviceOf({ from: 0, to: 20_001 }, [spanOf(0, null, errors)]);
    expect(proposals).toHaveLength(5);
    expect(worst[0]!.error).toBe(12);
  });
});

describe('keys to add', () => {
  const arch = (top: number): number[] => Array.from({ length: 9 }, (_, i) => 1 + (top * (i + 1) * (9 - i)) / 25);
  const plenty = { bearable: 3, room: 100 };

  test('only where more than the bearable is expected, the most helpful first', () => {
    const spans = [spanOf(0, 10, arch(1)), spanOf(10, 20, arch(4)), spanOf(20, 30, arch(8))];
    expect(keysToAdd(spans, null, plenty)).toEqual([15, 25]);
    expect(keysToAdd(spans, null, { ...plenty, room: 1 })).toEqual([25]);
    expect(keysToAdd(spans, null, { ...plenty, bearable: 20 })).toEqual([]);
  });

  test('not where the last one did not help, and not twice where nothing changed', () => {
    const errors = arch(16);
    const before = [spanOf(0, 10, errors), spanOf(10, 20, errors)];
    const split = (whole: readonly number[]): SpanErrors[] => [
      spanOf(0, 5, whole.slice(0, 4)),
      spanOf(5, 10, whole.slice(5)),
    ];
    const same = split(errors);
    const better = split(errors.map((error) => 0.8 * error));
    expect(keysToAdd([...same, before[1]!], before, plenty)).toEqual([]);
    expect(keysToAdd([...better, before[1]!], before, plenty)).toHaveLength(2);
  });

  test('not for grain, which no key takes away, nor for a frame or two', () => {
    expect(keysToAdd([spanOf(0, 20, Array<number>(19).fill(6))], null, plenty)).toEqual([]);
    expect(keysToAdd([spanOf(0, 2, [8])], null, plenty)).toEqual([]);
    expect(keysToAdd([spanOf(0, 20, Array<number>(19).fill(6).fill(12, 6, 12))], null, plenty)).toHaveLength(1);
  });
});

describe('expected errors beside real ones', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.start(2);
  });
  afterAll(() => engine.close());

  const size = { width: 256, height: 144 };
  const shots = [
    { kind: 'arms', seed: 13, grain: 1.2, frames: 9, span: { before: 0, after: 8, from: 1, to: 8 } },
    { kind: 'arms', seed: 17, grain: 4, frames: 9, span: { before: 0, after: null, from: 1, to: 8 } },
    { kind: 'pan', seed: 19, grain: 1.2, frames: 9, span: { before: 0, after: 4, from: 1, to: 4 } },
    { kind: 'pan', seed: 23, grain: 2, frames: 9, span: { before: null, after: 7, from: 0, to: 7 } },
    { kind: 'occluder', seed: 29, grain: 1.2, frames: 13, span: { before: 2, after: 10, from: 3, to: 10 } },
    { kind: 'occluder', seed: 31, grain: 1.2, frames: 13, span: { before: 0, after: null, from: 1, to: 7 } },
  ] as const;

  test('rank frames alike, and are right within a factor of 1.6, on scenes that they were not fitted to', async () => {
    const pairs: { expected: number; real: number }[] = [];
    for (const { span, ...options } of shots) {
      const scene = await makeScene({ ...options, ...size });
      const into = await folders();
      for (const [n, frame] of await propagate(engine, { ...scene, key: scene.truth }, span, into)) {
        const expected = expectedError(await unsureOf(into.matches, n));
        pairs.push({ expected, real: 255 * 10 ** (-psnr(frame, scene.truth(n)) / 20) });
      }
    }
    expect(rankCorrelation(pairs)).toBeGreaterThan(0.9);
    for (const { expected, real } of pairs) expect(Math.abs(Math.log(expected / real))).toBeLessThan(Math.log(1.6));
  });
});

/** Spearman's. */
function rankCorrelation(pairs: readonly { readonly expected: number; readonly real: number }[]): number {
  const ranks = (of: 'expected' | 'real'): number[] => {
    const sorted = pairs.map((pair) => pair[of]).sort((a, b) => a - b);
    return pairs.map((pair) => sorted.indexOf(pair[of]));
  };
  const [a, b] = [ranks('expected'), ranks('real')];
  const n = pairs.length;
  return 1 - (6 * a.reduce((sum, rank, i) => sum + (rank - b[i]!) ** 2, 0)) / (n * (n * n - 1));
}
