import type { Frame } from '../media/frame.ts';
import type { Family } from '../weights/family.ts';
import { type Model, type Part, requirePart } from '../weights/model.ts';
import { fit } from '../masks/fit.ts';
import type { Mask } from '../masks/mask.ts';
import { compose, touched } from './inpainting.ts';
import { CELL, openAutoencoder } from './networks/autoencoder.ts';
import type { LearnedVectors } from './networks/learned-words.ts';
import { type Conditioning, nothing, openTextEncoders } from './networks/text.ts';
import { type Guidance, openUNet } from './networks/unet.ts';
import { normalNoise } from './noise.ts';
import { LATENT_CHANNELS, type PassNoise, runPass } from './pass.ts';
import { frameOf, type Planes, planesOf, withData } from './picture/planes.ts';
import { resample } from './picture/resample.ts';
import { type Size, workingSize } from './picture/size.ts';
import { latentPreview } from './preview.ts';
import type { SamplingStep } from './sampling.ts';
import { checkMemory, type Plan, planFor, type Profile } from './profile.ts';
import type { Runtime } from './runtime/runtime.ts';
import { readSchedulerConfig, kindOf, type SchedulerConfig } from './schedulers/config.ts';
import { makeScheduler, type Scheduler, type SchedulerKind } from './schedulers/scheduler.ts';

/** What decides the painted pictures of a request alike, besides the model. */
export type PaintSettings = {
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
  /** Every frame its own noise, or all of a shot the same. */
  readonly noise: 'own' | 'still';
  /** 1: as the model was trained; 2: a layer earlier. */
  readonly clipSkip: number;
  /** Pixels to work at; null: as many as the model was trained on. More shows more detail, and then doubles. */
  readonly area: number | null;
  /** Paints once more, `scale` times as wide and high, at a strength of its own. */
  readonly secondPass: { readonly scale: number; readonly strength: number } | null;
};

/** What decides one picture. */
export type PaintJob = {
  /** The picture to repaint; null paints one of `size` from the prompt alone. */
  readonly frame: Frame | null;
  readonly prompt: string;
  readonly size: Size;
  /** What of it is repainted and how strongly, at its size; null: everything. Where it is 0 no pixel changes. */
  readonly mask: Mask | null;
  /** Frame number: where its noise comes from. */
  readonly number: number;
};

export type PaintProgress = {
  /** Steps of the sampler, over both passes, for the whole window. */
  readonly done: number;
  readonly total: number;
  /** What the window's picture of that index will be, small and rough; computed when asked for. */
  readonly preview: (index: number) => Frame;
};

export type Painter = {
  /** Steps of the sampler for a window of pictures that are given, over both passes. */
  readonly steps: number;
  /**
   * Paints a window of pictures together: one, or several that the settings let see each other. All have a frame, or none has. Each
   * result has the size of its job and the alpha of its frame. What was painted before plays no part. Obeys the signal between
   * steps, and within a second.
   */
  paint(
    window: readonly PaintJob[],
    signal: AbortSignal,
    onProgress?: (progress: PaintProgress) => void,
  ): Promise<Frame[]>;
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
  const passes = passesOf(model, options);
  const plan = planOf(model, options);
  checkMemory(profile, plan, [unetPart, vaePart], passes.at(-1)!.size, process.availableMemory());

  const unet = openUNet(unetPart, runtime, plan.unet, plan.guidance);
  const autoencoder = openAutoencoder(vaePart, runtime, plan.autoencoder, { tilePixels: plan.tilePixels });
  const encodeText = await openTextEncoders(model, runtime, settings.clipSkip, options.learned ?? []);
  const schedulerConfig = schedulerConfigOf(model, settings.scheduler);
  /** Prompts that were read, by their text. */
  const read = new Map<string, Conditioning>();

  async function reading(text: string, signal: AbortSignal): Promise<Conditioning> {
    const known = read.get(text) ?? (await encodeText(text, signal));
    read.set(text, known);
    return known;
  }

  async function guidanceOf({ prompt }: PaintJob, signal: AbortSignal): Promise<Guidance> {
    const positive = await reading(prompt, signal);
    if (settings.guidance <= 1) return { positive, negative: null, scale: settings.guidance };
    const negative = await reading(settings.negative, signal);
    const isEmpty = settings.negative.trim() === '' && family === 'sdxl';
    return { positive, negative: isEmpty ? nothing(negative) : negative, scale: settings.guidance };
  }

  const schedulersFor = (isGiven: boolean) =>
    passes.map(({ strength }, pass) =>
      makeScheduler(schedulerConfig, { count: settings.steps, strength: isGiven || pass > 0 ? strength : null }),
    );

  return {
    steps: stepsOf(schedulersFor(true)),
    async paint(window, signal, onProgress) {
      const guidance: Guidance[] = [];
      for (const job of window) guidance.push(await guidanceOf(job, signal));
      const given = window.map(({ frame }) => frame && planesOf(frame));
      const isGiven = given.every((picture) => picture !== null);
      const schedulers = schedulersFor(isGiven);
      const total = stepsOf(schedulers);
      let done = 0;
      let pictures: readonly (Planes | null)[] = given;
      for (const [pass, scheduler] of schedulers.entries()) {
        const { width, height } = passes[pass]!.size;
        const cells = { width: width / CELL, height: height / CELL };
        const length = LATENT_CHANNELS * cells.width * cells.height;
        const members = window.map(({ mask, number }, i) => ({
          picture: pictures[i] ? resample(pictures[i], width, height) : null,
          mask: mask && fit(mask, { width, height }, 'most'),
          guidance: guidance[i]!,
          noise: noiseOf({ seed: settings.seed, frame: settings.noise === 'still' ? 0 : number }, pass, length),
        }));
        const onStep = ({ clean }: SamplingStep) =>
          onProgress?.({
            done: ++done,
            total,
            preview: (index) => latentPreview(clean.subarray(index * length, (index + 1) * length), cells, family),
          });
        const keeping = { level: 'next', cell: 'most' } as const;
        pictures = await runPass(
          { unet, autoencoder },
          { size: { width, height }, members, scheduler, keeping, onStep },
          signal,
        );
      }
      return window.map(({ frame, size, mask }, i) => {
        const painted = resample(pictures[i]!, size.width, size.height);
        return frameOf(given[i] && mask ? keepOutside(painted, given[i], mask) : painted, frame);
      });
    },
  };
}

const stepsOf = (schedulers: readonly Scheduler[]): number =>
  schedulers.reduce((sum, { timesteps, first }) => sum + timesteps.length - first, 0);

type Asked = Pick<PainterOptions, 'settings' | 'profile' | 'pictures' | 'size'>;

/** How the networks will be run: with the settings it decides every pixel of the result. */
export function planOf(model: Model, asked: Asked): Plan {
  const { size } = passesOf(model, asked).at(-1)!;
  return planFor(asked.profile, { unetCalls: asked.pictures * asked.settings.steps, size });
}

/** The passes over a picture: at what size each works, and how much it repaints. */
function passesOf(model: Model, { settings, size }: Asked): { readonly size: Size; readonly strength: number }[] {
  const area = settings.area ?? nativeArea(model);
  return [{ scale: 1, strength: settings.strength }, ...(settings.secondPass ? [settings.secondPass] : [])].map(
    ({ scale, strength }) => ({ size: workingSize(size, area * scale ** 2), strength }),
  );
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

/** The given picture's own pixels where nothing is repainted: the way through the latent would soften them. */
const keepOutside = (painted: Planes, given: Planes, mask: Mask): Planes =>
  withData(painted, compose(painted.data, given.data, touched(mask.data)));
