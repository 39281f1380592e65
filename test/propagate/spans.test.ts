import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Failure } from '../../bridge-server/errors.ts';
import { planSpans } from '../../bridge-server/propagate/spans.ts';

test('spans lie between neighbouring keys, before the first and after the last', () => {
  expect(planSpans({ from: 10, to: 30 }, [14, 22], [])).toEqual([
    { before: null, after: 14, from: 10, to: 14 },
    { before: 14, after: 22, from: 15, to: 22 },
    { before: 22, after: null, from: 23, to: 30 },
  ]);
});

test('no span reaches over a cut', () => {
  expect(planSpans({ from: 0, to: 10 }, [2, 7], [5])).toEqual([
    { before: null, after: 2, from: 0, to: 2 },
    { before: 2, after: null, from: 3, to: 5 },
    { before: null, after: 7, from: 5, to: 7 },
    { before: 7, after: null, from: 8, to: 10 },
  ]);
});

test('a shot without a key is refused, and named', () => {
  expect(() => planSpans({ from: 0, to: 10 }, [2], [5])).toThrow(Failure);
  expect(() => planSpans({ from: 0, to: 10 }, [2], [5])).toThrow('Frames 5 to 9');
});

test('spans and keys make up the range exactly, whatever the keys and cuts', () => {
  const numbers = fc.array(fc.integer({ min: -5, max: 65 }), { maxLength: 20 });
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 20 }),
      fc.integer({ min: 1, max: 40 }),
      numbers,
      numbers,
      (from, length, keys, cuts) => {
        const range = { from, to: from + length };
        const within = (n: number): boolean => n >= range.from && n < range.to;
        // A key at the start of every shot makes any set of cuts possible.
        const all = [...keys, from, ...cuts];
        const spans = planSpans(range, all, cuts);
        const made = spans.flatMap((span) => Array.from({ length: span.to - span.from }, (_, i) => span.from + i));
        const frames = [...made, ...new Set(all.filter(within))].sort((a, b) => a - b);
        expect(frames).toEqual(Array.from({ length }, (_, i) => from + i));
        for (const span of spans) {
          expect(span.from).toBeLessThan(span.to);
          const ends = [span.before ?? span.from, span.after ?? span.to - 1];
          expect(cuts.filter((cut) => cut > ends[0]! && cut <= ends[1]!)).toEqual([]);
        }
      },
    ),
  );
});
