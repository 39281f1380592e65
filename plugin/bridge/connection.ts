import type {
  ControlQuestion,
  FolderView,
  InstalledModel,
  KeysAnswer,
  OfferedModel,
  SourceFacts,
} from '../../bridge-server/protocol/http.ts';
import type { FailureView, JobView, ReportView, TrainingView } from '../../bridge-server/protocol/job.ts';
import type { AddingView } from '../../bridge-server/protocol/messages.ts';
import type { PlannedKeys, RenderRequest } from '../../bridge-server/protocol/request.ts';
import type {
  TrainEstimate,
  TrainFramesAnswer,
  TrainFramesQuestion,
  TrainRequest,
} from '../../bridge-server/protocol/train-request.ts';
import { base64 } from './base64.ts';
import { findBridge } from './find.ts';
import { Link, pairWith, type Asked } from './link.ts';
import { Disconnected, Refused, type ConnectionProblem } from './problem.ts';
import type { TokenStore } from './token.ts';

export type ConnectionState =
  | { readonly kind: 'looking' }
  | { readonly kind: 'connected'; readonly version: string }
  | { readonly kind: 'problem'; readonly problem: ConnectionProblem };

export type ConnectionOptions = {
  /** Looked at in this order. */
  readonly ports: readonly number[];
  readonly tokens: TokenStore;
  /** Waits between two attempts, in milliseconds; the last one repeats. */
  readonly retryMs?: readonly number[];
};

const RETRY_MS = [500, 1000, 2000, 5000];
/** The protocol's most in one answer, and how many jobs a panel knows. */
const PAGE = 50;
const KNOWN = 500;

export type Models = { readonly models: readonly InstalledModel[]; readonly offered: readonly OfferedModel[] };

/** A job that is asked for. */
type Order = Extract<Asked, { key: string }>;

type Unsent = {
  readonly order: Order;
  readonly resolve: (job: JobView) => void;
  readonly reject: (error: Error) => void;
};

/**
 * The panel's end of the bridge: found, kept, found again when it drops, and the jobs as they are. What was submitted while it is
 * away is submitted when it is back: the bridge takes the same key for the same job, so nothing is ever rendered twice.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #listeners = new Set<() => void>();
  readonly #unsent = new Map<string, Unsent>();
  #state: ConnectionState = { kind: 'looking' };
  #jobs: readonly JobView[] = [];
  #previews: ReadonlyMap<string, string> = new Map();
  #adding: readonly AddingView[] = [];
  #link: Link | null = null;
  #token: string | null = null;
  #port: number | null = null;
  #retry: ReturnType<typeof setTimeout> | null = null;
  #failures = 0;
  #attempt = 0;
  #closed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    void this.lookNow();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Newest first. */
  get jobs(): readonly JobView[] {
    return this.#jobs;
  }

  /** What a key of each running job is becoming: the latest picture, as an address for an image. */
  get previews(): ReadonlyMap<string, string> {
    return this.#previews;
  }

  /** The models that are being added, and those that could not be, in the order in which they were asked for. */
  get adding(): readonly AddingView[] {
    return this.#adding;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Looks for the bridge at once instead of at the next attempt. */
  async lookNow(): Promise<void> {
    if (this.#closed || this.#link) return;
    if (this.#retry) clearTimeout(this.#retry);
    this.#attempt += 1;
    const attempt = this.#attempt;
    const overtaken = (): boolean => this.#closed || this.#link !== null || attempt !== this.#attempt;
    try {
      await this.#connect(overtaken);
    } catch (error) {
      if (overtaken()) return;
      if (!(error instanceof Disconnected)) throw error;
      this.#fail(error.problem);
    }
  }

  /** Trades the code that the bridge shows for its token. Throws Disconnected, which says what was wrong. */
  async pair(code: string): Promise<void> {
    if (this.#port === null) throw new Disconnected({ kind: 'not-running', taken: [] });
    await this.#options.tokens.keep(await pairWith(this.#port, code));
    this.#failures = 0;
    await this.lookNow();
  }

  /** Resolves when the bridge has taken it, however long the bridge is away. Throws Refused. `key`: see the protocol. */
  submit(key: string, request: RenderRequest): Promise<JobView> {
    return this.#order({ type: 'submit', key, request });
  }

  /** The same for a LoRA that is to be trained. */
  train(key: string, request: TrainRequest): Promise<JobView> {
    return this.#order({ type: 'train', key, request });
  }

  /** Throws Refused or Disconnected. */
  async cancel(job: string): Promise<void> {
    await this.#askJob({ type: 'cancel', job });
  }

  /** What it made is kept. Throws Refused or Disconnected. */
  async pause(job: string): Promise<void> {
    await this.#askJob({ type: 'pause', job });
  }

  /** A queued job before another one, or (null) to the end of the queue. Throws Refused or Disconnected. */
  async move(job: string, before: string | null): Promise<void> {
    await this.#askJob({ type: 'move', job, before });
  }

  /** Goes on with a paused, interrupted, failed or cancelled job. Throws Refused or Disconnected. */
  async resume(job: string): Promise<void> {
    await this.#askJob({ type: 'resume', job });
  }

  /** The repainted key as an address for an image; null when there is none, or nobody to ask. */
  async keyPicture(job: string, frame: number, width: number): Promise<string | null> {
    return await this.#picture(`/v1/jobs/${job}/keys/${frame}.jpg?width=${width}`);
  }

  /** A frame of a job, counted as its source's are, as an address for an image; null when there is none (yet). */
  async framePicture(job: string, of: 'source' | 'result', frame: number, width: number): Promise<string | null> {
    return await this.#picture(`/v1/jobs/${job}/frames/${frame}.jpg?of=${of}&width=${width}`);
  }

  /** What a source is, as the bridge reads it. Throws Refused or Disconnected. */
  async sourceFacts(source: RenderRequest['source']): Promise<SourceFacts> {
    return (await this.#post('/v1/source', { source })) as SourceFacts;
  }

  /** A frame of a source that has no job yet, as an address for an image. Throws Refused or Disconnected. */
  async sourcePicture(source: RenderRequest['source'], frame: number, width: number): Promise<string> {
    const response = await this.#answerTo('/v1/frame', { source, frame, width });
    return pictureAddress(await response.arrayBuffer());
  }

  /** What a ControlNet would be shown of a frame, as an address for an image. Throws Refused or Disconnected. */
  async mapPicture(question: ControlQuestion): Promise<string> {
    const response = await this.#answerTo('/v1/control', question);
    return pictureAddress(await response.arrayBuffer());
  }

  /** The keys that a shot would get, or how far it is looked through: then to be asked again. Throws Refused or Disconnected. */
  async plannedKeys(source: RenderRequest['source'], keys: PlannedKeys): Promise<KeysAnswer> {
    return (await this.#post('/v1/keys', { source, keys })) as KeysAnswer;
  }

  /** The frames that a training would choose, or how far they are looked for: then to be asked again. Throws Refused or Disconnected. */
  async trainFrames(question: TrainFramesQuestion): Promise<TrainFramesAnswer> {
    return (await this.#post('/v1/train/frames', question)) as TrainFramesAnswer;
  }

  /** What a training would take, about. Throws Refused, as when it is submitted, or Disconnected. */
  async trainEstimate(request: TrainRequest): Promise<TrainEstimate> {
    return (await this.#post('/v1/train/estimate', { request })) as TrainEstimate;
  }

  /** An image of the user's, as an address for one. Throws Refused or Disconnected. */
  async imagePicture(path: string, width: number): Promise<string> {
    const response = await this.#answerTo('/v1/picture', { path, width });
    return pictureAddress(await response.arrayBuffer());
  }

  /** What is known of a training so far; null when there is nothing, or nobody to ask. */
  async training(job: string): Promise<TrainingView | null> {
    return (await this.#get(`/v1/jobs/${job}/training`)) as TrainingView | null;
  }

  /** A picture that is trained on, as an address for an image; null when there is none, or nobody to ask. */
  async examplePicture(job: string, example: number, width: number): Promise<string | null> {
    return await this.#picture(`/v1/jobs/${job}/training/examples/${example}.jpg?width=${width}`);
  }

  /** What a LoRA painted after so many steps, as an address for an image; null when there is none, or nobody to ask. */
  async samplePicture(job: string, step: number, width: number): Promise<string | null> {
    return await this.#picture(`/v1/jobs/${job}/training/samples/${step}.jpg?width=${width}`);
  }

  /** What is known of a finished job, frame by frame; null when there is none, or nobody to ask. */
  async report(job: string): Promise<ReportView | null> {
    return (await this.#get(`/v1/jobs/${job}/report`)) as ReportView | null;
  }

  /** What is installed and what can be fetched by name; nothing while there is nobody to ask. */
  async models(): Promise<Models> {
    return ((await this.#get('/v1/models')) as Models | null) ?? { models: [], offered: [] };
  }

  /** Adds a model: a path, an address, or the name of one that is offered. `adding` tells the rest. Throws Refused or Disconnected. */
  async addModel(from: string): Promise<void> {
    const { id } = (await this.#post('/v1/models', { from })) as { id: string };
    if (!this.#adding.some((one) => one.id === id)) {
      this.#takeAdding({ id, from, done: 0, total: null, state: 'running', error: null });
    }
  }

  /** A model of the list, by its path: what was downloaded or trained is deleted, all others forgotten. Throws Refused or Disconnected. */
  async removeModel(path: string): Promise<void> {
    await this.#post('/v1/models/remove', { path });
  }

  /** One that could not be added has been read about. */
  dismiss(adding: string): void {
    this.#adding = this.#adding.filter(({ id }) => id !== adding);
    this.#tell();
  }

  /** What may be painted in a folder, or the allowed folders; null when it is closed, or nobody is there to ask. */
  async folder(path: string | null): Promise<FolderView | null> {
    return (await this.#get(
      `/v1/folder${path === null ? '' : `?path=${encodeURIComponent(path)}`}`,
    )) as FolderView | null;
  }

  close(): void {
    this.#closed = true;
    if (this.#retry) clearTimeout(this.#retry);
    this.#link?.close();
  }

  async #connect(overtaken: () => boolean): Promise<void> {
    const token = await this.#options.tokens.read();
    const found = await findBridge(this.#options.ports, token);
    if (overtaken()) return;
    if ('kind' in found) throw new Disconnected(found);
    this.#port = found.port;
    if (token === null || !found.paired) throw new Disconnected({ kind: 'not-paired' });
    const link = await Link.open(found.port, token, {
      onJob: (job) => this.#takeJob(job),
      onPreview: ({ job, jpeg }) => {
        this.#previews = new Map(this.#previews).set(job, `data:image/jpeg;base64,${jpeg}`);
        this.#tell();
      },
      onAdding: (adding) => this.#takeAdding(adding),
      onEnd: (problem) => {
        this.#link = null;
        this.#adding = this.#adding.filter(({ state }) => state !== 'running');
        this.#fail(problem);
      },
    });
    if (overtaken()) return link.close();
    this.#link = link;
    this.#token = token;
    // First what comes from now on, then what there is: nothing falls between the two.
    await link.ask({ type: 'subscribe' });
    this.#jobs = await listJobs(link);
    this.#failures = 0;
    this.#become({ kind: 'connected', version: link.version });
    for (const unsent of this.#unsent.values()) void this.#send(unsent);
  }

  #order(order: Order): Promise<JobView> {
    return new Promise((resolve, reject) => {
      const unsent = { order, resolve, reject };
      this.#unsent.set(order.key, unsent);
      void this.#send(unsent);
    });
  }

  async #send(unsent: Unsent): Promise<void> {
    if (this.#state.kind !== 'connected') return;
    const { order } = unsent;
    try {
      unsent.resolve(await this.#askJob(order));
      this.#unsent.delete(order.key);
    } catch (error) {
      // Whether it arrived is not known: it is sent again under the same key.
      if (!(error instanceof Refused)) return;
      this.#unsent.delete(order.key);
      unsent.reject(error);
    }
  }

  async #askJob(question: Asked): Promise<JobView> {
    const problem = this.#state.kind === 'problem' ? this.#state.problem : ({ kind: 'lost' } as const);
    if (!this.#link) throw new Disconnected(problem);
    const answer = await this.#link.ask(question);
    if (answer.type !== 'accepted') throw new Disconnected({ kind: 'lost' });
    this.#takeJob(answer.job);
    return answer.job;
  }

  async #fetch(path: string, init: RequestInit = {}): Promise<Response | null> {
    if (this.#port === null || this.#token === null) return null;
    const headers = { authorization: `Bearer ${this.#token}`, ...init.headers };
    return await fetch(`http://127.0.0.1:${this.#port}${path}`, { ...init, headers }).catch(() => null);
  }

  async #get(path: string): Promise<unknown> {
    const response = await this.#fetch(path);
    return response?.status === 200 ? await response.json() : null;
  }

  /** Throws Refused or Disconnected. */
  async #post(path: string, body: unknown): Promise<unknown> {
    return await (await this.#answerTo(path, body)).json();
  }

  /** Throws Refused or Disconnected. */
  async #answerTo(path: string, body: unknown): Promise<Response> {
    const headers = { 'content-type': 'application/json' };
    const response = await this.#fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response) throw new Disconnected({ kind: 'lost' });
    if (response.status >= 400) throw new Refused((await response.json()) as FailureView);
    return response;
  }

  async #picture(path: string): Promise<string | null> {
    const response = await this.#fetch(path);
    // The token cannot stand in an image's address.
    return response?.status === 200 ? pictureAddress(await response.arrayBuffer()) : null;
  }

  #takeAdding(adding: AddingView): void {
    const known = this.#adding.some(({ id }) => id === adding.id);
    const all = known ? this.#adding.map((one) => (one.id === adding.id ? adding : one)) : [...this.#adding, adding];
    this.#adding = all.filter(({ state }) => state !== 'done');
    this.#tell();
  }

  #takeJob(job: JobView): void {
    if (job.state.state !== 'running') this.#previews = new Map([...this.#previews].filter(([id]) => id !== job.id));
    const known = this.#jobs.some(({ id }) => id === job.id);
    this.#jobs = known ? this.#jobs.map((one) => (one.id === job.id ? job : one)) : [job, ...this.#jobs];
    this.#tell();
  }

  #fail(problem: ConnectionProblem): void {
    this.#link = null;
    const waits = this.#options.retryMs ?? RETRY_MS;
    const wait = waits[Math.min(this.#failures, waits.length - 1)] ?? 0;
    this.#failures += 1;
    if (!this.#closed) this.#retry = setTimeout(() => void this.lookNow(), wait);
    this.#become({ kind: 'problem', problem });
  }

  #become(state: ConnectionState): void {
    this.#state = state;
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

const pictureAddress = (jpeg: ArrayBuffer): string => `data:image/jpeg;base64,${base64(new Uint8Array(jpeg))}`;

async function listJobs(link: Link): Promise<readonly JobView[]> {
  const jobs: JobView[] = [];
  for (let more = true; more && jobs.length < KNOWN;) {
    const answer = await link.ask({ type: 'list', limit: PAGE, before: jobs.at(-1)?.id ?? null });
    if (answer.type !== 'jobs') break;
    jobs.push(...answer.jobs);
    more = answer.more;
  }
  return jobs;
}
