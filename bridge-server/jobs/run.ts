import { rm } from 'node:fs/promises';
import { relative } from 'node:path';
import { Failure } from '../errors.ts';
import type { Engine } from '../kernels/engine.ts';
import { FrameWindow, openClip } from '../media/clip.ts';
import type { Frame, FrameRange } from '../media/frame.ts';
import type { Progress } from '../progress.ts';
import { adviceOf } from '../propagate/advice.ts';
import { CardLost, Gpu } from '../propagate/gpu/gpu.ts';
import type { RenderRequest } from '../protocol/request.ts';
import { analyse, type ShotAnalysis } from '../shot/analyse.ts';
import { chooseKeys } from '../shot/keys.ts';
import { advised, type Advised } from './advise.ts';
import { paintBetween, readerOf, stretchesOf, type Work } from './between.ts';
import { folderName, type Cache } from './cache.ts';
import { deliver } from './deliver.ts';
import { chosenImages, givenChoice, paintsKeys, refuseChosen } from './chosen.ts';
import type { RenderResult } from './job.ts';
import { linksShots, openAtelier, type Atelier, type Studio } from './diffusion.ts';
import { resultName } from './frames.ts';
import { openGraphics } from './graphics.ts';
import {
  channelsOf,
  imagePictures,
  keysInFolder,
  lookPictures,
  paintKeys,
  refuseUnfit,
  sourcePictures,
  together,
} from './keys.ts';
import { masksOf } from './masks.ts';
import { refuseOutput } from './output.ts';
import type { Pictures } from './pictures.ts';
import { shotPreview } from './preview.ts';
import { analysisKey, codeOf, lookKey, sourceKey } from './plan.ts';
import { reduced, type Reduced } from './reduced.ts';
import { refuseSmallDisk } from './space.ts';
import { stabilityOf } from './stability.ts';
import { CacheDamage } from './stage-folder.ts';
import { Stages } from './stages.ts';
import { outputPath } from './version.ts';

/** Where the frames [from, to) of a job that is not done lie: a folder, relative to the cache, with entries named by frame. */
export type FramePlace = FrameRange & { readonly folder: string };

export type Tools = Studio & {
  readonly engine: Engine;
  readonly cache: Cache;
  readonly show: (progress: Progress) => void;
  /** Told where frames between keys lie as soon as they are made; for a frame in several places the first that has it counts. */
  readonly framesIn: (places: readonly FramePlace[]) => void;
  readonly signal: AbortSignal;
};

/** What frames of the source may take that are kept decoded, for whoever asks for one at random. */
const WINDOW_BYTES = 48 * 2 ** 20;

/**
 * The story of a request: the clip is opened, its motion analysed, its keys chosen and painted, every frame between them made from
 * its neighbours on both sides, and all delivered in order. What an earlier run of whichever job made is taken from the cache.
 */
export async function render(request: RenderRequest, tools: Tools): Promise<RenderResult> {
  const started = performance.now();
  const mended = new Set<string>();
  /** What the graphics card failed with: then the processor makes everything, also what the card had made, so that all frames match. */
  let failure: string | null = null;
  for (;;) {
    try {
      const { notes, ...result } = await attempt(request, tools, failure === null);
      const seconds = (performance.now() - started) / 1000;
      const peakRssBytes = process.resourceUsage().maxRSS * 1024;
      const all =
        failure === null ? notes : [...notes, `The graphics card failed (${failure}): the CPU made the frames.`];
      return { ...result, notes: all, seconds, peakRssBytes };
    } catch (error) {
      if (error instanceof CardLost && failure === null) {
        failure = error.message;
        continue;
      }
      // A damaged entry has been removed; from the start again, only what is missing is made.
      if (!(error instanceof CacheDamage)) throw error;
      // Entries that contradict each other go together.
      if (error.missing) await rm(error.folder, { recursive: true, force: true });
      if (mended.has(error.message)) throw new Failure('cache-unsound', { path: error.folder }, error);
      mended.add(error.message);
    }
  }
}

/** `graphics`: whether frames between keys may be made on a graphics card. */
async function attempt(
  request: RenderRequest,
  tools: Tools,
  graphics: boolean,
): Promise<Omit<RenderResult, 'seconds' | 'peakRssBytes'>> {
  const { engine, cache, signal } = tools;
  const stages = new Stages(tools.show, () => cache.writes);
  await refuseOutput(request);

  const clip = await stages.fresh('probe', 'frames', 1).run(1, () => openClip(request.source, signal));
  const source = new FrameWindow(clip, WINDOW_BYTES);
  let atelier: Atelier | null = null;
  let card: Gpu | string = '';
  try {
    const code = await codeOf(engine.codeHash);
    const work: Work = { engine, cache, clip, source, code, stages, signal };
    refuseChosen(request, clip.range);
    const { images, notes: left } =
      request.keys.kind === 'images'
        ? await keysInFolder(request.keys.folder, clip)
        : { images: chosenImages(request.keys), notes: [] };
    await refuseUnfit(images, clip, signal);
    const masks = request.mask && (await masksOf(request.mask, clip, source, signal));

    const { look } = request;
    if (look.kind === 'diffusion' && paintsKeys(request))
      atelier = await openAtelier(work, look, request, masks && masks.pictures, tools);

    const knowsShots = look.kind === 'diffusion' && linksShots(look);
    const small = await reduced(work);
    const { keys, analysis, expected } = await chosenKeys(work, small, request.keys, images, knowsShots);
    const own = imagePictures(images, clip, source);
    const toPaint = keys.flatMap(({ frame }) => (images.has(frame) ? [] : [frame]));
    const painted =
      (await atelier?.pictures(toPaint, analysis.cuts)) ?? (await paintedKeys(work, request.look, toPaint, tools));
    const pictures = together(painted, own);
    const channels = await channelsOf(images, clip);

    // What is all keys needs no card.
    if (graphics && keys.length < clip.range.to - clip.range.from) card = await openGraphics(signal);
    const device = card instanceof Gpu ? card.under(signal) : engine;
    const made = card instanceof Gpu ? [`The frames between keys were made on the graphics card (${card.name}).`] : [];
    const stretches = await stretchesOf(work, device, pictures, analysis.cuts);
    await refuseSmallDisk(request, cache, clip, stretches);
    const unseen = tools.isWatched() ? stretches.filter(({ missing }) => missing > 0) : [];
    const preview = await shotPreview(work, small, pictures, unseen, tools.showPreview);
    tools.framesIn(
      [...stretches, ...preview.stretches].map(({ span: { from, to }, results }) => ({
        ...{ folder: relative(cache.root, results.path), from, to },
      })),
    );
    await preview.make();
    await paintBetween(work, device, pictures, stretches);

    const frames = clip.range.to - clip.range.from;
    const between = readerOf(stretches);
    const frame = (n: number): Promise<Frame> => between(n) ?? pictures.get(n, signal);
    const stability = atelier ? await stabilityOf(work, pictures, stretches, analysis.cuts, frame) : [];
    // Only what lies behind a mask needs the source's frames again.
    if (!masks) await source.close();
    const delivery = { request, clip, source, painted: frame, masks: masks && masks.pictures, channels };
    const notes = await stages
      .fresh('deliver', 'frames', frames)
      .run(frames, (report) => deliver(delivery, report, signal));
    return {
      output: outputPath(request),
      range: clip.range,
      frames,
      stages: stages.accounts,
      keys,
      cuts: analysis.cuts,
      scores: analysis.scores,
      stability,
      advice: expected.length === 0 ? null : adviceOf(clip.range, expected),
      notes: [...clip.notes, ...left, ...(masks?.notes ?? []), ...(atelier?.notes ?? []), ...made, ...notes],
    };
  } finally {
    if (card instanceof Gpu) card.close();
    await atelier?.close();
    await source.close();
  }
}

/** Which frames are keys, what is expected between them, and where shots begin. The motion is only analysed when something depends on it. */
async function chosenKeys(
  work: Work,
  small: Reduced,
  asked: RenderRequest['keys'],
  images: ReadonlyMap<number, string>,
  knowsShots: boolean,
): Promise<Advised & { readonly analysis: ShotAnalysis }> {
  const { engine, cache, clip, code, stages, signal } = work;
  const { range } = clip;
  const frames = range.to - range.from;
  const all = asked.kind === 'images' ? images.size === frames : isEveryFrame(asked, frames) && !knowsShots;
  let analysis: ShotAnalysis = { range, cuts: [], scores: [] };
  if (!all) {
    const folder = await cache.open('analyse', analysisKey(sourceKey(clip.identity, code), range, code));
    const meter = stages.cached('analyse', 'frames', frames);
    analysis = await meter.run(frames, (report) => analyse(engine, clip, folder, report, signal));
  }
  const isGiven = asked.kind === 'images' || asked.kind === 'chosen';
  const chosen = isGiven ? givenChoice(asked, images.keys()) : chooseKeys(analysis, asked);
  const most = asked.kind === 'auto' ? (asked.budget ?? 2 * chosen.length) : chosen.length;
  const { keys, expected } = await advised(work, small, chosen, analysis.cuts, most);
  await stages.fresh('keys', 'keys', keys.length).run(keys.length, () => Promise.resolve());
  return { keys, expected, analysis };
}

/** As far as the request tells. */
const isEveryFrame = (asked: RenderRequest['keys'], frames: number): boolean =>
  (asked.kind === 'every' && asked.step === 1) || (asked.kind === 'chosen' && asked.keys.length === frames);

async function paintedKeys(
  { engine, cache, clip, source, code, stages, signal }: Work,
  { kind }: RenderRequest['look'],
  frames: readonly number[],
  { keysIn }: Studio,
): Promise<Pictures> {
  if (kind === 'none' || kind === 'diffusion' || frames.length === 0) return sourcePictures(frames, source);
  const key = lookKey(sourceKey(clip.identity, code), kind, code);
  const folder = await cache.open('look', key);
  keysIn({ folder: folderName('look', key), entries: new Map(frames.map((n) => [n, resultName(n)])) });
  await stages
    .cached('look', 'keys', frames.length)
    .run(frames.length, (report) => paintKeys(engine, kind, frames, source, folder, report, signal));
  return lookPictures(frames, folder, key);
}
