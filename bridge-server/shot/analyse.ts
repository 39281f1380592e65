import type { StageFolder } from '../jobs/cache.ts';
import type { Engine } from '../kernels/engine.ts';
import type { Clip } from '../media/clip.ts';
import type { Frame, FrameRange } from '../media/frame.ts';
import type { Report } from '../progress.ts';
import { compareAlong, lookAt, occlusionOf } from './compare.ts';
import { findCuts } from './cuts.ts';
import type { Luma } from './flow.ts';
import { estimateFlow, lumaOf } from './flow.ts';
import type { Thumbnail } from './likeness.ts';
import { likeness, thumbnailOf } from './likeness.ts';

/** What the analysis needs of a clip. */
export type Footage = Pick<Clip, 'range' | 'width' | 'height' | 'read'>;

/** What the analysis says of one frame. Everything that compares is about the frame before it; the first frame has 0 there. */
export type FrameScore = {
  readonly frame: number;
  /** Mean length of the motion since the frame before, in pixels. */
  readonly motionPx: number;
  /** The same as a share of the picture's diagonal. */
  readonly motion: number;
  /** Mean absolute difference of luma that is left once the motion is taken out, 0..255. */
  readonly change: number;
  /** Share of the frame before that cannot be seen any more, 0..1. */
  readonly occluded: number;
  /** Share of this frame that could not be seen before, 0..1. */
  readonly disoccluded: number;
  /** How much of the structure it shares with the frame before, 1 (all, also for the first frame) to about 0 (another scene). */
  readonly likeness: number;
  /** Detail at the scale of a pixel, in grey levels: to be compared within a shot, where blur lowers it. */
  readonly sharpness: number;
  /** Mean luma, 0..255. */
  readonly brightness: number;
};

export type ShotAnalysis = {
  readonly range: FrameRange;
  /** Frames that begin a new shot, in order; the first frame of the range is none. */
  readonly cuts: readonly number[];
  /** One a frame, in order. */
  readonly scores: readonly FrameScore[];
};

/** A frame's score (JSON, its length before it) and its thumbnail. */
const scoreName = (frame: number): string => `${String(frame).padStart(6, '0')}.score`;
const ANALYSIS = 'analysis.json';

/**
 * Looks at every frame of the clip once, in order: motion to the frame before and back, what appears and disappears, light and
 * sharpness, and then where the cuts are. The folder, which belongs to this clip and range, keeps a frame's score as soon as it is
 * there; a later call goes on with what is missing. Holds two frames, whatever the clip's length. Reports a frame when it is kept.
 */
export async function analyse(
  engine: Engine,
  clip: Footage,
  folder: StageFolder,
  report: Report,
  signal: AbortSignal,
): Promise<ShotAnalysis> {
  const { range } = clip;
  const total = range.to - range.from;
  const kept = new Set(await folder.names());
  const isKept = (n: number): boolean => kept.has(scoreName(n));

  let done = 0;
  for (let n = range.from; n < range.to; n++) {
    if (isKept(n)) {
      report(++done, total);
      continue;
    }
    let to = n;
    while (to < range.to && !isKept(to)) to++;
    await analyseRun(engine, clip, { from: n, to }, folder, () => report(++done, total), signal);
    n = to - 1;
  }

  if (kept.has(ANALYSIS)) return JSON.parse(text(await folder.read(ANALYSIS))) as ShotAnalysis;
  const scores: FrameScore[] = [];
  for (let n = range.from; n < range.to; n++) {
    signal.throwIfAborted();
    scores.push((await readScore(folder, n)).score);
  }
  const thumbnail = async (n: number): Promise<Thumbnail> => (await readScore(folder, n)).thumbnail;
  const cuts = await findCuts(engine, scores, thumbnail, signal);
  const analysis: ShotAnalysis = { range, cuts, scores };
  await folder.write(ANALYSIS, new TextEncoder().encode(JSON.stringify(analysis)));
  return analysis;
}

/** Analyses [from, to); `kept` is called after each frame that is. */
async function analyseRun(
  engine: Engine,
  clip: Footage,
  { from, to }: FrameRange,
  folder: StageFolder,
  kept: () => void,
  signal: AbortSignal,
): Promise<void> {
  let before: Looked | null = null;
  try {
    let n = Math.max(clip.range.from, from - 1);
    for await (const frame of clip.read({ from: n, to }, signal)) {
      signal.throwIfAborted();
      const now = await look(engine, frame);
      try {
        if (n >= from) {
          await keep(engine, folder, n, before, now, frame);
          kept();
        }
      } finally {
        if (before) engine.free(before.luma);
        before = now;
      }
      n++;
    }
  } finally {
    if (before) engine.free(before.luma);
  }
}

type Looked = { readonly luma: Luma; readonly thumbnail: Thumbnail };

async function look(engine: Engine, frame: Frame): Promise<Looked> {
  const luma = await lumaOf(engine, frame);
  return { luma, thumbnail: await thumbnailOf(engine, luma, frame.width, frame.height) };
}

/** Compares a frame with the one before it, and writes what that says. */
async function keep(
  engine: Engine,
  folder: StageFolder,
  n: number,
  before: Looked | null,
  now: Looked,
  size: { readonly width: number; readonly height: number },
): Promise<void> {
  const picture = await lookAt(engine, now.luma, size);
  if (!before) {
    const nothing = { motionPx: 0, motion: 0, change: 0, occluded: 0, disoccluded: 0, likeness: 1 };
    await writeScore(folder, { frame: n, ...nothing, ...picture }, now.thumbnail);
    return;
  }
  const pixels = size.width * size.height;
  const next = engine.alloc(pixels * 8);
  const previous = engine.alloc(pixels * 8);
  const hidden = engine.alloc(pixels);
  try {
    await estimateFlow(engine, before.luma, now.luma, { ...size, quality: 'fast', out: next });
    await estimateFlow(engine, now.luma, before.luma, { ...size, quality: 'fast', out: previous });
    await occlusionOf(engine, next, previous, { ...size, out: hidden });
    const gone = await compareAlong(engine, before.luma, now.luma, next, { ...size, hidden });
    await occlusionOf(engine, previous, next, { ...size, out: hidden });
    const come = await compareAlong(engine, now.luma, before.luma, previous, { ...size, hidden });
    const alike = await likeness(engine, before.thumbnail, now.thumbnail);
    const compared = {
      motionPx: come.length,
      motion: come.length / Math.hypot(size.width, size.height),
      change: come.difference,
      occluded: gone.missed,
      disoccluded: come.missed,
      likeness: alike,
    };
    await writeScore(folder, { frame: n, ...compared, ...picture }, now.thumbnail);
  } finally {
    engine.free(next, previous, hidden);
  }
}

async function writeScore(folder: StageFolder, score: FrameScore, thumbnail: Thumbnail): Promise<void> {
  const { width, height, data } = thumbnail;
  const json = Buffer.from(JSON.stringify({ score, width, height }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  await folder.write(scoreName(score.frame), Buffer.concat([length, json, data]));
}

async function readScore(folder: StageFolder, n: number): Promise<{ score: FrameScore; thumbnail: Thumbnail }> {
  const bytes = await folder.read(scoreName(n));
  const end = 4 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const { score, width, height } = JSON.parse(text(bytes.subarray(4, end))) as {
    score: FrameScore;
    width: number;
    height: number;
  };
  return { score, thumbnail: { width, height, data: bytes.subarray(end) } };
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
