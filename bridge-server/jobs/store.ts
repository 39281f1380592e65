import { DatabaseSync, type SQLInputValue, type SQLOutputValue } from 'node:sqlite';
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { Failure } from '../errors.ts';
import { renderRequestSchema } from '../protocol/request.ts';
import { trainRequestSchema } from '../protocol/train-request.ts';
import { isAlive } from './alive.ts';
import type { KeyPlace } from './diffusion.ts';
import type { Progress } from '../progress.ts';
import type { JobRecord, JobState, RenderJob, Task, TrainJob } from './job.ts';
import type { FramePlace } from './run.ts';
import type { SettingName } from './settings.ts';
import { prepare } from './schema.ts';
import { outputPath } from './version.ts';
import { CLOCK, type Clock, Vigil } from './vigil.ts';

/** Its name in the data folder. */
export const STORE_FILE = 'pentimento.sqlite';

/** The result code of SQLite that says its disk has no room (https://www.sqlite.org/rescode.html#full). */
const SQLITE_FULL = 13;

/** Thousands of numbers for a long clip, of which lists show nothing. */
const WITHOUT_SCORES = `json_replace(state, '$.result.scores', json('[]'), '$.result.stability', json('[]'),
  '$.result.advice.expectedErrors', json('[]')) AS state`;
/** Of a queued job: how many of its owner come before it. */
const PLACE = `iif(state->>'state' = 'queued', (SELECT count(*) FROM jobs AS other WHERE other.owner = jobs.owner
  AND other.state->>'state' = 'queued' AND other.position < jobs.position), NULL) AS place`;

/** A condition that the index of owners serves: nobody owns the many jobs that are done, whose states are long. */
const QUEUED = "owner > '' AND state->>'state' = 'queued'";

/** What a process may be asked to do with a job of its own. */
export type Asked = 'cancelled' | 'paused';

type Row = Record<string, SQLOutputValue>;

/**
 * Jobs, versions, settings, and which cache folders a job needs, in one SQLite file that several processes use at once. Each
 * process is an owner: a queued or running job belongs to exactly one, and is interrupted when that one is gone.
 */
export class Store {
  readonly owner = randomUUID();
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #clock: Clock;
  readonly #vigil: Vigil;

  /** Makes the file and its folder when missing. Throws Failure 'store-unusable' or 'store-newer'. */
  constructor(path: string, clock = CLOCK) {
    this.#path = path;
    this.#clock = clock;
    this.#vigil = new Vigil(clock);
    try {
      mkdirSync(dirname(path), { recursive: true });
      this.#db = new DatabaseSync(path, { timeout: 10_000 });
      this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
      this.transaction(() => {
        prepare(this.#db, path);
        this.#run('INSERT INTO owners VALUES (?, ?, ?)', this.owner, process.pid, clock.wall());
      });
    } catch (error) {
      throw this.#worded(error);
    }
  }

  /** Runs `work` alone among all processes, whole or not at all. */
  transaction<T>(work: () => T): T {
    if (this.#db.isTransaction) return work();
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      const result = work();
      this.#db.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw this.#worded(error);
    }
  }

  #worded(error: unknown): unknown {
    const { code, errcode, message } = error as NodeJS.ErrnoException & { errcode?: number };
    if (errcode === SQLITE_FULL) return new Failure('disk-full', { path: this.#path }, error);
    const ours = typeof code === 'string' && /^(ERR_SQLITE_ERROR|E[A-Z]+)$/.test(code);
    return ours ? new Failure('store-unusable', { path: this.#path, reason: message }, error) : error;
  }

  // Owners

  /** A sign of life; and whatever belonged to owners that gave none is interrupted. */
  beat(): void {
    this.transaction(() => {
      const now = this.#clock.wall();
      this.#run(
        'INSERT INTO owners VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET beat = ?3',
        this.owner,
        process.pid,
        now,
      );
      for (const { id, pid, beat } of this.#all('SELECT * FROM owners WHERE id <> ?', this.owner)) {
        if (!this.#vigil.isSilent(String(id), Number(beat), now) && isAlive(Number(pid))) continue;
        this.#vigil.forget(String(id));
        this.#disown(String(id));
      }
    });
  }

  #disown(owner: string): void {
    const jobs = this.#all(
      "SELECT id, asked, state FROM jobs WHERE owner = ? AND state->>'state' IN ('queued', 'running')",
      owner,
    );
    for (const { id, asked, state } of jobs) {
      const { progress } = JSON.parse(String(state)) as { progress?: Progress | null };
      const paused = { state: 'paused', progress: progress ?? null } as const;
      this.#setState(
        Number(id),
        asked === 'paused' ? paused : { state: (asked as 'cancelled' | null) ?? 'interrupted' },
      );
    }
    this.#run('DELETE FROM owners WHERE id = ?', owner);
  }

  // Jobs

  /** A new job of this process, at the end of the queue. */
  insert(task: Task, key: string | null): JobRecord {
    return this.transaction(() => {
      const { source, output } = lineOf(task);
      const version = this.#one(
        'SELECT 1 + coalesce(max(version), 0) AS next FROM jobs WHERE source = ? AND output = ?',
        source,
        output,
      );
      const { lastInsertRowid } = this.#run(
        `INSERT INTO jobs
           (key, created, kind, request, request_hash, source, output, version, state, owner, position, revision)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        key,
        Date.now(),
        task.kind,
        JSON.stringify(task.request),
        requestHash(task),
        source,
        output,
        version!['next']!,
        JSON.stringify({ state: 'queued' } satisfies JobState),
        this.owner,
        this.#lastPosition() + 1,
        this.#nextRevision(),
      );
      return this.get(String(lastInsertRowid))!;
    });
  }

  get(id: string): JobRecord | null {
    return this.#record(`SELECT *, ${PLACE} FROM jobs WHERE id = ?`, /^\d{1,15}$/.test(id) ? Number(id) : -1);
  }

  byKey(key: string): JobRecord | null {
    return this.#record(`SELECT *, ${PLACE} FROM jobs WHERE key = ?`, key);
  }

  /** The newest job of this very request that is not done. */
  unfinished(task: Task): JobRecord | null {
    return this.#record(
      `SELECT *, ${PLACE} FROM jobs WHERE request_hash = ? AND state->>'state' <> 'done' ORDER BY id DESC LIMIT 1`,
      requestHash(task),
    );
  }

  /** Newest first; those before `before`, if given; without the scores of their frames. */
  list(limit: number, before: string | null): JobRecord[] {
    const rows = this.#all(
      `SELECT *, ${WITHOUT_SCORES}, ${PLACE} FROM jobs WHERE id < ? ORDER BY id DESC LIMIT ?`,
      before === null ? Number.MAX_SAFE_INTEGER : Number(before),
      limit,
    );
    return readable(rows);
  }

  /** Those that may still go on: queued, running, paused or interrupted; the oldest first. */
  pending(): JobRecord[] {
    return readable(
      this.#all(
        `SELECT *, ${PLACE} FROM jobs WHERE state->>'state' IN ('queued', 'running', 'paused', 'interrupted') ORDER BY id`,
      ),
    );
  }

  /** Where a job's repainted keys lie; null: not known yet. */
  keyPlace(id: string): KeyPlace | null {
    const text = this.#one('SELECT key_place FROM jobs WHERE id = ?', Number(id))?.['key_place'];
    if (typeof text !== 'string') return null;
    const { folder, entries } = JSON.parse(text) as { folder: string; entries: [number, string][] };
    return { folder, entries: new Map(entries) };
  }

  setKeyPlace(id: string, { folder, entries }: KeyPlace): void {
    this.#run(
      'UPDATE jobs SET key_place = ? WHERE id = ?',
      JSON.stringify({ folder, entries: [...entries] }),
      Number(id),
    );
  }

  /** Where frames of a job that is not done lie; none where nothing is made yet. */
  framePlaces(id: string): readonly FramePlace[] {
    const text = this.#one('SELECT frame_places FROM jobs WHERE id = ?', Number(id))?.['frame_places'];
    return typeof text === 'string' ? (JSON.parse(text) as FramePlace[]) : [];
  }

  setFramePlaces(id: string, places: readonly FramePlace[]): void {
    this.#run('UPDATE jobs SET frame_places = ? WHERE id = ?', JSON.stringify(places), Number(id));
  }

  /** The owner of a queued or running job. */
  ownerOf(id: string): string | null {
    return (
      (this.#one('SELECT owner FROM jobs WHERE id = ?', Number(id))?.['owner'] as string | null | undefined) ?? null
    );
  }

  /**
   * Takes over a job that nobody runs: queued again, for this process, where it was if it was only stopped, else at the end. False when
   * somebody has it.
   */
  requeue(id: string): boolean {
    return this.transaction(() => {
      const { changes } = this.#run(
        `UPDATE jobs SET owner = ?, asked = NULL,
           position = iif(state->>'state' IN ('paused', 'interrupted'), position, ?)
         WHERE id = ? AND state->>'state' NOT IN ('queued', 'running')`,
        this.owner,
        this.#lastPosition() + 1,
        Number(id),
      );
      if (changes === 0) return false;
      this.#setState(Number(id), { state: 'queued' });
      return true;
    });
  }

  /** Interrupted jobs that came with a key, as those of panels do, in the order of the queue. */
  left(): string[] {
    return this.#all(
      "SELECT id FROM jobs WHERE key IS NOT NULL AND state->>'state' = 'interrupted' ORDER BY position",
    ).map(({ id }) => String(id));
  }

  /** False, and nothing changes, when the job is not this process's any more. */
  setState(id: string, state: JobState): boolean {
    return this.transaction(() => {
      if (this.ownerOf(id) !== this.owner) return false;
      // It may have been cancelled while it was being paused.
      const { asked } = this.#one('SELECT asked FROM jobs WHERE id = ?', Number(id))!;
      this.#setState(Number(id), state.state === 'paused' && asked === 'cancelled' ? { state: asked } : state);
      return true;
    });
  }

  /** The job of this process that comes next. */
  nextQueued(): string | null {
    const row = this.#one(
      "SELECT id FROM jobs WHERE owner = ? AND state->>'state' = 'queued' ORDER BY position LIMIT 1",
      this.owner,
    );
    return row ? String(row['id']) : null;
  }

  /** Puts a queued job before another one; null: after all others. False when one of them does not wait any more. */
  move(id: string, before: string | null): boolean {
    return this.transaction(() => {
      const rows = this.#all(`SELECT id, position FROM jobs WHERE ${QUEUED} ORDER BY position`);
      const others = rows.map((row) => String(row['id'])).filter((one) => one !== id);
      const at = before === null ? others.length : others.indexOf(before);
      if (at < 0 || others.length === rows.length) return false;
      const order = [...others.slice(0, at), id, ...others.slice(at)];
      for (const [i, { position }] of rows.entries()) {
        this.#run('UPDATE jobs SET position = ? WHERE id = ?', Number(position), Number(order[i]));
      }
      this.#tellQueue();
      return true;
    });
  }

  /** The place of each queued job is news whenever one comes, goes or moves. */
  #tellQueue(): void {
    this.#run(`UPDATE jobs SET revision = ? WHERE ${QUEUED}`, this.#nextRevision());
  }

  #setState(id: number, state: JobState): void {
    const open = state.state === 'queued' || state.state === 'running';
    const waited = this.#one("SELECT 1 FROM jobs WHERE id = ? AND state->>'state' = 'queued'", id) !== undefined;
    this.#run(
      `UPDATE jobs SET state = ?, revision = ?${open ? '' : ', owner = NULL'} WHERE id = ?`,
      JSON.stringify(state),
      this.#nextRevision(),
      id,
    );
    if (state.state === 'done') {
      this.#run('DELETE FROM holds WHERE job = ?', id);
      this.#run('UPDATE jobs SET frame_places = NULL WHERE id = ?', id);
    }
    if (waited !== (state.state === 'queued')) this.#tellQueue();
  }

  /** Asks the owner of a job, whichever process that is, to stop it. Who cancels has the last word. Nobody owns one that waits for a word. */
  request(id: string, asked: Asked): void {
    this.transaction(() => {
      this.#run("UPDATE jobs SET asked = ? WHERE id = ? AND asked IS NOT 'cancelled'", asked, Number(id));
      const waits = ['paused', 'interrupted'].includes(this.get(id)?.state.state ?? '');
      if (asked === 'cancelled' && waits) this.#setState(Number(id), { state: asked });
    });
  }

  /** Jobs of this process that some process asked to stop. */
  requests(): { readonly id: string; readonly asked: Asked }[] {
    return this.#all('SELECT id, asked FROM jobs WHERE owner = ? AND asked IS NOT NULL', this.owner).map(
      ({ id, asked }) => ({ id: String(id), asked: asked as Asked }),
    );
  }

  /** Changes whenever any job does. */
  revision(): number {
    return Number(this.#one('SELECT max(revision) AS last FROM jobs')?.['last'] ?? 0);
  }

  /** Without the scores of their frames. */
  changedSince(revision: number): JobRecord[] {
    return readable(
      this.#all(`SELECT *, ${WITHOUT_SCORES}, ${PLACE} FROM jobs WHERE revision > ? ORDER BY revision`, revision),
    );
  }

  #nextRevision = (): number => this.revision() + 1;

  #lastPosition = (): number => Number(this.#one('SELECT max(position) AS last FROM jobs')?.['last'] ?? 0);

  // What the cache must keep

  hold(job: string, folder: string): void {
    this.#run('INSERT OR IGNORE INTO holds VALUES (?, ?)', folder, Number(job));
  }

  release(job: string, folder: string): void {
    this.#run('DELETE FROM holds WHERE folder = ? AND job = ?', folder, Number(job));
  }

  /** Folders that an open job needs (a paused one is as open as any), and those that only a job that could be resumed does. */
  held(): { open: Set<string>; unfinished: Set<string> } {
    const rows = this.#all(
      "SELECT folder, max(state->>'state' IN ('queued', 'running', 'paused')) AS open FROM holds JOIN jobs ON jobs.id = job GROUP BY folder",
    );
    const of = (open: number): Set<string> =>
      new Set(rows.filter((row) => Number(row['open']) === open).map(({ folder }) => String(folder)));
    return { open: of(1), unfinished: of(0) };
  }

  // Settings

  setting(name: SettingName): string | null {
    return (this.#one('SELECT value FROM settings WHERE name = ?', name)?.['value'] as string | undefined) ?? null;
  }

  /** `value` null: back to the default. */
  set(name: SettingName, value: string | null): void {
    if (value === null) this.#run('DELETE FROM settings WHERE name = ?', name);
    else this.#run('INSERT INTO settings VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2', name, value);
  }

  /** What this process still has open is interrupted. */
  close(): void {
    this.transaction(() => this.#disown(this.owner));
    this.#db.close();
  }

  #run(sql: string, ...values: SQLInputValue[]): { changes: number | bigint; lastInsertRowid: number | bigint } {
    try {
      return this.#db.prepare(sql).run(...values);
    } catch (error) {
      throw this.#worded(error);
    }
  }
  #one(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#db.prepare(sql).get(...values);
  }
  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#db.prepare(sql).all(...values);
  }
  #record(sql: string, ...values: SQLInputValue[]): JobRecord | null {
    const row = this.#one(sql, ...values);
    return row ? record(row) : null;
  }
}

const readable = (rows: readonly Row[]): JobRecord[] => rows.map(record).filter((job) => job !== null);

/** Null for a job whose request this release does not understand any more. */
function record(row: Row): JobRecord | null {
  const common = {
    id: String(row['id']),
    key: row['key'] as string | null,
    createdAt: new Date(Number(row['created'])).toISOString(),
    version: Number(row['version']),
    place: row['place'] === null ? null : Number(row['place']),
  };
  const [request, state] = [JSON.parse(String(row['request'])) as unknown, JSON.parse(String(row['state'])) as unknown];
  if (row['kind'] === 'train') {
    const { data } = trainRequestSchema.safeParse(request);
    return data ? { ...common, kind: 'train', request: data, state: state as TrainJob['state'] } : null;
  }
  const { data } = renderRequestSchema.safeParse(request);
  return data ? { ...common, kind: 'render', request: data, state: state as RenderJob['state'] } : null;
}

/** What versions are counted by: of a training the output alone, whatever clips it learns from. */
function lineOf(task: Task): { readonly source: string; readonly output: string } {
  if (task.kind === 'render') return { source: task.request.source.path, output: outputPath(task.request) };
  const { output } = task.request;
  return { source: '', output: output.kind === 'file' ? output.path : output.name };
}

/** Equal for equal requests, however their fields were ordered. */
function requestHash(task: Task): string {
  const sorted =
    task.kind === 'render' ? renderRequestSchema.parse(task.request) : trainRequestSchema.parse(task.request);
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex');
}
