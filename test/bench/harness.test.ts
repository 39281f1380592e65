import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { runCase } from '../../bench/harness.ts';

it('warms up, then runs the variants in turn, as often as said, and closes', async () => {
  const order: string[] = [];
  const variant = (name: string) => (): Promise<void> => Promise.resolve(void order.push(name));
  const results = await runCase({
    ...{ name: 'case', amount: 4, unit: 'frame', iterations: 3 },
    open: () => Promise.resolve({ variants: { a: variant('a'), b: variant('b') }, close: variant('closed') }),
  });
  expect(order.join(' ')).toBe('a b a b a b a b closed');
  expect(results.map((result) => [result.variant, result.iterations])).toEqual([
    ['a', 3],
    ['b', 3],
  ]);
});

it('closes when a variant fails', async () => {
  let closed = false;
  const failing = runCase({
    ...{ name: 'case', amount: 1, unit: 'frame' },
    open: () =>
      Promise.resolve({
        variants: { a: () => Promise.reject(new Error('no')) },
        close: () => Promise.resolve(void (closed = true)),
      }),
  });
  await expect(failing).rejects.toThrow('no');
  expect(closed).toBe(true);
});

it('figures agree with each other', async () => {
  const [first, second] = await runCase({
    ...{ name: 'case', amount: 5, unit: 'frame', iterations: 4 },
    open: () =>
      Promise.resolve({
        variants: { quick: () => sleep(1), slow: () => sleep(12) },
        close: () => Promise.resolve(),
      }),
  });
  for (const result of [first!, second!]) {
    expect(result.minSeconds).toBeLessThanOrEqual(result.medianSeconds);
    expect(result.medianSeconds).toBeLessThanOrEqual(result.maxSeconds);
    expect(result.rate).toBeCloseTo(5 / result.minSeconds, 8);
    expect(result.secondsPerUnit).toBeCloseTo(result.minSeconds / 5, 8);
  }
  expect(first!.ratio).toBe(1);
  expect(second!.ratio).toBeCloseTo(second!.minSeconds / first!.minSeconds, 8);
});
