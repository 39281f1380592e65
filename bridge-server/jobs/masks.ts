import { Failure } from '../errors.ts';
import { feather } from '../masks/feather.ts';
import { grow } from '../masks/grow.ts';
import { maskFrame, type MaskChannel, maskOf } from '../masks/mask.ts';
import type { Clip, FrameWindow } from '../media/clip.ts';
import type { Frame, FrameRange } from '../media/frame.ts';
import { imageSize, numberedImages, readImage } from '../media/image.ts';
import type { MaskRequest } from '../protocol/mask.ts';
import { refuseOtherSize } from './keys.ts';
import { WatchedImages, type Pictures } from './pictures.ts';

/** Masks for every frame of the range, as opaque grey pictures. `notes` say what the user should know of them. */
export type Masks = { readonly pictures: Pictures; readonly notes: readonly string[] };

/** Grown and feathered as asked. Failures: those of masksIn, mask-without-alpha. */
export async function masksOf(
  asked: MaskRequest,
  clip: Clip,
  source: FrameWindow,
  signal: AbortSignal,
): Promise<Masks> {
  const { pictures, notes } =
    asked.kind === 'images' ? await masksIn(asked.folder, asked.channel, clip, signal) : alphaOf(clip, source);
  const channel = asked.kind === 'images' ? asked.channel : 'alpha';
  const shaped = (picture: Frame): Frame =>
    maskFrame(feather(grow(maskOf(picture, channel), asked.grow), asked.feather));
  // One image is often the mask of many frames.
  let last: { readonly identity: string; readonly mask: Frame } | null = null;
  return {
    notes,
    pictures: {
      frames: pictures.frames,
      identity: async (frame, abort) =>
        `${await pictures.identity(frame, abort)} ${channel} ${asked.grow} ${asked.feather}`,
      get: async (frame, abort) => {
        const identity = await pictures.identity(frame, abort);
        const picture = await pictures.get(frame, abort);
        if (last?.identity !== identity) last = { identity, mask: shaped(picture) };
        return last.mask;
      },
    },
  };
}

/** The clip's own alpha. Failure: mask-without-alpha. */
function alphaOf(clip: Clip, source: FrameWindow): Masks {
  if (clip.channels !== 4) throw new Failure('mask-without-alpha', { path: clip.info.path });
  return {
    notes: [],
    pictures: {
      frames: framesIn(clip.range),
      identity: (frame) => Promise.resolve(`source ${frame}`),
      get: (frame, signal) => source.get(frame, signal),
    },
  };
}

/**
 * Images as masks: one holds until the next, and the first also before itself, so that one image alone is the mask of the whole clip.
 * `notes` say where that was needed. All are looked at before anything is computed. Failures: masks-none, image-size,
 * mask-without-alpha, and those of imageSize.
 */
async function masksIn(folder: string, channel: MaskChannel, clip: Clip, signal: AbortSignal): Promise<Masks> {
  const images = await numberedImages(folder);
  if (images.size === 0) throw new Failure('masks-none', { folder });
  const frames = framesIn(clip.range);
  const paths = holding(images, frames);
  for (const path of new Set(paths)) {
    signal.throwIfAborted();
    await refuseOtherSize(path, clip);
    if (channel === 'alpha' && (await imageSize(path)).channels !== 4)
      throw new Failure('mask-without-alpha', { path });
  }
  const watched = new WatchedImages();
  return {
    pictures: {
      frames,
      identity: (frame, abort) => watched.identity(paths[frame - clip.range.from]!, abort),
      get: (frame) => watched.read(paths[frame - clip.range.from]!, readImage),
    },
    notes: noteOnMissing(images, frames),
  };
}

/** The image of each of the frames, both ascending. */
function holding(images: ReadonlyMap<number, string>, frames: readonly number[]): string[] {
  const left = [...images];
  let [, path] = left.shift()!;
  return frames.map((frame) => {
    while (left[0] && left[0][0] <= frame) [, path] = left.shift()!;
    return path;
  });
}

function noteOnMissing(images: ReadonlyMap<number, string>, frames: readonly number[]): string[] {
  const missing = frames.filter((frame) => !images.has(frame));
  if (images.size === 1 || missing.length === 0) return [];
  const count = missing.length === 1 ? 'One frame has' : `${missing.length} frames have`;
  return [`${count} no mask of their own (the first is frame ${missing[0]}); the mask before it holds.`];
}

export const framesIn = ({ from, to }: FrameRange): number[] => Array.from({ length: to - from }, (_, i) => from + i);
