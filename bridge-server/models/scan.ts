import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Deeper than anybody sorts models, and than the caches of other tools go. */
const DEEPEST = 8;
/** Folders of an install of other tools that are large and hold no models. */
const SKIPPED: ReadonlySet<string> = new Set(['venv', 'python_embeded', 'site-packages', 'node_modules', 'outputs']);
/** Pickles are found too, so that their owner learns why they cannot be used. */
const WEIGHTS = /\.(safetensors|ckpt)$/i;
const SHARD = /-\d+-of-\d+\.safetensors$/i;

/**
 * Absolute paths of the models below a folder, sorted: single files, and folders as diffusers lays them out, which have a
 * model_index.json. Links are followed, each folder is read once, and what cannot be read is passed over. Only reads.
 */
export async function findModels(folder: string): Promise<readonly string[]> {
  const seen = new Set<string>();
  const found = async (at: string, depth: number): Promise<readonly string[]> => {
    const real = await realpath(at).catch(() => null);
    if (real === null || seen.has(real) || depth > DEEPEST) return [];
    seen.add(real);
    const names = (await readdir(at).catch(() => [])).sort();
    if (names.includes('model_index.json')) return [at];
    const below: string[] = [];
    for (const name of names) {
      if (name.startsWith('.') || name.endsWith('.part') || SKIPPED.has(name)) continue;
      const path = join(at, name);
      const status = await stat(path).catch(() => null);
      if (status?.isDirectory()) below.push(...(await found(path, depth + 1)));
      else if (status?.isFile() && WEIGHTS.test(name) && !SHARD.test(name)) below.push(path);
    }
    return below;
  };
  return found(folder, 0);
}

export type WeightFile = { readonly path: string; readonly bytes: number; readonly modifiedMs: number };

/** The files that a model consists of: itself, or everything in its folder and the folders of its parts. Empty when it is gone. */
export async function filesOf(model: string): Promise<readonly WeightFile[]> {
  const status = await stat(model).catch(() => null);
  if (!status) return [];
  if (!status.isDirectory()) return [{ path: model, bytes: status.size, modifiedMs: status.mtimeMs }];
  const names = (await readdir(model, { recursive: true })).sort();
  const files = names.filter((name) => !/(^|[\\/])\.|\.part(\.json)?$/.test(name));
  const each = await Promise.all(
    files.map(async (name) => {
      const path = join(model, name);
      const file = await stat(path).catch(() => null);
      return file?.isFile() ? [{ path, bytes: file.size, modifiedMs: file.mtimeMs }] : [];
    }),
  );
  return each.flat();
}
