import type { Frame } from '../media/frame.ts';
import type { Family } from '../weights/family.ts';
import { type Model, type Part, requirePart } from '../weights/model.ts';
import { fit } from '../masks/fit.ts';
import type { Mask } from '../masks/mask.ts';
import type { Correspondence } from './consistency/correspondence.ts';
import type { Course, Lent } from './consistency/lead.ts';
import { type Consistency, followsPrevious } from './consistency/settings.ts';
import { type BeforeAndAfter, inLineWith, mapped, statisticsOf } from './consistency/statistics.ts';
import { coverOf, type DetailSettings, pasted, type Placement } from './detail.ts';
import { compose, touched } from './inpainting.ts';
import { CELL, openAutoencoder } from './networks/autoencoder.ts';
import type { Guidance } from './networks/batch.ts';
import { contextOf } from './networks/contexts.ts';
import { type Control, openControlNet } from './networks/controlnet.ts';
import type { LearnedVectors } from './networks/learned-words.ts';
import { type Conditioning, nothing, openTextEncoders } from './networks/text.ts';
import { openUNet, type Sees } from './networks/unet.ts';
import { noiseFrom, type NoiseOrigin, type NoiseSource, normalNoise } from './noise.ts';
import { LATENT_CHANNELS, type PassMember, type PassNoise, runPass } from './pass.ts';
import { crop, frameOf, type Planes, planesOf, withData } from './picture/planes.ts';
import { resample } from './picture/resample.ts';
import { blend, type PromptNow } from './prompts.ts';
import type { Region } from './regions.ts';
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
  /** 1: as the model was trained; 2: a layer earlier. */
  readonly clipSkip: number;
  /** Pixels to work at; null: as many as the model was trained on. More shows more detail, and then doubles. */
  readonly area: number | null;
  /** Paints once more, `scale` times as wide and high, at a strength of its own. */
  readonly secondPass: { readonly scale: number; readonly strength: number } | null;
  readonly consistency: Consistency;
  readonly details: readonly DetailSettings[];
};

/** What decides one picture. */
export type PaintJob = {
  /** The picture to repaint; null paints one of `size` from the prompt alone. */
  readonly frame: Frame | null;
  readonly prompt: string;
  /** Another prompt that this one is on the way to, and how far; null: none. */
  readonly fade: PromptNow['fade'];
  /** Parts of the picture with prompts of their own, their masks at its size; see sharesOf for where they overlap. */
  readonly regions: readonly { readonly prompt: string; readonly mask: Mask }[];
  readonly size: Size;
  /** What of it is repainted and how strongly, at its size; null: everything. Where it is 0 no pixel changes. */
  readonly mask: Mask | null;
  /** What each of the painter's controls is shown of it, drawn at the size that a pass works at: three planes in [0, 1]. */
  readonly maps: readonly DrawMap[];
  /** Where each of the settings' details is; null: not in this picture. */
  readonly details: readonly (Placement | null)[];
  /** The frame whose noise it has, the same of another seed, or for each pass where the noise of its cells comes from. */
  readonly noise: number | NoiseSource | readonly NoiseOrigin[];
};

/** Pictures that are painted together, one or several that the settings let see each other. All have a frame, or none has. */
export type PaintWindow = {
  readonly jobs: readonly PaintJob[];
  /** What is painted already of their shot; null: they stand alone. */
  readonly earlier: Earlier | null;
};

/** What keys of a shot became, for those that follow. */
export type Earlier = {
  readonly first: PaintedKey;
  /** The nearest to the window; it may be the first. */
  readonly previous: PaintedKey;
  /** From each of the window's jobs to `previous`; null: the settings do not follow it. */
  readonly motions: readonly Correspondence[] | null;
  /** The last of them, up to `previous`, that motion modules go on from; empty without motion modules. */
  readonly run: readonly PaintedKey[];
};

export type Painted = {
  readonly picture: Frame;
  /** What later keys of the shot are led by. */
  readonly course: Course;
};

export type PaintedKey = Painted & { readonly job: PaintJob };

export type DrawMap = (size: Size, signal: AbortSignal) => Promise<Planes>;

export type PaintProgress = {
  /** Steps of the sampler, over both passes and all details, for the whole window. */
  readonly done: number;
  readonly total: number;
  /** What the window's picture of that index will be, small and rough; computed when asked for. */
  readonly preview: (index: number) => Frame;
};

export type Painter = {
  /** Steps of the sampler for a window of one picture that is given, over both passes and all details. */
  readonly steps: number;
  /** The latent's size in each pass. */
  readonly grids: readonly Size[];
  /**
   * Paints the window's jobs, and only they decide the results, never what else was painted before. Each has the size of its job and the
   * alpha of its frame. Obeys the signal between steps, and within a second.
   */
  paint(window: PaintWindow, signal: AbortSignal, onProgress?: (progress: PaintProgress) => void): Promise<Painted[]>;
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
  readonly controls?: readonly PaintControl[];
  /** Motion modules; the jobs of a window are then consecutive frames. */
  readonly motion?: Part | null;
  /** Instead of the model's own. */
  readonly vae?: Part;
};

/** A ControlNet by its weights, and how it acts. */
export type PaintControl = Omit<Control, 'net'> & { readonly net: Part };

/** A model made ready to paint with; its networks are loaded when first needed and stay. Failures: those of refuseUnpaintable. */
export async function openPainter(model: Model, options: PainterOptions): Promise<Painter> {
  refuseUnpaintable(model, options, process.availableMemory() + options.runtime.heldBytes);
  const { runtime, settings, motion = null } = options;
  const family = model.identity.family ?? 'sd15';
  const unetPart = requirePart(model, 'unet');
  const vaePart = options.vae ?? requirePart(model, 'vae');
  const passes = passesOf(model, options);
  const plan = planOf(model, options);

  const controls = (options.controls ?? []).map(({ net, ...how }) => ({
    ...how,
    net: openControlNet(net, runtime, plan.unet),
  }));
  const unet = openUNet(unetPart, runtime, plan.unet, plan.guidance, { controls, motion });
  const autoencoder = openAutoencoder(vaePart, runtime, 'folded', { tilePixels: plan.tilePixels });
  const encodeText = await openTextEncoders(model, runtime, settings.clipSkip, options.learned ?? []);
  const schedulerConfig = schedulerConfigOf(model, settings.scheduler);
  /** Prompts that were read, by their text. */
  const read = new Map<string, Conditioning>();

  async function reading(text: string, signal: AbortSignal): Promise<Conditioning> {
    const known = read.get(text) ?? (await encodeText(text, signal));
    read.set(text, known);
    return known;
  }

  /** @param cells the latent's size */
  async function guidanceOf(job: PaintJob, cells: Size, signal: AbortSignal): Promise<Guidance> {
    const prompt = await reading(job.prompt, signal);
    const positive = job.fade ? blend(prompt, await reading(job.fade.prompt, signal), job.fade.weight) : prompt;
    const regions: Region[] = [];
    for (const { prompt: text, mask } of job.regions) {
      regions.push({ conditioning: await reading(text, signal), mask: fit(mask, cells, 'mean').data });
    }
    if (settings.guidance <= 1) return { positive, regions, negative: null, scale: settings.guidance };
    const negative = await reading(settings.negative, signal);
    const isEmpty = settings.negative.trim() === '' && family === 'sdxl';
    return { positive, regions, negative: isEmpty ? nothing(negative) : negative, scale: settings.guidance };
  }

  const schedulersFor = (isGiven: boolean) =>
    passes.map(({ strength }, pass) =>
      makeScheduler(schedulerConfig, { count: settings.steps, strength: isGiven || pass > 0 ? strength : null }),
    );

  const sizes = passes.map(({ size }) => size);
  const { consistency } = settings;
  const coloursOfFirst = ofFrame(({ job: { frame, mask }, picture }: PaintedKey) =>
    beforeAndAfter(planesOf(frame!), planesOf(picture), mask && mask.data),
  );

  /** @param i which job of the window; @param cells the latent's size */
  function lentTo(i: number, { first, previous, motions }: Earlier, cells: Size): Lent {
    const motion = followsPrevious(consistency) ? motions?.[i] : null;
    const { mask } = first.job;
    return {
      how: consistency,
      previous: motion ? { course: previous.course, motion } : null,
      first:
        consistency.tone > 0 ? { course: first.course, cells: mask && touched(fit(mask, cells, 'most').data) } : null,
    };
  }

  const detailSchedulers = settings.details.map(({ strength }) =>
    makeScheduler(schedulerConfig, { count: settings.steps, strength }),
  );

  /** A finished picture with its details painted over, one after the other. */
  async function withDetails(picture: Planes, job: PaintJob, onStep: () => void, signal: AbortSignal): Promise<Planes> {
    let result = picture;
    for (const [k, { prompt, feather }] of settings.details.entries()) {
      const placement = job.details[k];
      if (!placement) continue;
      const { x, y, width, height } = placement.crop;
      const cut = (planes: Planes): Planes => crop(planes, x, y, width, height);
      const size = workingSize(placement.crop, areaOf(model, settings));
      const cells = { width: size.width / CELL, height: size.height / CELL };
      const cover = coverOf(placement, feather);
      const own =
        prompt === null
          ? { ...job, regions: job.regions.map((region) => ({ ...region, mask: cut(region.mask) })) }
          : { ...job, prompt, fade: null, regions: [] };
      const maps: Planes[] = [];
      for (const draw of job.maps) maps.push(resample(cut(await draw(job.size, signal)), size.width, size.height));
      const member: PassMember = {
        picture: resample(cut(result), size.width, size.height),
        mask: fit(withData(cover, touched(cover.data)), size, 'most'),
        guidance: await guidanceOf(own, cells, signal),
        maps,
        // In its place in the crop, which goes with the detail: carried along by itself.
        noise: noiseOf(
          isCarried(job.noise) ? 0 : job.noise,
          settings.seed,
          passes.length + k,
          LATENT_CHANNELS * cells.width * cells.height,
        ),
        lent: null,
      };
      const scheduler = detailSchedulers[k]!;
      const keeping = { level: 'next', cell: 'most' } as const;
      const [painted] = await runPass(
        { unet, autoencoder },
        { size, members: [member], sees: null, guests: 0, scheduler, keeping, onStep },
        signal,
      );
      result = pasted(result, resample(painted!.picture!, width, height), placement, cover);
    }
    return result;
  }

  return {
    steps: stepsOf([...schedulersFor(true), ...detailSchedulers]),
    grids: sizes.map(({ width, height }) => ({ width: width / CELL, height: height / CELL })),
    async paint({ jobs, earlier }, signal, onProgress) {
      const guests = earlier ? guestsOf(earlier, consistency) : [];
      const window = [...guests, ...jobs];
      const given = window.map(({ frame }) => frame && planesOf(frame));
      const schedulers = schedulersFor(given.every((picture) => picture !== null));
      const detailSteps = jobs.map(({ details }) => stepsOf(detailSchedulers.filter((_, k) => details[k])));
      const total = stepsOf(schedulers) + detailSteps.reduce((sum, steps) => sum + steps, 0);
      let done = 0;
      let preview: PaintProgress['preview'] | null = null;
      let pictures: readonly (Planes | null)[] = given;
      let courses: readonly Course[] | null = null;
      for (const [pass, scheduler] of schedulers.entries()) {
        const size = sizes[pass]!;
        const cells = { width: size.width / CELL, height: size.height / CELL };
        const length = LATENT_CHANNELS * cells.width * cells.height;
        const members: PassMember[] = [];
        for (const [i, job] of window.entries()) {
          const picture = pictures[i] ? resample(pictures[i], size.width, size.height) : null;
          const maps: Planes[] = [];
          for (const draw of job.maps) maps.push(await draw(size, signal));
          // The second pass goes over what the first has made of all that was lent.
          const isLent = earlier && picture && pass === 0 && i >= guests.length;
          members.push({
            picture,
            mask: job.mask && fit(job.mask, size, 'most'),
            guidance: await guidanceOf(job, cells, signal),
            maps,
            noise: noiseOf(job.noise, settings.seed, pass, length),
            lent: isLent ? lentTo(i - guests.length, earlier, cells) : null,
          });
        }
        const onStep = ({ clean }: SamplingStep) => {
          preview = (index) => {
            const at = guests.length + index;
            return latentPreview(clean.subarray(at * length, (at + 1) * length), cells, family);
          };
          onProgress?.({ done: ++done, total, preview });
        };
        // Guests are only seen: what becomes of them matters to the next pass alone.
        const unseen = pass === schedulers.length - 1 ? guests.length : 0;
        const sees = seesIn(window.length, consistency.attention);
        const keeping = { level: 'next', cell: 'most' } as const;
        const passed = await runPass(
          { unet, autoencoder },
          { size, members, sees, guests: unseen, scheduler, keeping, onStep },
          signal,
        );
        pictures = passed.map(({ picture }) => picture);
        courses ??= passed.map(({ course }) => course);
      }
      const results: Painted[] = [];
      for (const [i, job] of jobs.entries()) {
        const { frame, size, mask } = job;
        const source = given[guests.length + i];
        let painted = resample(pictures[guests.length + i]!, size.width, size.height);
        if (earlier && source && consistency.colour) {
          painted = inColour(painted, source, mask, coloursOfFirst(earlier.first));
        }
        // As rough as it is, the picture itself stays the preview while its details are painted.
        const onDetail = (): void => {
          if (preview) onProgress?.({ done: ++done, total, preview });
        };
        painted = await withDetails(painted, job, onDetail, signal);
        const kept = source && mask ? keepOutside(painted, source, mask) : painted;
        results.push({ picture: frameOf(kept, frame), course: courses![guests.length + i]! });
      }
      return results;
    },
  };
}

/** Keys that a window sees besides its own: the first of the shot and the one before. */
const MOST_GUESTS = 2;

/** They, in the order of their frames. */
function guestsOf({ first, previous, run }: Earlier, { attention }: Consistency): PaintJob[] {
  if (run.length > 0) return run.map(heldFast);
  if (attention === 'own') return [];
  return first.picture === previous.picture ? [first.job] : [first.job, previous.job];
}

/** A key that stays what it became while others move on from it. */
function heldFast({ job, picture }: PaintedKey): PaintJob {
  const { width, height } = job.size;
  return { ...job, frame: picture, mask: { channels: 1, width, height, data: new Float32Array(width * height) } };
}

/** Whom each member of a window sees, the shot's first key being the first of them. */
function seesIn(count: number, attention: Consistency['attention']): Sees | null {
  if (attention === 'own' || count === 1) return null;
  const all = Array.from({ length: count }, (_, i) => i);
  return attention === 'joint' ? all.map(() => all) : all.map((i) => [i, 0, Math.max(i - 1, 0)]);
}

function beforeAndAfter(before: Planes, after: Planes, weights: Float32Array | null): BeforeAndAfter | null {
  const [was, became] = [statisticsOf(before, weights), statisticsOf(after, weights)];
  return was && became && { before: was, after: became };
}

/** Deviations of a colour in [-1, 1] that mean nothing. */
const FLAT_COLOUR = 0.02;

function inColour(painted: Planes, source: Planes, mask: Mask | null, first: BeforeAndAfter | null): Planes {
  const own = beforeAndAfter(source, painted, mask && mask.data);
  return first && own ? mapped(painted, inLineWith(first, own, FLAT_COLOUR)) : painted;
}

/** Computes once for the picture of a key, as long as somebody holds it. */
function ofFrame<T>(compute: (key: PaintedKey) => T): (key: PaintedKey) => T {
  const known = new WeakMap<Frame, { readonly value: T }>();
  return (key) => {
    const entry = known.get(key.picture) ?? { value: compute(key) };
    known.set(key.picture, entry);
    return entry.value;
  };
}

const stepsOf = (schedulers: readonly Scheduler[]): number =>
  schedulers.reduce((sum, { timesteps, first }) => sum + timesteps.length - first, 0);

type Asked = Pick<PainterOptions, 'settings' | 'profile' | 'pictures' | 'size'>;

/** Refuses, before anything is loaded, what cannot be painted. Failures: weights-part, scheduler-unsupported, memory-short. */
export function refuseUnpaintable(
  model: Model,
  asked: Asked & Pick<PainterOptions, 'vae' | 'controls' | 'motion'>,
  freeBytes: number,
): void {
  const { settings, profile, vae, controls = [], motion = null } = asked;
  const beside = [...controls.map(({ net }) => net), ...(motion ? [motion] : [])];
  const parts = [requirePart(model, 'unet'), vae ?? requirePart(model, 'vae'), ...beside];
  makeScheduler(schedulerConfigOf(model, settings.scheduler), { count: settings.steps, strength: settings.strength });
  const { size } = passesOf(model, asked).at(-1);
  const plan = planOf(model, asked);
  checkMemory(profile, plan, { parts, size, batch: batchOf(asked, plan) }, freeBytes);
}

/**
 * Pictures in one call of the U-Net, at most: those that see each other, under each side of the guidance that goes with them. Regions
 * are sides in calls of their own; details are painted one at a time, no larger than the picture.
 */
function batchOf({ settings, pictures, motion }: Asked & Pick<PainterOptions, 'motion'>, plan: Plan): number {
  if (motion) return Math.min(pictures, contextOf(motion).length);
  const { attention, window } = settings.consistency;
  const together = attention === 'own' ? 1 : Math.min(pictures, window + MOST_GUESTS);
  return together * (plan.guidance === 'batched' && settings.guidance > 1 ? 2 : 1);
}

/** How the networks will be run: with the settings it decides every pixel of the result. */
export function planOf(model: Model, asked: Asked): Plan {
  const { size } = passesOf(model, asked).at(-1);
  return planFor(asked.profile, { unetCalls: asked.pictures * asked.settings.steps, size });
}

/** The passes over a picture: at what size each works, and how much it repaints. */
function passesOf(model: Model, { settings, size }: Asked): { readonly size: Size; readonly strength: number }[] {
  const area = areaOf(model, settings);
  return [{ scale: 1, strength: settings.strength }, ...(settings.secondPass ? [settings.secondPass] : [])].map(
    ({ scale, strength }) => ({ size: workingSize(size, area * scale ** 2), strength }),
  );
}

/** The pixels that are worked at. */
const areaOf = (model: Model, { area }: PaintSettings): number => area ?? nativeArea(model);

/** The pixels that a family was trained on. */
export function nativeArea({ identity: { family, variant } }: Model): number {
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

const isCarried = (noise: PaintJob['noise']): noise is readonly NoiseOrigin[] => Array.isArray(noise);

function noiseOf(noise: PaintJob['noise'], seed: number, pass: number, length: number): PassNoise {
  const draw = (n: number): Float32Array =>
    isCarried(noise)
      ? noiseFrom(noise[pass]!, seed, { pass, draw: n }, LATENT_CHANNELS)
      : normalNoise(typeof noise === 'number' ? { seed, frame: noise } : noise, { pass, draw: n }, length);
  return { start: draw(0), posterior: null, maskedPosterior: null, at: (call) => draw(call + 1) };
}

/** The given picture's own pixels where nothing is repainted: the way through the latent would soften them. */
const keepOutside = (painted: Planes, given: Planes, mask: Mask): Planes =>
  withData(painted, compose(painted.data, given.data, touched(mask.data)));
