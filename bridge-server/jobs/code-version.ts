import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

const sources = fileURLToPath(new URL('..', import.meta.url));
const known = new Map<string, Promise<string>>();

/**
 * Hash of the sources that decide a stage's output, so that nothing made by other code is ever taken for its own: all modules of the
 * given folders of bridge-server, in the given order. The kernels have a hash of their own (Engine.codeHash).
 */
export async function codeVersion(...folders: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const folder of folders) {
    let version = known.get(folder);
    if (!version) known.set(folder, (version = hashOf(join(sources, folder))));
    hash.update(await version);
  }
  return hash.digest('hex');
}

async function hashOf(folder: string): Promise<string> {
  const hash = createHash('sha256');
  const names = await readdir(folder, { recursive: true });
  for (const name of names.filter((one) => one.endsWith('.ts')).sort()) {
    hash
      .update(name)
      .update('\0')
      .update(await readFile(join(folder, name)));
  }
  return hash.digest('hex');
}
