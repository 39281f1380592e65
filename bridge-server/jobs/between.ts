import type { Device } from '../kernels/device.ts';
import type { Engine } from '../kernels/engine.ts';
import type { Clip, FrameWindow } from '../media/clip.ts';
import type { Frame } from '../media/frame.ts';
import { fillName } from '../propagate/fill.ts';
import { matchSpan } from '../propagate/match.ts';
import { planSpans, type Span } from '../propagate/spans.ts';
import { synthesiseSpan } from '../propagate/synthesise.ts';
import type { Cache, StageFolder } from './cache.ts';
import { readFrame, resultName } from './frames.ts';
import { framesIn } from './masks.ts';
import type { Pictures } from './pictures.ts';
import { matchKey, resultKey, sourceKey, type Code, type Key } from './plan.ts';
import type { Stages } from './stages.ts';

/** What every stage of a run has at hand. */
export type Work = {
  readonly engine: Engine;
  readonly cache: Cache;
  readonly clip: Clip;
  /** The clip's frames in any order. */
  readonly source: FrameWindow;
  readonly code: Code;
  readonly stages: Stages;
  readonly signal: AbortSignal;
};

/** A span with where what leads to it and what comes of it are kept. */
export type Stretch = {
  readonly span: Span;
  readonly match: Key;
  readonly matches: StageFolder;
  readonly results: StageFolder;
  /** Frames that are not there yet, and those whose matches must be found before. */
  readonly missing: number;
  readonly unmatched: number;
};

/** The plan of what lies between the keys, made on this device. All of it is held in the cache from now on. */
export async function stretchesOf(
  { clip, cache, code, signal }: Work,
  device: Device,
  pictures: Pictures,
  cuts: readonly number[],
): Promise<Stretch[]> {
  const stretches: Stretch[] = [];
  for (const span of planSpans(clip.range, pictures.frames, cuts)) {
    const ends = [span.before, span.after].filter((key) => key !== null);
    const identities: string[] = [];
    for (const key of ends) identities.push(await pictures.identity(key, signal));
    const match = matchKey(sourceKey(clip.identity, code), span, { ...code, kernels: device.codeHash });
    const results = await cache.open('propagate', resultKey(match, identities));
    const there = new Set(await results.names());
    const missing = framesIn(span).filter((n) => !there.has(resultName(n)));
    const matches = await cache.open('match', match);
    const matched = new Set(await matches.names());
    const unmatched = missing.filter((n) => !matched.has(fillName(n)));
    stretches.push({ span, match, matches, results, missing: missing.length, unmatched: unmatched.length });
  }
  return stretches;
}

/** Makes the frames that are missing. What led to those that are there is not made again. */
export async function paintBetween(
  { clip, source, cache, stages, signal }: Work,
  device: Device,
  pictures: Pictures,
  stretches: readonly Stretch[],
): Promise<void> {
  if (stretches.length === 0) return;
  const frames = stretches.reduce((sum, { span }) => sum + span.to - span.from, 0);
  const matching = stages.cached('match', 'frames', frames);
  const painting = stages.cached('propagate', 'frames', frames);
  const { width, height } = clip;
  const footage = {
    ...{ width, height },
    get: (n: number, abort: AbortSignal) => source.get(n, abort),
    raw: (n: number, abort: AbortSignal) => source.raw(n, abort),
  };
  for (const { span, match, matches, results, missing } of stretches) {
    const count = span.to - span.from;
    await matching.run(count, async (report) => {
      if (missing > 0) await matchSpan(device, span, footage, matches, report, signal);
    });
    await painting.run(count, async (report) => {
      const pair = { source: footage, keys: pictures };
      if (missing > 0) await synthesiseSpan(device, span, pair, matches, results, report, signal);
    });
    device.shelf.clear();
    cache.release('match', match);
    await cache.tidy();
  }
}

/** Reads a frame from the stretch that has it; null for a key. */
export function readerOf(stretches: readonly Stretch[]): (n: number) => Promise<Frame> | null {
  return (n) => {
    const stretch = stretches.find(({ span }) => n >= span.from && n < span.to);
    return stretch?.results.read(resultName(n)).then(readFrame) ?? null;
  };
}
