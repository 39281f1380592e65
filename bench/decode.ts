import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { openClip } from '../bridge-server/media/clip.ts';
import { tool } from '../bridge-server/media/ffmpeg.ts';
import { benchFolder, writeImages, writeMovie, type ShotSize } from './footage.ts';
import type { BenchCase } from './harness.ts';

const SIZE: ShotSize = { width: 1920, height: 1080, frames: 24 };

/** From the file to working frames, against ffmpeg that decodes the same file and throws the pictures away. */
function decode(kind: 'h264' | 'prores4444' | 'png16', name: string): BenchCase {
  return {
    name: `decode ${SIZE.width}x${SIZE.height} ${kind}`,
    amount: SIZE.frames,
    unit: 'frame',
    open: async () => {
      const folder = await benchFolder();
      const path = join(folder.path, name);
      await (kind === 'png16' ? writeImages(path, SIZE) : writeMovie(path, kind, SIZE));
      const { path: ffmpeg } = await tool('ffmpeg');
      const input = kind === 'png16' ? ['-f', 'image2', '-i', join(path, '%06d.png')] : ['-i', path];
      const signal = new AbortController().signal;
      return {
        variants: {
          pentimento: async () => {
            const clip = await openClip({ path, from: 0, to: null, rate: null, alpha: 'straight' }, signal);
            let frames = 0;
            for await (const frame of clip.read(clip.range, signal)) frames += frame.data.length > 0 ? 1 : 0;
            if (frames !== SIZE.frames) throw new Error(`${frames} frames came`);
          },
          'ffmpeg alone': async () => {
            const child = spawn(ffmpeg, ['-v', 'error', ...input, '-f', 'null', '-'], { stdio: 'ignore' });
            const [code] = (await once(child, 'exit')) as [number | null];
            if (code !== 0) throw new Error(`ffmpeg ended with ${code}`);
          },
        },
        close: folder.remove,
      };
    },
  };
}

export const cases: readonly BenchCase[] = [
  decode('h264', 'shot.mp4'),
  decode('prores4444', 'shot.mov'),
  decode('png16', 'shot'),
];
