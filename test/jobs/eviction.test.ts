import { utimes, writeFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evict, evictable, type InstallFolders } from '../../bridge-server/jobs/eviction.ts';
import type { TrainResult } from '../../bridge-server/jobs/job.ts';
import { Store } from '../../bridge-server/jobs/store.ts';
import { newFolder } from './folder.ts';
import { someRender } from './request.ts';
import { someTraining } from './train-request.ts';

const KILOBYTE = 1000;

/** A cache of folders of 10 kB each, the first named the longest unused. */
async function cacheOf(
  ...names: string[]
): Promise<{ folders: InstallFolders; store: Store; left: () => Promise<string[]> }> {
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
  return { folders: { cache: root, data: base }, store, left };
}

describe('eviction', () => {
  it('removes what was unused for longest, no more than needed', async () => {
    const { folders, store, left } = await cacheOf('match/a', 'look/b', 'match/c', 'look/d');
    store.set('cache-budget', String(25 * KILOBYTE));
    expect(await evict(folders, store)).toBe(20 * KILOBYTE);
    expect(await left()).toEqual(['look/d', 'match/c']);
    expect(await evict(folders, store)).toBe(0);
  });

  it('spares what an open job of any process needs, whatever the budget', async () => {
    const { folders, store, left } = await cacheOf('look/a', 'look/b', 'look/c');
    const other = new Store(join(folders.data, 'jobs.sqlite'));
    const job = other.insert(someRender(), null);
    other.hold(job.id, 'look/a');
    other.hold(job.id, 'look/b');
    store.set('cache-budget', '0');
    expect(await evictable(folders, store)).toBe(10 * KILOBYTE);
    await evict(folders, store, 1e12);
    expect(await left()).toEqual(['look/a', 'look/b']);
    other.release(job.id, 'look/a');
    await evict(folders, store);
    expect(await left()).toEqual(['look/b']);
  });

  it('takes what an unfinished job would need only after everything else', async () => {
    const { folders, store, left } = await cacheOf('look/a', 'look/b', 'look/c');
    const job = store.insert(someRender(), null);
    store.hold(job.id, 'look/a');
    store.setState(job.id, { state: 'interrupted' });
    store.set('cache-budget', String(15 * KILOBYTE));
    await evict(folders, store);
    expect(await left()).toEqual(['look/a']);
    store.set('cache-budget', '0');
    await evict(folders, store);
    expect(await left()).toEqual([]);
  });

  it('frees what is asked for even within the budget', async () => {
    const { folders, store, left } = await cacheOf('look/a', 'look/b', 'look/c');
    await evict(folders, store, 15 * KILOBYTE);
    expect(await left()).toEqual(['look/c']);
  });

  it('takes what trainings left as it takes the cache, and nothing else of the data', async () => {
    const { folders, store, left } = await cacheOf('look/a', 'look/b');
    const ids = ['running', 'done', 'halted'].map(
      () => store.insert({ kind: 'train', request: someTraining() }, null).id,
    );
    const [running, done, halted] = ids as [string, string, string];
    for (const id of [...ids, 'of no job']) {
      const path = join(folders.data, 'trainings', id);
      await mkdir(path, { recursive: true });
      await writeFile(join(path, 'step-000100.safetensors'), Buffer.alloc(10 * KILOBYTE));
      const used = new Date(Date.now() - 3_600_000);
      await utimes(path, used, used);
      if (id !== 'of no job') store.hold(id, `trainings/${id}`);
    }
    await mkdir(join(folders.data, 'models', 'mine'), { recursive: true });
    store.setState(done, { state: 'done', result: {} as TrainResult });
    store.setState(halted, { state: 'cancelled' });
    const trainings = async (): Promise<string[]> => (await readdir(join(folders.data, 'trainings'))).sort();
    store.set('cache-budget', String(40 * KILOBYTE));
    expect(await evict(folders, store)).toBe(20 * KILOBYTE);
    expect(await trainings()).toEqual([running, halted].sort());
    expect(await left()).toEqual(['look/a', 'look/b']);
    store.set('cache-budget', '0');
    await evict(folders, store);
    expect(await trainings()).toEqual([running]);
    expect(await readdir(folders.data)).toContain('models');
    expect(await readdir(folders.data)).not.toContain('trash');
  });

  it('finishes what a killed one had begun, and minds neither strange files nor no cache at all', async () => {
    const { folders, store, left } = await cacheOf('look/a');
    await mkdir(join(folders.cache, 'trash', 'x'), { recursive: true });
    await writeFile(join(folders.cache, 'trash', 'x', 'half'), 'half');
    await writeFile(join(folders.cache, 'look', 'stray.txt'), 'stray');
    await evict(folders, store);
    expect(await left()).toEqual(['look/a', 'look/stray.txt']);
    expect(await evict({ cache: join(folders.cache, 'nowhere'), data: join(folders.data, 'nowhere') }, store)).toBe(0);
  });
});
