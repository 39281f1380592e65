import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RenderResult } from '../../bridge-server/jobs/job.ts';
import { Store } from '../../bridge-server/jobs/store.ts';
import { newFolder } from './folder.ts';
import { someRender, someRequest } from './request.ts';
import { someClip, someTraining } from './train-request.ts';

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

/** What a render of one frame comes to. */
const RESULT: RenderResult = {
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

describe('the store', () => {
  it('counts versions by source and output', async () => {
    const { store } = await newStore();
    const elsewhere = someRequest({ output: { kind: 'images', folder: '/out/b' } });
    const versions = [someRequest(), someRequest(), elsewhere, someRequest()].map(
      (request) => store.insert({ kind: 'render', request }, null).version,
    );
    expect(versions).toEqual([1, 2, 1, 3]);
  });

  it('finds what is unfinished of a request, however its fields are ordered', async () => {
    const { store } = await newStore();
    const request = someRequest();
    const turned = Object.fromEntries(Object.entries(request).reverse()) as typeof request;
    const job = store.insert({ kind: 'render', request }, null);
    expect(store.unfinished({ kind: 'render', request: turned })?.id).toBe(job.id);
    expect(store.unfinished(someRender({ profile: 'fast' }))).toBeNull();
    store.setState(job.id, { state: 'cancelled' });
    expect(store.unfinished({ kind: 'render', request })?.id).toBe(job.id);
    store.requeue(job.id);
    store.setState(job.id, { state: 'done', result: RESULT });
    expect(store.unfinished({ kind: 'render', request })).toBeNull();
  });

  it('interrupts the jobs of a process that was killed, and of none that lives', async () => {
    const { store, path } = await newStore();
    const mine = store.insert(someRender(), null);
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

  it('calls a job paused whose process was killed while it was being paused, with how far it was', async () => {
    const { store, path } = await newStore();
    const other = await otherOwner(path);
    store.request(other.job, 'paused');
    await other.kill();
    store.beat();
    expect(store.get(other.job)?.state).toEqual({ state: 'paused', progress: null });
    // Nobody has it: who cancels it need not ask anybody.
    store.request(other.job, 'cancelled');
    expect(store.get(other.job)?.state).toEqual({ state: 'cancelled' });
  });

  it('is told to cancel what it was told to pause, and never the other way round', async () => {
    const { store } = await newStore();
    const { id } = store.insert(someRender(), null);
    for (const [asked, is] of [
      ['paused', 'paused'],
      ['cancelled', 'cancelled'],
      ['paused', 'cancelled'],
    ] as const) {
      store.request(id, asked);
      expect(store.requests()).toEqual([{ id, asked: is }]);
    }
    // It had begun to stop when it was only to be paused.
    store.setState(id, { state: 'paused', progress: null });
    expect(store.get(id)?.state).toEqual({ state: 'cancelled' });
    expect(store.requeue(id)).toBe(true);
    expect(store.requests()).toEqual([]);
  });

  it('keeps the queue in the order that was asked for, whatever is moved and whatever comes and goes', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('insert' as const) }),
      fc.record({ do: fc.constant('move' as const), job: fc.nat(4), before: fc.option(fc.nat(4)) }),
      fc.record({ do: fc.constantFrom('pause' as const, 'cancel' as const, 'resume' as const), job: fc.nat(4) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 30 }), async (more) => {
        const { store } = await newStore();
        // All jobs in the order that they would run in if all were queued; those that wait, and those that were only paused.
        let order: string[] = [];
        const waiting = new Set<string>();
        const paused = new Set<string>();
        const begin = Array.from({ length: 3 }, () => ({ do: 'insert' as const }));
        for (const one of [...begin, ...more]) {
          if (one.do === 'insert') {
            const { id } = store.insert(someRender(), null);
            order.push(id);
            waiting.add(id);
            continue;
          }
          const job = String(one.job + 1);
          if (one.do === 'move') {
            const before = one.before === null ? null : String(one.before + 1);
            const can = waiting.has(job) && (before === null || waiting.has(before)) && job !== before;
            expect(job === before || store.move(job, before) === can).toBe(true);
            if (!can) continue;
            // Those that do not wait stay where they are.
            const queue = order.filter((id) => waiting.has(id) && id !== job);
            queue.splice(before === null ? queue.length : queue.indexOf(before), 0, job);
            order = order.map((id) => (waiting.has(id) ? queue.shift()! : id));
          } else if (one.do === 'resume') {
            const known = order.includes(job) && !waiting.has(job);
            expect(store.requeue(job)).toBe(known);
            if (known && !paused.has(job)) order = [...order.filter((id) => id !== job), job];
            if (known) waiting.add(job);
            paused.delete(job);
          } else if (waiting.has(job)) {
            store.setState(job, one.do === 'pause' ? { state: 'paused', progress: null } : { state: 'cancelled' });
            waiting.delete(job);
            if (one.do === 'pause') paused.add(job);
          }
        }
        const queue = order.filter((id) => waiting.has(id));
        expect(store.nextQueued()).toBe(queue[0] ?? null);
        for (const id of order) expect(store.get(id)?.place).toBe(waiting.has(id) ? queue.indexOf(id) : null);
        store.close();
      }),
      { numRuns: 60 },
    );
  });

  it('counts trainings by their output, whatever they learn from, and tells them from renders', async () => {
    const { store } = await newStore();
    const train = (clip: string, name: string) =>
      ({
        kind: 'train',
        request: someTraining({
          clips: [{ source: someClip(clip), subject: { kind: 'whole' } }],
          output: { kind: 'store', name },
        }),
      }) as const;
    const jobs = [train('/a.mov', 'x'), train('/b.mov', 'x'), train('/a.mov', 'y')].map((task) =>
      store.insert(task, null),
    );
    expect(jobs.map(({ kind, version }) => [kind, version])).toEqual([
      ['train', 1],
      ['train', 2],
      ['train', 1],
    ]);
    expect(jobs[1]!.request).toEqual(train('/b.mov', 'x').request);
    expect(store.unfinished(train('/b.mov', 'x'))?.id).toBe(jobs[1]!.id);
    expect(store.unfinished(someRender())).toBeNull();
    store.close();
  });

  it('takes over the jobs of an older release as they were', async () => {
    const path = join(await newFolder(), 'jobs.sqlite');
    const raw = new DatabaseSync(path);
    raw.exec(`
      CREATE TABLE owners (id TEXT PRIMARY KEY, pid INTEGER NOT NULL, beat INTEGER NOT NULL) STRICT;
      CREATE TABLE jobs (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE, created INTEGER NOT NULL, request TEXT NOT NULL,
        request_hash TEXT NOT NULL, source TEXT NOT NULL, output TEXT NOT NULL, version INTEGER NOT NULL, state TEXT NOT NULL,
        owner TEXT, key_place TEXT, cancel INTEGER NOT NULL DEFAULT 0, revision INTEGER NOT NULL, UNIQUE (source, output, version)
      ) STRICT;
      CREATE TABLE holds (folder TEXT NOT NULL, job INTEGER NOT NULL, PRIMARY KEY (folder, job)) STRICT, WITHOUT ROWID;
      CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
      INSERT INTO owners VALUES ('gone', 999999999, 0);
      PRAGMA user_version = 2;
    `);
    const request = JSON.stringify({ ...someRequest(), source: { ...someRequest().source, from: 5 } });
    const states = [
      {
        state: 'done',
        result: { output: '/out/a.mov', frames: 7, seconds: 1, keys: [], notes: [], stability: [{ from: 0 }] },
      },
      { state: 'running', progress: null },
      { state: 'queued' },
    ];
    const insert = raw.prepare('INSERT INTO jobs VALUES (?, NULL, 0, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?)');
    for (const [i, state] of states.entries()) {
      insert.run(
        i + 1,
        request,
        'hash',
        'a',
        'b',
        i + 1,
        JSON.stringify(state),
        i > 0 ? 'gone' : null,
        i === 1 ? 1 : 0,
        i + 1,
      );
    }
    raw.close();
    const store = new Store(path);
    expect(store.get('1')?.state).toMatchObject({
      result: { range: { from: 5, to: 12 }, frames: 7, advice: null, stability: [] },
    });
    store.beat();
    const jobs = store.list(9, null);
    expect(jobs.map(({ state }) => state.state)).toEqual(['interrupted', 'cancelled', 'done']);
    expect(new Set(jobs.map(({ kind }) => kind))).toEqual(new Set(['render']));
    expect(store.requeue('3')).toBe(true);
    expect(store.get(store.insert(someRender(), null).id)?.place).toBe(1);
    store.close();
  });

  it('takes its jobs from a process that is silent, and that one notices', async () => {
    const { store, path } = await newStore();
    const job = store.insert(someRender(), null);
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

  it('takes none when the clock is set or the machine has slept, and takes them in time from one that hangs', async () => {
    let [wall, steady] = [1e12, 0];
    const path = join(await newFolder(), 'jobs.sqlite');
    const clock = { wall: () => wall, steady: () => steady };
    const [store, other] = [new Store(path, clock), new Store(path, clock)];
    const { id } = store.insert(someRender(), null);
    other.beat();
    for (const [hours, sleep] of [
      [5, 5],
      [1, 0],
      [-2, 0],
    ] as const) {
      wall += hours * 3600e3;
      steady += sleep * 3600e3;
      // Whoever wakes up first.
      other.beat();
      store.beat();
      expect(store.get(id)?.state).toEqual({ state: 'queued' });
    }
    const signs = (count: number): void => {
      for (let i = 0; i < count; i++) {
        wall += 1000;
        steady += 1000;
        other.beat();
      }
    };
    signs(4);
    expect(other.get(id)?.state).toEqual({ state: 'queued' });
    signs(3);
    expect(other.get(id)?.state).toEqual({ state: 'interrupted' });
    store.close();
    other.close();
  });

  it('knows what panels asked for and nobody stopped, in the order of the queue', async () => {
    const { store, path } = await newStore();
    const [a, b, c, d] = ['a', 'b', 'c', null].map((key) => store.insert(someRender(), key).id) as [
      string,
      string,
      string,
      string,
    ];
    store.setState(b, { state: 'cancelled' });
    store.move(c, a);
    store.close();
    const next = new Store(path);
    expect(next.get(d)?.state).toEqual({ state: 'interrupted' });
    expect(next.left()).toEqual([c, a]);
    // Whoever does not want it any more need not wait until somebody goes on with it.
    next.request(c, 'paused');
    expect(next.get(c)?.state).toEqual({ state: 'interrupted' });
    next.request(c, 'cancelled');
    expect(next.get(c)?.state).toEqual({ state: 'cancelled' });
    expect(next.left()).toEqual([a]);
    next.close();
  });

  it('tells folders of open jobs from those of unfinished ones, and forgets those of done ones', async () => {
    const { store } = await newStore();
    const [open, halted, done] = [1, 2, 3].map(() => store.insert(someRender(), null).id) as [string, string, string];
    store.hold(open, 'look/both');
    store.hold(halted, 'look/both');
    store.hold(halted, 'look/halted');
    store.hold(done, 'look/done');
    store.hold(open, 'look/let go');
    store.release(open, 'look/let go');
    store.setState(halted, { state: 'cancelled' });
    store.setState(done, { state: 'done', result: RESULT });
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
    const [old, young] = [store.insert(someRender(), null), store.insert(someRender(), null)];
    const raw = new DatabaseSync(path);
    raw.prepare('UPDATE jobs SET request = ? WHERE id = ?').run('{"version":0}', Number(old.id));
    raw.close();
    expect(store.get(old.id)).toBeNull();
    expect(store.list(10, null).map(({ id }) => id)).toEqual([young.id]);
  });
});
