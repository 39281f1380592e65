import { basename } from 'node:path';
import { kohyaName } from '../weights/keys/adapter-names.ts';
import type { Family } from '../weights/family.ts';
import type { Part } from '../weights/model.ts';
import { writeSafetensors, type Written } from '../weights/write-safetensors.ts';
import type { Parameters } from './graph.ts';
import type { TrainState } from './lora.ts';
import type { Objective } from './objective.ts';
import type { TrainSettings } from './settings.ts';

/** What a LoRA's file says of where it comes from. */
export type Origin = {
  readonly name: string;
  readonly trigger: string;
  /** Of its examples. */
  readonly captions: readonly string[];
  readonly unet: Part;
  readonly objective: Objective;
  /** The base model's path and SHA-256. */
  readonly model: { readonly path: string; readonly sha256: string };
  readonly size: { readonly width: number; readonly height: number };
};

/** Names of the families in the metadata of kohya's scripts and of the ModelSpec standard. */
const FAMILIES: Readonly<Record<Family, { readonly kohya: string; readonly architecture: string }>> = {
  sd15: { kohya: 'sd_v1', architecture: 'stable-diffusion-v1/lora' },
  sd21: { kohya: 'sd_v2', architecture: 'stable-diffusion-v2-768-v/lora' },
  sdxl: { kohya: 'sdxl_base_v1-0', architecture: 'stable-diffusion-xl-v1-base/lora' },
  'sdxl-refiner': { kohya: 'sdxl_base_v1-0', architecture: 'stable-diffusion-xl-v1-base/lora' },
};

/** Writes the file as kohya's scripts do, which all tools read: two matrices and an alpha a module, and metadata. */
export async function writeLora(
  path: string,
  state: TrainState,
  parameters: Parameters,
  settings: TrainSettings,
  origin: Origin,
): Promise<void> {
  const isXl = origin.unet.family === 'sdxl' || origin.unet.family === 'sdxl-refiner';
  const tensors = new Map<string, Written>();
  for (const [name, shape] of parameters) {
    const [, module, matrix] = /^(.*)\.(lora_(?:down|up))$/.exec(name)!;
    const saved = kohyaName('unet', module!, isXl);
    const taps = origin.unet.weights.get(`${module!}.weight`)!.shape.slice(2);
    tensors.set(`${saved}.${matrix!}.weight`, { shape: shapeOf(matrix!, shape, taps), data: state.weights.get(name)! });
    tensors.set(`${saved}.alpha`, { shape: [], data: Float32Array.of(settings.alpha) });
  }
  await writeSafetensors(path, tensors, metadataOf(state, settings, origin));
}

/** Of a convolution both are kernels, of which only the first sees neighbours. */
function shapeOf(matrix: string, [rows, columns]: readonly number[], taps: readonly number[]): number[] {
  if (matrix === 'lora_up') return [rows!, columns!, ...taps.map(() => 1)];
  return [rows!, columns! / taps.reduce((product, size) => product * size, 1), ...taps];
}

function metadataOf(state: TrainState, settings: TrainSettings, origin: Origin): Record<string, string> {
  const family = FAMILIES[origin.unet.family ?? 'sd15'];
  const resolution = `${origin.size.width}x${origin.size.height}`;
  return {
    'modelspec.sai_model_spec': '1.0.0',
    'modelspec.architecture': family.architecture,
    'modelspec.title': origin.name,
    'modelspec.trigger_phrase': origin.trigger,
    'modelspec.resolution': resolution,
    'modelspec.prediction_type': origin.objective === 'epsilon' ? 'epsilon' : 'v',
    ss_output_name: origin.name,
    ss_network_module: 'networks.lora',
    ss_network_dim: `${settings.rank}`,
    ss_network_alpha: `${settings.alpha}`,
    ss_base_model_version: family.kohya,
    ss_v2: origin.unet.family === 'sd21' ? 'True' : 'False',
    ss_sd_model_name: basename(origin.model.path),
    ss_new_sd_model_hash: origin.model.sha256,
    ss_learning_rate: `${settings.rate}`,
    ss_lr_scheduler: settings.schedule,
    ss_lr_warmup_steps: `${settings.warmup}`,
    ss_optimizer: 'AdamW',
    ss_max_train_steps: `${settings.steps}`,
    ss_steps: `${state.step}`,
    ss_gradient_accumulation_steps: `${settings.accumulate}`,
    ss_min_snr_gamma: settings.snrGamma === null ? 'None' : `${settings.snrGamma}`,
    ss_max_grad_norm: settings.clip === null ? 'None' : `${settings.clip}`,
    ss_caption_dropout_rate: `${settings.captionDropout}`,
    ss_prior_loss_weight: `${settings.priorWeight}`,
    ss_network_args: JSON.stringify({ rank_dropout: settings.rankDropout, layers: settings.layers }),
    ss_seed: `${settings.seed}`,
    ss_resolution: `(${origin.size.width}, ${origin.size.height})`,
    ss_num_train_images: `${origin.captions.length}`,
    ss_tag_frequency: JSON.stringify({ [origin.name]: countsOf(origin.captions) }),
  };
}

const countsOf = (captions: readonly string[]): Record<string, number> =>
  Object.fromEntries([...Map.groupBy(captions, (caption) => caption)].map(([caption, all]) => [caption, all.length]));
