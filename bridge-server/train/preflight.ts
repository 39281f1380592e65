import type { Size } from '../diffusion/picture/size.ts';
import { CELL } from '../diffusion/networks/autoencoder.ts';
import { Failure } from '../errors.ts';
import { FAMILY_NAMES } from '../weights/family.ts';
import { type Model, requirePart } from '../weights/model.ts';
import type { Keep } from './graph.ts';

/**
 * What a step holds in memory besides the pages of the model's file, which the system may drop: for each cell of the latent, and in
 * any case. Measured at 512x512 with rank 8: SD 1.5 3.3 GB, SDXL, of whose networks the finest level has no attention, 1.8 GB.
 */
const CELL_BYTES = { sd: 620e3, sdxl: 280e3 };
const BASE_BYTES = 0.8e9;

/** How a step is computed: what takes long is kept where it fits easily, by the family alone. */
export const keepFor = (model: Model): Keep => (isXl(model) ? 'blocks' : 'products');

const isXl = ({ identity: { family } }: Model): boolean => family === 'sdxl';

/** Refuses a model that cannot be trained. Failures: train-model, weights-part. */
export function refuseUntrainable(model: Model): void {
  const { family } = model.identity;
  const unet = requirePart(model, 'unet');
  requirePart(model, 'vae');
  const channels = unet.weights.get('conv_in.weight')?.shape[1];
  const { path } = model;
  if (family === 'sdxl-refiner') throw new Failure('train-model', { path, kind: FAMILY_NAMES[family] });
  if (channels !== 4) throw new Failure('train-model', { path, kind: 'a model for inpainting' });
  if (unet.weights.has('time_embedding.cond_proj.weight')) {
    throw new Failure('train-model', { path, kind: 'a distilled model' });
  }
}

/** Refuses what there is no memory for. Failure: train-memory. */
export function refuseLarge(model: Model, { width, height }: Size, freeBytes: number): void {
  const cells = (width / CELL) * (height / CELL);
  const neededBytes = BASE_BYTES + cells * (isXl(model) ? CELL_BYTES.sdxl : CELL_BYTES.sd);
  if (neededBytes > freeBytes) throw new Failure('train-memory', { width, height, neededBytes, freeBytes });
}
