import { EventEmitter, once } from 'node:events';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { Failure, asFailure } from '../errors.ts';
import { Engine } from '../kernels/engine.ts';
import type { Frame } from '../media/frame.ts';
import type { Progress } from '../progress.ts';
import { Cache } from './cache.ts';
import { checkTask } from './check.ts';
import { evict, evictable, freeBytes, type InstallFolders } from './eviction.ts';
import {
  isSettled,
  type JobEvent,
  type JobRecord,
  type JobState,
  type PreviewEvent,
  type RenderJob,
  type Task,
  type TrainJob,
  type TrainProgress,
} from './job.ts';
import { keyPicture, madeFrame } from './key-picture.ts';
import { perform } from './perform.ts';
import { SharedRuntime } from './shared-runtime.ts';
import { type Asked, STORE_FILE, Store } from './store.ts';
import { workFolder } from './training.ts';

/** How often this process looks what others asked of it, and shows them how far it is. */
const TICK_MS = 200;
const TELL_MS = 100;
const BEAT_MS = 1000;
/** What is left free after a job on the disk where the list of jobs lies, which is often the cache's. */
const SPARE_BYTES = 1e6;
/** The least time between two previews of what is being painted. */
const PREVIEW_MS = 500;

/** Why a running job is stopped. 'lost': this process was silent for so long that another took the job over. */
class Stopped extends Error {
  override readonly name = 'AbortError';
  readonly why: Asked | 'interrupted' | 'lost';

  constructor(why: Stopped['why']) {
    super(`the job was ${why}`);
    this.why = why;
  }
}

type Running = {
  readonly id: string;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
};

/**
 * The jobs of an install as one process sees them: it runs its own, one after the other, and sees those of all processes. What it
 * is asked about a job of another process, it passes on.
 */
export class Jobs {
  /** `job` is emitted for jobs of any process; what a job was between two looks may be left out; `preview` for those of this one. */
  readonly events = new EventEmitter<{ job: [JobEvent]; preview: [PreviewEvent] }>();
  readonly #store: Store;
  readonly #folders: InstallFolders;
  readonly #workers: number | undefined;
  /** States that the store could not take yet, for example because its disk is full. */
  readonly #unsaved = new Map<string, JobState>();
  readonly #ticking: NodeJS.Timeout;
  #engine: Promise<Engine> | null = null;
  readonly #runtime = new SharedRuntime();
  #running: Running | null = null;
  #progress: Progress | TrainProgress | null = null;
  #progressShown: Progress | TrainProgress | null = null;
  #toldAt = 0;
  #previewedAt = 0;
  #shownRevision: number;
  #beatAt = performance.now();
  #closing: Promise<void> | null = null;

  private constructor(store: Store, folders: InstallFolders, workers: number | undefined) {
    this.#store = store;
    this.#folders = folders;
    this.#workers = workers;
    this.events.setMaxListeners(0);
    this.#store.beat();
    this.#shownRevision = store.revision();
    this.#ticking = setInterval(() => this.#tick(), TICK_MS);
  }

  /** `workers`: size of the team that computes; by default one for each processor. Throws Failure 'store-…'. */
  static open(folders: InstallFolders, workers?: number): Jobs {
    return new Jobs(new Store(join(folders.data, STORE_FILE)), folders, workers);
  }

  /** A new job, or, when `key` was given before, the job that was made for it then. */
  submit(task: Task, key: string | null = null): JobRecord {
    const known = key === null ? null : this.known(key);
    return known ?? this.#enqueued(this.#store.insert(task, key));
  }

  /** Goes on with the job of this very request that was begun and not finished, or is a new one. */
  goOnOrSubmit(task: Task): JobRecord {
    const begun = this.#store.unfinished(task);
    return begun ? this.resume(begun.id) : this.submit(task);
  }

  /** Newest first; those before the job `before`, if given. */
  list({ limit, before = null }: { limit: number; before?: string | null }): JobRecord[] {
    return this.#store.list(limit, before).map(this.#current);
  }

  /** Of all processes those that may still go on: see Store. */
  pending(): readonly JobRecord[] {
    return this.#store.pending();
  }

  /** Throws Failure 'job-unknown'. */
  get(id: string): JobRecord {
    const job = this.#store.get(id);
    if (!job) throw new Failure('job-unknown', { id });
    return this.#current(job);
  }

  /** The same, of a render. Throws Failure 'job-unknown' or 'job-kind'. */
  render(id: string): RenderJob {
    const job = this.get(id);
    if (job.kind !== 'render') throw new Failure('job-kind', { id, kind: 'render' });
    return job;
  }

  /** The same, of a training, with the folder where it keeps what shows how it goes. */
  training(id: string): { readonly job: TrainJob; readonly folder: string } {
    const job = this.get(id);
    if (job.kind !== 'train') throw new Failure('job-kind', { id, kind: 'training' });
    return { job, folder: workFolder(job, this.#folders.data) };
  }

  /** Stops a job wherever it runs, or one that was interrupted for good; a settled one stays as it is. What it made so far is kept. */
  cancel(id: string): JobRecord {
    return this.#ask(id, 'cancelled');
  }

  /** The same, of a job that is to be resumed: until then it waits aside. */
  pause(id: string): JobRecord {
    return this.#ask(id, 'paused');
  }

  #ask(id: string, asked: Asked): JobRecord {
    const job = this.get(id);
    const isOver = isSettled(job.state) && !(asked === 'cancelled' && job.state.state === 'interrupted');
    if (isOver || job.state.state === asked) return job;
    this.#store.request(id, asked);
    this.#obey(id, asked);
    return this.get(id);
  }

  /** If it is a job of this process. */
  #obey(id: string, asked: Asked): void {
    if (this.#running?.id === id) this.#stop(asked);
    else if (this.#store.ownerOf(id) === this.#store.owner) {
      this.#save(id, asked === 'paused' ? { state: asked, progress: null } : { state: asked });
    }
  }

  /** Puts a queued job before another one, null: to the end of the queue. Failures: job-unknown, job-not-queued. */
  move(id: string, before: string | null): JobRecord {
    this.get(id);
    if (before !== null) this.get(before);
    if (id !== before && !this.#store.move(id, before)) throw new Failure('job-not-queued', { id });
    this.#show();
    return this.get(id);
  }

  /** Goes on, in this process, with a job that was paused, failed, cancelled or interrupted; any other stays as it is. */
  resume(id: string): JobRecord {
    this.#store.beat();
    const job = this.get(id);
    if (job.state.state === 'done' || !this.#store.requeue(id)) return job;
    return this.#enqueued(this.get(id));
  }

  /** Jobs of panels that nobody stopped and whose process ended, in the order of the queue. */
  left(): readonly string[] {
    return this.#store.left();
  }

  /** Resolves with the job once it is settled, whichever process runs it. Rejects with the signal's reason. */
  settled(id: string, signal: AbortSignal): Promise<JobRecord> {
    return this.#once(id, isSettled, signal);
  }

  /** The same once nothing runs any more, be it that the job is only paused. */
  stopped(id: string, signal: AbortSignal): Promise<JobRecord> {
    return this.#once(id, (state) => isSettled(state) || state.state === 'paused', signal);
  }

  async #once(id: string, is: (state: JobState) => boolean, signal: AbortSignal): Promise<JobRecord> {
    for (;;) {
      const job = this.get(id);
      if (is(job.state)) return job;
      await once(this.events, 'job', { signal });
    }
  }

  /** A key as the job repainted it, or as the artist did; null while there is none. */
  async keyPicture(id: string, frame: number, signal: AbortSignal): Promise<Frame | null> {
    const { request } = this.render(id);
    return await keyPicture(request, frame, this.#store.keyPlace(id), this.#folders.cache, signal);
  }

  /** A frame of a job that is not done as far as it is made, without its mask; null while there is none. */
  async madeFrame(id: string, frame: number): Promise<Frame | null> {
    const { request } = this.render(id);
    return await madeFrame(request, frame, this.#store.keyPlace(id), this.#store.framePlaces(id), this.#folders.cache);
  }

  /** The cache as it is used for no job: nothing is kept from eviction. */
  cacheAside(): Cache {
    return new Cache(this.#folders.cache, {
      ...{ hold: () => undefined, release: () => undefined },
      makeRoom: (atLeast) => evict(this.#folders, this.#store, atLeast),
      evictable: () => evictable(this.#folders, this.#store),
    });
  }

  isOffline(): boolean {
    return this.#store.setting('offline') === 'on';
  }

  /** Memory that is taken now and is free for a job when its turn comes: what stays loaded, and all that the running job takes. */
  get heldBytes(): number {
    if (!this.#running) return this.#runtime.heldBytes;
    return Math.min(totalmem(), process.constrainedMemory() || Infinity) - process.availableMemory();
  }

  /** The job that was made for a key, or null. */
  known(key: string): JobRecord | null {
    const job = this.#store.byKey(key);
    return job && this.#current(job);
  }

  /** Refuses what could not be done; see checkTask. */
  async check(task: Task): Promise<void> {
    await checkTask(task, this.heldBytes);
  }

  /** Interrupts what this process has not finished, and lets go of everything. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#stop('interrupted');
    await this.#running?.ended;
    clearInterval(this.#ticking);
    this.#store.close();
    this.#runtime.close();
    await (await this.#engine)?.close();
  }

  #enqueued(job: JobRecord): JobRecord {
    queueMicrotask(() => this.#tick());
    return job;
  }

  /** Begins the next job of the queue, if none runs. What the store cannot take now is tried again at the next tick. */
  #next(): void {
    if (this.#running || this.#closing) return;
    const id = this.#store.nextQueued();
    if (id === null || this.#unsaved.has(id)) return;
    const job = this.get(id);
    if (!this.#store.setState(id, { state: 'running', progress: null })) return;
    const stop = new AbortController();
    this.#progress = this.#progressShown = null;
    const ended = this.#run(job, stop.signal).finally(() => {
      this.#running = null;
      this.#tick();
    });
    this.#running = { id, stop, ended };
    this.#show();
  }

  async #run(job: JobRecord, signal: AbortSignal): Promise<void> {
    const cache = new Cache(this.#folders.cache, {
      hold: (folder) => this.#store.hold(job.id, folder),
      release: (folder) => this.#store.release(job.id, folder),
      makeRoom: (atLeast) => evict(this.#folders, this.#store, atLeast),
      evictable: () => evictable(this.#folders, this.#store),
    });
    const tidying: (() => Promise<void>)[] = [];
    let state: JobState;
    try {
      this.#engine ??= Engine.start(this.#workers);
      const engine = await this.#engine;
      state = await perform(job, {
        engine,
        cache,
        data: this.#folders.data,
        signal,
        show: (progress) => this.#take(progress),
        runtime: (profile, files) => this.#runtime.for(profile, files),
        letGo: () => this.#letGo(),
        afterwards: (work) => void tidying.push(work),
        keysIn: (place) => forShowing(() => this.#store.setKeyPlace(job.id, place)),
        framesIn: (places) => forShowing(() => this.#store.setFramePlaces(job.id, places)),
        showPreview: (frame, picture) => this.#showPreview(job.id, frame, picture),
        isWatched: () => this.events.listenerCount('preview') > 0,
      });
    } catch (error) {
      if (signal.aborted) {
        const { why } = signal.reason as Stopped;
        if (why === 'lost') return;
        state = why === 'paused' ? { state: why, progress: this.#progress } : { state: why };
      } else {
        const { code, message, remedy } = asFailure(error);
        if (code === 'internal') process.stderr.write(`${(error as Error).stack ?? String(error)}\n`);
        state = { state: 'failed', error: { code, message, remedy } };
        // A kernel that trapped leaves its team waiting for ever.
        if (!(error instanceof Failure)) this.#dropEngine();
      }
    }
    // Whoever resumes it right away must not be told how far this run was.
    this.#progress = this.#progressShown = null;
    this.#save(job.id, state);
    if (!this.#unsaved.has(job.id)) for (const tidy of tidying) await tidy().catch(() => undefined);
    await this.#leaveRoom().catch(() => undefined);
  }

  /** Within the budget, and with room on the disk for the list of jobs to take the next one. */
  async #leaveRoom(): Promise<void> {
    const lacking = SPARE_BYTES - (await freeBytes(this.#folders.data));
    await evict(this.#folders, this.#store, Math.max(0, lacking));
  }

  #letGo(): number {
    const bytes = this.#runtime.heldBytes;
    this.#runtime.close();
    return bytes;
  }

  #showPreview(job: string, frame: number, picture: () => Frame): void {
    if (this.events.listenerCount('preview') === 0 || performance.now() - this.#previewedAt < PREVIEW_MS) return;
    this.#previewedAt = performance.now();
    this.events.emit('preview', { job, frame, picture: picture() });
  }

  #dropEngine(): void {
    void this.#engine?.then((engine) => engine.close()).catch(() => undefined);
    this.#engine = null;
  }

  #stop(why: Stopped['why']): void {
    this.#running?.stop.abort(new Stopped(why));
  }

  #tick(): void {
    try {
      if (performance.now() - this.#beatAt >= BEAT_MS) {
        this.#store.beat();
        this.#beatAt = performance.now();
      }
      for (const [id, state] of this.#unsaved) {
        this.#store.setState(id, state);
        this.#unsaved.delete(id);
      }
      this.#next();
      this.#showProgress();
      for (const { id, asked } of this.#store.requests()) this.#obey(id, asked);
      this.#show();
    } catch {
      // A store that cannot be written now must not end a job that can go on; the next tick tries again.
    }
  }

  /** Listeners in this process hear of every stage, of its end, and often in between; other processes at the next tick. */
  #take(progress: Progress | TrainProgress): void {
    const news = progress.stage !== this.#progress?.stage || progress.done === progress.total;
    this.#progress = progress;
    if (!this.#running || (!news && performance.now() - this.#toldAt < TELL_MS)) return;
    this.#toldAt = performance.now();
    this.events.emit('job', { job: this.get(this.#running.id) });
  }

  #showProgress(): void {
    if (!this.#running) return;
    const { id } = this.#running;
    const news = this.#progress !== this.#progressShown;
    this.#progressShown = this.#progress;
    const mine = news
      ? this.#store.setState(id, { state: 'running', progress: this.#progress })
      : this.#store.ownerOf(id) === this.#store.owner;
    if (!mine) this.#stop('lost');
  }

  #save(id: string, state: JobState): void {
    try {
      this.#store.setState(id, state);
      this.#show();
    } catch {
      this.#unsaved.set(id, state);
      this.events.emit('job', { job: this.get(id) });
    }
  }

  #current = (job: JobRecord): JobRecord => {
    const unsaved = this.#unsaved.get(job.id);
    const running = job.state.state === 'running' && this.#running?.id === job.id;
    const state = unsaved ?? (running ? { state: 'running', progress: this.#progress } : job.state);
    // What this process holds for a job is of the job's kind.
    return { ...job, state } as JobRecord;
  };

  #show(): void {
    // In this order: what another process changes meanwhile is shown twice rather than never.
    const revision = this.#store.revision();
    const changed = this.#store.changedSince(this.#shownRevision);
    this.#shownRevision = revision;
    for (const job of changed) {
      // Of the one that runs here, #take tells more.
      if (job.state.state !== 'running' || job.id !== this.#running?.id) this.events.emit('job', { job });
    }
  }
}

/** Keeps what only shows how a job goes: a disk without room for that may have it for the job. */
function forShowing(keep: () => void): void {
  try {
    keep();
  } catch {
    // The job goes on unseen.
  }
}
