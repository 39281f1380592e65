import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isAlive } from '../jobs/alive.ts';

/**
 * Where an output grows until it is whole: hidden, beside its target, with this process's number in the name, so that two processes
 * never share one. An ffmpeg that outlives its killed parent goes on writing to a file of its own that nobody looks at.
 */
export async function partBeside(target: string): Promise<string> {
  const folder = dirname(target);
  const name = basename(target);
  // Names may have no more than 255 bytes; the hash keeps shortened ones apart.
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  const prefix = `.${[...name].slice(0, 40).join('')}.${hash}.`;
  for (const other of await readdir(folder)) {
    const pid = other.startsWith(prefix) ? /^(\d+)\.part$/.exec(other.slice(prefix.length))?.[1] : undefined;
    if (pid !== undefined && (Number(pid) === process.pid || !isAlive(Number(pid)))) {
      await rm(join(folder, other), { recursive: true, force: true });
    }
  }
  return join(folder, `${prefix}${process.pid}.part`);
}
