import { type Delta, deltaOf, rankOf, sizeOf } from './delta.ts';
import { type Family, familyOfTextWidth } from './family.ts';
import { groupByModule } from './lora-keys.ts';
import type { Tensor } from './safetensors.ts';
import { type Training, trainingOf } from './training.ts';

/** What a LoRA or one of its relatives is. */
export type Adapter = {
  readonly algorithm: 'LoRA' | 'LoHa' | 'LoKr' | 'DoRA' | 'OFT' | 'GLoRA' | 'full difference';
  readonly supported: boolean;
  /** Whose names it uses. */
  readonly naming: 'kohya' | 'diffusers';
  readonly family: Family | null;
  /** The rank that most modules have; null when the algorithm has none. */
  readonly rank: number | null;
  /** Modules that it changes. */
  readonly modules: number;
  readonly changes: readonly ('unet' | 'text encoder')[];
  readonly training: Training;
};

const ALGORITHMS: readonly { readonly algorithm: Adapter['algorithm']; readonly marker: RegExp }[] = [
  { algorithm: 'OFT', marker: /\.oft_(blocks|diag)$/ },
  { algorithm: 'DoRA', marker: /\.(dora_scale|lora_magnitude_vector)/ },
  { algorithm: 'GLoRA', marker: /\.a1\.weight$/ },
  { algorithm: 'LoHa', marker: /\.hada_w1_a$/ },
  { algorithm: 'LoKr', marker: /\.lokr_w1(_a)?$/ },
  { algorithm: 'LoRA', marker: /\.(lora_(down|A)(\.\w+)?|lora\.down|lora_linear_layer\.down)\.weight$/ },
  { algorithm: 'full difference', marker: /\.diff$/ },
];

const SUPPORTED: readonly Adapter['algorithm'][] = ['LoRA', 'LoHa', 'LoKr', 'full difference'];

const TEXT = /^(lora_te|te\d?\.|text_encoder|text_model\.)/;

export function adapterOf(tensors: readonly Tensor[], metadata: Readonly<Record<string, string>>): Adapter {
  const algorithm = ALGORITHMS.find(({ marker }) => tensors.some(({ name }) => marker.test(name)))?.algorithm ?? 'LoRA';
  const deltas = new Map<string, Delta>();
  for (const [module, roles] of groupByModule(tensors).modules) {
    const delta = deltaOf('', roles);
    if (delta) deltas.set(module, delta);
  }
  const names = deltas.size > 0 ? [...deltas.keys()] : [...new Set(tensors.map(({ name }) => name.split('.')[0]!))];
  const texts = names.filter((name) => TEXT.test(name)).length;
  const training = trainingOf(metadata);
  return {
    algorithm,
    supported: SUPPORTED.includes(algorithm),
    naming: tensors.some(({ name }) => /^lora_(unet|te)/.test(name)) ? 'kohya' : 'diffusers',
    family: familyOfDeltas(deltas) ?? training.family,
    rank: mostFrequent([...deltas.values()].flatMap((delta) => rankOf(delta) ?? [])),
    modules: names.length,
    changes: [...(texts < names.length ? (['unet'] as const) : []), ...(texts > 0 ? (['text encoder'] as const) : [])],
    training,
  };
}

/** Cross-attention reads the text, so its keys' input width tells the family; so do a second text encoder and its width. */
function familyOfDeltas(deltas: ReadonlyMap<string, Delta>): Family | null {
  const width = (module: RegExp): number => {
    const found = deltas.entries().find(([name]) => module.test(name));
    return (found && sizeOf(found[1])?.[1]) ?? 0;
  };
  if (deltas.keys().some((name) => /^(lora_te2_|text_encoder_2\.)/.test(name))) return 'sdxl';
  return (
    familyOfTextWidth(width(/attn2[._](processor\.)?to_[kv](_lora)?$/)) ??
    familyOfTextWidth(width(/^(lora_te_|text_encoder\.).*q_proj$/))
  );
}

function mostFrequent(values: readonly number[]): number | null {
  const counts = Map.groupBy(values, (value) => value);
  const [most] = [...counts].sort((a, b) => b[1].length - a[1].length);
  return most?.[0] ?? null;
}
