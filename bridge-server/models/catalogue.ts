import type { Family } from '../weights/family.ts';

/**
 * Well-known models by short names. No hashes: what a file's hash is, the hub says when it is fetched, and the user may demand
 * another.
 */
export const CATALOGUE: readonly {
  readonly name: string;
  readonly what: string;
  readonly family: Family;
  readonly repository: string;
  readonly file: string;
}[] = [
  {
    name: 'sd15',
    what: 'Stable Diffusion 1.5',
    family: 'sd15',
    repository: 'stable-diffusion-v1-5/stable-diffusion-v1-5',
    file: 'v1-5-pruned-emaonly.safetensors',
  },
  {
    name: 'dreamshaper-8',
    what: 'DreamShaper 8, a popular SD 1.5 model',
    family: 'sd15',
    repository: 'Lykon/DreamShaper',
    file: 'DreamShaper_8_pruned.safetensors',
  },
  {
    name: 'sd15-vae-mse',
    what: 'VAE with steadier faces and eyes',
    family: 'sd15',
    repository: 'stabilityai/sd-vae-ft-mse-original',
    file: 'vae-ft-mse-840000-ema-pruned.safetensors',
  },
  {
    name: 'sd15-lcm-lora',
    what: 'LoRA for 4 to 8 steps',
    family: 'sd15',
    repository: 'latent-consistency/lcm-lora-sdv1-5',
    file: 'pytorch_lora_weights.safetensors',
  },
  {
    name: 'sdxl',
    what: 'Stable Diffusion XL 1.0',
    family: 'sdxl',
    repository: 'stabilityai/stable-diffusion-xl-base-1.0',
    file: 'sd_xl_base_1.0.safetensors',
  },
  {
    name: 'sdxl-refiner',
    what: 'Stable Diffusion XL 1.0, refiner',
    family: 'sdxl-refiner',
    repository: 'stabilityai/stable-diffusion-xl-refiner-1.0',
    file: 'sd_xl_refiner_1.0.safetensors',
  },
  {
    name: 'sdxl-turbo',
    what: 'SDXL distilled to 1 to 4 steps',
    family: 'sdxl',
    repository: 'stabilityai/sdxl-turbo',
    file: 'sd_xl_turbo_1.0_fp16.safetensors',
  },
  {
    name: 'sdxl-lcm-lora',
    what: 'LoRA for 4 to 8 steps',
    family: 'sdxl',
    repository: 'latent-consistency/lcm-lora-sdxl',
    file: 'pytorch_lora_weights.safetensors',
  },
];
