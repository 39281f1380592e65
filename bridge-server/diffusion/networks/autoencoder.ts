import type { Storage } from '../../onnx/model.ts';
import { recordVaeDecoder, recordVaeEncoder, scalingFactor } from '../../networks/vae.ts';
import type { Part } from '../../weights/model.ts';
import { stack, type Planes } from '../picture/planes.ts';
import { tiled, type Tiling } from '../picture/tiling.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { bytesOf } from './memory.ts';
import { planesFrom, tensorOf } from './tensors.ts';

/** Pixels of a latent's cell, each way. */
export const CELL = 8;

/** Tiles as the field knows them: 512 pixels, a quarter shared with the neighbour. */
const TILE = { pixels: 512, overlap: 0.25 };

export type Autoencoder = {
  /** What latents are multiplied by for the UNet. */
  readonly scale: number;
  /** A picture in [-1, 1], its sides multiples of 8, as mean and log variance of its latent (unscaled). */
  encode(image: Planes, signal: AbortSignal): Promise<{ mean: Planes; logVariance: Planes }>;
  /** A latent (unscaled) as a picture, about -1 to 1. */
  decode(latent: Planes, signal: AbortSignal): Promise<Planes>;
};

/** `tilePixels` null: pictures are worked whole. */
export function openAutoencoder(
  part: Part,
  runtime: Runtime,
  storage: Storage,
  { tilePixels = TILE.pixels, overlap = TILE.overlap }: { tilePixels?: number | null; overlap?: number } = {},
): Autoencoder {
  const sizes = { batch: 'batch', height: 'height', width: 'width' };
  const encoder = runtime.network({
    name: 'VAE encoder',
    bytes: bytesOf(part, storage, 'encoder.'),
    recording: recordVaeEncoder(part, sizes, { storage }),
  });
  const decoder = runtime.network({
    name: 'VAE decoder',
    bytes: bytesOf(part, storage, 'decoder.'),
    recording: recordVaeDecoder(part, sizes, { storage }),
  });
  /** Runs in tiles when the picture is larger than one. */
  const inTiles = (
    planes: Planes,
    pixels: number,
    tiling: (tile: number) => Tiling,
    run: (tile: Planes) => Promise<Planes>,
  ) => (tilePixels !== null && pixels > tilePixels ? tiled(planes, tiling(tilePixels), run) : run(planes));

  return {
    scale: scalingFactor(part),
    async encode(image, signal) {
      const tiling = (pixels: number): Tiling => ({ from: pixels, to: pixels / CELL, overlap });
      const both = await inTiles(image, Math.max(image.width, image.height), tiling, async (tile) => {
        const { mean, logvar } = await encoder.run({ image: tensorOf(tile) }, signal);
        return stack(planesFrom(mean!), planesFrom(logvar!));
      });
      const half = both.data.length / 2;
      const channels = both.channels / 2;
      return {
        mean: { ...both, channels, data: both.data.subarray(0, half) },
        logVariance: { ...both, channels, data: both.data.subarray(half) },
      };
    },
    async decode(latent, signal) {
      const tiling = (pixels: number): Tiling => ({ from: pixels / CELL, to: pixels, overlap });
      return inTiles(latent, Math.max(latent.width, latent.height) * CELL, tiling, async (tile) =>
        planesFrom((await decoder.run({ latents: tensorOf(tile) }, signal)).image!),
      );
    },
  };
}
