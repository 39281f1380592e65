import { expect, test } from 'vitest';
import { Cache } from '../../bridge-server/jobs/cache.ts';
import { newFolder } from './folder.ts';

test('the whole cache is only looked through after much was written', async () => {
  let looks = 0;
  const keeper = { hold: () => undefined, release: () => undefined, evictable: () => Promise.resolve(0) };
  const cache = new Cache(await newFolder(), { ...keeper, makeRoom: () => Promise.resolve(++looks) });
  const folder = await cache.open('stage', ['key']);
  const looked = async (bytes: number): Promise<number> => {
    await folder.write('entry', new Uint8Array(bytes));
    await cache.tidy();
    return looks;
  };
  expect(await looked(1000)).toBe(0);
  expect(await looked(100e6)).toBe(1);
  expect(await looked(1000)).toBe(1);
});

test('a cache that cannot be tidied ends no job, and is looked through again after as much', async () => {
  let looks = 0;
  const keeper = { hold: () => undefined, release: () => undefined, evictable: () => Promise.resolve(0) };
  const makeRoom = (): Promise<never> => {
    looks++;
    return Promise.reject(new Error('somebody has it open'));
  };
  const cache = new Cache(await newFolder(), { ...keeper, makeRoom });
  const folder = await cache.open('stage', ['key']);
  await folder.write('entry', new Uint8Array(100e6));
  await cache.tidy();
  await cache.tidy();
  expect(looks).toBe(1);
});

test('an entry of several pieces is kept whole', async () => {
  const keeper = { hold: () => undefined, release: () => undefined, evictable: () => Promise.resolve(0) };
  const cache = new Cache(await newFolder(), { ...keeper, makeRoom: () => Promise.resolve() });
  const folder = await cache.open('stage', ['key']);
  await folder.write('entry', Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3));
  expect([...(await folder.read('entry'))]).toEqual([1, 2, 3]);
});
