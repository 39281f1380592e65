import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { emptyCheckpoint } from './checkpoint.ts';
import { benchFolder, writeImages } from './footage.ts';
import type { BenchCase } from './harness.ts';

const MAIN = fileURLToPath(new URL('../bridge-server/main.ts', import.meta.url));
const PROFILES = ['fast', 'small', 'quality'] as const;
const SAMPLE_MS = 100;

/**
 * One key repainted by the command that a user types, from a cold start: nothing loaded, nothing cached. Besides the whole time it says
 * on stderr when the first step was done, and the most memory that all its processes had together, pages of the model file included.
 */
function key(family: 'sd15' | 'sdxl', side: number, steps: number): BenchCase {
  return {
    name: `${family} key ${side}x${side} ${steps} steps`,
    amount: 1,
    unit: 'key',
    iterations: 1,
    open: async () => {
      const folder = await benchFolder();
      const { file, remove } = await emptyCheckpoint(family);
      const source = join(folder.path, 'shot');
      await writeImages(source, { width: side, height: side, frames: 1 });
      const paint = async (profile: string): Promise<void> => {
        const home = join(folder.path, 'home');
        await rm(home, { recursive: true, force: true });
        const look = ['--model', file, '--prompt', 'oil on canvas', '--steps', `${steps}`, '--strength', '0.5'];
        const out = ['--every-frame', '--profile', profile, '--out', join(folder.path, 'painted', '/'), '--json'];
        const env = { ...process.env, PENTIMENTO_HOME: home };
        const began = performance.now();
        const child = spawn(process.execPath, [MAIN, 'render', source, ...look, ...out], {
          env,
          stdio: ['ignore', 'ignore', 'pipe'],
        });
        let [said, firstStep, peak] = ['', 0, 0];
        child.stderr.setEncoding('utf8').on('data', (text: string) => {
          said += text;
          if (firstStep === 0 && /"stage":"look","done":[1-9]/.test(said)) firstStep = performance.now() - began;
        });
        const sampling = setInterval(() => {
          void residentBytes(child.pid!).then((bytes) => (peak = Math.max(peak, bytes)));
        }, SAMPLE_MS);
        const [code] = (await once(child, 'close')) as [number | null];
        clearInterval(sampling);
        if (code !== 0) throw new Error(`the key ended with ${code}: ${said}`);
        const memory = peak > 0 ? `, ${(peak / 1e9).toFixed(2)} GB at the peak` : '';
        process.stderr.write(`  ${profile}: first step done after ${(firstStep / 1000).toFixed(1)} s${memory}\n`);
      };
      return {
        variants: Object.fromEntries(PROFILES.map((profile) => [profile, () => paint(profile)])),
        close: async () => {
          await remove();
          await folder.remove();
        },
      };
    },
  };
}

/** Resident bytes of a process and all below it; 0 where the system has no /proc. */
async function residentBytes(pid: number): Promise<number> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    let bytes = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
    for (const thread of await readdir(`/proc/${pid}/task`)) {
      const children = (await readFile(`/proc/${pid}/task/${thread}/children`, 'utf8')).split(' ').filter(Boolean);
      for (const child of children) bytes += await residentBytes(Number(child));
    }
    return bytes;
  } catch {
    // It ended in the meantime.
    return 0;
  }
}

export const cases: readonly BenchCase[] = [key('sd15', 512, 20), key('sdxl', 1024, 2)];
