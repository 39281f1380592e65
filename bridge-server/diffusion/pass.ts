import { compose, keepUnmasked, latentMask, latentOf, type Mask } from './inpainting.ts';
import { type Autoencoder, CELL } from './networks/autoencoder.ts';
import type { Guidance, UNet } from './networks/unet.ts';
import { map, type Planes, stack, withData } from './picture/planes.ts';
import type { Size } from './picture/size.ts';
import { runSampling, type SamplingStep } from './sampling.ts';
import { clamp, weighted } from './schedulers/algebra.ts';
import type { Scheduler } from './schedulers/scheduler.ts';

/** Channels of the latent. */
export const LATENT_CHANNELS = 4;

export type Pass = {
  /** In pixels, multiples of 8. */
  readonly size: Size;
  /** The picture to repaint, of that size, in [-1, 1]; null to paint from noise alone. */
  readonly picture: Planes | null;
  /** What is repainted of it, of that size; null: everything. */
  readonly mask: Mask | null;
  readonly guidance: Guidance;
  readonly scheduler: Scheduler;
  readonly noise: PassNoise;
  /** How the kept part follows the noise when the network does not know about masks, and how the mask becomes cells. */
  readonly keeping: { readonly level: 'current' | 'next'; readonly cell: 'middle' | 'first' };
  readonly onStep: ((step: SamplingStep) => void) | null;
};

/** N(0,1), as long as the latent. */
export type PassNoise = {
  readonly start: Float32Array;
  /** For drawing the picture's latent from its posterior; null takes the mean, which flickers less from frame to frame. */
  readonly posterior: Float32Array | null;
  /** The same for the masked picture of an inpainting model. */
  readonly maskedPosterior: Float32Array | null;
  /** For a stochastic scheduler's n-th call. */
  at(call: number): Float32Array;
};

/** Paints one picture: encodes what is given, samples, decodes. Returns it at `size`, in [-1, 1]. */
export async function runPass(
  networks: { readonly unet: UNet; readonly autoencoder: Autoencoder },
  pass: Pass,
  signal: AbortSignal,
): Promise<Planes> {
  const { unet, autoencoder } = networks;
  const { scheduler, noise, picture, size } = pass;
  const shape = { channels: LATENT_CHANNELS, height: size.height / CELL, width: size.width / CELL };
  const encode = async (image: Planes, posterior: Float32Array | null) => {
    const { mean, logVariance } = await autoencoder.encode(image, signal);
    return latentOf(mean.data, logVariance.data, posterior, autoencoder.scale);
  };

  const original = picture ? await encode(picture, noise.posterior) : null;
  const start = original
    ? scheduler.first < scheduler.timesteps.length
      ? scheduler.addNoise(original, noise.start, scheduler.first)
      : original
    : weighted([scheduler.initialSigma, noise.start]);

  const knowsMasks = unet.channels > LATENT_CHANNELS;
  const cells = pass.mask ? latentMask(pass.mask, CELL, pass.keeping.cell) : null;
  const keep =
    cells && original && !knowsMasks
      ? keepUnmasked(scheduler, original, noise.start, cells, pass.keeping.level)
      : undefined;
  const sample = await runSampling(
    {
      scheduler,
      start,
      predict: unet.predictor(shape, pass.guidance, knowsMasks ? await maskPlanes() : null),
      noiseAt: (call) => noise.at(call),
      ...(keep ? { constrain: keep } : {}),
      ...(pass.onStep ? { onStep: pass.onStep } : {}),
    },
    signal,
  );
  const latent = keep && cells && original ? compose(sample, original, cells) : sample;
  const image = await autoencoder.decode({ ...shape, data: weighted([1 / autoencoder.scale, latent]) }, signal);
  return withData(image, clamp(image.data, 1));

  /** What an inpainting model sees beside the latent: the mask's cells, and the picture with a grey hole where it is repainted. */
  async function maskPlanes(): Promise<Planes> {
    const ones = { ...shape, channels: 1, data: new Float32Array(shape.height * shape.width).fill(1) };
    const grey = { channels: 3, ...size, data: new Float32Array(3 * size.height * size.width) };
    const { mask } = pass;
    const holed =
      picture && mask ? withData(picture, compose(grey.data, picture.data, map(mask, Math.round).data)) : grey;
    const masked = await encode(holed, noise.maskedPosterior);
    return stack(cells ? withData(ones, cells) : ones, { ...shape, data: masked });
  }
}
