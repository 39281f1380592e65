import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { ffmpeg, fileUrl } from '../../bridge-server/media/ffmpeg.ts';
import { newFolder } from './folder.ts';

const child = fileURLToPath(new URL('./long-clip-child.ts', import.meta.url));

const FRAMES = 400;
/** From here on the window of decoded frames (256) is full, and what is made once has been made. */
const WARM = 280;
/**
 * What a stage may add from there to its end, in bytes: two or three times the noise of code that is compiled anew. A decoded frame of this
 * clip takes 1.5 kB, and one in working form 6 kB, for each of some hundred.
 */
const NOISE = { analyse: 100e3, advise: 100e3, match: 40e3, propagate: 40e3, deliver: 40e3 };

type Sample = { readonly stage: string; readonly done: number; readonly bytes: number };

it('what is held of a clip does not grow with its length', async () => {
  const folder = await newFolder();
  const path = join(folder, 'clip.mp4');
  const source = { options: ['-loglevel', 'error', '-f', 'lavfi'], source: 'testsrc2=s=32x32:r=25' };
  const options = ['-frames:v', String(FRAMES), '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'];
  const running = await ffmpeg(
    { inputs: [source], options: [...options, '-f', 'mp4'], output: fileUrl(path) },
    new AbortController().signal,
  );
  await running.ended;
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', child, folder, path, '20']);
  const lines = stdout.trim().split('\n');
  const samples = lines.map((line) => JSON.parse(line) as Sample);
  for (const [stage, noise] of Object.entries(NOISE)) {
    const warm = samples.filter((sample) => sample.stage === stage && sample.done >= WARM);
    const held = warm.map(({ bytes }) => bytes);
    expect(held.length, stage).toBeGreaterThan(1);
    expect(held.at(-1) - held[0]!, stage).toBeLessThan(noise);
  }
});
