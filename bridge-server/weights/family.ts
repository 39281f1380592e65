import type { Weights } from './parts.ts';

/** Architectures that run here. */
export type Family = 'sd15' | 'sd21' | 'sdxl' | 'sdxl-refiner';

export const FAMILY_NAMES: Readonly<Record<Family, string>> = {
  sd15: 'Stable Diffusion 1.5',
  sd21: 'Stable Diffusion 2.1',
  sdxl: 'SDXL',
  'sdxl-refiner': 'SDXL refiner',
};

/**
 * The family of a U-Net or ControlNet by its structure, so that a pruned or widened one is known too: SDXL adds the size of
 * the picture and the pooled text to the time embedding and has no attention at the highest resolution, its refiner has
 * one level more; SD 2 projects into its transformers by matrices where SD 1 has 1x1 convolutions.
 */
export function familyOfNetwork(weights: Weights): Family {
  if (weights.has('add_embedding.linear_1.weight') && !weights.has('down_blocks.0.attentions.0.proj_in.weight')) {
    return weights.has('down_blocks.3.resnets.0.conv1.weight') ? 'sdxl-refiner' : 'sdxl';
  }
  return weights.get('down_blocks.0.attentions.0.proj_in.weight')?.shape.length === 2 ? 'sd21' : 'sd15';
}

/** The family that reads texts of this width (LoRA, textual inversion: what they attach to). */
export function familyOfTextWidth(width: number): Family | null {
  return WIDTHS.get(width) ?? null;
}

const WIDTHS: ReadonlyMap<number, Family> = new Map([
  [768, 'sd15'],
  [1024, 'sd21'],
  [2048, 'sdxl'],
  [1280, 'sdxl-refiner'],
]);

/** Families that people also have files of, and a tensor that gives each away (anywhere in the name, also in that of a LoRA's). */
export const FOREIGN_FAMILIES: readonly { readonly name: string; readonly marker: RegExp }[] = [
  { name: 'FLUX', marker: /(^|[._])double_blocks[._]0[._]img_attn|(^|[._])single_transformer_blocks[._]0[._]/ },
  { name: 'Stable Diffusion 3', marker: /(^|[._])joint_blocks[._]0[._]/ },
  { name: 'Stable Video Diffusion', marker: /\.time_mixer\.mix_factor$|\.time_stack\./ },
  { name: 'Stable Cascade', marker: /(^|\.)clip_txt_pooled_mapper\.|(^|\.)clip_t_mapper\./ },
  { name: 'Stable Diffusion 2 unCLIP', marker: /^embedder\.model\.visual\.|^noise_augmentor\./ },
  { name: 'PixArt', marker: /(^|\.)caption_projection\.linear_1\.|(^|\.)y_embedder\.y_embedding$/ },
  { name: 'Wan', marker: /(^|\.)blocks\.0\.cross_attn\.norm_q\.|^lora_unet_blocks_0_cross_attn_/ },
];
