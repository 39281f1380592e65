import { originalKeys } from './key-map.ts';
import { UNET } from './unet.ts';

/** The parts of a model that LoRA files change. */
export type AdaptedPart = 'unet' | 'textEncoder' | 'textEncoder2';

export const ADAPTED_PARTS: readonly AdaptedPart[] = ['unet', 'textEncoder', 'textEncoder2'];

/** What kohya's names of a part's modules begin with; for SDXL, which has two text encoders, the first is numbered too. */
const KOHYA_PREFIXES: Readonly<Record<AdaptedPart, readonly string[]>> = {
  unet: ['lora_unet'],
  textEncoder: ['lora_te', 'lora_te1'],
  textEncoder2: ['lora_te2'],
};

/** Nothing: files from before there were prefixes, and those of PEFT itself, which have one part only. */
const DIFFUSERS_PREFIXES: Readonly<Record<AdaptedPart, readonly string[]>> = {
  unet: ['unet.', ''],
  textEncoder: ['text_encoder.', ''],
  textEncoder2: ['text_encoder_2.'],
};

/** Diffusers before 0.22 kept a LoRA as attention processors of its own, which called the projections otherwise. */
const OLD_DIFFUSERS: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/(attn[12])\.to_([qkv])$/, '$1.processor.to_$2_lora'],
  [/(attn[12])\.to_out\.0$/, '$1.processor.to_out_lora'],
  [/self_attn\.([qkv]|out)_proj$/, 'self_attn.to_$1_lora'],
];

/** How kohya's scripts, and with them most LoRA files, call a module of diffusers. */
export const kohyaName = (part: AdaptedPart, module: string, isXl: boolean): string =>
  underscored(KOHYA_PREFIXES[part][isXl && part === 'textEncoder' ? 1 : 0]!, module);

/**
 * Every name that LoRA files have for a module, given by its name in diffusers ("mid_block.attentions.0.proj_in"): kohya's and
 * diffusers' styles, over the names of diffusers and, for the U-Net, over those of the original checkpoints.
 */
export function adapterNames(part: AdaptedPart, module: string): string[] {
  const originals = part === 'unet' ? originalKeys(UNET, module) : [];
  const olds = OLD_DIFFUSERS.filter(([pattern]) => pattern.test(module)).map(([pattern, name]) =>
    module.replace(pattern, name),
  );
  return [
    ...KOHYA_PREFIXES[part].flatMap((prefix) => [module, ...originals].map((name) => underscored(prefix, name))),
    ...DIFFUSERS_PREFIXES[part].flatMap((prefix) => [module, ...olds].map((name) => prefix + name)),
    ...originals.map((name) => `diffusion_model.${name}`),
  ];
}

const underscored = (prefix: string, module: string): string => `${prefix}_${module.replaceAll('.', '_')}`;
