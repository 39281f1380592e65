import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Meter } from '../../bridge-server/jobs/meter.ts';
import type { Progress } from '../../bridge-server/progress.ts';

type Unit = { readonly seconds: number; readonly cached: boolean };

/** Runs a stage of these units on a clock of its own. */
async function run(units: readonly Unit[]): Promise<{ meter: Meter; seen: Progress[] }> {
  let [clock, writes] = [0, 0];
  const seen: Progress[] = [];
  const meter = new Meter(
    'propagate',
    'frames',
    units.length,
    (progress) => seen.push(progress),
    () => writes,
    1,
    () => clock,
  );
  await meter.run(units.length, (report) => {
    for (const [i, { seconds, cached }] of units.entries()) {
      clock += seconds;
      if (!cached) writes++;
      report(i + 1, units.length);
    }
    return Promise.resolve();
  });
  return { meter, seen };
}

describe('a meter', () => {
  it('counts what was made and what was found, and never goes back', async () => {
    const unit = fc.record({ seconds: fc.double({ min: 0.001, max: 9, noNaN: true }), cached: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(unit, { minLength: 1, maxLength: 40 }), async (units) => {
        const { meter, seen } = await run(units);
        const computed = units.filter(({ cached }) => !cached).length;
        expect(meter.account).toMatchObject({ computed, cached: units.length - computed });
        expect(seen.map(({ done }) => done)).toEqual([0, ...units.map((_, i) => i + 1)]);
        expect(seen.at(-1)?.etaSeconds).toBe(0);
      }),
    );
  });

  it('tells the time left from what it computed, not from what lay in the cache', async () => {
    const cached = Array.from({ length: 50 }, () => ({ seconds: 0.001, cached: true }));
    const computed = Array.from({ length: 50 }, () => ({ seconds: 2, cached: false }));
    const { seen } = await run([...cached, ...computed]);
    expect(seen.slice(0, 51).every(({ etaSeconds }) => etaSeconds === null)).toBe(true);
    for (const { done, etaSeconds } of seen.slice(51)) expect(etaSeconds).toBeCloseTo(2 * (100 - done), 6);
  });

  it('follows a change of pace', async () => {
    const slow = Array.from({ length: 30 }, () => ({ seconds: 10, cached: false }));
    const quick = Array.from({ length: 40 }, () => ({ seconds: 1, cached: false }));
    const { seen } = await run([...slow, ...quick]);
    const { etaSeconds } = seen.find(({ done }) => done === 60)!;
    expect(etaSeconds).toBeGreaterThan(10);
    expect(etaSeconds).toBeLessThan(11);
  });

  it('sums the pieces of a stage, in whatever totals they count', async () => {
    const seen: number[] = [];
    const meter = new Meter('match', 'frames', 10, ({ done }) => seen.push(done), null);
    await meter.run(4, (report) => {
      for (let i = 1; i <= 8; i++) report(i, 8);
      return Promise.resolve();
    });
    await meter.run(6, () => Promise.resolve());
    expect(seen.at(-1)).toBe(10);
    expect(meter.account).toMatchObject({ computed: 10, cached: 0 });
  });
});
