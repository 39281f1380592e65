import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Turns } from '../../bridge-server/server/turns.ts';

const never = new AbortController().signal;

test('so much runs at once and no more, in its order, whatever fails or is left', async () => {
  const piece = fc.record({ fails: fc.boolean(), left: fc.boolean(), pauses: fc.nat(3) });
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 20 }), fc.integer({ min: 1, max: 4 }), async (pieces, atOnce) => {
      const turns = new Turns(atOnce);
      const begun: number[] = [];
      let running = 0;
      const outcomes = await Promise.allSettled(
        pieces.map(({ fails, left, pauses }, i) => {
          const work = async (): Promise<number> => {
            begun.push(i);
            expect(++running).toBeLessThanOrEqual(atOnce);
            for (let n = 0; n < pauses; n++) await setImmediate();
            running--;
            if (fails) throw new Error('failed');
            return i;
          };
          return turns.take(work, left ? AbortSignal.abort(new Error('left')) : never);
        }),
      );
      const expected = pieces.map(({ fails, left }, i) => (left ? 'left' : fails ? 'failed' : i));
      expect(outcomes.map((one) => (one.status === 'fulfilled' ? one.value : (one.reason as Error).message))).toEqual(
        expected,
      );
      expect(begun).toEqual(pieces.flatMap(({ left }, i) => (left ? [] : [i])));
      // Nobody holds a turn any more.
      await Promise.all(Array.from({ length: atOnce }, () => turns.take(() => Promise.resolve(), never)));
    }),
    { numRuns: 50 },
  );
});
