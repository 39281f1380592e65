import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ffmpeg, fileUrl } from '../../bridge-server/media/ffmpeg.ts';
import { writePng } from '../../bridge-server/media/image.ts';
import { makeScene } from '../media/scene.ts';

export const WIDTH = 160;
export const HEIGHT = 90;

/** A shot with real motion as a folder of PNGs from 000000 on. */
export async function sceneFolder(folder: string, frames: number): Promise<string> {
  const scene = await makeScene({ kind: 'arms', seed: 7, width: WIDTH, height: HEIGHT, frames });
  await mkdir(folder, { recursive: true });
  for (let n = 0; n < frames; n++) await writePng(join(folder, `${String(n).padStart(6, '0')}.png`), scene.frame(n));
  return folder;
}

/** The same frames as a movie with sound. */
export async function sceneMovie(path: string, frames: number): Promise<string> {
  const folder = await sceneFolder(`${path} frames`, frames);
  const running = await ffmpeg(
    {
      inputs: [
        { options: ['-f', 'image2', '-framerate', '25'], source: join(folder, '%06d.png') },
        { options: ['-f', 'lavfi'], source: `sine=frequency=440:duration=${frames / 25}` },
      ],
      options: [
        '-c:v',
        'libx264',
        '-qp',
        '4',
        '-pix_fmt',
        'yuv420p',
        '-g',
        '12',
        '-bf',
        '2',
        '-c:a',
        'aac',
        '-f',
        'mov',
      ],
      output: fileUrl(path),
    },
    new AbortController().signal,
  );
  await running.ended;
  return path;
}

/** The true styled frames of the scene as keys at those numbers. */
export async function sceneKeys(folder: string, frames: number, keys: readonly number[]): Promise<string> {
  const scene = await makeScene({ kind: 'arms', seed: 7, width: WIDTH, height: HEIGHT, frames });
  await mkdir(folder, { recursive: true });
  for (const n of keys) await writePng(join(folder, `key_${n}.png`), scene.truth(n));
  return folder;
}
