import { Failure } from '../errors.ts';
import type { Dtype } from './dtype.ts';
import { CLIP, CLIP_BARE, OPEN_CLIP_G, OPEN_CLIP_H } from './keys/clip.ts';
import { type KeyMap, mapKey, type MappedKey } from './keys/key-map.ts';
import { MOTION } from './keys/motion.ts';
import { CONTROLNET, UNET } from './keys/unet.ts';
import { TAESD_DECODER, TAESD_ENCODER, VAE, VAE_DIFFUSERS } from './keys/vae.ts';
import type { Safetensors, Tensor } from './safetensors.ts';

/** The networks that a model consists of. */
export type PartKind = 'unet' | 'vae' | 'textEncoder' | 'textEncoder2' | 'controlnet' | 'motion' | 'taesd';

/**
 * One weight where it lies in the user's file: `shape` is the shape that the network knows it by; `transposed` says that a
 * matrix [rows, columns] lies as [columns, rows].
 */
export type Weight = {
  readonly path: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
  readonly transposed: boolean;
};

/** The weights of one network by their names in diffusers. */
export type Weights = ReadonlyMap<string, Weight>;

type PartRow = {
  readonly part: PartKind;
  /** What the names of the part begin with in the file. */
  readonly prefix: string;
  /** null: they are diffusers' names already. */
  readonly keys: KeyMap | null;
  /** A tensor (below the prefix) that every file with this part has, and no other. */
  readonly marker: string;
};

/** How each part is recognised, the first row that fits a part first. */
const PARTS: readonly PartRow[] = [
  { part: 'unet', prefix: 'model.diffusion_model.', keys: UNET, marker: 'output_blocks.0.0.in_layers.2.weight' },
  { part: 'unet', prefix: 'model.diffusion_model.', keys: null, marker: 'up_blocks.0.resnets.0.time_emb_proj.weight' },
  { part: 'unet', prefix: '', keys: UNET, marker: 'output_blocks.0.0.in_layers.2.weight' },
  { part: 'unet', prefix: '', keys: null, marker: 'up_blocks.0.resnets.0.time_emb_proj.weight' },
  { part: 'unet', prefix: 'unet.', keys: null, marker: 'up_blocks.0.resnets.0.time_emb_proj.weight' },
  { part: 'vae', prefix: 'first_stage_model.', keys: VAE, marker: 'decoder.mid.block_1.conv1.weight' },
  { part: 'vae', prefix: '', keys: VAE, marker: 'decoder.mid.block_1.conv1.weight' },
  { part: 'vae', prefix: '', keys: VAE_DIFFUSERS, marker: 'decoder.mid_block.resnets.0.conv1.weight' },
  { part: 'vae', prefix: 'vae.', keys: VAE_DIFFUSERS, marker: 'decoder.mid_block.resnets.0.conv1.weight' },
  {
    part: 'textEncoder',
    prefix: 'cond_stage_model.transformer.',
    keys: CLIP,
    marker: 'text_model.final_layer_norm.weight',
  },
  { part: 'textEncoder', prefix: 'cond_stage_model.transformer.', keys: CLIP_BARE, marker: 'final_layer_norm.weight' },
  { part: 'textEncoder', prefix: 'cond_stage_model.model.', keys: OPEN_CLIP_H, marker: 'ln_final.weight' },
  {
    part: 'textEncoder',
    prefix: 'conditioner.embedders.0.transformer.',
    keys: CLIP,
    marker: 'text_model.final_layer_norm.weight',
  },
  { part: 'textEncoder2', prefix: 'conditioner.embedders.1.model.', keys: OPEN_CLIP_G, marker: 'ln_final.weight' },
  // The refiner has only the second encoder.
  { part: 'textEncoder2', prefix: 'conditioner.embedders.0.model.', keys: OPEN_CLIP_G, marker: 'ln_final.weight' },
  { part: 'textEncoder', prefix: '', keys: CLIP, marker: 'text_model.final_layer_norm.weight' },
  { part: 'controlnet', prefix: 'control_model.', keys: CONTROLNET, marker: 'zero_convs.0.0.weight' },
  { part: 'controlnet', prefix: '', keys: CONTROLNET, marker: 'zero_convs.0.0.weight' },
  { part: 'controlnet', prefix: '', keys: null, marker: 'controlnet_mid_block.weight' },
  ...['', 'module.'].map((prefix): PartRow => ({
    part: 'motion',
    prefix,
    keys: MOTION,
    marker: 'down_blocks.0.motion_modules.0.temporal_transformer.proj_in.weight',
  })),
  { part: 'motion', prefix: '', keys: null, marker: 'down_blocks.0.motion_modules.0.proj_in.weight' },
  { part: 'taesd', prefix: '', keys: null, marker: 'encoder.layers.1.conv.0.weight' },
  { part: 'taesd', prefix: '', keys: TAESD_ENCODER, marker: '14.weight' },
  { part: 'taesd', prefix: '', keys: TAESD_DECODER, marker: '19.weight' },
];

/** The parts that a file has, or several files that belong together (shards). */
export function partsOf(files: readonly Safetensors[]): ReadonlyMap<PartKind, Weights> {
  const rows = new Map<PartKind, PartRow>();
  for (const row of PARTS) {
    if (!rows.has(row.part) && files.some(({ tensors }) => tensors.has(row.prefix + row.marker)))
      rows.set(row.part, row);
  }
  return new Map([...rows.values()].map((row) => [row.part, new Map(files.flatMap((file) => weightsOf(file, row)))]));
}

/** The weights of one part; tensors that its key map does not know (position ids, schedules, EMA copies) are left out. */
function weightsOf(file: Safetensors, { prefix, keys }: Pick<PartRow, 'prefix' | 'keys'>): [string, Weight][] {
  return [...file.tensors.values()]
    .filter(({ name }) => name.startsWith(prefix))
    .flatMap((tensor) => {
      const name = tensor.name.slice(prefix.length);
      const targets = keys ? mapKey(keys, name) : [{ name, slice: 0, slices: 1, transposed: false }];
      return targets.map((target): [string, Weight] => [target.name, weightAt(file.path, tensor, target)]);
    });
}

/** One of `slices` equal runs of rows; rows lie one after the other, so a run of them is a run of bytes. */
function weightAt(
  path: string,
  { name, dtype, shape, offset, length }: Tensor,
  { slice, slices, transposed }: MappedKey,
): Weight {
  const rows = shape[0] ?? 1;
  if (rows % slices !== 0) {
    throw new Failure('weights-damaged', {
      path,
      reason: `${name} should stack ${slices} matrices, and has ${rows} rows`,
    });
  }
  const bytes = length / slices;
  const run = slices === 1 ? shape : [rows / slices, ...shape.slice(1)];
  return {
    path,
    dtype,
    shape: transposed ? [...run].reverse() : run,
    offset: offset + slice * bytes,
    length: bytes,
    transposed,
  };
}
