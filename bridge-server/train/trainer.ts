import { floats } from '../diffusion/networks/tensors.ts';
import { bytesOf } from '../diffusion/networks/memory.ts';
import type { Conditioning } from '../diffusion/networks/text.ts';
import type { Network, Runtime } from '../diffusion/runtime/runtime.ts';
import type { Tensor } from '../onnx/session.ts';
import type { Part } from '../weights/model.ts';
import type { AdamW } from './adamw.ts';
import { normal, shuffled, uniform } from './chance.ts';
import type { Example } from './examples.ts';
import { type Keep, type Parameters, recordTraining } from './graph.ts';
import { trainedLora, type TrainState } from './lora.ts';
import { rateAt } from './rates.ts';
import type { TrainSettings } from './settings.ts';
import { type Batch, improve, learn, type Learned, type Lesson, meanOf } from './step.ts';

/** What is trained on. All pictures are of one size, and all captions of one length. */
export type Lessons = {
  /** Of the subject. */
  readonly examples: readonly Example[];
  /** Of its class, which the model is to go on knowing; may be empty. */
  readonly priors: readonly Example[];
  /** What an example without its caption is shown with. */
  readonly empty: Conditioning;
  readonly objective: Lesson['objective'];
  /** What is left of the variance at each timestep (see alphasCumprod). */
  readonly alphas: Float32Array;
};

export type TrainStep = {
  /** Steps that are done. */
  readonly step: number;
  readonly loss: number;
  readonly rate: number;
};

/** As everybody trains LoRAs. */
const OPTIMIZER: Omit<AdamW, 'decay'> = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/** The network of a training, and the matrices that are its inputs. */
export type Classroom = { readonly parameters: Parameters; readonly network: Network };

/** @param like an example: all are of one size, with captions of one length */
export function openClassroom(
  unet: Part,
  { mean: { height, width }, condition: { tokens } }: Example,
  settings: TrainSettings,
  keep: Keep,
  runtime: Runtime,
): Classroom {
  const sizes = { batch: 1, height, width, tokens };
  const { recording, parameters } = recordTraining(unet, sizes, trainedLora(unet, settings), keep);
  const network = runtime.network({ name: 'training step', bytes: bytesOf(unet, 'mapped'), recording });
  return { parameters, network };
}

/**
 * Trains from where `state` is to the end, and changes it in place; what is told after a step belongs to a state that can be kept.
 * A step depends on the settings, the lessons and the state alone: interrupted and gone on with, the weights are the same, bit for bit.
 */
export async function* train(
  { parameters, network }: Classroom,
  lessons: Lessons,
  settings: TrainSettings,
  state: TrainState,
  signal: AbortSignal,
): AsyncGenerator<TrainStep> {
  const { steps, accumulate, clip, decay, snrGamma, rankDropout } = settings;
  const { objective, alphas } = lessons;
  while (state.step < steps) {
    const factor = rateAt(state.step, settings);
    const rate = settings.rate * factor;
    const masks = masksOf(parameters, settings, state.step);
    const weights = rankDropout === 0 ? state.weights : masked(state.weights, masks);
    const learned: Learned[] = [];
    for (let i = 0; i < accumulate; i++) {
      const moment = state.step * accumulate + i;
      for (const batch of shown(lessons, settings, moment)) {
        const lesson = { objective, alphas, snrGamma };
        learned.push(await learn(network, { parameters, weights }, batch, lesson, signal));
      }
    }
    const mean = meanOf(learned);
    const gradients = rankDropout === 0 ? mean.gradients : masked(mean.gradients, masks);
    improve(state, { loss: mean.loss, gradients }, { rate, clip, optimizer: { ...OPTIMIZER, decay } });
    yield { step: state.step, loss: mean.loss, rate };
  }
}

/** An example of the subject, and with it one of its class, where there are such. */
function shown(lessons: Lessons, { seed, captionDropout, priorWeight }: TrainSettings, moment: number): Batch[] {
  const { examples, priors, empty, alphas } = lessons;
  const groups = [
    { from: examples, at: 2 * moment, weight: 1 },
    { from: priors, at: 2 * moment + 1, weight: priorWeight },
  ];
  return groups.flatMap(({ from, at, weight }) => {
    if (from.length === 0 || weight === 0) return [];
    const round = Math.floor(moment / from.length);
    // Both groups are gone through in orders of their own.
    const example = from[shuffled(seed, 2 * round + (at % 2), from.length)[moment % from.length]!]!;
    const { mean, deviation } = example;
    const length = mean.data.length;
    const spread = normal(seed, 'latent', at, length);
    const latents = mean.data.map((value, i) => value + deviation.data[i]! * spread[i]!);
    const timestep = Math.floor(uniform(seed, 'timestep', at, 1)[0]! * alphas.length);
    const isSilent = weight === 1 && uniform(seed, 'caption', at, 1)[0]! < captionDropout;
    return [
      {
        latents: floats([1, mean.channels, mean.height, mean.width], latents),
        noise: normal(seed, 'noise', at, length),
        timesteps: [timestep],
        conditions: conditionsOf(isSilent ? empty : example.condition, example.sizes),
        weights: [weight],
      },
    ];
  });
}

function conditionsOf({ context, tokens, pooled }: Conditioning, sizes: Float32Array | null): Record<string, Tensor> {
  return {
    context: floats([1, tokens, context.length / tokens], context),
    ...(pooled && sizes
      ? { pooled: floats([1, pooled.length], pooled), time_ids: floats([1, sizes.length], sizes) }
      : {}),
  };
}

/** For every module, what each of its ranks is multiplied by in a step: 0 for those left out, more than 1 for the others. */
function masksOf(parameters: Parameters, { rank, rankDropout, seed }: TrainSettings, step: number): Masks {
  const modules = [...new Set([...parameters.keys()].map(moduleOf))];
  const chances = uniform(seed, 'rank', step, modules.length * rank);
  return new Map(
    modules.map((module, m) => [
      module,
      Float32Array.from({ length: rank }, (_, r) => (chances[m * rank + r]! < rankDropout ? 0 : 1 / (1 - rankDropout))),
    ]),
  );
}

type Masks = ReadonlyMap<string, Float32Array>;
const moduleOf = (parameter: string): string => parameter.replace(/\.lora_(down|up)$/, '');

/** Ranks are the rows of the matrices that come first; without such a row the column of the other does nothing and learns nothing. */
function masked(matrices: ReadonlyMap<string, Float32Array>, masks: Masks): ReadonlyMap<string, Float32Array> {
  return new Map(
    [...matrices].map(([name, values]) => {
      if (!name.endsWith('.lora_down')) return [name, values];
      const mask = masks.get(moduleOf(name))!;
      const columns = values.length / mask.length;
      return [name, values.map((value, i) => value * mask[Math.floor(i / columns)]!)];
    }),
  );
}
