import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { writePng } from '../bridge-server/media/image.ts';
import { benchFolder, benchScene, writeMovie, type ShotSize } from './footage.ts';
import type { BenchCase } from './harness.ts';

const PENTIMENTO = fileURLToPath(new URL('../bin/pentimento.mjs', import.meta.url));
/** Keys at both ends, and so many frames apart. */
const APART = 6;
const SHORT = APART + 1;
const LONG = 3 * APART + 1;

/** What the bridge's process takes at most, its threads included, for a short clip and a longer one: the command a user types. */
function memory(width: number, height: number): BenchCase {
  return {
    name: `memory ${width}x${height}`,
    amount: LONG,
    amounts: { short: SHORT },
    unit: 'frame',
    iterations: 1,
    open: async () => {
      const { path, remove } = await benchFolder();
      const render = async (frames: number): Promise<() => Promise<number>> => {
        const folder = join(path, String(frames));
        const { source, keys } = await writeShot(folder, { width, height, frames });
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
      return { variants: { long: await render(LONG), short: await render(SHORT) }, close: remove };
    },
  };
}

async function writeShot(folder: string, size: ShotSize): Promise<{ readonly source: string; readonly keys: string }> {
  const [source, keys] = [join(folder, 'shot.mp4'), join(folder, 'keys')];
  await mkdir(keys, { recursive: true });
  await writeMovie(source, 'h264', size);
  const scene = await benchScene(size);
  for (let n = 0; n < size.frames; n += APART)
    await writePng(join(keys, `${String(n).padStart(6, '0')}.png`), scene.truth(n));
  return { source, keys };
}

export const cases: readonly BenchCase[] = [memory(1920, 1080)];
