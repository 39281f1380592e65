import type { Frame } from '../media/frame.ts';
import { type Model, type Part, requirePart } from '../weights/model.ts';
import { fit } from '../masks/fit.ts';
import type { Mask } from '../masks/mask.ts';
import { beforeAndAfter, inColour } from './consistency/colour.ts';
import type { Correspondence } from './consistency/correspondence.ts';
import type { Course, Lent } from './consistency/lead.ts';
import { type Consistency, followsPrevious } from './consistency/settings.ts';
import type { DetailSettings, Placement } from './detail.ts';
import { withDetail } from './detail-pass.ts';
import { compose, touched } from './inpainting.ts';
import { CELL, openAutoencoder } from './networks/autoencoder.ts';
import type { Guidance } from './networks/batch.ts';
import { type Control, openControlNet } from './networks/controlnet.ts';
import type { LearnedVectors } from './networks/learned-words.ts';
import { type Conditioning, nothing, openTextEncoders } from './networks/text.ts';
import { openUNet } from './networks/unet.ts';
import type { NoiseOrigin, NoiseSource } from './noise.ts';
import { LATENT_CHANNELS, type PassMember, runPass } from './pass.ts';
import { isCarried, noiseOf } from './pass-noise.ts';
import { areaOf, passesOf, planOf, refuseUnpaintable } from './passes.ts';
import { frameOf, type Planes, planesOf, withData } from './picture/planes.ts';
import { resample } from './picture/resample.ts';
import type { Size } from './picture/size.ts';
import { latentPreview } from './preview.ts';
import type { Profile } from './profile.ts';
import { blend, type PromptNow } from './prompts.ts';
import type { Region } from './regions.ts';
import type { Runtime } from './runtime/runtime.ts';
import type { SamplingStep } from './sampling.ts';
import { schedulerConfigOf } from './schedulers/of-model.ts';
import { makeScheduler, type Scheduler, type SchedulerKind } from './schedulers/scheduler.ts';
import { guestsOf, seesIn } from './window.ts';

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
    for (const [k, detail] of settings.details.entries()) {
      const placement = job.details[k];
      if (!placement) continue;
      // In its place in the crop, which goes with the detail: carried along by itself.
      const noise = isCarried(job.noise) ? 0 : job.noise;
      const how = {
        ...{ detail, placement, guidanceOf, onStep, scheduler: detailSchedulers[k]!, area: areaOf(model, settings) },
        noiseOf: (length: number) => noiseOf(noise, settings.seed, passes.length + k, length),
      };
      result = await withDetail({ unet, autoencoder }, result, job, how, signal);
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

/** The given picture's own pixels where nothing is repainted: the way through the latent would soften them. */
const keepOutside = (painted: Planes, given: Planes, mask: Mask): Planes =>
  withData(painted, compose(painted.data, given.data, touched(mask.data)));
