import { mkdir, readFile, realpath, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../errors.ts';

/** The folders that the user allowed to panels: real paths, kept in the config folder. Only the command line changes them. */
const rootsSchema = z.strictObject({ roots: z.array(z.string()) });

export async function allowedRoots(configFolder: string): Promise<readonly string[]> {
  const path = rootsPath(configFolder);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  try {
    return rootsSchema.parse(JSON.parse(text)).roots;
  } catch (cause) {
    throw new Failure('roots-unreadable', { path }, cause);
  }
}

/** Adds a folder, for good; a bridge that runs takes it up at once. */
export async function allowRoot(configFolder: string, folder: string): Promise<void> {
  const root = await realpath(folder).catch((cause: unknown) => {
    throw new Failure('media-missing', { path: folder }, cause);
  });
  if (!(await stat(root)).isDirectory())
    throw new Failure('path-unusable', { path: folder, reason: 'it is not a folder' });
  const roots = await allowedRoots(configFolder);
  if (roots.includes(root)) return;
  await mkdir(configFolder, { recursive: true, mode: 0o700 });
  const path = rootsPath(configFolder);
  const beside = `${path}.${process.pid}`;
  await writeFile(beside, JSON.stringify({ roots: [...roots, root] }, null, 2), { mode: 0o600 });
  await rename(beside, path);
}

const rootsPath = (configFolder: string): string => join(configFolder, 'roots.json');
