import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Failure } from '../errors.ts';
import { premultiplied } from './alpha.ts';
import { writing } from './destination.ts';
import type { FrameSink } from './encode.ts';
import { writePng } from './image.ts';
import { partBeside } from './part.ts';

/**
 * A folder of 16-bit PNGs named by frame number, six digits. They are made in a folder beside it and moved in by `finish`, so that an
 * earlier render's frames stay as they are until this one is done.
 */
export async function openImages(
  folder: string,
  options: {
    readonly alpha: 'straight' | 'premultiplied';
    /** A text that goes with every image, as its comment. */
    readonly comment?: string;
  },
  signal: AbortSignal,
): Promise<FrameSink> {
  signal.throwIfAborted();
  const target = resolve(folder);
  const part = await writing(target, async () => {
    if ((await stat(target).catch(() => null))?.isDirectory() === false) {
      throw new Failure('output-not-folder', { path: target });
    }
    await mkdir(dirname(target), { recursive: true });
    const path = await partBeside(target);
    await mkdir(path);
    return path;
  });
  const abandon = (): Promise<void> => rm(part, { recursive: true, force: true });
  const orAbandon = async (work: () => Promise<void>): Promise<void> => {
    try {
      signal.throwIfAborted();
      await writing(target, work);
    } catch (error) {
      await abandon();
      throw error;
    }
  };
  return {
    notes: [],
    write: (n, frame) =>
      orAbandon(() =>
        writePng(
          join(part, `${String(n).padStart(6, '0')}.png`),
          options.alpha === 'premultiplied' ? premultiplied(frame) : frame,
          options.comment,
        ),
      ),
    finish: () =>
      orAbandon(async () => {
        await mkdir(target, { recursive: true });
        for (const name of await readdir(part)) await rename(join(part, name), join(target, name));
        await rm(part, { recursive: true });
      }),
    abandon,
  };
}
