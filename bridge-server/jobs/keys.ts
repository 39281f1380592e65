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

/**
 * The artist's own keys in a folder by frame, and a note on those outside the range, which are left out: whoever trims a clip keeps his
 * folder. Failures: keys-none, keys-outside.
 */
export async function keysInFolder(
  folder: string,
  { range: { from, to } }: Clip,
): Promise<{ readonly images: Map<number, string>; readonly notes: readonly string[] }> {
  const all = [...(await numberedImages(folder))];
  const [first, last] = [all[0]?.[0], all.at(-1)?.[0]];
  if (first === undefined || last === undefined) throw new Failure('keys-none', { folder });
  const inside = all.filter(([frame]) => frame >= from && frame < to);
  if (inside.length === 0) throw new Failure('keys-outside', { folder, first, last, from, to });
  const outside = all.flatMap(([frame]) => (frame < from || frame >= to ? [frame] : []));
  const named = outside.slice(0, NAMED).join(', ') + (outside.length > NAMED ? ', …' : '');
  return {
    images: new Map(inside),
    notes: outside.length === 0 ? [] : [`Left out, being outside the range: the keys of frames ${named}.`],
  };
}

/** Keys that a note names. */
const NAMED = 8;

/** Looks at all of the artist's own keys before anything is computed; throws the Failure of the first unusable one. */
export async function refuseUnfit(images: ReadonlyMap<number, string>, clip: Clip, signal: AbortSignal): Promise<void> {
  for (const path of images.values()) {
    await refuseOtherSize(path, clip);
    signal.throwIfAborted();
  }
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

/** Some keys from one maker, the others from another. */
export function together(some: Pictures, others: Pictures): Pictures {
  if (others.frames.length === 0) return some;
  const own = new Set(some.frames);
  const maker = (frame: number): Pictures => (own.has(frame) ? some : others);
  return {
    frames: [...some.frames, ...others.frames].sort((a, b) => a - b),
    identity: (frame, signal) => maker(frame).identity(frame, signal),
    get: (frame, signal) => maker(frame).get(frame, signal),
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
