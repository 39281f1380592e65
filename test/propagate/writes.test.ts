import { expect, test } from 'vitest';
import { Writes } from '../../bridge-server/propagate/writes.ts';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a third write waits for the first, and the end for all', async () => {
  const writes = new Writes();
  const [first, second, third] = [0, 1, 2].map(() => Promise.withResolvers<void>());
  await writes.add(first!.promise);
  await writes.add(second!.promise);
  const told: string[] = [];
  const added = writes.add(third!.promise).then(() => told.push('added'));
  await settle();
  expect(told).toEqual([]);
  first!.resolve();
  await added;
  const done = writes.done().then(() => told.push('done'));
  third!.resolve();
  await settle();
  expect(told).toEqual(['added']);
  second!.resolve();
  await done;
  expect(told).toEqual(['added', 'done']);
});

test('what fails is told, and what goes on is waited for nevertheless', async () => {
  const writes = new Writes();
  const slow = Promise.withResolvers<void>();
  await writes.add(Promise.reject(new Error('the disk is full')));
  await writes.add(slow.promise);
  await expect(writes.done()).rejects.toThrow('the disk is full');
  let ended = false;
  const end = writes.ended().then(() => (ended = true));
  await settle();
  expect(ended).toBe(false);
  slow.reject(new Error('this, too'));
  await end;
});
