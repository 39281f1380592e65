import { type Family, familyOfTextWidth } from './family.ts';
import type { Tensor } from './safetensors.ts';

/** What a LoRA or one of its relatives is. */
export type Adapter = {
  readonly algorithm: 'LoRA' | 'LoHa' | 'LoKr' | 'DoRA' | 'OFT' | 'full difference';
  readonly supported: boolean;
  /** Whose names it uses. */
  readonly naming: 'kohya' | 'diffusers';
  readonly family: Family | null;
  /** The rank that most modules have; null when the algorithm has none. */
  readonly rank: number | null;
  /** Modules that it changes. */
  readonly modules: number;
  readonly changes: readonly ('unet' | 'text encoder')[];
};

const ALGORITHMS: readonly { readonly algorithm: Adapter['algorithm']; readonly marker: RegExp }[] = [
  { algorithm: 'LoHa', marker: /\.hada_w1_a$/ },
  { algorithm: 'LoKr', marker: /\.lokr_w1(_a)?$/ },
  { algorithm: 'OFT', marker: /\.oft_(blocks|diag)$/ },
  { algorithm: 'DoRA', marker: /\.(dora_scale|lora_magnitude_vector)/ },
  { algorithm: 'full difference', marker: /\.diff$/ },
];

const DOWN = /\.lora_down\.weight$|\.lora_A(\.\w+)?\.weight$|\.lora\.down\.weight$|\.lora_linear_layer\.down\.weight$/;
const TEXT = /^(lora_te|te\d?\.|text_encoder)/;

export function adapterOf(tensors: readonly Tensor[]): Adapter {
  const algorithm = ALGORITHMS.find(({ marker }) => tensors.some(({ name }) => marker.test(name)))?.algorithm ?? 'LoRA';
  const downs = tensors.filter(({ name }) => DOWN.test(name));
  const modules = new Set(tensors.map(({ name }) => name.replace(/\.[^.]*(\.weight)?$/, '')));
  const texts = tensors.filter(({ name }) => TEXT.test(name)).length;
  return {
    algorithm,
    supported: algorithm === 'LoRA',
    naming: tensors.some(({ name }) => /^lora_(unet|te)/.test(name)) ? 'kohya' : 'diffusers',
    family: familyOfAdapter(tensors),
    rank: mostFrequent(downs.map(({ shape }) => shape[0] ?? 0)),
    modules: downs.length || modules.size,
    changes: [
      ...(texts < tensors.length ? (['unet'] as const) : []),
      ...(texts > 0 ? (['text encoder'] as const) : []),
    ],
  };
}

/** Cross-attention reads the text, so its keys' input width tells the family; so do a second text encoder and its width. */
function familyOfAdapter(tensors: readonly Tensor[]): Family | null {
  const width = (module: RegExp): number =>
    tensors.find(({ name }) => module.test(name) && DOWN.test(name))?.shape[1] ?? 0;
  if (tensors.some(({ name }) => /^(lora_te2_|text_encoder_2\.)/.test(name))) return 'sdxl';
  return (
    familyOfTextWidth(width(/attn2[._]to_[kv]\./)) ?? familyOfTextWidth(width(/^(lora_te_|text_encoder\.).*q_proj/))
  );
}

function mostFrequent(values: readonly number[]): number | null {
  const counts = Map.groupBy(values, (value) => value);
  const [most] = [...counts].sort((a, b) => b[1].length - a[1].length);
  return most?.[0] ?? null;
}
