import { rm } from 'node:fs/promises';
import { Failure } from '../errors.ts';
import type { Engine } from '../kernels/engine.ts';
import { FrameWindow, openClip, type Clip } from '../media/clip.ts';
import type { Frame } from '../media/frame.ts';
import type { Progress } from '../progress.ts';
import { matchSpan } from '../propagate/match.ts';
import { planSpans, type Span } from '../propagate/spans.ts';
import { synthesiseSpan } from '../propagate/synthesise.ts';
import type { RenderRequest } from '../protocol/request.ts';
import { folderName, type Cache, type StageFolder } from './cache.ts';
import { deliver } from './deliver.ts';
import { readFrame, resultName } from './frames.ts';
import type { JobKey, RenderResult } from './job.ts';
import { channelsOf, givenKeys, imagePictures, lookPictures, paintKeys, sourcePictures } from './keys.ts';
import { framesIn, masksOf } from './masks.ts';
import { refuseOutput } from './output.ts';
import type { Pictures } from './pictures.ts';
import { codeOf, lookKey, matchKey, resultKey, sourceKey, type Code, type Key } from './plan.ts';
import { refuseSmallDisk } from './space.ts';
import { CacheDamage } from './stage-folder.ts';
import { Stages } from './stages.ts';
import { outputPath } from './version.ts';

export type Tools = {
  readonly engine: Engine;
  readonly cache: Cache;
  readonly show: (progress: Progress) => void;
  /** Told where the repainted keys will lie, relative to the cache. */
  readonly keysIn: (folder: string) => void;
  readonly signal: AbortSignal;
};

/** What frames of the source may take that are kept decoded, for whoever asks for one at random. */
const WINDOW_BYTES = { fast: 256 * 2 ** 20, quality: 256 * 2 ** 20, small: 64 * 2 ** 20 };

/**
 * The story of a request: the clip is opened, its motion analysed, its keys chosen and painted, every frame between them made from
 * its neighbours on both sides, and all delivered in order. What an earlier run of whichever job made is taken from the cache.
 */
export async function render(request: RenderRequest, tools: Tools): Promise<RenderResult> {
  const started = performance.now();
  const mended = new Set<string>();
  for (;;) {
    try {
      const result = await attempt(request, tools);
      const seconds = (performance.now() - started) / 1000;
      return { ...result, seconds, peakRssBytes: process.resourceUsage().maxRSS * 1024 };
    } catch (error) {
      // A damaged entry has been removed; from the start again, only what is missing is made.
      if (!(error instanceof CacheDamage)) throw error;
      // Entries that contradict each other go together.
      if (error.missing) await rm(error.folder, { recursive: true, force: true });
      if (mended.has(error.message)) throw new Failure('cache-unsound', { path: error.folder }, error);
      mended.add(error.message);
    }
  }
}

async function attempt(request: RenderRequest, tools: Tools): Promise<Omit<RenderResult, 'seconds' | 'peakRssBytes'>> {
  const { engine, cache, show, signal } = tools;
  const stages = new Stages(show, () => cache.writes);
  await refuseOutput(request);
  const code = await codeOf(engine.codeHash);

  const clip = await stages.fresh('probe', 'frames', 1).run(1, () => openClip(request.source, signal));
  const source = new FrameWindow(clip, WINDOW_BYTES[request.profile]);
  try {
    const job: Job = { ...tools, request, clip, source, code, stages };
    const images = request.keys.kind === 'images' ? await givenKeys(request.keys.folder, clip, signal) : null;
    const masks = request.mask && (await masksOf(request.mask.folder, clip, signal));

    const { keys, cuts } = await chosenKeys(job, images);
    const pictures = await paintedKeys(
      job,
      images,
      keys.map(({ frame }) => frame),
    );
    const channels = images ? await channelsOf(images, clip) : clip.channels;
    const stretches = await stretchesOf(job, pictures, cuts);
    const frames = clip.range.to - clip.range.from;
    const missing = stretches.reduce((sum, stretch) => sum + stretch.missing, 0);
    await refuseSmallDisk(request, cache, clip.width * clip.height, { missing, frames });
    await propagate(job, pictures, stretches);

    const between = reader(stretches);
    const painted = (n: number): Promise<Frame> => between(n) ?? pictures.get(n, signal);
    const delivery = { request, clip, source, painted, masks: masks && masks.pictures, channels };
    const notes = await stages
      .fresh('deliver', 'frames', frames)
      .run(frames, (report) => deliver(delivery, report, signal));
    return {
      output: outputPath(request),
      frames,
      stages: stages.accounts,
      keys,
      notes: [...clip.notes, ...(masks?.notes ?? []), ...notes],
    };
  } finally {
    await source.close();
  }
}

/** What every stage of one attempt has at hand. */
type Job = Tools & {
  readonly request: RenderRequest;
  readonly clip: Clip;
  readonly source: FrameWindow;
  readonly code: Code;
  readonly stages: Stages;
};

async function chosenKeys(
  { request, clip }: Job,
  images: ReadonlyMap<number, string> | null,
): Promise<{ keys: JobKey[]; cuts: readonly number[] }> {
  if (images)
    return {
      keys: [...images.keys()].map((frame) => ({ frame, reason: 'given', explanation: 'Your own image.' })),
      cuts: [],
    };
  const step = request.keys.kind === 'every' ? request.keys.step : 10;
  const frames = framesIn(clip.range).filter((n, i) => i % step === 0 || n === clip.range.to - 1);
  return { keys: frames.map((frame) => ({ frame, reason: 'every', explanation: 'Every frame is a key.' })), cuts: [] };
}

async function paintedKeys(
  { request, clip, source, engine, cache, code, stages, keysIn, signal }: Job,
  images: ReadonlyMap<number, string> | null,
  frames: readonly number[],
): Promise<Pictures> {
  if (images) return imagePictures(images, clip, source);
  const { kind } = request.look;
  if (kind === 'none') return sourcePictures(frames, source);
  const key = lookKey(sourceKey(clip.identity, code), request.look, code);
  const folder = await cache.open('look', key);
  keysIn(folderName('look', key));
  await stages
    .cached('look', 'keys', frames.length)
    .run(frames.length, (report) => paintKeys(engine, kind, frames, source, folder, report, signal));
  return lookPictures(frames, folder, key);
}

/** A span with where what leads to it and what comes of it are kept. */
type Stretch = {
  readonly span: Span;
  readonly match: Key;
  readonly matches: StageFolder;
  readonly results: StageFolder;
  /** Frames that are not there yet. */
  readonly missing: number;
};

async function stretchesOf(
  { clip, cache, code, signal }: Job,
  pictures: Pictures,
  cuts: readonly number[],
): Promise<Stretch[]> {
  const stretches: Stretch[] = [];
  for (const span of planSpans(clip.range, pictures.frames, cuts)) {
    const ends = [span.before, span.after].filter((key) => key !== null);
    const identities: string[] = [];
    for (const key of ends) identities.push(await pictures.identity(key, signal));
    const match = matchKey(sourceKey(clip.identity, code), span, code);
    const results = await cache.open('propagate', resultKey(match, identities));
    const there = new Set(await results.names());
    const missing = framesIn(span).filter((n) => !there.has(resultName(n))).length;
    stretches.push({ span, match, matches: await cache.open('match', match), results, missing });
  }
  return stretches;
}

/** Makes the frames that are missing. What led to those that are there is not made again. */
async function propagate(
  { clip, source, engine, cache, stages, signal }: Job,
  pictures: Pictures,
  stretches: readonly Stretch[],
): Promise<void> {
  if (stretches.length === 0) return;
  const frames = stretches.reduce((sum, { span }) => sum + span.to - span.from, 0);
  const matching = stages.cached('match', 'frames', frames);
  const painting = stages.cached('propagate', 'frames', frames);
  const footage = { ...sizeOf(clip), get: (n: number, abort: AbortSignal) => source.get(n, abort) };
  for (const { span, match, matches, results, missing } of stretches) {
    const count = span.to - span.from;
    await matching.run(count, async (report) => {
      if (missing > 0) await matchSpan(engine, span, footage, matches, report, signal);
    });
    await painting.run(count, async (report) => {
      const pair = { source: footage, keys: pictures };
      if (missing > 0) await synthesiseSpan(engine, span, pair, matches, results, report, signal);
    });
    cache.release('match', match);
    await cache.keeper.makeRoom(0);
  }
}

const sizeOf = ({ width, height }: Clip): { width: number; height: number } => ({ width, height });

/** Reads a frame from the stretch that has it; null for a key. */
function reader(stretches: readonly Stretch[]): (n: number) => Promise<Frame> | null {
  const folders = new Map<number, StageFolder>();
  for (const { span, results } of stretches) for (const n of framesIn(span)) folders.set(n, results);
  return (n) => folders.get(n)?.read(resultName(n)).then(readFrame) ?? null;
}
