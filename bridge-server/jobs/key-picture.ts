import { join } from 'node:path';
import { FrameWindow, openClip } from '../media/clip.ts';
import type { Frame } from '../media/frame.ts';
import { numberedImages, readImage } from '../media/image.ts';
import type { RenderRequest } from '../protocol/request.ts';
import { chosenImages } from './chosen.ts';
import type { KeyPlace } from './diffusion.ts';
import { readFrame, resultName } from './frames.ts';
import type { FramePlace } from './run.ts';
import { CacheDamage, openStageFolder } from './stage-folder.ts';

/**
 * One key of a request as it is before anything is made of it: the artist's image, the repainted picture at its place in the cache
 * (null: nowhere yet), or the source's own frame. Null while there is none.
 */
export async function keyPicture(
  { source, keys, look }: RenderRequest,
  frame: number,
  place: KeyPlace | null,
  cacheRoot: string,
  signal: AbortSignal,
): Promise<Frame | null> {
  if (keys.kind === 'images') {
    const path = (await numberedImages(keys.folder)).get(frame);
    return path === undefined ? null : await readImage(path);
  }
  const image = chosenImages(keys).get(frame);
  if (image !== undefined) return await readImage(image);
  if (look.kind !== 'none') {
    const entry = place?.entries.get(frame);
    return place && entry ? await kept(join(cacheRoot, place.folder), entry) : null;
  }
  const clip = await openClip(source, signal);
  if (frame < clip.range.from || frame >= clip.range.to) return null;
  const window = new FrameWindow(clip, 0);
  try {
    return await window.get(frame, signal);
  } finally {
    await window.close();
  }
}

/** A frame of a request that is not done, as far as anything is made of it. */
export async function madeFrame(
  { keys }: RenderRequest,
  frame: number,
  keyPlace: KeyPlace | null,
  places: readonly FramePlace[],
  cacheRoot: string,
): Promise<Frame | null> {
  const own = keys.kind === 'images' ? await numberedImages(keys.folder) : chosenImages(keys);
  const image = own.get(frame);
  if (image !== undefined) return await readImage(image);
  const entry = keyPlace?.entries.get(frame);
  const lies = places.filter(({ from, to }) => frame >= from && frame < to);
  for (const { folder, name } of [
    ...(keyPlace && entry ? [{ folder: keyPlace.folder, name: entry }] : []),
    ...lies.map(({ folder }) => ({ folder, name: resultName(frame) })),
  ]) {
    const found = await kept(join(cacheRoot, folder), name);
    if (found) return found;
  }
  return null;
}

async function kept(folder: string, entry: string): Promise<Frame | null> {
  try {
    return await readFrame(await openStageFolder(folder).read(entry));
  } catch (error) {
    if (error instanceof CacheDamage) return null;
    throw error;
  }
}
