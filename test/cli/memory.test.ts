import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ffmpeg, fileUrl } from '../../bridge-server/media/ffmpeg.ts';
import { newInstall, rendered } from './install.ts';

const SIZE = '320x180';

async function movie(path: string, frames: number): Promise<void> {
  const running = await ffmpeg(
    {
      inputs: [{ options: ['-f', 'lavfi'], source: `testsrc2=s=${SIZE}:r=25` }],
      options: ['-frames:v', String(frames), '-c:v', 'libx264', '-preset', 'ultrafast', '-f', 'mp4'],
      output: fileUrl(path),
    },
    new AbortController().signal,
  );
  await running.ended;
}

it('peak memory is that of a window of frames, however long the clip', async () => {
  const install = await newInstall();
  // Decoded, the short one is 86 MB and the long one 311 MB; the window holds 50.
  const [short, long] = [250, 900];
  await movie(join(install.desk, 'clip.mp4'), long);
  const peak = async (frames: number): Promise<number> => {
    const result = await rendered(
      install,
      ...['clip.mp4', '--to', String(frames), '--look', 'none', '--every-frame', '--profile', 'small'],
      ...['--out', `${frames}.mp4`],
    );
    expect(result.frames).toBe(frames);
    return result.peakRssBytes;
  };
  const first = await peak(short);
  expect(await peak(long)).toBeLessThan(first + 100e6);
});
