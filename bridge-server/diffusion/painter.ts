import type { Frame } from '../media/frame.ts';
import type { Family } from '../weights/family.ts';
import { type Model, type Part, requirePart } from '../weights/model.ts';
import { compose, type Mask } from './inpainting.ts';
import { CELL, openAutoencoder } from './networks/autoencoder.ts';
import type { LearnedVectors } from './networks/learned-words.ts';
import { nothing, openTextEncoders } from './networks/text.ts';
import { type Guidance, openUNet } from './networks/unet.ts';
import { normalNoise } from './noise.ts';
import { LATENT_CHANNELS, type PassNoise, runPass } from './pass.ts';
import { frameOf, type Planes, planesOf, withData } from './picture/planes.ts';
import { resample } from './picture/resample.ts';
import { type Size, workingSize } from './picture/size.ts';
import { latentPreview } from './preview.ts';
import { checkMemory, planFor, type Profile } from './profile.ts';
import type { Runtime } from './runtime/runtime.ts';
import { readSchedulerConfig, kindOf, type SchedulerConfig } from './schedulers/config.ts';
import { makeScheduler, type SchedulerKind } from './schedulers/scheduler.ts';

/** What decides a painted picture, besides the model and the picture that is given. */
export type PaintSettings = {
  readonly prompt: string;
  readonly negative: string;
  readonly steps: number;
  /** Classifier-free guidance; 1 and less: the negative prompt is not read. */
  readonly guidance: number;
  /** How much of the given picture is repainted, above 0 to 1. */
  readonly strength: number;
  /** null: what the model comes with, else DPM++ 2M with Karras' sigmas. */
  readonly scheduler: SchedulerKind | null;
  /** 0 <= seed < 2^53. */
  readonly seed: number;
  /** The same noise for every frame of a shot, rather than noise of its own for each. */
  readonly stillNoise: boolean;
  /** 1: as the model was trained; 2: a layer earlier. */
  readonly clipSkip: number;
  /** Pixels to work at; null: as many as the model was trained on. More shows more detail, and then doubles. */
  readonly area: number | null;
  /** Paints once more, `scale` times as wide and high, at a strength of its own. */
  readonly secondPass: { readonly scale: number; readonly strength: number } | null;
};

export type PaintJob = {
  /** The picture to repaint; null paints one of `size` from the prompt alone. */
  readonly frame: Frame | null;
  readonly size: Size;
  /** What of it is repainted, at its size, edges may be soft; null: everything. */
  readonly mask: Mask | null;
  /** Frame number: where its noise comes from. */
  readonly number: number;
};

export type PaintProgress = {
  /** Calls of the sampler, over both passes. */
  readonly done: number;
  readonly total: number;
  /** What the picture will be, small and rough; computed when asked for. */
  readonly preview: () => Frame;
};

export type Painter = {
  /** The result has the size of the job and the alpha of its frame. Obeys the signal between steps, and within a second. */
  paint(job: PaintJob, signal: AbortSignal, onProgress?: (progress: PaintProgress) => void): Promise<Frame>;
};

export type PainterOptions = {
  /** See openRuntime; it stays the caller's, who closes it. */
  readonly runtime: Runtime;
  readonly settings: PaintSettings;
  readonly profile: Profile;
  /** How many pictures the whole request paints, those that are done already included, and their size. */
  readonly pictures: number;
  readonly size: Size;
  readonly learned?: readonly LearnedVectors[];
  /** Instead of the model's own. */
  readonly vae?: Part;
};

/** A model made ready to paint with; its networks are loaded when first needed and stay. Failures: weights-part, memory-short. */
export async function openPainter(model: Model, options: PainterOptions): Promise<Painter> {
  const { runtime, settings, profile } = options;
  const family = model.identity.family ?? 'sd15';
  const unetPart = requirePart(model, 'unet');
  const vaePart = options.vae ?? requirePart(model, 'vae');
  const area = settings.area ?? nativeArea(model);
  const passes = [{ scale: 1, strength: settings.strength }, ...(settings.secondPass ? [settings.secondPass] : [])].map(
    ({ scale, strength }) => ({ size: workingSize(options.size, area * scale ** 2), strength }),
  );
  const largest = passes.at(-1).size;
  const plan = planFor(profile, { unetCalls: options.pictures * settings.steps, size: largest });
  checkMemory(profile, plan, [unetPart, vaePart], largest, process.availableMemory());

  const unet = openUNet(unetPart, runtime, plan.unet, plan.guidance);
  const autoencoder = openAutoencoder(vaePart, runtime, plan.autoencoder, { tilePixels: plan.tilePixels });
  const encodeText = await openTextEncoders(model, runtime, settings.clipSkip, options.learned ?? []);
  const schedulerConfig = schedulerConfigOf(model, settings.scheduler);
  let guidance: Guidance | null = null;

  async function readPrompts(signal: AbortSignal): Promise<Guidance> {
    const positive = await encodeText(settings.prompt, signal);
    if (settings.guidance <= 1) return { positive, negative: null, scale: settings.guidance };
    const negative = await encodeText(settings.negative, signal);
    const isEmpty = settings.negative.trim() === '' && family === 'sdxl';
    return { positive, negative: isEmpty ? nothing(negative) : negative, scale: settings.guidance };
  }

  return {
    async paint({ frame, size, mask, number }, signal, onProgress) {
      guidance ??= await readPrompts(signal);
      const given = frame && planesOf(frame);
      const schedulers = passes.map(({ strength }, pass) =>
        makeScheduler(schedulerConfig, {
          count: settings.steps,
          strength: given === null && pass === 0 ? null : strength,
        }),
      );
      const total = schedulers.reduce((sum, { timesteps, first }) => sum + timesteps.length - first, 0);
      let done = 0;
      let picture = given;
      for (const [pass, scheduler] of schedulers.entries()) {
        const { width, height } = passes[pass]!.size;
        const cells = { width: width / CELL, height: height / CELL };
        const source = { seed: settings.seed, frame: settings.stillNoise ? 0 : number };
        picture = await runPass(
          { unet, autoencoder },
          {
            size: { width, height },
            picture: picture && resample(picture, width, height),
            mask: mask && resample(mask, width, height),
            guidance,
            scheduler,
            noise: noiseOf(source, pass, LATENT_CHANNELS * cells.width * cells.height),
            keeping: { level: 'next', cell: 'middle' },
            onStep: ({ clean }) =>
              onProgress?.({ done: ++done, total, preview: () => latentPreview(clean, cells, family) }),
          },
          signal,
        );
      }
      const painted = resample(picture!, size.width, size.height);
      return frameOf(given && mask ? keepOutside(painted, given, mask) : painted, frame);
    },
  };
}

/** The pixels that a family was trained on. */
function nativeArea({ identity: { family, variant } }: Model): number {
  const sides: Record<Family, number> = {
    sd15: 512,
    // SD 2 comes in two sizes; the larger one predicts v.
    sd21: variant?.prediction === 'v' ? 768 : 512,
    sdxl: 1024,
    'sdxl-refiner': 1024,
  };
  return sides[family ?? 'sd15'] ** 2;
}

/** What the model's own scheduler_config.json says, else what its file tells, with the kind that was asked for. */
export function schedulerConfigOf(model: Model, asked: SchedulerKind | null): SchedulerConfig {
  const { variant } = model.identity;
  if (model.scheduler) return readSchedulerConfig(asked ?? kindOf(model.scheduler) ?? 'dpmpp_2m', model.scheduler);
  const trained = {
    ...(variant?.prediction === 'v' ? { prediction_type: 'v_prediction' } : {}),
    ...(variant?.zeroTerminalSnr ? { rescale_betas_zero_snr: true, timestep_spacing: 'trailing' } : {}),
  };
  switch (variant?.distilled ?? null) {
    case 'lcm':
      return readSchedulerConfig(asked ?? 'lcm', null, trained);
    case 'turbo':
    case 'lightning':
    case 'hyper':
      // Distilled at the ends of equal parts of the schedule.
      return readSchedulerConfig(asked ?? 'euler', null, { timestep_spacing: 'trailing', ...trained });
    case null:
      return readSchedulerConfig(asked ?? 'dpmpp_2m', null, asked ? trained : { use_karras_sigmas: true, ...trained });
  }
}

function noiseOf(source: { seed: number; frame: number }, pass: number, length: number): PassNoise {
  return {
    start: normalNoise(source, { pass, draw: 0 }, length),
    posterior: null,
    maskedPosterior: null,
    at: (call) => normalNoise(source, { pass, draw: call + 1 }, length),
  };
}

/** The source's own pixels where the mask says so: the way through the latent would soften them. */
const keepOutside = (painted: Planes, given: Planes, mask: Mask): Planes =>
  withData(painted, compose(painted.data, given.data, mask.data));
