import type { Size } from '../diffusion/picture/size.ts';
import { nativeArea } from '../diffusion/passes.ts';
import { CELL } from '../diffusion/networks/autoencoder.ts';
import { Failure } from '../errors.ts';
import { freeBytes } from '../jobs/eviction.ts';
import { numberedImages } from '../media/image.ts';
import { FAMILY_NAMES } from '../weights/family.ts';
import type { TrainRequest } from '../protocol/train-request.ts';
import { type Model, openModel, requirePart } from '../weights/model.ts';
import type { Keep } from './graph.ts';
import { maskFolders } from './identity.ts';
import { priorOf } from './lessons.ts';
import { elementsOf } from './lora.ts';

/**
 * What a step holds in memory besides the pages of the model's file, which the system may drop: for each cell of the latent, and in
 * any case. Measured at 512x512 with rank 8: SD 1.5 3.3 GB, SDXL, of whose networks the finest level has no attention, 1.8 GB.
 */
const CELL_BYTES = { sd: 620e3, sdxl: 280e3 };
const BASE_BYTES = 0.8e9;

/** Of each element of a LoRA's matrices: itself, its gradient and two moments, some of them twice on their way to the runtime and back. */
const MATRIX_BYTES = 8 * 4;
/** Of a picture that is trained on. */
const PIXEL_BYTES = 3 * 4;
/** On the disk: the element and its moments, twice while they are written anew; and what a LoRA's file has of it. */
const [STATE_BYTES, LORA_BYTES] = [2 * 3 * 4, 4];

/** How a step is computed: what takes long is kept where it fits easily, by the family alone. */
export const keepFor = (model: Model): Keep => (isXl(model) ? 'blocks' : 'products');

const isXl = ({ identity: { family } }: Model): boolean => family === 'sdxl';

/**
 * Refuses, before anything is computed, a training that could not be done: opens its model, and looks for the images it names. Resolves
 * with the model and the pixels of a picture that is trained on. Failures: those of openModel, refuseUntrainable, refuseLarge and
 * priorOf, media-missing, masks-none.
 *
 * @param freeBytes memory that it may use
 */
export async function openTrainable(
  request: TrainRequest,
  freeBytes: number,
): Promise<{ readonly model: Model; readonly area: number }> {
  const model = await openModel(request.model);
  refuseUntrainable(model);
  const area = request.area ?? nativeArea(model);
  const side = Math.sqrt(area);
  refuseLarge(model, { width: side, height: side }, request, freeBytes);
  await priorOf(request.prior);
  for (const folder of maskFolders(request)) {
    if ((await numberedImages(folder)).size === 0) throw new Failure('masks-none', { folder });
  }
  return { model, area };
}

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

/** Bytes of memory that a training takes, about. */
export function neededBytesFor(model: Model, { width, height }: Size, { settings, examples }: Weighed): number {
  const cells = (width / CELL) * (height / CELL);
  const matrices = elementsOf(requirePart(model, 'unet'), settings);
  const pictures = examples.kind === 'auto' ? examples.count : examples.frames.length;
  return (
    BASE_BYTES +
    cells * (isXl(model) ? CELL_BYTES.sdxl : CELL_BYTES.sd) +
    matrices * MATRIX_BYTES +
    pictures * width * height * PIXEL_BYTES
  );
}

/** What of a request decides how much memory it takes, beside the size. */
type Weighed = Pick<TrainRequest, 'settings' | 'examples'>;

/** Refuses what there is no memory for. Failure: train-memory. */
export function refuseLarge(model: Model, size: Size, request: Weighed, freeBytes: number): void {
  const neededBytes = neededBytesFor(model, size, request);
  if (neededBytes > freeBytes) throw new Failure('train-memory', { ...size, neededBytes, freeBytes });
}

/** Refuses what there is no room for in the folder where a training goes on. Failure: disk-small. */
export async function refuseFull(folder: string, model: Model, { settings, samples }: TrainRequest): Promise<void> {
  const matrices = elementsOf(requirePart(model, 'unet'), settings);
  const loras = 1 + (samples ? Math.ceil(settings.steps / samples.every) : 0);
  const needed = matrices * (STATE_BYTES + loras * LORA_BYTES);
  const free = await freeBytes(folder);
  if (needed > free) throw new Failure('disk-small', { path: folder, needed, free });
}
