import { Failure } from '../errors.ts';
import type { Clip } from '../media/clip.ts';
import type { FrameRange } from '../media/frame.ts';
import { numberedImages, readImage } from '../media/image.ts';
import { refuseOtherSize } from './keys.ts';
import { WatchedImages, type Pictures } from './pictures.ts';

/**
 * Masks for every frame of the range: a mask holds until the next one, and the first also before itself, so that one image alone
 * is the mask of the whole clip. `notes` say where that was needed.
 */
export async function masksOf(
  folder: string,
  clip: Clip,
  signal: AbortSignal,
): Promise<{ pictures: Pictures; notes: string[] }> {
  const images = await numberedImages(folder);
  if (images.size === 0) throw new Failure('masks-none', { folder });
  const frames = framesIn(clip.range);
  const paths = holding(images, frames);
  for (const path of new Set(paths)) {
    signal.throwIfAborted();
    await refuseOtherSize(path, clip);
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
