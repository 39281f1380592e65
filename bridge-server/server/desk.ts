import { Failure } from '../errors.ts';
import type { JobEvent, JobRecord, JobState, PreviewEvent } from '../jobs/job.ts';
import type { Jobs } from '../jobs/queue.ts';
import { kindOfNet } from '../control/kinds.ts';
import { usualSampling } from '../diffusion/usual-sampling.ts';
import { encodeJpeg } from '../media/image.ts';
import { withNamedLoras } from '../models/prompt-loras.ts';
import { CATALOGUE } from '../models/catalogue.ts';
import { HUB } from '../models/hub.ts';
import type { ModelStore, StoredModel } from '../models/store.ts';
import type { FolderView, ModelsView } from '../protocol/http.ts';
import type { JobView } from '../protocol/job.ts';
import type { PreviewView } from '../protocol/messages.ts';
import type { RenderRequest } from '../protocol/request.ts';
import { FAMILY_NAMES } from '../weights/family.ts';
import { browse } from './browse.ts';
import { confine, confineInputs, type Bounds } from './confine.ts';
import { allowedRoots } from './roots.ts';

/** What comes while a picture is painted is a pixel for each cell of its latent: hardly ever more. */
const PREVIEW_WIDTH = 256;

/** The models that the user keeps. */
type Models = Pick<ModelStore, 'list' | 'paths' | 'find'>;

/**
 * The jobs as clients may use them: in the form that goes over the wire, and within the folders that the user allowed. The jobs
 * are the install's, not a client's: every client sees all of them, those of the command line included.
 */
export class Desk {
  readonly #jobs: Jobs;
  readonly #configFolder: string;
  readonly #closed: readonly string[];
  readonly #models: Models | null;
  #lastPreview: Promise<unknown> = Promise.resolve();

  /** `closed`: real paths that no job of a client may touch, except to read one of the `models` that the user keeps. */
  constructor(jobs: Jobs, configFolder: string, closed: readonly string[], models: Models | null = null) {
    this.#jobs = jobs;
    this.#configFolder = configFolder;
    this.#closed = closed;
    this.#models = models;
  }

  async submit(request: RenderRequest, key: string): Promise<JobView> {
    const confined = await this.#confined(await this.#named(request));
    await this.#jobs.check(confined);
    return view(this.#jobs.submit(confined, key));
  }

  /** Newest first. */
  list(limit: number, before: string | null): { jobs: JobView[]; more: boolean } {
    const jobs = this.#jobs.list({ limit: limit + 1, before });
    return { jobs: jobs.slice(0, limit).map(view), more: jobs.length > limit };
  }

  cancel(id: string): JobView {
    return view(this.#jobs.cancel(id));
  }

  pause(id: string): JobView {
    return view(this.#jobs.pause(id));
  }

  move(id: string, before: string | null): JobView {
    return view(this.#jobs.move(id, before));
  }

  /** What was allowed when the job was made may no longer be; and jobs of the command line ask nobody. */
  async resume(id: string): Promise<JobView> {
    await this.#confined(this.#jobs.get(id).request);
    return view(this.#jobs.resume(id));
  }

  /** `preview` comes only for jobs that run in this process. Returns what ends it. */
  onChange(listeners: { job: (job: JobView) => void; preview: (preview: PreviewView) => void }): () => void {
    const onJob = ({ job }: JobEvent): void => listeners.job(view(job));
    const onPreview = ({ job, frame, picture }: PreviewEvent): void => {
      void encodeJpeg(picture, { width: PREVIEW_WIDTH }).then((jpeg) =>
        listeners.preview({ job, frame, jpeg: jpeg.toString('base64') }),
      );
    };
    this.#jobs.events.on('job', onJob).on('preview', onPreview);
    return () => this.#jobs.events.off('job', onJob).off('preview', onPreview);
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

  /** What may be painted in a folder; null: the allowed folders. Failures: path-outside-roots. */
  async folder(path: string | null): Promise<FolderView> {
    return await browse(path, await this.#bounds());
  }

  /** What the user keeps that can be used, and what can be fetched. */
  async models(): Promise<ModelsView> {
    const models = (await this.#models?.list()) ?? [];
    return { models: models.flatMap(modelView), offered: OFFERED };
  }

  /** With the LoRAs that its prompt names. */
  async #named(request: RenderRequest): Promise<RenderRequest> {
    const [{ look }, models] = [request, this.#models];
    if (look.kind !== 'diffusion' || !models) return request;
    return { ...request, look: await withNamedLoras(look, async (name) => (await models.find(name)).path) };
  }

  async #confined(request: RenderRequest): Promise<RenderRequest> {
    return await confine(request, await this.#bounds());
  }

  async #bounds(): Promise<Bounds> {
    return {
      roots: await allowedRoots(this.#configFolder),
      closed: this.#closed,
      models: () => this.#models?.paths() ?? Promise.resolve([]),
    };
  }
}

function modelView({ path, name, bytes, identity }: StoredModel): ModelsView['models'] {
  if (!identity) return [];
  const { kind, variant } = identity;
  return [
    {
      ...{ path, name, kind, bytes },
      family: identity.family && FAMILY_NAMES[identity.family],
      ...(kind === 'checkpoint' ? usualSampling(variant) : { steps: null, guidance: null }),
      control: kind === 'controlnet' ? kindOfNet(name) : null,
    },
  ];
}

const OFFERED: ModelsView['offered'] = CATALOGUE.map(({ name, what, kind, family, bytes, repository }) => ({
  ...{ name, what, kind, bytes },
  family: FAMILY_NAMES[family],
  source: `${HUB}/${repository}`,
}));

function view({ id, createdAt, request, version, state, place }: JobRecord): JobView {
  return { id, createdAt, request, version, state: stateView(state), place };
}

function stateView(state: JobState): JobView['state'] {
  if (state.state !== 'done') return state;
  const { output, frames, seconds, keys, notes, advice } = state.result;
  const weak = advice && { worst: [...advice.worst], proposals: [...advice.proposals] };
  return { state: 'done', result: { output, frames, seconds, keys: [...keys], notes: [...notes], advice: weak } };
}
