import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { openClip } from '../../bridge-server/media/clip.ts';
import { probe } from '../../bridge-server/media/probe.ts';
import type { MediaFacts } from '../hosts/premiere.ts';
import { HEIGHT, makeClip, numberedPicture, numbersOf, WIDTH } from '../media/clips.ts';

/** Movies whose frames say their number, in film's rate and with sound; and what a result shows of them. */
export const FILM = { num: 24000, den: 1001 };
export const FILM_TICKS = 10594584000n;
const signal = new AbortController().signal;

export async function makeNumberedMovie(path: string, frames: number): Promise<void> {
  const options = ['-c:v', 'libx264', '-crf', '12', '-c:a', 'aac', '-shortest'];
  await makeClip(path, { frames, rate: '24000/1001', options, inputs: [['-f', 'lavfi', 'sine=duration=9']] });
}

/** An artist's images of every frame of a range: the source's own pictures, so that each result frame shows which one it is. */
export async function makeOwnKeys(folder: string, from: number, to: number): Promise<void> {
  await mkdir(folder);
  for (let n = from; n < to; n++) {
    const picture = sharp(numberedPicture(n), { raw: { width: WIDTH, height: HEIGHT, channels: 1 } });
    await picture
      .toColourspace('srgb')
      .png()
      .toFile(join(folder, `key_${n}.png`));
  }
}

/** What an editor would see of a file. */
export async function onDisk(path: string): Promise<MediaFacts> {
  const { range, rate } = await openWhole(path);
  return { frames: range.to - range.from, rate, sound: (await probe(path, signal)).audio.length > 0 };
}

/** The source frame that each of its frames shows. */
export async function shownIn(path: string): Promise<(number | null)[]> {
  const clip = await openWhole(path);
  return await numbersOf(clip.read(clip.range, signal));
}

const openWhole = (path: string) => openClip({ path, from: 0, to: null, rate: null, alpha: 'straight' }, signal);
