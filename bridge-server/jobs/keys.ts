import { Failure } from '../errors.ts';
import type { Clip, FrameWindow } from '../media/clip.ts';
import { imageSize, numberedImages, readImage } from '../media/image.ts';
import { LOOKS } from '../looks/looks.ts';
import type { Engine } from '../kernels/engine.ts';
import type { Report } from '../progress.ts';
import type { BuiltInLook } from '../protocol/request.ts';
import type { StageFolder } from './cache.ts';
import { withAlpha } from './finish.ts';
import { readFrame, resultName, writeFrame } from './frames.ts';
import { WatchedImages, type Pictures } from './pictures.ts';

/** The artist's own keys by frame. All are looked at before anything is computed; throws the Failure of the first unusable one. */
export async function givenKeys(folder: string, clip: Clip, signal: AbortSignal): Promise<Map<number, string>> {
  const images = await numberedImages(folder);
  if (images.size === 0) throw new Failure('keys-none', { folder });
  for (const [frame, path] of images) {
    const { from, to } = clip.range;
    if (frame < from || frame >= to) throw new Failure('key-outside', { path, frame, from, to });
    await refuseOtherSize(path, clip);
    signal.throwIfAborted();
  }
  return images;
}

export async function refuseOtherSize(path: string, clip: Clip): Promise<void> {
  const { width, height } = await imageSize(path);
  if (width === clip.width && height === clip.height) return;
  throw new Failure('image-size', { path, width, height, clipWidth: clip.width, clipHeight: clip.height });
}

/** Keys that are the source's own frames. */
export function sourcePictures(frames: readonly number[], window: FrameWindow): Pictures {
  return {
    frames,
    identity: (frame) => Promise.resolve(`source ${frame}`),
    get: (frame, signal) => window.get(frame, signal),
  };
}

/** The artist's own; one without alpha, on a clip that has it, takes the clip's. */
export function imagePictures(images: ReadonlyMap<number, string>, clip: Clip, window: FrameWindow): Pictures {
  const watched = new WatchedImages();
  return {
    frames: [...images.keys()],
    identity: async (frame, signal) => `image ${await watched.identity(images.get(frame)!, signal)}`,
    get: async (frame, signal) => {
      const picture = await watched.read(images.get(frame)!, readImage);
      return picture.channels === 3 && clip.channels === 4
        ? withAlpha(picture, await window.get(frame, signal))
        : picture;
    },
  };
}

/** Keys repainted by a look, as `folder` keeps them after `paintKeys`. `key`: the folder's own. */
export function lookPictures(frames: readonly number[], folder: StageFolder, key: readonly string[]): Pictures {
  return {
    frames,
    identity: (frame) => Promise.resolve(`look ${JSON.stringify(key)} ${frame}`),
    get: async (frame) => readFrame(await folder.read(resultName(frame))),
  };
}

/** Repaints those of the frames that `folder` lacks. */
export async function paintKeys(
  engine: Engine,
  look: Exclude<BuiltInLook, 'none'>,
  frames: readonly number[],
  window: FrameWindow,
  folder: StageFolder,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  for (const [index, frame] of frames.entries()) {
    signal.throwIfAborted();
    const name = resultName(frame);
    if (!(await folder.has(name))) {
      const painted = await LOOKS[look](engine, await window.get(frame, signal), signal);
      await folder.write(name, await writeFrame(painted));
    }
    report(index + 1, frames.length);
  }
}

/** Those of the result: with alpha as soon as the clip or one key has it. */
export async function channelsOf(images: ReadonlyMap<number, string>, clip: Clip): Promise<3 | 4> {
  if (clip.channels === 4) return 4;
  for (const path of images.values()) if ((await imageSize(path)).channels === 4) return 4;
  return 3;
}
