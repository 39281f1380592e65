import { createHash } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openTextEncoders, sameLength } from '../diffusion/networks/text.ts';
import { nativeArea } from '../diffusion/passes.ts';
import { schedulerConfigOf } from '../diffusion/schedulers/of-model.ts';
import { frameOf } from '../diffusion/picture/planes.ts';
import type { Size } from '../diffusion/picture/size.ts';
import { openRuntime } from '../diffusion/profile.ts';
import { alphasCumprod } from '../diffusion/schedulers/schedule.ts';
import { Failure } from '../errors.ts';
import { identityOfModel } from '../jobs/weights-identity.ts';
import type { Engine } from '../kernels/engine.ts';
import { contactSheet } from '../measure/contact-sheet.ts';
import { openClip } from '../media/clip.ts';
import { contentHash } from '../media/content-hash.ts';
import { writing } from '../media/destination.ts';
import { encodePng, numberedImages, readImage } from '../media/image.ts';
import { partBeside } from '../media/part.ts';
import { sha256File } from '../models/sha256.ts';
import type { TrainRequest } from '../protocol/train-request.ts';
import { type Model, openModel, requirePart } from '../weights/model.ts';
import { keepState, keptIdentity, keptLosses, keptState } from './checkpoint.ts';
import { lossCurve } from './curve.ts';
import { exampleList } from './example-list.ts';
import { cropped, type Example, openExamples } from './examples.ts';
import { startOf, type TrainState } from './lora.ts';
import { writeLora } from './lora-file.ts';
import type { Objective } from './objective.ts';
import type { Parameters } from './graph.ts';
import { keepFor, refuseFull, refuseLarge, refuseUntrainable } from './preflight.ts';
import { Report, sampleName } from './report.ts';
import { sampleOf } from './sample.ts';
import { type ChosenExample, type ChosenFrames, framesOf } from './shot.ts';
import { type Lessons, openClassroom, train } from './trainer.ts';

/** What a training tells while it runs, in this order. */
export type TrainEvent =
  | { readonly stage: 'survey'; readonly done: number; readonly total: number; readonly unit: 'frames' }
  /** The examples that were chosen, also as a contact sheet; all of that size. */
  | {
      readonly stage: 'chosen';
      readonly examples: readonly ChosenExample[];
      readonly size: Size;
      readonly sheet: string;
      readonly notes: readonly string[];
    }
  | { readonly stage: 'encode'; readonly done: number; readonly total: number; readonly unit: 'frames' }
  | {
      readonly stage: 'train';
      readonly done: number;
      readonly total: number;
      readonly unit: 'steps';
      /** Null: not known yet. */
      readonly etaSeconds: number | null;
      readonly loss: number;
      readonly rate: number;
    }
  /** What the LoRA can do so far: a picture, and the LoRA that painted it. */
  | { readonly stage: 'sample'; readonly picture: string; readonly lora: string }
  | { readonly stage: 'done'; readonly lora: string; readonly curve: string; readonly loss: number };

/** What a training is done with, and where. */
export type TrainMeans = {
  readonly engine: Engine;
  /** What it needs to go on, and what shows how it goes, lies here. */
  readonly folder: string;
  /** Whether the folder is this training's alone: what lies there is then of clips that have changed since, at the most. */
  readonly isOwn: boolean;
  /** What the LoRA is called in its own file. */
  readonly name: string;
  /** Puts the LoRA where it belongs, once: `write` writes it to a path. Resolves with that place. */
  readonly deliver: (write: (path: string) => Promise<void>) => Promise<string>;
  /** Memory that it may use. */
  readonly freeBytes: number;
  readonly signal: AbortSignal;
};

/** Raise it when the same request gives other weights. */
const CODE = 2;

/** The state's name in the folder of a training. Who records that the training is done may remove it then. */
export const STATE_FILE = 'state.safetensors';

/** How often the state is kept, whichever comes first. */
const KEEP = { steps: 20, milliseconds: 60_000 };

/**
 * Trains a LoRA from clips. In `folder` are the contact sheet, the curve of the losses, and the state: the same request goes on from
 * there, after a cancel or a kill, to the same weights.
 * Failures: train-model, train-memory, disk-small, train-other, those of openClip, openModel and framesOf.
 */
export async function* trainFromClips(
  request: TrainRequest,
  { engine, folder, isOwn, name, deliver, freeBytes, signal }: TrainMeans,
): AsyncGenerator<TrainEvent> {
  const model = await openModel(request.model);
  refuseUntrainable(model);
  const { objective, alphas } = objectiveOf(model);
  const area = request.area ?? nativeArea(model);
  const side = Math.sqrt(area);
  refuseLarge(model, { width: side, height: side }, request.settings, freeBytes);
  await writing(folder, () => mkdir(folder, { recursive: true }));
  await refuseFull(folder, model, request);

  const clips = await Promise.all(request.clips.map(({ source }) => openClip(source, signal)));
  const priorImages = await priorImagesOf(request);
  const contents = [
    ...clips.map(({ identity }) => identity),
    await contentHash([...priorImages, ...(await masksIn(request))]),
  ];
  const identity = identityOf(request, [...contents, await identityOfModel(model)]);
  const kept = new KeptState(join(folder, STATE_FILE), identity);
  await kept.meetOther(isOwn);
  const runtime = openRuntime('small');
  try {
    const { pictures, size, notes } = yield* telling<Awaited<ReturnType<typeof framesOf>>>((tell) =>
      framesOf(
        engine,
        clips,
        request,
        area,
        (done, total) => tell({ stage: 'survey', done, total, unit: 'frames' }),
        signal,
      ),
    );
    const sheet = join(folder, 'examples.png');
    await writeWhole(sheet, await sheetOf(pictures, size));
    await writeWhole(join(folder, 'examples.txt'), Buffer.from(exampleList(pictures)));
    const chosen = pictures.map(({ clip, frame, caption, box }) => ({ clip, frame, caption, box }));
    const all = [...clips.flatMap((clip) => clip.notes), ...notes];
    const report = new Report(folder, { examples: chosen, size, notes: all });
    await report.write(await kept.losses());
    yield { stage: 'chosen', examples: chosen, size, sheet, notes: all };

    const encodeText = await openTextEncoders(model, runtime, 1, []);
    const total = pictures.length + priorImages.length;
    const encode = openExamples(model, encodeText, runtime);
    const examples: Example[] = [];
    for (const { picture, caption } of pictures) {
      examples.push(await encode(picture, caption, signal));
      yield { stage: 'encode', done: examples.length, total, unit: 'frames' };
    }
    const others: Example[] = [];
    for (const path of priorImages) {
      const image = await readImage(path);
      const picture = cropped(image, { x: 0, y: 0, width: image.width, height: image.height }, size);
      others.push(await encode(picture, request.prior!.caption, signal));
      yield { stage: 'encode', done: examples.length + others.length, total, unit: 'frames' };
    }

    const { settings, samples } = request;
    const unet = requirePart(model, 'unet');
    const lessons = {
      ...ofOneLength({ examples, priors: others, empty: await encodeText('', signal) }),
      ...{ objective, alphas },
    };
    const classroom = openClassroom(unet, lessons.examples[0]!, settings, keepFor(model), runtime);
    const state = await kept.open(classroom.parameters, settings.seed);
    const curve = join(folder, 'loss.png');
    const origin = {
      name,
      trigger: request.trigger,
      captions: pictures.map(({ caption }) => caption),
      unet,
      objective,
      model: { path: model.path, sha256: await hashOf(model, signal) },
      size,
    };
    const write = (path: string): Promise<void> => writeLora(path, state, classroom.parameters, settings, origin);
    try {
      let before = performance.now();
      const times: number[] = [];
      for await (const { step: done, loss, rate } of train(classroom, lessons, settings, state, signal)) {
        times.push((performance.now() - before) / 1000);
        if (await kept.keep(state)) {
          await report.write(state.losses);
          await writeWhole(curve, await lossCurve(state.losses, settings.steps));
        }
        const [total, seconds] = [settings.steps, secondsOf(times)];
        const etaSeconds = seconds === null ? null : seconds * (total - done);
        yield { stage: 'train', done, total, unit: 'steps', etaSeconds, loss, rate };
        if (samples && (done % samples.every === 0 || done === total)) {
          const step = join(folder, sampleName(done));
          const [lora, picture] = [`${step}.safetensors`, `${step}.png`];
          await write(lora);
          const wish = { prompt: samples.prompt, seed: settings.seed, size };
          await writeWhole(picture, await encodePng(await sampleOf(model, lora, wish, runtime, signal)));
          yield { stage: 'sample', picture, lora };
        }
        before = performance.now();
      }
    } catch (error) {
      if (signal.aborted && (await kept.keep(state, true))) await report.write(state.losses);
      throw error;
    }
    await report.write(state.losses);
    await writeWhole(curve, await lossCurve(state.losses, settings.steps));
    const lora = await deliver(write);
    yield { stage: 'done', lora, curve, loss: meanOfLast(state.losses) };
  } finally {
    runtime.close();
  }
}

/** What the model was trained to predict, and the noise that it was shown. Failure: scheduler-unsupported. */
function objectiveOf(model: Model): { objective: Objective; alphas: Float32Array } {
  const config = schedulerConfigOf(model, 'ddpm');
  const { prediction } = config;
  if (prediction === 'sample') {
    throw new Failure('scheduler-unsupported', { kind: 'ddpm', setting: 'prediction_type = "sample"' });
  }
  return { objective: prediction, alphas: alphasCumprod(config) };
}

/** What decides the weights: the request, and for the paths in it what is there. */
function identityOf(request: TrainRequest, contents: readonly string[]): string {
  const clips = request.clips.map(({ source: { from, to }, subject }) => ({ from, to, subject }));
  const decisive = { ...request, clips, prior: request.prior?.caption, model: null, samples: null, output: null };
  return createHash('sha256')
    .update(JSON.stringify([CODE, decisive, contents]))
    .digest('hex');
}

/** The state on the disk. */
class KeptState {
  readonly path: string;
  readonly #identity: string;
  #parameters: Parameters = new Map();
  #step = 0;
  #at = performance.now();

  constructor(path: string, identity: string) {
    this.path = path;
    this.#identity = identity;
  }

  /** What another training left here is refused, or where nobody else's can lie, dropped. Failure: train-other. */
  async meetOther(isOwn: boolean): Promise<void> {
    const identity = await keptIdentity(this.path);
    if (identity === null || identity === this.#identity) return;
    if (!isOwn) throw new Failure('train-other', { path: dirname(this.path) });
    await rm(this.path, { force: true });
  }

  /** Of all steps so far. */
  async losses(): Promise<number[]> {
    return await keptLosses(this.path);
  }

  /** Where the training was left, or the beginning. */
  async open(parameters: Parameters, seed: number): Promise<TrainState> {
    this.#parameters = parameters;
    const state = (await keptState(this.path, parameters)) ?? startOf(parameters, seed);
    this.#step = state.step;
    return state;
  }

  /** Keeps the state when it is time, or at once; says whether it did. */
  async keep(state: TrainState, now = false): Promise<boolean> {
    const isTime = state.step - this.#step >= KEEP.steps || performance.now() - this.#at >= KEEP.milliseconds;
    if (state.step === this.#step || !(now || isTime)) return false;
    await keepState(this.path, state, this.#parameters, this.#identity);
    this.#step = state.step;
    this.#at = performance.now();
    return true;
  }
}

/** Reports of a call as events of a generator, and the call's result. */
async function* telling<T>(act: (tell: (event: TrainEvent) => void) => Promise<T>): AsyncGenerator<TrainEvent, T> {
  let latest: TrainEvent | null = null;
  let wake = (): void => undefined;
  let isOver = false;
  const result = act((event) => {
    latest = event;
    wake();
  }).finally(() => {
    isOver = true;
    wake();
  });
  // Rejections are for who awaits the result below.
  result.catch(() => undefined);
  while (!isOver) {
    await new Promise<void>((resolve) => (latest || isOver ? resolve() : (wake = resolve)));
    if (latest) {
      const event: TrainEvent = latest;
      latest = null;
      yield event;
    }
  }
  return result;
}

/** The images of the class, in the order of their numbers. Failure: images-none. */
async function priorImagesOf({ prior }: TrainRequest): Promise<string[]> {
  if (!prior) return [];
  const images = await numberedImages(prior.folder);
  if (images.size === 0) throw new Failure('images-none', { folder: prior.folder });
  return [...images].sort(([a], [b]) => a - b).map(([, path]) => path);
}

/** The images that show where the subject is. */
async function masksIn({ clips }: TrainRequest): Promise<string[]> {
  const folders = clips.flatMap(({ subject }) =>
    subject.kind === 'mask' && subject.mask.kind === 'images' ? [subject.mask.folder] : [],
  );
  const images = await Promise.all(folders.map(numberedImages));
  return images.flatMap((of) => [...of].sort(([a], [b]) => a - b).map(([, path]) => path));
}

/** Captions repeated to one length, so that one network serves all. */
function ofOneLength({ examples, priors, empty }: Pick<Lessons, 'examples' | 'priors' | 'empty'>) {
  const all = [...examples, ...priors];
  const [nothing, ...captions] = sameLength([empty, ...all.map(({ condition }) => condition)]);
  const changed = all.map((example, i) => ({ ...example, condition: captions[i]! }));
  return { examples: changed.slice(0, examples.length), priors: changed.slice(examples.length), empty: nothing! };
}

const COLUMNS = 6;

function sheetOf(pictures: ChosenFrames['pictures'], { width, height }: Size): Promise<Buffer> {
  const isOneClip = pictures.every(({ clip }) => clip === pictures[0]!.clip);
  const cells = pictures.map(({ clip, frame, picture }) => ({
    frame: frameOf(picture),
    caption: isOneClip ? `frame ${frame}` : `clip ${clip + 1}, frame ${frame}`,
  }));
  const rows = Array.from({ length: Math.ceil(cells.length / COLUMNS) }, (_, i) => ({
    label: '',
    cells: cells.slice(i * COLUMNS, (i + 1) * COLUMNS),
  }));
  return contactSheet(`${cells.length} examples of ${width}x${height}`, rows, { cellWidth: 180 });
}

async function writeWhole(path: string, data: Uint8Array): Promise<void> {
  await writing(path, async () => {
    const part = await partBeside(path);
    await writeFile(part, data);
    await rename(part, path);
  });
}

/** The first step loads the network; the last few tell best. */
function secondsOf(times: readonly number[]): number | null {
  const some = times.slice(1).slice(-10);
  return some.length === 0 ? null : some.reduce((sum, time) => sum + time, 0) / some.length;
}

/** SHA-256 of a model's file; of a folder that of its U-Net's. */
const hashOf = (model: Model, signal: AbortSignal): Promise<string> =>
  sha256File(requirePart(model, 'unet').weights.values().next().value!.path, signal);

function meanOfLast(losses: readonly number[]): number {
  const last = losses.slice(-Math.max(1, Math.round(losses.length / 20)));
  return last.reduce((sum, loss) => sum + loss, 0) / last.length;
}
