import { expect, test } from 'vitest';
import { RELATION_NUMBERS, relationOf } from '../../bridge-server/propagate/relation.ts';
import { randomFrom } from '../media/random.ts';

/** The sums that the kernel makes of features and what was missed. */
function sumsOf(samples: readonly { features: readonly number[]; missed: readonly number[] }[]): Float64Array {
  const sums = new Float64Array(RELATION_NUMBERS);
  for (const { features, missed } of samples) {
    let at = 0;
    for (let i = 0; i < 9; i++) {
      for (let j = 0; j <= i; j++) sums[at++]! += features[i]! * features[j]!;
      for (const value of missed) sums[at++]! += features[i]! * value;
    }
  }
  return sums;
}

const random = randomFrom(5);
const draw = (n: number): number[] => Array.from({ length: n }, () => 20 * (random() - 0.5));

test('a linear relation is found again, over several parts', () => {
  const truth = Array.from({ length: 9 }, () => draw(3).map((value) => value / 20));
  const parts = [300, 500].map((count) =>
    Array.from({ length: count }, () => {
      const features = draw(9);
      return { features, missed: [0, 1, 2].map((c) => features.reduce((sum, f, i) => sum + f * truth[i]![c]!, 0)) };
    }),
  );
  const relation = relationOf(parts.map(sumsOf), 800);
  for (let i = 0; i < 9; i++) {
    for (let c = 0; c < 3; c++) expect(relation[4 * i + c]! / 257).toBeCloseTo(truth[i]![c]!, 1);
    expect(relation[4 * i + 3]).toBe(0);
  }
});

test('where the repainting does not follow the source, next to nothing is carried over', () => {
  const samples = Array.from({ length: 4000 }, () => ({ features: draw(9), missed: draw(3) }));
  for (const value of relationOf([sumsOf(samples)], samples.length)) expect(Math.abs(value / 257)).toBeLessThan(0.08);
});

test('no keys to learn from, or keys that show the same: nothing is carried over', () => {
  expect([...relationOf([], 0)].every((value) => value === 0)).toBe(true);
  expect([...relationOf([new Float64Array(RELATION_NUMBERS)], 100)].every((value) => value === 0)).toBe(true);
});
