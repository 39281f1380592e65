import { Failure } from '../errors.ts';
import { openClip, type Clip } from '../media/clip.ts';
import type { Frame, FrameRange } from '../media/frame.ts';

/** What is compared: a source, the result made from it, perhaps the true result. Movies or folders of numbered images. */
export type MeasuredPaths = {
  readonly source: string;
  readonly result: string;
  readonly truth: string | null;
  /** The part of the source that the result shows, half-open; null: all of it. */
  readonly from: number | null;
  readonly to: number | null;
};

/** One frame of each, by the source's frame number. */
export type MeasuredFrame = {
  readonly n: number;
  readonly source: Frame;
  readonly result: Frame;
  readonly truth: Frame | null;
};

export type Footage = {
  readonly range: FrameRange;
  readonly width: number;
  readonly height: number;
  readonly truth: boolean;
  /** In order; three decoders run at once, a frame each in memory. */
  frames(signal: AbortSignal): AsyncGenerator<MeasuredFrame>;
};

/**
 * Opens and aligns. Images in a folder carry the numbers of the source's frames and may be some of them, in one run; a movie must
 * have as many frames as the (part of the) source. The frames measured are the result's. Throws Failure 'measure-size',
 * 'measure-length', 'measure-outside', or what opening a clip throws.
 */
export async function openFootage(paths: MeasuredPaths, signal: AbortSignal): Promise<Footage> {
  const open = (path: string, from = 0, to: number | null = null): Promise<Clip> =>
    openClip({ path, from, to, rate: null, alpha: 'straight' }, signal);
  const source = await open(paths.source, paths.from ?? 0, paths.to);
  const result = aligned(await open(paths.result), source, null);
  const truth = paths.truth === null ? null : aligned(await open(paths.truth), source, result.range);
  const { range } = result;

  async function* frames(abort: AbortSignal): AsyncGenerator<MeasuredFrame> {
    const [a, b, c] = [source, result, truth].map((clip) => clip?.read(range, abort)[Symbol.asyncIterator]());
    try {
      for (let n = range.from; n < range.to; n++) {
        const [x, y, z] = await Promise.all([a!.next(), b!.next(), c?.next()]);
        yield { n, source: x.value as Frame, result: y.value as Frame, truth: z ? (z.value as Frame) : null };
      }
    } finally {
      await Promise.all([a?.return?.(), b?.return?.(), c?.return?.()]);
    }
  }
  return { range, width: source.width, height: source.height, truth: truth !== null, frames };
}

type Aligned = Pick<Clip, 'range' | 'read'>;

/** The clip in the source's frame numbers. It must cover `needed`; null: any part of the source will do. */
function aligned(clip: Clip, source: Clip, needed: FrameRange | null): Aligned {
  const { path } = clip.info;
  if (clip.width !== source.width || clip.height !== source.height) {
    const size = ({ width, height }: Clip): string => `${width} x ${height}`;
    throw new Failure('measure-size', { path, size: size(clip), source: source.info.path, sourceSize: size(source) });
  }
  if (clip.start === null) {
    const fits = needed ? contains(clip.range, needed) : contains(source.range, clip.range);
    const [own, other] = [clip.range, needed ?? source.range];
    if (!fits) {
      const facts = { first: own.from, last: own.to - 1, otherFirst: other.from, otherLast: other.to - 1 };
      throw new Failure('measure-outside', { path, ...facts });
    }
    return clip;
  }
  const [frames, sourceFrames] = [clip, source].map(({ range }) => range.to - range.from) as [number, number];
  if (frames !== sourceFrames) {
    throw new Failure('measure-length', { path, frames, source: source.info.path, sourceFrames });
  }
  const shift = source.range.from - clip.range.from;
  return {
    range: source.range,
    read: ({ from, to }, abort) => clip.read({ from: from - shift, to: to - shift }, abort),
  };
}

const contains = (outer: FrameRange, inner: FrameRange): boolean => inner.from >= outer.from && inner.to <= outer.to;
