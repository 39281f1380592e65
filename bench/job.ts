import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { benchFolder, writeMovie, type ShotSize } from './footage.ts';
import type { BenchCase } from './harness.ts';

const MAIN = fileURLToPath(new URL('../bridge-server/main.ts', import.meta.url));

/** The command a user types, start of the process included: nothing cached, then everything but the delivery cached. */
function job(size: ShotSize): BenchCase {
  return {
    name: `job ${size.width}x${size.height} oil`,
    amount: size.frames,
    unit: 'frame',
    iterations: 2,
    open: async () => {
      const folder = await benchFolder();
      const source = join(folder.path, 'shot.mp4');
      await writeMovie(source, 'h264', size);
      const render = async (home: string, ...options: string[]): Promise<void> => {
        const args = [MAIN, 'render', source, '--look', 'oil', '--out', join(folder.path, 'result.mp4'), ...options];
        const env = { ...process.env, PENTIMENTO_HOME: join(folder.path, home) };
        const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
        let said = '';
        child.stderr.on('data', (chunk) => (said += String(chunk)));
        const [code] = (await once(child, 'close')) as [number | null];
        if (code !== 0) throw new Error(`the job ended with ${code}: ${said}`);
      };
      const fresh = async (home: string, ...options: string[]): Promise<void> => {
        await rm(join(folder.path, home), { recursive: true, force: true });
        await render(home, ...options);
      };
      return {
        variants: {
          'all workers': () => fresh('fresh'),
          'one worker': () => fresh('one', '--workers', '1'),
          cached: () => render('fresh'),
        },
        close: folder.remove,
      };
    },
  };
}

export const cases: readonly BenchCase[] = [
  job({ width: 640, height: 360, frames: 24 }),
  job({ width: 1920, height: 1080, frames: 12 }),
];
