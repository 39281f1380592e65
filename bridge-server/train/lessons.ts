import { openTextEncoders, sameLength } from '../diffusion/networks/text.ts';
import type { Planes } from '../diffusion/picture/planes.ts';
import type { Size } from '../diffusion/picture/size.ts';
import type { Runtime } from '../diffusion/runtime/runtime.ts';
import { schedulerConfigOf } from '../diffusion/schedulers/of-model.ts';
import { alphasCumprod } from '../diffusion/schedulers/schedule.ts';
import { Failure } from '../errors.ts';
import { readImage } from '../media/image.ts';
import type { TrainRequest } from '../protocol/train-request.ts';
import type { Model } from '../weights/model.ts';
import { cropped, type Example, openExamples } from './examples.ts';
import { sortedImages } from './identity.ts';
import type { Objective } from './objective.ts';
import type { ChosenFrames } from './shot.ts';
import type { Lessons } from './trainer.ts';

/** Images of others of the subject's class, by their paths, and what they show. */
export type Prior = { readonly images: readonly string[]; readonly caption: string };

/** Pictures that are encoded so far. */
export type Encoded = {
  readonly stage: 'encode';
  readonly done: number;
  readonly total: number;
  readonly unit: 'frames';
};

/** Encodes the pictures of the subject, and those of its class, one after the other. Failure: scheduler-unsupported. */
export async function* lessonsOf(
  model: Model,
  { pictures, size }: Pick<ChosenFrames, 'pictures' | 'size'>,
  prior: Prior,
  runtime: Runtime,
  signal: AbortSignal,
): AsyncGenerator<Encoded, Lessons> {
  const encodeText = await openTextEncoders(model, runtime, 1, []);
  const encode = openExamples(model, encodeText, runtime);
  const total = pictures.length + prior.images.length;
  const examples: Example[] = [];
  const priors: Example[] = [];
  const told = (): Encoded => ({ stage: 'encode', done: examples.length + priors.length, total, unit: 'frames' });
  for (const { picture, caption } of pictures) {
    examples.push(await encode(picture, caption, signal));
    yield told();
  }
  for (const path of prior.images) {
    priors.push(await encode(await wholeImage(path, size), prior.caption, signal));
    yield told();
  }
  return { ...ofOneLength({ examples, priors, empty: await encodeText('', signal) }), ...objectiveOf(model) };
}

/** What the model was trained to predict, and the noise that it was shown. Failure: scheduler-unsupported. */
export function objectiveOf(model: Model): { objective: Objective; alphas: Float32Array } {
  const config = schedulerConfigOf(model, 'ddpm');
  const { prediction } = config;
  if (prediction === 'sample') {
    throw new Failure('scheduler-unsupported', { kind: 'ddpm', setting: 'prediction_type = "sample"' });
  }
  return { objective: prediction, alphas: alphasCumprod(config) };
}

/** The images of the class, in the order of their numbers. Failure: images-none. */
export async function priorOf(prior: TrainRequest['prior']): Promise<Prior> {
  if (!prior) return { images: [], caption: '' };
  const { folder, caption } = prior;
  const images = await sortedImages(folder);
  if (images.length === 0) throw new Failure('images-none', { folder });
  return { images, caption };
}

async function wholeImage(path: string, size: Size): Promise<Planes> {
  const image = await readImage(path);
  return cropped(image, { x: 0, y: 0, width: image.width, height: image.height }, size);
}

/** Captions repeated to one length, so that one network serves all. */
function ofOneLength({ examples, priors, empty }: Pick<Lessons, 'examples' | 'priors' | 'empty'>) {
  const all = [...examples, ...priors];
  const [nothing, ...captions] = sameLength([empty, ...all.map(({ condition }) => condition)]);
  const changed = all.map((example, i) => ({ ...example, condition: captions[i]! }));
  return { examples: changed.slice(0, examples.length), priors: changed.slice(examples.length), empty: nothing! };
}
