import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { withAlpha } from '../bridge-server/jobs/finish.ts';
import type { Frame } from '../bridge-server/media/frame.ts';
import { writePng } from '../bridge-server/media/image.ts';
import { benchFolder, benchScene, writeMovie } from './footage.ts';
import type { BenchCase } from './harness.ts';

const PENTIMENTO = fileURLToPath(new URL('../bin/pentimento.mjs', import.meta.url));
type Shot = {
  readonly width: number;
  readonly height: number;
  /** Keys are so many frames apart, the first and the last frame among them. */
  readonly apart: number;
  /** Frames of the long clip, and of the short one, without the last key. */
  readonly long: number;
  readonly short: number;
  /** Whether keys have alpha. */
  readonly alpha?: boolean;
};

/** What the bridge's process takes at most, its threads included, for a short clip and a longer one: the command a user types. */
function memory(shot: Shot): BenchCase {
  return {
    name: `memory ${shot.width}x${shot.height}${shot.alpha ? ' alpha' : ''}`,
    amount: shot.long + 1,
    amounts: { short: shot.short + 1 },
    unit: 'frame',
    iterations: 1,
    open: async () => {
      const { path, remove } = await benchFolder();
      const render = async (frames: number): Promise<() => Promise<number>> => {
        const folder = join(path, String(frames));
        const { source, keys } = await writeShot(folder, shot, frames + 1);
        const args = ['render', source, '--keys', keys, '--out', join(folder, 'result.mov'), '--json'];
        return async () => {
          const home = join(folder, 'home');
          await rm(home, { recursive: true, force: true });
          const env = { ...process.env, PENTIMENTO_HOME: home };
          const { stdout } = await promisify(execFile)(process.execPath, [PENTIMENTO, ...args], {
            env,
            maxBuffer: 64 * 2 ** 20,
          });
          return (JSON.parse(stdout.trim().split('\n').at(-1)) as { peakRssBytes: number }).peakRssBytes;
        };
      };
      return { variants: { long: await render(shot.long), short: await render(shot.short) }, close: remove };
    },
  };
}

async function writeShot(
  folder: string,
  { width, height, apart, alpha = false }: Shot,
  frames: number,
): Promise<{ readonly source: string; readonly keys: string }> {
  const size = { width, height, frames };
  const [source, keys] = [join(folder, 'shot.mp4'), join(folder, 'keys')];
  await mkdir(keys, { recursive: true });
  await writeMovie(source, 'h264', size);
  const scene = await benchScene(size);
  for (let n = 0; n < frames; n += apart) {
    const key = scene.truth(n);
    await writePng(join(keys, `${String(n).padStart(6, '0')}.png`), alpha ? fading(key) : key);
  }
  return { source, keys };
}

/** The same with alpha, from nothing at the left to all at the right. */
function fading(frame: Frame): Frame {
  const faded = withAlpha(frame);
  const { width, data } = faded;
  for (let p = 0; 4 * p < data.length; p++) data[4 * p + 3] = Math.round((65535 * (p % width)) / (width - 1));
  return faded;
}

const FULL = { width: 1920, height: 1080, apart: 6, long: 18, short: 6 };

export const cases: readonly BenchCase[] = [
  memory(FULL),
  memory({ ...FULL, alpha: true }),
  memory({ width: 64, height: 36, apart: 40, long: 4000, short: 400 }),
];
