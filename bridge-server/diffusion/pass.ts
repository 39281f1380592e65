import type { Mask } from '../masks/mask.ts';
import { type Course, type Lead, leadOf, type Lent } from './consistency/lead.ts';
import { compose, keepUnmasked, latentMask, latentOf, touched } from './inpainting.ts';
import { type Autoencoder, CELL } from './networks/autoencoder.ts';
import { joined } from './networks/tensors.ts';
import type { Guidance } from './networks/batch.ts';
import type { Sees, UNet } from './networks/unet.ts';
import { map, type Planes, stack, withData } from './picture/planes.ts';
import type { Size } from './picture/size.ts';
import { runSampling, type SamplingStep } from './sampling.ts';
import { clamp, weighted } from './schedulers/algebra.ts';
import type { Scheduler } from './schedulers/scheduler.ts';

/** Channels of the latent. */
export const LATENT_CHANNELS = 4;

/** One pass over a window of pictures: they are sampled together, step by step, so that each can see the others. */
export type Pass = {
  /** In pixels, multiples of 8. */
  readonly size: Size;
  readonly members: readonly PassMember[];
  /** Whose latents each member's self-attention reads, by their places; null: its own. */
  readonly sees: Sees | null;
  /** How many of the members, from the first, are only there to be seen; they are not decoded. */
  readonly guests: number;
  readonly scheduler: Scheduler;
  /** How the kept part follows the noise when the network does not know about masks, and how the mask becomes cells. */
  readonly keeping: { readonly level: 'current' | 'next'; readonly cell: 'most' | 'middle' | 'first' };
  /** Samples and clean latents of the members, end to end. */
  readonly onStep: ((step: SamplingStep) => void) | null;
};

/** What decides one picture of a pass. */
export type PassMember = {
  /** The picture to repaint, of the pass's size, in [-1, 1]; null to paint from noise alone. All members have one, or none has. */
  readonly picture: Planes | null;
  /** What is repainted of it, of that size; null: everything. */
  readonly mask: Mask | null;
  readonly guidance: Guidance;
  /** What each of the UNet's controls is shown, of the pass's size. */
  readonly maps: readonly Planes[];
  readonly noise: PassNoise;
  /** What earlier keys lend to it; null: nothing. Only for a given picture. */
  readonly lent: Lent | null;
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

/** A member once it is encoded: where its sampling starts, and what is held fast in it. */
type Begun = {
  readonly start: Float32Array;
  /** The latent of the given picture. */
  readonly original: Float32Array | null;
  readonly extra: Planes | null;
  readonly lead: Lead | null;
  /** The cells of the mask that the original is kept outside of; null: nothing is kept. */
  readonly kept: Float32Array | null;
  readonly constrain: ((sample: Float32Array, index: number) => Float32Array) | null;
};

export type PassResult = {
  /** At the pass's size, in [-1, 1]; null for guests. */
  readonly picture: Planes | null;
  readonly course: Course;
};

/** Paints the window's pictures: encodes what is given, samples, decodes. */
export async function runPass(
  networks: { readonly unet: UNet; readonly autoencoder: Autoencoder },
  pass: Pass,
  signal: AbortSignal,
): Promise<PassResult[]> {
  const { unet, autoencoder } = networks;
  const { scheduler, size, members } = pass;
  const shape = { channels: LATENT_CHANNELS, height: size.height / CELL, width: size.width / CELL };
  const knowsMasks = unet.channels > LATENT_CHANNELS;

  const begun: Begun[] = [];
  for (const member of members) begun.push(await begin(member));
  const courses = begun.map(({ original }) => (original ? [original] : []));
  const sample = await runSampling(
    {
      scheduler,
      start: joined(...begun.map(({ start }) => start)),
      predict: unet.predictor(
        shape,
        members.map(({ guidance, maps }, i) => ({ guidance, maps, extra: begun[i]!.extra })),
        pass.sees,
      ),
      noiseAt: (call) => joined(...members.map(({ noise }) => noise.at(call))),
      ...(begun.some(({ constrain }) => constrain)
        ? { constrain: (all, index) => eachOf(all, (own, i) => begun[i]!.constrain?.(own, index) ?? own) }
        : {}),
      ...(begun.some(({ lead }) => lead)
        ? { reconsider: (all, call) => eachOf(all, (own, i) => begun[i]!.lead?.reconsider(own, call) ?? own) }
        : {}),
      onStep: (step) => {
        for (const [i, course] of courses.entries()) course.push(memberOf(step.clean, i).slice());
        pass.onStep?.(step);
      },
    },
    signal,
  );
  const results: PassResult[] = [];
  for (const [i, course] of courses.entries()) {
    const picture = i < pass.guests ? null : await decode(memberOf(sample, i), begun[i]!);
    results.push({ picture, course });
  }
  return results;

  async function begin({ picture, mask, noise, lent }: PassMember): Promise<Begun> {
    const original = picture ? await encode(picture, noise.posterior) : null;
    const cells = mask ? latentMask(mask, CELL, pass.keeping.cell) : null;
    const calls = scheduler.timesteps.length - scheduler.first;
    const lead = lent && original ? leadOf(lent, { ...shape, data: original }, cells && touched(cells), calls) : null;
    const start = original
      ? startOf(lead?.start ?? original, noise.start)
      : weighted([scheduler.initialSigma, noise.start]);
    const extra = knowsMasks ? await maskPlanes(picture, mask, cells, noise.maskedPosterior) : null;
    if (!cells || !original || knowsMasks) return { start, original, extra, lead, kept: null, constrain: null };
    const constrain = keepUnmasked(scheduler, original, noise.start, cells, pass.keeping.level);
    return { start, original, extra, lead, kept: cells, constrain };
  }

  function startOf(clean: Float32Array, start: Float32Array): Float32Array {
    return scheduler.first < scheduler.timesteps.length ? scheduler.addNoise(clean, start, scheduler.first) : clean;
  }

  async function decode(sample: Float32Array, { original, kept }: Begun): Promise<Planes> {
    const latent = kept && original ? compose(sample, original, touched(kept)) : sample;
    const image = await autoencoder.decode({ ...shape, data: weighted([1 / autoencoder.scale, latent]) }, signal);
    return withData(image, clamp(image.data, 1));
  }

  async function encode(image: Planes, posterior: Float32Array | null): Promise<Float32Array> {
    const { mean, logVariance } = await autoencoder.encode(image, signal);
    return latentOf(mean.data, logVariance.data, posterior, autoencoder.scale);
  }

  /** What an inpainting model sees beside the latent: the mask's cells, and the picture with a grey hole where it is repainted. */
  async function maskPlanes(
    picture: Planes | null,
    mask: Mask | null,
    cells: Float32Array | null,
    posterior: Float32Array | null,
  ): Promise<Planes> {
    const ones = { ...shape, channels: 1, data: new Float32Array(shape.height * shape.width).fill(1) };
    const grey = { channels: 3, ...size, data: new Float32Array(3 * size.height * size.width) };
    const holed =
      picture && mask ? withData(picture, compose(grey.data, picture.data, map(mask, Math.round).data)) : grey;
    const masked = await encode(holed, posterior);
    // They were trained with hard masks.
    return stack(cells ? withData(ones, cells.map(Math.round)) : ones, { ...shape, data: masked });
  }

  function memberOf(all: Float32Array, i: number): Float32Array {
    const length = all.length / members.length;
    return all.subarray(i * length, (i + 1) * length);
  }

  function eachOf(all: Float32Array, change: (own: Float32Array, i: number) => Float32Array): Float32Array {
    return joined(...members.map((_, i) => change(memberOf(all, i), i)));
  }
}
