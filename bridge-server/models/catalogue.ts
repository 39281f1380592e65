import type { Family } from '../weights/family.ts';
import type { Kind } from '../weights/kind-names.ts';

/**
 * Well-known models by short names. No hashes: what a file's hash is, the hub says when it is fetched, and the user may demand
 * another.
 */
export const CATALOGUE: readonly {
  readonly name: string;
  readonly what: string;
  readonly kind: Kind;
  readonly family: Family;
  readonly repository: string;
  readonly file: string;
  /** What it was when it was listed here. */
  readonly bytes: number;
}[] = [
  {
    name: 'sd15',
    what: 'Stable Diffusion 1.5',
    kind: 'checkpoint',
    family: 'sd15',
    repository: 'stable-diffusion-v1-5/stable-diffusion-v1-5',
    file: 'v1-5-pruned-emaonly.safetensors',
    bytes: 4_265_146_304,
  },
  {
    name: 'dreamshaper-8',
    what: 'DreamShaper 8, a popular SD 1.5 model',
    kind: 'checkpoint',
    family: 'sd15',
    repository: 'Lykon/DreamShaper',
    file: 'DreamShaper_8_pruned.safetensors',
    bytes: 2_132_625_894,
  },
  {
    name: 'sd15-vae-mse',
    what: 'VAE with steadier faces and eyes',
    kind: 'vae',
    family: 'sd15',
    repository: 'stabilityai/sd-vae-ft-mse-original',
    file: 'vae-ft-mse-840000-ema-pruned.safetensors',
    bytes: 334_641_190,
  },
  {
    name: 'sd15-lcm-lora',
    what: 'LoRA for 4 to 8 steps',
    kind: 'lora',
    family: 'sd15',
    repository: 'latent-consistency/lcm-lora-sdv1-5',
    file: 'pytorch_lora_weights.safetensors',
    bytes: 134_621_556,
  },
  {
    name: 'sdxl',
    what: 'Stable Diffusion XL 1.0',
    kind: 'checkpoint',
    family: 'sdxl',
    repository: 'stabilityai/stable-diffusion-xl-base-1.0',
    file: 'sd_xl_base_1.0.safetensors',
    bytes: 6_938_078_334,
  },
  {
    name: 'sdxl-refiner',
    what: 'Stable Diffusion XL 1.0, refiner',
    kind: 'checkpoint',
    family: 'sdxl-refiner',
    repository: 'stabilityai/stable-diffusion-xl-refiner-1.0',
    file: 'sd_xl_refiner_1.0.safetensors',
    bytes: 6_075_981_930,
  },
  {
    name: 'sdxl-turbo',
    what: 'SDXL distilled to 1 to 4 steps',
    kind: 'checkpoint',
    family: 'sdxl',
    repository: 'stabilityai/sdxl-turbo',
    file: 'sd_xl_turbo_1.0_fp16.safetensors',
    bytes: 6_938_081_905,
  },
  {
    name: 'sdxl-lcm-lora',
    what: 'LoRA for 4 to 8 steps',
    kind: 'lora',
    family: 'sdxl',
    repository: 'latent-consistency/lcm-lora-sdxl',
    file: 'pytorch_lora_weights.safetensors',
    bytes: 393_855_224,
  },
];
