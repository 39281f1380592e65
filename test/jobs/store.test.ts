import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Store } from '../../bridge-server/jobs/store.ts';
import { newFolder } from './folder.ts';
import { someRequest } from './request.ts';

const OTHER = fileURLToPath(new URL('./other-owner.ts', import.meta.url));

/** Another process that has made a job of its own in the same store, and says its number. */
async function otherOwner(path: string): Promise<{ job: string; kill(): Promise<void> }> {
  const child = spawn(process.execPath, [OTHER, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [job] = (await once(createInterface(child.stdout), 'line')) as [string];
  return {
    job,
    kill: async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

const newStore = async (): Promise<{ store: Store; path: string }> => {
  const path = join(await newFolder(), 'data', 'jobs.sqlite');
  return { store: new Store(path), path };
};

describe('the store', () => {
  it('counts versions by source and output', async () => {
    const { store } = await newStore();
    const elsewhere = someRequest({ output: { kind: 'images', folder: '/out/b' } });
    const versions = [someRequest(), someRequest(), elsewhere, someRequest()].map(
      (request) => store.insert(request, null).version,
    );
    expect(versions).toEqual([1, 2, 1, 3]);
  });

  it('finds what is unfinished of a request, however its fields are ordered', async () => {
    const { store } = await newStore();
    const request = someRequest();
    const turned = Object.fromEntries(Object.entries(request).reverse()) as typeof request;
    const job = store.insert(request, null);
    expect(store.unfinished(turned)?.id).toBe(job.id);
    expect(store.unfinished(someRequest({ profile: 'fast' }))).toBeNull();
    store.setState(job.id, { state: 'cancelled' });
    expect(store.unfinished(request)?.id).toBe(job.id);
    store.requeue(job.id);
    const result = {
      output: '/out/a.mov',
      range: { from: 0, to: 1 },
      frames: 1,
      seconds: 1,
      stages: {},
      peakRssBytes: 1,
      keys: [],
      cuts: [],
      scores: [],
      stability: [],
      advice: null,
      notes: [],
    };
    store.setState(job.id, { state: 'done', result });
    expect(store.unfinished(request)).toBeNull();
  });

  it('interrupts the jobs of a process that was killed, and of none that lives', async () => {
    const { store, path } = await newStore();
    const mine = store.insert(someRequest(), null);
    const other = await otherOwner(path);
    store.beat();
    expect(store.get(other.job)?.state).toEqual({ state: 'running', progress: null });
    expect(store.requeue(other.job)).toBe(false);
    expect(store.setState(other.job, { state: 'cancelled' })).toBe(false);

    await other.kill();
    store.beat();
    expect(store.get(other.job)?.state).toEqual({ state: 'interrupted' });
    expect(store.get(mine.id)?.state).toEqual({ state: 'queued' });
    expect(store.requeue(other.job)).toBe(true);
    expect(store.ownerOf(other.job)).toBe(store.owner);
  });

  it('calls a job cancelled whose process was killed while it was being cancelled', async () => {
    const { store, path } = await newStore();
    const other = await otherOwner(path);
    store.request(other.job, 'cancelled');
    await other.kill();
    store.beat();
    expect(store.get(other.job)?.state).toEqual({ state: 'cancelled' });
  });

  it('takes its jobs from a process that is silent, and that one notices', async () => {
    const { store, path } = await newStore();
    const job = store.insert(someRequest(), null);
    const raw = new DatabaseSync(path);
    raw.exec('UPDATE owners SET beat = beat - 60000');
    raw.close();
    const other = new Store(path);
    other.beat();
    expect(other.get(job.id)?.state).toEqual({ state: 'interrupted' });
    expect(store.setState(job.id, { state: 'running', progress: null })).toBe(false);
    store.close();
    expect(other.get(job.id)?.state).toEqual({ state: 'interrupted' });
    other.close();
  });

  it('tells folders of open jobs from those of unfinished ones, and forgets those of done ones', async () => {
    const { store } = await newStore();
    const [open, halted, done] = [1, 2, 3].map(() => store.insert(someRequest(), null).id) as [string, string, string];
    store.hold(open, 'look/both');
    store.hold(halted, 'look/both');
    store.hold(halted, 'look/halted');
    store.hold(done, 'look/done');
    store.hold(open, 'look/let go');
    store.release(open, 'look/let go');
    store.setState(halted, { state: 'cancelled' });
    const result = {
      output: '/out/a.mov',
      range: { from: 0, to: 1 },
      frames: 1,
      seconds: 1,
      stages: {},
      peakRssBytes: 1,
      keys: [],
      cuts: [],
      scores: [],
      stability: [],
      advice: null,
      notes: [],
    };
    store.setState(done, { state: 'done', result });
    expect(store.held()).toEqual({ open: new Set(['look/both']), unfinished: new Set(['look/halted']) });
  });

  it('says in words that its file is no store, or a newer one, and leaves it alone', async () => {
    const path = join(await newFolder(), 'jobs.sqlite');
    await writeFile(path, 'this is not a database, but it is long enough to look like one'.repeat(20));
    expect(() => new Store(path)).toThrow(expect.objectContaining({ code: 'store-unusable' }));
    expect(await readFile(path, 'latin1')).toMatch(/^this is not/);

    const newer = join(await newFolder(), 'jobs.sqlite');
    new Store(newer).close();
    const raw = new DatabaseSync(newer);
    raw.exec('PRAGMA user_version = 99');
    raw.close();
    expect(() => new Store(newer)).toThrow(expect.objectContaining({ code: 'store-newer' }));
  });

  it('passes over jobs of a request that it does not understand any more', async () => {
    const { store, path } = await newStore();
    const [old, young] = [store.insert(someRequest(), null), store.insert(someRequest(), null)];
    const raw = new DatabaseSync(path);
    raw.prepare('UPDATE jobs SET request = ? WHERE id = ?').run('{"version":0}', Number(old.id));
    raw.close();
    expect(store.get(old.id)).toBeNull();
    expect(store.list(10, null).map(({ id }) => id)).toEqual([young.id]);
  });
});
