import type { Frame } from '../media/frame.ts';
import { shrunk } from '../media/shrink.ts';
import type { Source } from '../propagate/pictures.ts';
import type { Work } from './between.ts';
import { readFrame, resultName, writeFrame } from './frames.ts';
import { sourceKey, type Key } from './plan.ts';

/** The longer side of the reduced pictures, at most. */
const LONGEST = 320;

/**
 * The clip in small, on which a look ahead costs little: 1/factor of its size, what came out of it kept on disk. A clip that is small anyway is
 * its own; what is found out on it then serves the whole job.
 */
export type Reduced = { readonly factor: number; readonly source: Source; readonly key: Key };

export async function reduced({ clip, source, cache, code }: Work): Promise<Reduced> {
  const { width, height } = clip;
  const factor = Math.ceil(Math.max(width, height) / LONGEST);
  const key = sourceKey(clip.identity, code);
  if (factor === 1) return { factor, key, source: { width, height, get: (n, signal) => source.get(n, signal) } };

  const own = [...key, `1/${factor}`];
  const folder = await cache.open('reduced', own);
  const get = async (n: number, signal: AbortSignal): Promise<Frame> => {
    const name = resultName(n);
    if (await folder.has(name)) return readFrame(await folder.read(name));
    const small = shrunk(await source.get(n, signal), factor);
    await folder.write(name, await writeFrame(small));
    return small;
  };
  const size = { width: Math.ceil(width / factor), height: Math.ceil(height / factor) };
  return { factor, key: own, source: { ...size, get } };
}
