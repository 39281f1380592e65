/** What people call each kind of file. */
export const KIND_NAMES = {
  checkpoint: 'Checkpoint',
  unet: 'U-Net alone',
  vae: 'VAE',
  'text-encoder': 'Text encoder',
  controlnet: 'ControlNet',
  lora: 'LoRA',
  'textual-inversion': 'Embedding (textual inversion)',
  'motion-module': 'Motion module',
  taesd: 'TAESD (preview decoder)',
  upscaler: 'Upscaler',
  'ip-adapter': 'IP-Adapter',
  't2i-adapter': 'T2I-Adapter',
} as const;

export type Kind = keyof typeof KIND_NAMES;
