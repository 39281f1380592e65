import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keepUnmasked, latentMask } from '../../bridge-server/diffusion/inpainting.ts';
import { readSchedulerConfig } from '../../bridge-server/diffusion/schedulers/config.ts';
import { makeScheduler, SCHEDULERS } from '../../bridge-server/diffusion/schedulers/scheduler.ts';

describe('a soft mask', () => {
  const steps = { count: 10, strength: 0.8 };
  const original = Float32Array.of(0.5, -0.25, 1, 2);
  const noise = Float32Array.of(1, -1, 0.5, 0.25);

  it.each(SCHEDULERS)('is repainted in the last calls, as many as it says, by %s', (kind) => {
    const scheduler = makeScheduler(readSchedulerConfig(kind, null), steps);
    const calls = scheduler.timesteps.length - scheduler.first;
    const sample = new Float32Array(4).fill(99);
    fc.assert(
      fc.property(fc.array(fc.float({ min: 0, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 }), (levels) => {
        const mask = Float32Array.from(levels);
        const keep = keepUnmasked(scheduler, original, noise, mask, 'next');
        const free = new Array<number>(4).fill(0);
        let before = new Float32Array(4);
        for (let call = 0; call < calls; call++) {
          const kept = keep(sample, scheduler.first + call);
          const now = kept.map((value) => (value === 99 ? 1 : 0));
          // Once repainted, it is not taken back.
          expect(now.every((value, i) => value >= before[i]!)).toBe(true);
          before = now;
          // What a call leaves free is what the next one paints on; the last one's result is itself free.
          if (call < calls - 1) now.forEach((value, i) => (free[i]! += value));
          else mask.forEach((value, i) => expect(kept[i]).toBe(value > 0 ? 99 : original[i]));
        }
        mask.forEach((value, i) => expect(Math.abs(free[i]! - value * calls)).toBeLessThanOrEqual(1));
      }),
      { numRuns: 40 },
    );
  });

  it('covers with a cell as much as the most of its pixels asks for', () => {
    const data = new Float32Array(16 * 16);
    data[3 * 16 + 12] = 0.5;
    data[3 * 16 + 13] = 0.25;
    expect([...latentMask({ channels: 1, width: 16, height: 16, data }, 8, 'most')]).toEqual([0, 0.5, 0, 0]);
  });
});
