import { duplexPair } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Bulk } from '../bridge-server/bulk.ts';

test('what is sent is taken in order, however it is cut', async () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 200_000 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(pieces, fc.array(fc.integer({ min: 0, max: 90_000 }), { maxLength: 8 }), async (sent, cuts) => {
      const [here, there] = duplexPair().map((stream) => new Bulk(stream)) as [Bulk, Bulk];
      const all = Buffer.concat(sent);
      const sizes: number[] = [];
      let left = all.length;
      for (const cut of [...cuts, all.length]) {
        sizes.push(Math.min(cut, left));
        left -= sizes.at(-1);
      }
      // Some is asked for before it is there, some after.
      const early = sizes.slice(0, 2).map((bytes) => there.take(bytes));
      const sending = Promise.all(sent.map((data) => here.send(data)));
      const taken = await Promise.all([...early, ...sizes.slice(2).map((bytes) => there.take(bytes))]);
      await sending;
      expect(taken.map(({ length }) => length)).toEqual(sizes);
      expect(Buffer.concat(taken).equals(all)).toBe(true);
    }),
    { numRuns: 40 },
  );
});

test('what does not come any more is not waited for', async () => {
  const [stream, other] = duplexPair();
  const bulk = new Bulk(stream);
  const waiting = bulk.take(10);
  other.write('abc');
  stream.destroy();
  await expect(waiting).rejects.toThrow('the pipe was closed');
  await expect(bulk.take(1)).rejects.toThrow('the pipe was closed');
});
