import { Failure } from '../errors.ts';
import type { JobEvent, JobRecord, PreviewEvent, RenderJob, Task, TrainJob } from '../jobs/job.ts';
import type { Jobs } from '../jobs/queue.ts';
import { outputPath, versioned } from '../jobs/version.ts';
import { encodeJpeg } from '../media/image.ts';
import { withNamedLoras } from '../models/prompt-loras.ts';
import type { ModelStore } from '../models/store.ts';
import type {
  ControlQuestion,
  FolderView,
  FrameQuestion,
  KeysAnswer,
  ModelsView,
  SourceFacts,
} from '../protocol/http.ts';
import type { JobView, RenderJobView, ReportView, TrainingView, TrainJobView } from '../protocol/job.ts';
import type { AddingView, PreviewView } from '../protocol/messages.ts';
import type { PlannedKeys, RenderRequest } from '../protocol/request.ts';
import type { TrainEstimate, TrainFramesAnswer, TrainFramesQuestion, TrainRequest } from '../protocol/train-request.ts';
import { browse } from './browse.ts';
import {
  type Bounds,
  confine,
  confineInput,
  confineMap,
  confineShown,
  confineSource,
  confineTraining,
  confineClips,
  confineModel,
} from './confine.ts';
import { ControlView } from './control-view.ts';
import { Gallery } from './gallery.ts';
import { KeyPlans } from './key-plans.ts';
import { OpenClips } from './open-clips.ts';
import { allowedRoots } from './roots.ts';
import { Shelf } from './shelf.ts';
import { SideEngine } from './side-engine.ts';
import { TrainingViews } from './training-view.ts';

/** What comes while a picture is painted is a pixel for each cell of its latent: hardly ever more. */
const PREVIEW_WIDTH = 256;

type Source = RenderRequest['source'];

/** What clients are told unasked. */
export type Listeners = {
  readonly job: (job: JobView) => void;
  /** Only for jobs that run in this process. */
  readonly preview: (preview: PreviewView) => void;
  readonly adding: (adding: AddingView) => void;
};

/**
 * The jobs as clients may use them: in the form that goes over the wire, and within the folders that the user allowed. The jobs
 * are the install's, not a client's: every client sees all of them, those of the command line included.
 */
export class Desk {
  readonly #jobs: Jobs;
  readonly #configFolder: string;
  readonly #closed: readonly string[];
  readonly #models: ModelStore;
  readonly #shelf: Shelf;
  readonly #clips = new OpenClips();
  readonly #side = new SideEngine();
  readonly #gallery: Gallery;
  readonly #controls = new ControlView();
  readonly #keyPlans: KeyPlans;
  readonly #trainings: TrainingViews;
  #lastPreview: Promise<unknown> = Promise.resolve();

  /** `closed`: real paths that no job of a client may touch, except to read one of the `models` that the user keeps. */
  constructor(jobs: Jobs, configFolder: string, closed: readonly string[], models: ModelStore) {
    this.#jobs = jobs;
    this.#configFolder = configFolder;
    this.#closed = closed;
    this.#models = models;
    this.#shelf = new Shelf(models, jobs);
    this.#gallery = new Gallery(jobs, this.#clips);
    this.#keyPlans = new KeyPlans(jobs, this.#clips, this.#side);
    this.#trainings = new TrainingViews(this.#clips, this.#side);
  }

  /** Ends what is computed beside the jobs. Jobs and models are the caller's to close. */
  async close(): Promise<void> {
    this.#shelf.close();
    await this.#controls.close();
    await this.#keyPlans.close();
    await this.#trainings.close();
    await this.#side.close();
    await this.#clips.close();
  }

  // Jobs

  async submit(request: RenderRequest, key: string): Promise<JobView> {
    return await this.#submit({ kind: 'render', request: await this.#named(request) }, key);
  }

  train(request: TrainRequest, key: string): Promise<JobView> {
    return this.#submit({ kind: 'train', request }, key);
  }

  async #submit(task: Task, key: string): Promise<JobView> {
    // Who asks again is not measured by what its own job takes meanwhile.
    const known = this.#jobs.known(key);
    if (known) return view(known);
    const confined = await this.#confined(task);
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
    await this.#confined(this.#jobs.get(id));
    return view(this.#jobs.resume(id));
  }

  /** Goes on with what panels asked of a bridge that ended before it was done. What is no longer allowed waits for the user's word. */
  async takeUp(): Promise<void> {
    for (const id of this.#jobs.left()) await this.resume(id).catch(() => undefined);
  }

  /** Failures: job-unknown, report-missing. */
  report(id: string): ReportView {
    const { state } = this.#jobs.render(id);
    if (state.state !== 'done') throw new Failure('report-missing', { id });
    const { range, advice, stability } = state.result;
    const { expectedErrors, worst, proposals } = advice ?? { expectedErrors: [], worst: [], proposals: [] };
    return {
      ...range,
      expectedErrors: [...expectedErrors],
      ...{ worst: [...worst], proposals: [...proposals] },
      stability: stability.map(({ from, to, keys, frames }) => ({
        ...{ from, to },
        keys: { ...keys, series: [...keys.series] },
        frames: { ...frames, series: [...frames.series] },
      })),
    };
  }

  /** Returns what ends it. */
  onChange(listeners: Listeners): () => void {
    const onJob = ({ job }: JobEvent): void => listeners.job(view(job));
    const onPreview = ({ job, frame, picture }: PreviewEvent): void => {
      encodeJpeg(picture, { width: PREVIEW_WIDTH }).then(
        (jpeg) => listeners.preview({ job, frame, jpeg: jpeg.toString('base64') }),
        // It is only for looking at; the next one comes.
        () => undefined,
      );
    };
    this.#jobs.events.on('job', onJob).on('preview', onPreview);
    this.#shelf.events.on('adding', listeners.adding);
    return () => {
      this.#jobs.events.off('job', onJob).off('preview', onPreview);
      this.#shelf.events.off('adding', listeners.adding);
    };
  }

  // Pictures, each a JPEG of at most that width

  /** A repainted key. One is made at a time: a whole picture is in memory for each. */
  preview(id: string, frame: number, width: number, signal: AbortSignal): Promise<Uint8Array> {
    const preview = this.#lastPreview.then(async () => {
      signal.throwIfAborted();
      await confineShown(this.#jobs.render(id).request, await this.#bounds());
      const key = await this.#jobs.keyPicture(id, frame, signal);
      if (!key) throw new Failure('preview-missing', { frame });
      return await encodeJpeg(key, { width });
    });
    this.#lastPreview = preview.catch(() => undefined);
    return preview;
  }

  /** A frame of a job's source, or of what became of it: see Gallery. */
  async jobFrame(
    id: string,
    frame: number,
    { of, width }: { of: 'source' | 'result'; width: number },
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const job = this.#jobs.render(id);
    const source = await this.#source(job.request.source);
    if (of === 'source') return this.#gallery.ofSource(source, frame, width, signal);
    await confineInput(outputPath(versioned(job)), await this.#bounds());
    return this.#gallery.ofResult(job, frame, width, signal);
  }

  async frame({ source, frame, width }: FrameQuestion, signal: AbortSignal): Promise<Uint8Array> {
    return this.#gallery.ofSource(await this.#source(source), frame, width, signal);
  }

  /** An image of the user's. Failures: path-outside-roots, and those of reading it. */
  async picture(path: string, width: number, signal: AbortSignal): Promise<Uint8Array> {
    return this.#gallery.ofImage(await confineInput(path, await this.#bounds()), width, signal);
  }

  async controlMap(asked: ControlQuestion, signal: AbortSignal): Promise<Uint8Array> {
    const map = await confineMap(asked.map, await this.#bounds());
    return this.#controls.ofFrame({ ...asked, source: await this.#source(asked.source), map }, signal);
  }

  // Trainings

  /** Which frames a training would choose by itself: see TrainingViews. */
  async trainFrames(asked: TrainFramesQuestion, signal: AbortSignal): Promise<TrainFramesAnswer> {
    const bounds = await this.#bounds();
    const clips = await confineClips(asked.clips, bounds);
    return this.#trainings.frames({ ...asked, clips, model: await confineModel(asked.model, bounds) }, signal);
  }

  /** What a training would take. Failures: those of confineTraining and estimateOf. */
  async trainEstimate(asked: TrainRequest, signal: AbortSignal): Promise<TrainEstimate> {
    const request = await confineTraining(asked, await this.#bounds());
    return this.#trainings.estimate(request, process.availableMemory() + this.#jobs.heldBytes, signal);
  }

  /** What is known of a training. Failures: job-unknown, job-kind, path-outside-roots. */
  async training(id: string): Promise<TrainingView> {
    return this.#trainings.report((await this.#training(id)).folder);
  }

  async trainingExample(id: string, number: number, width: number, signal: AbortSignal): Promise<Uint8Array> {
    const { request, folder } = await this.#training(id);
    return this.#trainings.example(request, folder, number, width, signal);
  }

  async trainingSample(id: string, step: number, width: number, signal: AbortSignal): Promise<Uint8Array> {
    const { folder } = await this.#training(id);
    return this.#trainings.sample(folder, step, width, signal);
  }

  /** Jobs of the command line ask nobody where they may read and write. */
  async #training(id: string): Promise<{ readonly request: TrainRequest; readonly folder: string }> {
    const { job, folder } = this.#jobs.training(id);
    return { request: await confineTraining(job.request, await this.#bounds()), folder };
  }

  // Sources

  async sourceFacts(asked: Source): Promise<SourceFacts> {
    const { clip } = await this.#clips.get(await this.#source(asked));
    const { range, width, height, rate, notes } = clip;
    return { ...range, width, height, rate, notes: [...notes] };
  }

  async keys(source: Source, keys: PlannedKeys, signal: AbortSignal): Promise<KeysAnswer> {
    return this.#keyPlans.ask(await this.#source(source), keys, signal);
  }

  /** What may be painted in a folder; null: the allowed folders. Failures: path-outside-roots. */
  async folder(path: string | null): Promise<FolderView> {
    return await browse(path, await this.#bounds());
  }

  // Models

  models(): Promise<ModelsView> {
    return this.#shelf.list();
  }

  /** See Shelf. */
  async addModel(from: string): Promise<{ id: string }> {
    return { id: await this.#shelf.add(from, await this.#bounds()) };
  }

  removeModel(path: string): Promise<{ path: string; deleted: boolean }> {
    return this.#shelf.remove(path);
  }

  adding(): readonly AddingView[] {
    return this.#shelf.adding();
  }

  /** With the LoRAs that its prompt names. */
  async #named(request: RenderRequest): Promise<RenderRequest> {
    const { look } = request;
    if (look.kind !== 'diffusion') return request;
    return { ...request, look: await withNamedLoras(look, async (name) => (await this.#models.find(name)).path) };
  }

  async #confined(task: Task): Promise<Task> {
    const bounds = await this.#bounds();
    return task.kind === 'render'
      ? { kind: task.kind, request: await confine(task.request, bounds) }
      : { kind: task.kind, request: await confineTraining(task.request, bounds) };
  }

  async #source(source: Source): Promise<Source> {
    return await confineSource(source, await this.#bounds());
  }

  async #bounds(): Promise<Bounds> {
    return {
      roots: await allowedRoots(this.#configFolder),
      closed: this.#closed,
      models: () => this.#models.paths(),
    };
  }
}

function view(job: JobRecord): JobView {
  const { id, createdAt, version, place } = job;
  const common = { id, createdAt, version, place };
  return job.kind === 'render'
    ? { ...common, kind: job.kind, request: job.request, state: renderView(job.state) }
    : { ...common, kind: job.kind, request: job.request, state: trainView(job.state) };
}

function renderView(state: RenderJob['state']): RenderJobView['state'] {
  if (state.state !== 'done') return state;
  const { output, frames, seconds, keys, notes, advice } = state.result;
  const weak = advice && { worst: [...advice.worst], proposals: [...advice.proposals] };
  return { state: 'done', result: { output, frames, seconds, keys: [...keys], notes: [...notes], advice: weak } };
}

function trainView(state: TrainJob['state']): TrainJobView['state'] {
  if (state.state !== 'done') return state;
  const { output, examples, steps, seconds, loss, notes } = state.result;
  return { state: 'done', result: { output, examples, steps, seconds, loss, notes: [...notes] } };
}
