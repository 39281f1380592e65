import { execFile } from 'node:child_process';
import { mkdir, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const dist = join(root, 'dist');
const SOURCES = ['plugin', 'bridge-server', 'manifest.json', 'webpack.config.js', 'package-lock.json'];
const run = promisify(execFile);

/** What `npm run build` does, into another folder. */
export const build = (folder: string) => run(process.execPath, [join(root, 'plugin', 'package', 'build.ts'), folder]);

/** The panel in dist/ as its sources are now: built by the first test file that asks, while the others wait. */
export async function builtPanel(): Promise<void> {
  const stamp = join(dist, '.built');
  const lock = join(root, 'build', 'panel.lock');
  await mkdir(join(root, 'build'), { recursive: true });
  const mine = await taken(lock);
  try {
    const newest = Math.max(...(await Promise.all(SOURCES.map((name) => newestIn(join(root, name))))));
    const built = await stat(stamp).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    );
    if (built > newest) return;
    const begun = new Date();
    await build(dist);
    await writeFile(stamp, '');
    // What changed while it was built is not in it.
    await utimes(stamp, begun, begun);
  } finally {
    clearInterval(mine);
    await rm(lock, { recursive: true, force: true });
  }
}

/** Holds a lock, a folder that is touched as long as its holder lives. */
async function taken(lock: string): Promise<NodeJS.Timeout> {
  for (;;) {
    try {
      await mkdir(lock);
      return setInterval(() => void utimes(lock, new Date(), new Date()).catch(() => undefined), 1000);
    } catch {
      const { mtimeMs } = await stat(lock).catch(() => ({ mtimeMs: Date.now() }));
      if (Date.now() - mtimeMs > 15_000) await rm(lock, { recursive: true, force: true });
      await setTimeout(100);
    }
  }
}

async function newestIn(path: string): Promise<number> {
  const self = await stat(path);
  if (!self.isDirectory()) return self.mtimeMs;
  const inside = await readdir(path, { recursive: true, withFileTypes: true });
  const times = inside.map(async (entry) => (await stat(join(entry.parentPath, entry.name))).mtimeMs);
  return Math.max(self.mtimeMs, ...(await Promise.all(times)));
}
