import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openMovie, type MovieCodec } from '../bridge-server/media/encode.ts';
import { writePng } from '../bridge-server/media/image.ts';
import { makeScene, type Scene } from '../test/media/scene.ts';

/** A folder for one case; `remove` it at the end. */
export async function benchFolder(): Promise<{ readonly path: string; readonly remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'pentimento-bench-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

export type ShotSize = { readonly width: number; readonly height: number; readonly frames: number };

/** The shot that all cases work on: the figure that raises his arms. */
export const benchScene = (size: ShotSize): Promise<Scene> => makeScene({ kind: 'arms', seed: 7, ...size });

/** The shot as a movie at `path`. */
export async function writeMovie(path: string, codec: MovieCodec, size: ShotSize): Promise<void> {
  const scene = await benchScene(size);
  const colour = { matrix: 'bt709', range: 'limited', primaries: 'bt709', transfer: 'bt709' } as const;
  const { width, height } = size;
  const like = { codec, width, height, channels: 3, rate: { num: 24, den: 1 }, colour } as const;
  const rest = { pixelAspect: { num: 1, den: 1 }, alpha: 'straight', audio: null } as const;
  const movie = await openMovie(path, { ...like, ...rest }, new AbortController().signal);
  for (let n = 0; n < size.frames; n++) await movie.write(n, scene.frame(n));
  await movie.finish();
}

/** The shot as 16-bit PNGs in the folder `path`. */
export async function writeImages(path: string, size: ShotSize): Promise<void> {
  const scene = await benchScene(size);
  await mkdir(path);
  for (let n = 0; n < size.frames; n++) await writePng(join(path, `${String(n).padStart(6, '0')}.png`), scene.frame(n));
}
