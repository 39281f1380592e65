import { z } from 'zod';
import { Failure } from '../errors.ts';
import type { Part } from '../weights/model.ts';

/** What tensors cannot tell, from the config.json beside the weights, else by the convention of the family. */
const count = z.int().positive();
const counts = z.union([count, z.array(count)]);

const unetSchema = z.object({
  /** A misnomer of diffusers that cannot be mended: it is the number of heads. */
  attention_head_dim: counts.nullish(),
  num_attention_heads: counts.nullish(),
  norm_num_groups: count.nullish(),
  addition_time_embed_dim: count.nullish(),
});

const vaeSchema = z.object({ norm_num_groups: count.nullish(), scaling_factor: z.number().positive().nullish() });

const textSchema = z.object({
  num_attention_heads: count.nullish(),
  hidden_act: z.enum(['quick_gelu', 'gelu']).nullish(),
  layer_norm_eps: z.number().positive().nullish(),
  eos_token_id: z.int().nonnegative().nullish(),
});

export type UNetConfig = {
  readonly groups: number;
  /** Heads of the transformers at a level, 0 being the highest resolution. */
  heads(level: number, channels: number): number;
  /** Width that each of SDXL's size numbers is spread to. */
  readonly sizeEmbedding: number;
};

export function unetConfig(part: Part): UNetConfig {
  const config = read(part, unetSchema);
  const given = config.num_attention_heads ?? config.attention_head_dim ?? (part.family === 'sd15' ? 8 : null);
  return {
    groups: config.norm_num_groups ?? 32,
    heads: (level, channels) => (Array.isArray(given) ? given[level] : given) ?? channels / 64,
    sizeEmbedding: config.addition_time_embed_dim ?? 256,
  };
}

const controlSchema = z.object({ global_pool_conditions: z.boolean().nullish() });

/** Whether a ControlNet's residuals are averaged over the picture ("shuffle"). */
export const controlConfig = (part: Part): { readonly isGlobal: boolean } => ({
  isGlobal: read(part, controlSchema).global_pool_conditions ?? false,
});

const motionSchema = z.object({
  motion_num_attention_heads: count.nullish(),
  motion_norm_num_groups: count.nullish(),
  num_attention_heads: count.nullish(),
  norm_num_groups: count.nullish(),
});

/** Heads and groups of the motion modules; their own configuration calls them otherwise than that of a whole adapter. */
export function motionConfig(part: Part): { readonly heads: number; readonly groups: number } {
  const config = read(part, motionSchema);
  return {
    heads: config.motion_num_attention_heads ?? config.num_attention_heads ?? 8,
    groups: config.motion_norm_num_groups ?? config.norm_num_groups ?? 32,
  };
}

export type VaeConfig = { readonly groups: number; readonly scalingFactor: number };

export function vaeConfig(part: Part): VaeConfig {
  const config = read(part, vaeSchema);
  const isXl = part.family === 'sdxl' || part.family === 'sdxl-refiner';
  return {
    groups: config.norm_num_groups ?? 32,
    scalingFactor: config.scaling_factor ?? (isXl ? 0.13025 : 0.18215),
  };
}

export type TextConfig = {
  readonly heads: number;
  readonly activation: 'quick_gelu' | 'gelu';
  readonly epsilon: number;
  readonly endOfText: number;
};

export function textConfig(part: Part, width: number, vocabulary: number): TextConfig {
  const config = read(part, textSchema);
  const isOpenClip = part.kind === 'textEncoder2' || part.family === 'sd21';
  // Published configurations carry a wrong 2 from old versions of transformers, which looked for the highest id instead.
  const end = config.eos_token_id === 2 ? null : config.eos_token_id;
  return {
    heads: config.num_attention_heads ?? width / 64,
    activation: config.hidden_act ?? (isOpenClip ? 'gelu' : 'quick_gelu'),
    epsilon: config.layer_norm_eps ?? 1e-5,
    endOfText: end ?? vocabulary - 1,
  };
}

function read<T>(part: Part, schema: z.ZodType<T>): T {
  const result = schema.safeParse(part.config ?? {});
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const reason = `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`;
  throw new Failure('weights-config', { path: part.path, reason }, result.error);
}
