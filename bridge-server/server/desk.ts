import { Failure } from '../errors.ts';
import type { JobEvent, JobRecord, JobState } from '../jobs/job.ts';
import type { Jobs } from '../jobs/queue.ts';
import { encodeJpeg } from '../media/image.ts';
import type { JobView } from '../protocol/job.ts';
import type { RenderRequest } from '../protocol/request.ts';
import { confine, confineInputs, type Bounds } from './confine.ts';
import { allowedRoots } from './roots.ts';

/**
 * The jobs as clients may use them: in the form that goes over the wire, and within the folders that the user allowed. The jobs
 * are the install's, not a client's: every client sees all of them, those of the command line included.
 */
export class Desk {
  readonly #jobs: Jobs;
  readonly #configFolder: string;
  readonly #closed: readonly string[];
  #lastPreview: Promise<unknown> = Promise.resolve();

  /** `closed`: real paths that no job of a client may touch. */
  constructor(jobs: Jobs, configFolder: string, closed: readonly string[]) {
    this.#jobs = jobs;
    this.#configFolder = configFolder;
    this.#closed = closed;
  }

  async submit(request: RenderRequest, key: string): Promise<JobView> {
    return view(this.#jobs.submit(await this.#confined(request), key));
  }

  /** Newest first. */
  list(limit: number, before: string | null): { jobs: JobView[]; more: boolean } {
    const jobs = this.#jobs.list({ limit: limit + 1, before });
    return { jobs: jobs.slice(0, limit).map(view), more: jobs.length > limit };
  }

  cancel(id: string): JobView {
    return view(this.#jobs.cancel(id));
  }

  /** What was allowed when the job was made may no longer be; and jobs of the command line ask nobody. */
  async resume(id: string): Promise<JobView> {
    await this.#confined(this.#jobs.get(id).request);
    return view(this.#jobs.resume(id));
  }

  onChange(listener: (job: JobView) => void): () => void {
    const forward = ({ job }: JobEvent): void => listener(view(job));
    this.#jobs.events.on('job', forward);
    return () => this.#jobs.events.off('job', forward);
  }

  /** A repainted key as a JPEG of at most that width. One is made at a time: a whole picture is in memory for each. */
  preview(id: string, frame: number, width: number, signal: AbortSignal): Promise<Uint8Array> {
    const preview = this.#lastPreview.then(async () => {
      signal.throwIfAborted();
      await confineInputs(this.#jobs.get(id).request, await this.#bounds());
      const key = await this.#jobs.keyPicture(id, frame, signal);
      if (!key) throw new Failure('preview-missing', { frame });
      return await encodeJpeg(key, { width });
    });
    this.#lastPreview = preview.catch(() => undefined);
    return preview;
  }

  async #confined(request: RenderRequest): Promise<RenderRequest> {
    return await confine(request, await this.#bounds());
  }

  async #bounds(): Promise<Bounds> {
    return { roots: await allowedRoots(this.#configFolder), closed: this.#closed };
  }
}

function view({ id, createdAt, request, version, state }: JobRecord): JobView {
  return { id, createdAt, request, version, state: stateView(state) };
}

function stateView(state: JobState): JobView['state'] {
  if (state.state !== 'done') return state;
  const { output, frames, seconds, keys, notes } = state.result;
  return { state: 'done', result: { output, frames, seconds, keys: [...keys], notes: [...notes] } };
}
