import type { RenderJobView } from '../bridge-server/protocol/job.ts';
import type { RenderRequest } from '../bridge-server/protocol/request.ts';
import type { Connection } from './bridge/connection.ts';
import { Disconnected } from './bridge/problem.ts';
import type { Host, Memory, Spot, Version } from './host/host.ts';
import { troubleOf, type Trouble } from './trouble.ts';
import { isRender } from './versions.ts';

/** What was asked for from this panel, from the click to the clip on the timeline. */
export type Render = {
  /** The bridge knows the job by it, so that asking twice is asking once. */
  readonly key: string;
  readonly name: string;
  readonly request: RenderRequest;
  readonly spot: Spot | null;
  /** Null until the bridge has taken it. */
  readonly job: string | null;
  readonly end:
    | { readonly kind: 'open' }
    | { readonly kind: 'placed'; readonly where: string }
    /** Another version took its place. */
    | { readonly kind: 'replaced' }
    | ({ readonly kind: 'stopped' } & Trouble);
};

const MEMORY = 'pentimento.renders';
/** How many are remembered of those that are over. */
const KEPT = 50;

/**
 * The renders of this panel. They outlive it: whatever is missing, be it the bridge's answer, its result or the place on the
 * timeline, is done by the next panel that opens, and nothing is done twice.
 */
export class Renders {
  readonly #connection: Connection;
  readonly #host: Host;
  readonly #memory: Memory;
  readonly #listeners = new Set<() => void>();
  readonly #busy = new Set<string>();
  #all: readonly Render[];
  /** One at a time: two results for one spot must see each other. */
  #placing: Promise<void> = Promise.resolve();

  constructor(connection: Connection, host: Host, memory: Memory) {
    this.#connection = connection;
    this.#host = host;
    this.#memory = memory;
    this.#all = remembered(memory);
    for (const render of this.#all) if (render.job === null && render.end.kind === 'open') void this.#submit(render);
    connection.onChange(() => this.#placeFinished());
    this.#placeFinished();
  }

  /** Newest first. */
  get all(): readonly Render[] {
    return this.#all;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  start(name: string, request: RenderRequest, spot: Spot | null): void {
    const render: Render = { key: crypto.randomUUID(), name, request, spot, job: null, end: { kind: 'open' } };
    const over = this.#all.filter(({ end }) => end.kind !== 'open').slice(KEPT);
    this.#become([render, ...this.#all.filter((one) => !over.includes(one))]);
    void this.#submit(render);
  }

  /** The clip that a job was painted for; null when this panel did not ask for it, or where there is no timeline. */
  spotOf(job: string): Spot | null {
    return this.#all.find((render) => render.job === job)?.spot ?? null;
  }

  /** Puts a version in the place of another one on the timeline. Resolves with what went wrong, or null. */
  swap(there: Version, by: Version): Promise<Trouble | null> {
    const swapped = this.#placing.then(async () => {
      try {
        const { where } = await this.#host.swap(there, by);
        this.#become(
          this.#all.map((render) => {
            if (render.job === by.job) return { ...render, end: { kind: 'placed', where } };
            return render.job === there.job ? { ...render, end: { kind: 'replaced' } } : render;
          }),
        );
        return null;
      } catch (error) {
        return troubleOf(error);
      }
    });
    this.#placing = swapped.then(() => undefined);
    return swapped;
  }

  /** Once more, after it did not work or the user took it away. */
  placeAgain(key: string): void {
    this.#change(key, { end: { kind: 'open' } });
    this.#placeFinished();
  }

  /** Takes it off the list; what became of it stays. */
  forget(key: string): void {
    this.#become(this.#all.filter((render) => render.key !== key));
  }

  async #submit({ key, request }: Render): Promise<void> {
    try {
      this.#change(key, { job: (await this.#connection.submit(key, request)).id });
      this.#placeFinished();
    } catch (error) {
      this.#stop(key, error);
    }
  }

  #placeFinished(): void {
    for (const render of this.#all) {
      const job = this.#connection.jobs.filter(isRender).find(({ id }) => id === render.job);
      if (render.end.kind !== 'open' || render.spot === null || job?.state.state !== 'done') continue;
      if (this.#busy.has(render.key)) continue;
      this.#busy.add(render.key);
      this.#placing = this.#placing.then(() => this.#place(render, render.spot!, job));
    }
  }

  async #place({ key }: Render, spot: Spot, job: RenderJobView): Promise<void> {
    try {
      if (job.state.state !== 'done') return;
      const result = { job: job.id, path: job.state.result.output, request: job.request };
      const { where } = await this.#host.place(result, spot);
      this.#change(key, { end: { kind: 'placed', where } });
    } catch (error) {
      this.#stop(key, error);
    } finally {
      this.#busy.delete(key);
    }
  }

  #stop(key: string, error: unknown): void {
    if (error instanceof Disconnected) return;
    this.#change(key, { end: { kind: 'stopped', ...troubleOf(error) } });
  }

  #change(key: string, changes: Partial<Render>): void {
    this.#become(this.#all.map((render) => (render.key === key ? { ...render, ...changes } : render)));
  }

  #become(all: readonly Render[]): void {
    this.#all = all;
    this.#memory.setItem(MEMORY, JSON.stringify(all));
    for (const listener of this.#listeners) listener();
  }
}

function remembered(memory: Memory): readonly Render[] {
  try {
    const stored: unknown = JSON.parse(memory.getItem(MEMORY) ?? '[]');
    return Array.isArray(stored) ? (stored as Render[]) : [];
  } catch {
    return [];
  }
}
