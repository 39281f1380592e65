import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../bridge-server/errors.ts';
import type { FrameScore, ShotAnalysis } from '../../bridge-server/shot/analyse.ts';
import { chooseKeys } from '../../bridge-server/shot/keys.ts';
import { lossOf } from '../../bridge-server/shot/loss.ts';

const still: FrameScore = {
  frame: 0,
  motionPx: 0,
  motion: 0,
  change: 0,
  occluded: 0,
  disoccluded: 0,
  likeness: 1,
  sharpness: 5,
  brightness: 100,
};

const auto = (shot: ShotAnalysis, budget: number | null) => chooseKeys(shot, { kind: 'auto', budget });
const every = (shot: ShotAnalysis, step: number) => chooseKeys(shot, { kind: 'every', step });

function analysis(from: number, scores: readonly Partial<FrameScore>[], cuts: readonly number[] = []): ShotAnalysis {
  return {
    range: { from, to: from + scores.length },
    cuts,
    scores: scores.map((score, i) => ({ ...still, ...score, frame: from + i })),
  };
}

const times = (count: number, score: Partial<FrameScore>): Partial<FrameScore>[] =>
  Array<Partial<FrameScore>>(count).fill(score);

const anyAnalysis = fc
  .record({
    from: fc.nat(500),
    scores: fc.array(
      fc.record({
        motion: fc.float({ min: 0, max: 0.25, noNaN: true }),
        disoccluded: fc.float({ min: 0, max: 1, noNaN: true }),
        occluded: fc.float({ min: 0, max: 1, noNaN: true }),
        change: fc.float({ min: 0, max: 60, noNaN: true }),
        sharpness: fc.float({ min: 0, max: 20, noNaN: true }),
      }),
      { minLength: 1, maxLength: 80 },
    ),
    cuts: fc.uniqueArray(fc.integer({ min: 1, max: 79 }), { maxLength: 5 }),
  })
  .map(({ from, scores, cuts }) => {
    const inside = cuts.filter((cut) => cut < scores.length).sort((a, b) => a - b);
    return analysis(
      from,
      scores,
      inside.map((cut) => from + cut),
    );
  });

describe('keys by content', () => {
  test('keep to the budget, lie in the range in order, and give every shot one', () => {
    fc.assert(
      fc.property(anyAnalysis, fc.option(fc.integer({ min: 6, max: 40 })), (shot, budget) => {
        const keys = auto(shot, budget).map(({ frame }) => frame);
        expect(keys).toEqual([...new Set(keys)].sort((a, b) => a - b));
        if (budget !== null) expect(keys.length).toBeLessThanOrEqual(budget);
        const starts = [shot.range.from, ...shot.cuts, shot.range.to];
        for (let i = 0; i + 1 < starts.length; i++) {
          expect(keys.some((key) => key >= starts[i]! && key < starts[i + 1]!)).toBe(true);
        }
        expect(auto(shot, budget).map(({ frame }) => frame)).toEqual(keys);
      }),
      { numRuns: 200 },
    );
  });

  test('more budget never gives fewer keys', () => {
    fc.assert(
      fc.property(anyAnalysis, fc.integer({ min: 6, max: 20 }), (shot, budget) => {
        expect(auto(shot, budget + 5).length).toBeGreaterThanOrEqual(auto(shot, budget).length);
      }),
      { numRuns: 100 },
    );
  });

  test('are the best there are: no other choice of as many costs less', () => {
    // Checked against every choice, on the definition of the cost rather than on the planner's sums.
    const losses = (shot: ShotAnalysis): number[] => shot.scores.map((score, i) => (i === 0 ? 0 : lossOf(score)));
    const cost = (steps: readonly number[], keys: readonly number[]): number =>
      steps.reduce((sum, _, i) => {
        const way = (a: number, b: number): number => steps.slice(a + 1, b + 1).reduce((x, y) => x + y, 0);
        const left = keys.filter((key) => key <= i).at(-1);
        const right = keys.find((key) => key >= i);
        if (left === undefined) return sum + way(i, right!);
        if (right === undefined) return sum + way(left, i);
        const [a, b] = [way(left, i), way(i, right)];
        return sum + (a + b > 0 ? (a * b) / (a + b) : 0);
      }, 0);
    const score = fc.record({
      motion: fc.float({ min: 0, max: 0.125, noNaN: true }),
      disoccluded: fc.float({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(score, { minLength: 2, maxLength: 9 }), fc.integer({ min: 1, max: 4 }), (scores, budget) => {
        const shot = analysis(0, scores);
        const chosen = auto(shot, budget).map(({ frame }) => frame);
        const steps = losses(shot);
        for (let set = 1; set < 1 << scores.length; set++) {
          const other = scores.flatMap((_, i) => (set & (1 << i) ? [i] : []));
          if (other.length === chosen.length) {
            expect(cost(steps, chosen)).toBeLessThanOrEqual(cost(steps, other) + 1e-6);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  test('stand closer where more comes into view', () => {
    const keys = auto(analysis(0, [...times(60, {}), ...times(60, { occluded: 0.08, disoccluded: 0.08 })]), null);
    const early = keys.filter(({ frame }) => frame < 60).length;
    const late = keys.filter(({ frame }) => frame >= 60);
    expect(late.length).toBeGreaterThan(2 * early);
    expect(late.some(({ reason }) => reason === 'disocclusion')).toBe(true);
  });

  test('shun a blurred frame for its sharp neighbour', () => {
    const scores = times(21, { motion: 0.01 });
    const [usual] = auto(analysis(0, scores), 1);
    const blurred = scores.map((score, i) => (i === usual!.frame ? { ...score, sharpness: 1 } : score));
    const [key] = auto(analysis(0, blurred), 1);
    expect(key!.frame).not.toBe(usual!.frame);
    expect(Math.abs(key!.frame - usual!.frame)).toBeLessThanOrEqual(2);
  });

  test('a budget below the number of shots is refused in words', () => {
    const shot = analysis(0, times(30, {}), [10, 20]);
    expect(() => auto(shot, 2)).toThrow(Failure);
    expect(() => auto(shot, 2)).toThrow('3 shots');
    expect(auto(shot, 3)).toHaveLength(3);
  });

  test('a shot of many thousand frames is planned', () => {
    const keys = auto(analysis(0, times(10_000, { motion: 0.002, disoccluded: 0.004 })), 200);
    expect(keys.length).toBeGreaterThan(150);
    expect(keys.length).toBeLessThanOrEqual(200);
  });
});

describe('keys every N frames', () => {
  test('begin at the first frame and keep their step across cuts', () => {
    expect(every(analysis(7, times(20, {}), [15]), 5).map(({ frame }) => frame)).toEqual([7, 12, 17, 22]);
  });

  test('a shot that falls between two gets its first frame', () => {
    const keys = every(analysis(0, times(20, {}), [11, 14]), 10);
    expect(keys.map(({ frame, reason }) => [frame, reason])).toEqual([
      [0, 'step'],
      [10, 'step'],
      [11, 'shot'],
      [14, 'shot'],
    ]);
  });

  test('a step of one is every frame', () => {
    expect(every(analysis(3, times(4, {})), 1).map(({ frame }) => frame)).toEqual([3, 4, 5, 6]);
  });
});
