import { createHash } from 'node:crypto';
import { Failure } from '../errors.ts';
import type { RenderRequest } from '../protocol/request.ts';
import { unpremultiply } from './alpha.ts';
import { tool } from './ffmpeg.ts';
import type { Frame, FrameRange, RawFrame } from './frame.ts';
import { contentHash } from './content-hash.ts';
import { readImage } from './image.ts';
import { readMovie } from './movie.ts';
import type { SourceInfo } from './probe.ts';
import { inspectImages, inspectMovie, isFolder } from './probe.ts';
import type { Rational } from './rational.ts';
import { formatRational, toNumber } from './rational.ts';
import { conform } from './timeline.ts';

export { FrameWindow } from './window.ts';

/** What a request wants of a source: its frames, exactly those, in working form. */
export type Clip = {
  readonly info: SourceInfo;
  /** What was done to the source that its owner should know, one sentence each. */
  readonly notes: readonly string[];
  readonly range: FrameRange;
  readonly rate: Rational;
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  /** Hash of the content and of how it is decoded: part of cache keys. Does not depend on the range. */
  readonly identity: string;
  /** When the first frame is shown on the file's own clock, in seconds, for what goes along with it (sound). Null for images. */
  readonly start: number | null;
  /** In order, exactly the frames of `range` (which must lie in the clip's), or a Failure. Frames are not to be written to. */
  read(range: FrameRange, signal: AbortSignal): AsyncIterable<Frame>;
  /** The same, to be made later. */
  readRaw(range: FrameRange, signal: AbortSignal): AsyncIterable<RawFrame>;
};

/**
 * Opens a movie or a folder of numbered images. Frame numbers are the source's own in presentation order; for images those in the
 * names. When the clip is conformed to another rate R (asked for, or because the source has none), the frames are the ticks k/R
 * counted from the source's first frame, see timeline.ts.
 */
export async function openClip(source: RenderRequest['source'], signal: AbortSignal): Promise<Clip> {
  return (await isFolder(source.path)) ? openFolder(source) : openMovieFile(source, signal);
}

async function openMovieFile(source: RenderRequest['source'], signal: AbortSignal): Promise<Clip> {
  const movie = await inspectMovie(source.path, signal);
  const { info, timeline } = movie;
  if (movie.cutOff && (source.to === null || source.to > info.frames)) {
    throw new Failure('media-truncated', { path: info.path, frames: info.frames });
  }
  const wanted = checkedRange(source, { from: 0, to: info.frames });
  const rate = source.rate ?? info.rate;
  const regular = info.variable ? null : info.rate;
  const same = regular !== null && rate.num === regular.num && rate.den === regular.den;
  const { range, source: shown } = same ? { range: wanted, source: null } : conform(timeline, wanted, rate, regular);

  const notes: string[] = [];
  if (info.variable) {
    notes.push(`The source has a variable frame rate; it was conformed to ${words(rate)} frames a second.`);
  } else if (!same) {
    notes.push(`The source runs at ${words(info.rate)} frames a second; it was conformed to ${words(rate)}.`);
  }
  if (info.interlaced) notes.push('The source is interlaced; each frame was deinterlaced.');
  if (info.rotated) notes.push('The source is stored turned; it was turned upright.');

  const { version } = await tool('ffmpeg');
  const identity = digest([
    await contentHash([info.path]),
    `${version} ${source.alpha} ${formatRational(rate)} ${movie.video.index}`,
  ]);
  const sourceOf = (n: number): number => (shown ? shown[n - range.from]! : n);

  async function* readRaw({ from, to }: FrameRange, abort: AbortSignal): AsyncGenerator<RawFrame> {
    checkInside({ from, to }, range);
    if (from === to) return;
    let next = sourceOf(from);
    let n = from;
    for await (const raw of readMovie(movie, { from: next, to: sourceOf(to - 1) + 1 }, abort)) {
      const straight = { ...raw, frame: () => straightened(raw.frame(), source.alpha) };
      for (; n < to && sourceOf(n) === next; n++) yield straight;
      next++;
    }
  }

  return {
    ...{ info, notes, range, rate, width: info.width, height: info.height, channels: info.channels, identity },
    read: (part, abort) => made(readRaw(part, abort)),
    readRaw,
    start: timeline.pts[0]! * toNumber(timeline.timebase) + range.from / toNumber(rate),
  };
}

async function openFolder(source: RenderRequest['source']): Promise<Clip> {
  const { info, images } = await inspectImages(source.path);
  const numbers = [...images.keys()];
  const range = checkedRange(source, { from: numbers[0]!, to: numbers.at(-1) + 1 });
  for (let n = range.from; n < range.to; n++) {
    if (!images.has(n)) throw new Failure('images-missing-number', { folder: info.path, number: n });
  }
  const identity = digest([await contentHash([...images.values()]), `${source.alpha} ${numbers.join()}`]);

  async function* readRaw({ from, to }: FrameRange, abort: AbortSignal): AsyncGenerator<RawFrame> {
    checkInside({ from, to }, range);
    for (let n = from; n < to; n++) {
      abort.throwIfAborted();
      const path = images.get(n)!;
      const frame = straightened(await readImage(path), source.alpha);
      if (frame.width !== info.width || frame.height !== info.height || frame.channels !== info.channels) {
        throw new Failure('images-mixed', { path, first: images.get(numbers[0]!)! });
      }
      yield { bytes: frame.data.byteLength, frame: () => frame };
    }
  }

  const { width, height, channels } = info;
  const rate = source.rate ?? info.rate;
  const read = (part: FrameRange, abort: AbortSignal): AsyncGenerator<Frame> => made(readRaw(part, abort));
  return { info, notes: [], range, rate, width, height, channels, identity, start: null, read, readRaw };
}

/** What is shown for several frames in a row is made once. */
async function* made(raws: AsyncIterable<RawFrame>): AsyncGenerator<Frame> {
  let last: RawFrame | undefined;
  let frame: Frame | undefined;
  for await (const raw of raws) {
    if (!frame || raw !== last) frame = raw.frame();
    last = raw;
    yield frame;
  }
}

/** In place. */
function straightened(frame: Frame, alpha: 'straight' | 'premultiplied'): Frame {
  if (alpha === 'premultiplied' && frame.channels === 4) unpremultiply(frame.data);
  return frame;
}

function checkedRange({ path, from, to }: RenderRequest['source'], whole: FrameRange): FrameRange {
  // An unset start is 0, which for images need not be a number in any name.
  const range = { from: from === 0 ? whole.from : from, to: to ?? whole.to };
  if (range.from < whole.from || range.to > whole.to || range.from >= range.to) {
    throw new Failure('range-outside', { path, from, to: to ?? whole.to, first: whole.from, end: whole.to });
  }
  return range;
}

function checkInside({ from, to }: FrameRange, whole: FrameRange): void {
  if (from < whole.from || to > whole.to || from > to) {
    throw new RangeError(`frames ${from} to ${to} of a clip from ${whole.from} to ${whole.to}`);
  }
}

/** 23.976, 25, 59.94 … as editors say them. */
const words = (rate: Rational): string => String(Math.round(toNumber(rate) * 1000) / 1000);

const digest = (parts: readonly string[]): string => createHash('sha256').update(parts.join('\n')).digest('hex');
