import type { TrainedLora } from '../networks/scope.ts';
import type { Part } from '../weights/model.ts';
import { type Moments, noMoments } from './adamw.ts';
import { uniform } from './chance.ts';
import type { Parameters } from './graph.ts';
import type { TrainSettings } from './settings.ts';

/** The matrices of a LoRA in training by the names of the graph's inputs, and what the optimiser knows of each. */
export type TrainState = {
  /** Steps that are done. */
  step: number;
  readonly weights: ReadonlyMap<string, Float32Array>;
  readonly moments: ReadonlyMap<string, Moments>;
  /** Of each step that is done. */
  readonly losses: number[];
};

/** Projections of attention; all matrices and 1x1 convolutions of the transformers; and every layer that is not a normalisation. */
const LAYERS: Readonly<Record<TrainSettings['layers'], RegExp>> = {
  attention: /\.attn[12]\.to_(q|k|v|out\.0)\.weight$/,
  transformer: /\.attentions\.\d+\..*\.weight$/,
  all: /(\.(attentions|resnets|downsamplers|upsamplers)\.\d+\..*|^conv_(in|out)|^time_embedding\.linear_[12])\.weight$/,
};

/** Which modules of a U-Net are trained, and how. */
export function trainedLora(
  unet: Part,
  { layers, rank, alpha }: Pick<TrainSettings, 'layers' | 'rank' | 'alpha'>,
): TrainedLora {
  const names = [...unet.weights].flatMap(([tensor, { shape }]) =>
    shape.length > 1 && LAYERS[layers].test(tensor) ? [tensor.slice(0, -'.weight'.length)] : [],
  );
  return { rank, factor: alpha / rank, modules: new Set(names) };
}

/** How many elements the matrices of such a LoRA have. */
export function elementsOf(unet: Part, settings: TrainSettings): number {
  const { modules, rank } = trainedLora(unet, settings);
  return [...modules].reduce((sum, module) => {
    const [rows = 0, ...columns] = unet.weights.get(`${module}.weight`)!.shape;
    return sum + rank * (rows + columns.reduce((product, size) => product * size, 1));
  }, 0);
}

/** As LoRAs begin (https://arxiv.org/abs/2106.09685): changing nothing, because the matrices that come last are 0. */
export function startOf(parameters: Parameters, seed: number): TrainState {
  const weights = new Map<string, Float32Array>();
  for (const [i, [name, shape]] of [...parameters].entries()) {
    const length = shape.reduce((product, size) => product * size, 1);
    const reach = 1 / Math.sqrt(shape[1]!);
    const start = name.endsWith('.lora_up')
      ? new Float32Array(length)
      : Float32Array.from(uniform(seed, 'start', i, length), (value) => (2 * value - 1) * reach);
    weights.set(name, start);
  }
  const moments = new Map([...weights].map(([name, { length }]) => [name, noMoments(length)]));
  return { step: 0, weights, moments, losses: [] };
}
