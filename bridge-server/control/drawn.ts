import { Failure } from '../errors.ts';
import { WatchedImages } from '../jobs/pictures.ts';
import type { Clip } from '../media/clip.ts';
import { imageSize, numberedImages, readImage } from '../media/image.ts';
import type { ControlMaps } from './maps.ts';
import { pictureOf } from './picture.ts';

/** How far a side may be from the clip's shape, in pixels of the image: sizes are rounded somewhere on the way. */
const ROUNDING = 1;

/**
 * Maps that the user drew: images whose last run of digits is the source frame number; each holds until the next, the first also before
 * itself. Other sizes are scaled where the shape is the clip's. All are looked at before any is used.
 * Failures: control-maps-none, control-map-shape, media-missing, image-unreadable.
 */
export async function openDrawnMaps(
  folder: string,
  clip: Pick<Clip, 'range' | 'width' | 'height'>,
  signal: AbortSignal,
): Promise<ControlMaps> {
  const images = await numberedImages(folder);
  if (images.size === 0) throw new Failure('control-maps-none', { folder });
  for (const path of images.values()) {
    signal.throwIfAborted();
    await refuseOtherShape(path, clip);
  }
  const numbers = [...images.keys()];
  const pathOf = (frame: number): string => images.get(numbers.findLast((n) => n <= frame) ?? numbers[0]!)!;
  const watched = new WatchedImages();
  const { from, to } = clip.range;
  let missing = 0;
  for (let n = from; n < to; n++) if (!images.has(n)) missing++;
  return {
    notes:
      images.size === 1 || missing === 0
        ? []
        : [`${missing} of ${to - from} frames have no control map of their own; the map before them holds.`],
    identity: async (frame, abort) => `image ${await watched.identity(pathOf(frame), abort)}`,
    mapAt: async (frame, size) => pictureOf(await watched.read(pathOf(frame), readImage), size),
  };
}

async function refuseOtherShape(path: string, clip: Pick<Clip, 'width' | 'height'>): Promise<void> {
  const { width, height } = await imageSize(path);
  const off = Math.min(
    Math.abs(width - (height * clip.width) / clip.height),
    Math.abs(height - (width * clip.height) / clip.width),
  );
  if (off <= ROUNDING) return;
  throw new Failure('control-map-shape', { path, width, height, clipWidth: clip.width, clipHeight: clip.height });
}
