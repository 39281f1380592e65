import { utimes, writeFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evict, evictable } from '../../bridge-server/jobs/eviction.ts';
import { Store } from '../../bridge-server/jobs/store.ts';
import { newFolder } from './folder.ts';
import { someRender } from './request.ts';

const KILOBYTE = 1000;

/** A cache of folders of 10 kB each, the first named the longest unused. */
async function cacheOf(...names: string[]): Promise<{ root: string; store: Store; left: () => Promise<string[]> }> {
  const base = await newFolder();
  const root = join(base, 'cache');
  const store = new Store(join(base, 'jobs.sqlite'));
  for (const [age, name] of names.entries()) {
    const path = join(root, name);
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'a'), Buffer.alloc(10 * KILOBYTE));
    const used = new Date(Date.now() - (names.length - age) * 60_000);
    await utimes(path, used, used);
  }
  const left = async (): Promise<string[]> => {
    const stages = await readdir(root);
    const folders = await Promise.all(stages.map(async (s) => (await readdir(join(root, s))).map((f) => `${s}/${f}`)));
    return folders.flat().sort();
  };
  return { root, store, left };
}

describe('eviction', () => {
  it('removes what was unused for longest, no more than needed', async () => {
    const { root, store, left } = await cacheOf('match/a', 'look/b', 'match/c', 'look/d');
    store.set('cache-budget', String(25 * KILOBYTE));
    expect(await evict(root, store)).toBe(20 * KILOBYTE);
    expect(await left()).toEqual(['look/d', 'match/c']);
    expect(await evict(root, store)).toBe(0);
  });

  it('spares what an open job of any process needs, whatever the budget', async () => {
    const { root, store, left } = await cacheOf('look/a', 'look/b', 'look/c');
    const other = new Store(join(root, '..', 'jobs.sqlite'));
    const job = other.insert(someRender(), null);
    other.hold(job.id, 'look/a');
    other.hold(job.id, 'look/b');
    store.set('cache-budget', '0');
    expect(await evictable(root, store)).toBe(10 * KILOBYTE);
    await evict(root, store, 1e12);
    expect(await left()).toEqual(['look/a', 'look/b']);
    other.release(job.id, 'look/a');
    await evict(root, store);
    expect(await left()).toEqual(['look/b']);
  });

  it('takes what an unfinished job would need only after everything else', async () => {
    const { root, store, left } = await cacheOf('look/a', 'look/b', 'look/c');
    const job = store.insert(someRender(), null);
    store.hold(job.id, 'look/a');
    store.setState(job.id, { state: 'interrupted' });
    store.set('cache-budget', String(15 * KILOBYTE));
    await evict(root, store);
    expect(await left()).toEqual(['look/a']);
    store.set('cache-budget', '0');
    await evict(root, store);
    expect(await left()).toEqual([]);
  });

  it('frees what is asked for even within the budget', async () => {
    const { root, store, left } = await cacheOf('look/a', 'look/b', 'look/c');
    await evict(root, store, 15 * KILOBYTE);
    expect(await left()).toEqual(['look/c']);
  });

  it('finishes what a killed one had begun, and minds neither strange files nor no cache at all', async () => {
    const { root, store, left } = await cacheOf('look/a');
    await mkdir(join(root, 'trash', 'x'), { recursive: true });
    await writeFile(join(root, 'trash', 'x', 'half'), 'half');
    await writeFile(join(root, 'look', 'stray.txt'), 'stray');
    await evict(root, store);
    expect(await left()).toEqual(['look/a', 'look/stray.txt']);
    expect(await evict(join(root, 'nowhere'), store)).toBe(0);
  });
});
