import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Size } from '../diffusion/picture/size.ts';
import { openRuntime } from '../diffusion/profile.ts';
import type { Engine } from '../kernels/engine.ts';
import { openClip } from '../media/clip.ts';
import { writing } from '../media/destination.ts';
import { encodePng } from '../media/image.ts';
import { partBeside } from '../media/part.ts';
import { sha256File } from '../models/sha256.ts';
import type { TrainRequest } from '../protocol/train-request.ts';
import { type Model, requirePart } from '../weights/model.ts';
import { lossCurve } from './curve.ts';
import { exampleList } from './example-list.ts';
import { exampleSheet } from './example-sheet.ts';
import { identityOf } from './identity.ts';
import { KeptState } from './kept-state.ts';
import { type Encoded, lessonsOf, objectiveOf, priorOf } from './lessons.ts';
import { writeLora } from './lora-file.ts';
import { keepFor, openTrainable, refuseFull } from './preflight.ts';
import { Report, sampleName } from './report.ts';
import { sampleOf } from './sample.ts';
import { type ChosenExample, type ChosenFrames, framesOf } from './shot.ts';
import { telling } from './telling.ts';
import { openClassroom, train } from './trainer.ts';

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
  | Encoded
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

/** The state's name in the folder of a training. Who records that the training is done may remove it then. */
export const STATE_FILE = 'state.safetensors';

/**
 * Trains a LoRA from clips. In `folder` are the contact sheet, the curve of the losses, and the state: the same request goes on from
 * there, after a cancel or a kill, to the same weights.
 * Failures: disk-small, train-other, those of openTrainable, openClip and framesOf.
 */
export async function* trainFromClips(
  request: TrainRequest,
  { engine, folder, isOwn, name, deliver, freeBytes, signal }: TrainMeans,
): AsyncGenerator<TrainEvent> {
  const { model, area } = await openTrainable(request, freeBytes);
  const { objective } = objectiveOf(model);
  await writing(folder, () => mkdir(folder, { recursive: true }));
  await refuseFull(folder, model, request);

  const clips = await Promise.all(request.clips.map(({ source }) => openClip(source, signal)));
  const prior = await priorOf(request.prior);
  const identity = await identityOf(request, clips, model);
  const kept = new KeptState(join(folder, STATE_FILE), identity);
  await kept.meetOther(isOwn);
  const runtime = openRuntime('small');
  try {
    const { pictures, size, notes } = yield* telling<ChosenFrames, TrainEvent>((tell) =>
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
    await writeWhole(sheet, await exampleSheet(pictures, size));
    await writeWhole(join(folder, 'examples.txt'), Buffer.from(exampleList(pictures)));
    const chosen = pictures.map(({ clip, frame, caption, box }) => ({ clip, frame, caption, box }));
    const all = [...clips.flatMap((clip) => clip.notes), ...notes];
    const report = new Report(folder, { examples: chosen, size, notes: all });
    await report.write(await kept.losses());
    yield { stage: 'chosen', examples: chosen, size, sheet, notes: all };

    const lessons = yield* lessonsOf(model, { pictures, size }, prior, runtime, signal);
    const { settings, samples } = request;
    const unet = requirePart(model, 'unet');
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
