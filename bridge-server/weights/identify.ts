import { readFloats, type Safetensors, type Tensor } from './safetensors.ts';
import { type Dtype, isFloat } from './dtype.ts';
import { Failure } from '../errors.ts';
import { type Adapter, adapterOf } from './adapter.ts';
import { type Family, FAMILY_NAMES, familyOfNetwork, familyOfTextWidth, FOREIGN_FAMILIES } from './family.ts';
import type { Kind } from './kind-names.ts';
import { type PartKind, partsOf, type Weights } from './parts.ts';

/** What a U-Net predicts and how it wants to be sampled, as far as its file tells. */
export type Variant = {
  /** Latent channels, mask and masked picture go in: 9 instead of 4. */
  readonly inpainting: boolean;
  /** What the network predicts: the noise, or v (https://arxiv.org/abs/2202.00512). */
  readonly prediction: 'epsilon' | 'v';
  /** Trained with a last step of pure noise (https://arxiv.org/abs/2305.08891). */
  readonly zeroTerminalSnr: boolean;
  /** Distilled to a few steps, and how; null for an ordinary model, or when the file does not say. */
  readonly distilled: 'lcm' | 'turbo' | 'lightning' | 'hyper' | null;
};

export type PartSummary = { readonly part: PartKind; readonly dtype: Dtype; readonly parameters: number };

/** What a model file or folder is. */
export type Identity = {
  readonly path: string;
  readonly kind: Kind;
  /** null when nothing in the file tells, or when it fits every family. */
  readonly family: Family | null;
  /** Of a U-Net; null for everything else. */
  readonly variant: Variant | null;
  /** Of a LoRA; null for everything else. */
  readonly adapter: Adapter | null;
  readonly parts: readonly PartSummary[];
  /** The type that most of the parameters have. */
  readonly dtype: Dtype;
  /** Number of floating-point values in the file or folder. */
  readonly parameters: number;
};

/** Tells what one file is. Failures: weights-family (known, but not run here), weights-unknown. */
export async function identifyFile(file: Safetensors): Promise<Identity> {
  const foreign = FOREIGN_FAMILIES.find(({ marker }) => file.tensors.keys().some((name) => marker.test(name)));
  if (foreign) throw new Failure('weights-family', { path: file.path, family: foreign.name });
  const parts = partsOf([file]);
  const kind = kindOf(file, parts);
  if (!kind) throw new Failure('weights-unknown', { path: file.path, tensors: file.tensors.size });
  return identityOf(file.path, kind, parts, [file]);
}

/** The same for parts that may come from several files (`files`: all of them, for metadata and counting). */
export async function identityOf(
  path: string,
  kind: Kind,
  parts: ReadonlyMap<PartKind, Weights>,
  files: readonly Safetensors[],
): Promise<Identity> {
  const tensors = files.flatMap((file) => [...file.tensors.values()]);
  const unet = parts.get('unet');
  const adapter = kind === 'lora' ? adapterOf(tensors, files[0]?.metadata ?? {}) : null;
  return {
    path,
    kind,
    family: adapter ? adapter.family : familyOf(kind, parts, tensors),
    variant: unet ? await variantOf(unet, files) : null,
    adapter,
    parts: [...parts].map(([part, weights]) => ({ part, ...summary([...weights.values()]) })),
    ...summary(tensors),
  };
}

/** One line on what a file works with. */
export function worksWith({ kind, family, adapter }: Identity): string {
  if (adapter && !adapter.supported) return `nothing here: ${adapter.algorithm} is not supported yet`;
  const models = family ? `${FAMILY_NAMES[family]} models` : null;
  switch (kind) {
    case 'checkpoint':
    case 'unet':
      return `LoRA, ControlNet, VAE and embeddings made for ${FAMILY_NAMES[family ?? 'sd15']}`;
    case 'vae':
    case 'taesd':
      return models ?? 'Stable Diffusion 1.5, 2.1 and SDXL models, if it was made for the same latents';
    case 'upscaler':
      return 'every clip';
    case 'text-encoder':
    case 'controlnet':
    case 'lora':
    case 'textual-inversion':
    case 'motion-module':
    case 'ip-adapter':
    case 't2i-adapter':
      return models ?? 'models of the family it was made for, which the file does not tell';
  }
}

/** Kinds that are told by one tensor name rather than by a network of ours; the first that fits wins. */
const MARKERS: readonly { readonly kind: Kind; readonly marker: RegExp }[] = [
  { kind: 'lora', marker: /\.lora_(down|up|A|B)(\.\w+)?\.weight$|\.lora\.(down|up)\.weight$|\.lora_linear_layer\./ },
  {
    kind: 'lora',
    marker: /\.(hada_w1_a|lokr_w1|lokr_w1_a|oft_blocks|oft_diag|diff)$|^lora_unet_.*\.a1\.weight$|_lora\.down\.weight$/,
  },
  { kind: 'motion-module', marker: /motion_modules\.\d+\./ },
  { kind: 'ip-adapter', marker: /^ip_adapter\.\d+\.to_k_ip\.weight$|^image_proj\./ },
  { kind: 't2i-adapter', marker: /^(adapter\.)?body\.\d+\.(resnets\.\d+\.)?block[12]\.weight$/ },
  { kind: 'textual-inversion', marker: /^emb_params$|^clip_[lg]$|^string_to_param\./ },
  {
    kind: 'upscaler',
    marker:
      /^(params(_ema)?\.)?(body\.0\.rdb1\.conv1\.weight|model\.1\.sub\.0\.RDB1\.conv1\.0\.weight|conv_first\.weight)$/,
  },
];

function kindOf(file: Safetensors, parts: ReadonlyMap<PartKind, Weights>): Kind | null {
  const marked = MARKERS.find(({ marker }) => file.tensors.keys().some((name) => marker.test(name)));
  if (marked) return marked.kind;
  if (parts.has('unet')) return parts.size > 1 ? 'checkpoint' : 'unet';
  if (parts.has('controlnet')) return 'controlnet';
  if (parts.has('taesd')) return 'taesd';
  if (parts.has('vae')) return 'vae';
  if (parts.has('textEncoder') || parts.has('textEncoder2')) return 'text-encoder';
  return isLoneEmbedding(file) ? 'textual-inversion' : isCompactUpscaler(file) ? 'upscaler' : null;
}

/** Diffusers saves a learned word as one tensor named by the word itself: [width] or [vectors, width]. */
const isLoneEmbedding = ({ tensors }: Safetensors): boolean => {
  const [only] = tensors.values();
  return tensors.size === 1 && only !== undefined && only.shape.length <= 2 && textWidth(only) !== null;
};

/** Compact upscalers are one sequence of convolutions from RGB to the pixels of a pixel shuffle. */
const isCompactUpscaler = ({ tensors }: Safetensors): boolean => {
  const first = tensors.get('body.0.weight')?.shape;
  return first?.length === 4 && first[1] === 3 && tensors.has('body.1.weight') && tensors.has('body.2.weight');
};

const textWidth = ({ shape }: Pick<Tensor, 'shape'>): Family | null => familyOfTextWidth(shape.at(-1) ?? 0);

function familyOf(kind: Kind, parts: ReadonlyMap<PartKind, Weights>, tensors: readonly Tensor[]): Family | null {
  const network = parts.get('unet') ?? parts.get('controlnet');
  if (network) return familyOfNetwork(network);
  const find = (pattern: RegExp): Tensor | undefined => tensors.find(({ name }) => pattern.test(name));
  switch (kind) {
    case 'textual-inversion': {
      if (find(/^clip_g$/)) return 'sdxl';
      const [vectors] = tensors;
      return vectors ? textWidth(vectors) : null;
    }
    case 'ip-adapter': {
      const keys = find(/\.to_k_ip\.weight$/);
      return keys ? textWidth(keys) : null;
    }
    case 'motion-module':
      // SDXL has three levels, and so have the motion modules made for it.
      return find(/(^|\.)down_blocks\.3\.motion_modules\./) ? 'sd15' : 'sdxl';
    case 'text-encoder':
      return parts.has('textEncoder2') ? 'sdxl' : null;
    // Networks have been told above; nothing tells the others.
    case 'checkpoint':
    case 'unet':
    case 'controlnet':
    case 'lora':
    case 'vae':
    case 'taesd':
    case 'upscaler':
    case 't2i-adapter':
      return null;
  }
}

async function variantOf(unet: Weights, files: readonly Safetensors[]): Promise<Variant> {
  const said = files
    .flatMap(({ metadata }) => Object.entries(metadata))
    .filter(([key]) => key.startsWith('modelspec.') || key === 'title')
    .map(([key, value]) => `${key}=${value}`.toLowerCase())
    .join('\n');
  const marks = (name: string): boolean => files.some(({ tensors }) => tensors.has(name));
  const v = marks('v_pred') || /modelspec\.prediction_type=v/.test(said) || (await predictsV(unet));
  return {
    inpainting: unet.get('conv_in.weight')?.shape[1] === 9,
    prediction: v ? 'v' : 'epsilon',
    zeroTerminalSnr: marks('ztsnr'),
    distilled: unet.has('time_embedding.cond_proj.weight')
      ? 'lcm'
      : (DISTILLED.find((way) => said.includes(way)) ?? null),
  };
}

const DISTILLED = ['lightning', 'turbo', 'hyper', 'lcm'] as const;

/**
 * SD 2.0/2.1 came with either prediction in the same shapes. Networks trained for v have large biases where the last
 * transformer begins; 0.09 is the border that users' tools agree on. Other families predict noise unless they say so.
 */
async function predictsV(unet: Weights): Promise<boolean> {
  const bias = unet.get('up_blocks.3.attentions.2.transformer_blocks.0.norm1.bias');
  if (familyOfNetwork(unet) !== 'sd21' || !bias) return false;
  const values = await readFloats(bias.path, bias);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return Math.sqrt(variance) > 0.09;
}

function summary(tensors: readonly Pick<Tensor, 'dtype' | 'shape'>[]): { dtype: Dtype; parameters: number } {
  const counts = new Map<Dtype, number>();
  for (const { dtype, shape } of tensors) {
    const elements = shape.reduce((product, size) => product * size, 1);
    if (isFloat(dtype)) counts.set(dtype, (counts.get(dtype) ?? 0) + elements);
  }
  const [most] = [...counts].sort((a, b) => b[1] - a[1]);
  return { dtype: most?.[0] ?? 'float32', parameters: counts.values().reduce((sum, count) => sum + count, 0) };
}
