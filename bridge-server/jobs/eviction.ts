import { randomUUID } from 'node:crypto';
import { mkdirSync, renameSync } from 'node:fs';
import { readdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Store } from './store.ts';

/** When the user set none; but never more than half of what the disk could give. */
const USUAL_BUDGET = 20e9;

/** Where folders wait to be deleted: renamed into it at once, so that nobody sees one half gone. */
const TRASH = 'trash';

/** Where trainings of this install keep what they need, in its data: a system that empties caches by itself leaves them alone. */
export const TRAININGS = 'trainings';

export type InstallFolders = { readonly data: string; readonly cache: string };

/** A folder of the cache or of a training, `root/name`; `name` is the one that jobs hold it by. */
type Kept = { readonly root: string; readonly name: string; readonly bytes: number; readonly usedAt: number };

/**
 * Brings what the cache and trainings take within the budget, and frees `atLeast` bytes in any case. The longest unused goes first; what
 * only an unfinished job would need goes after everything else; what an open job of any process needs stays. Returns the bytes that
 * were freed.
 */
export async function evict(folders: InstallFolders, store: Store, atLeast = 0): Promise<number> {
  await emptyTrash(folders);
  const kept = await survey(folders);
  if (kept.length === 0) return 0;
  const total = kept.reduce((sum, { bytes }) => sum + bytes, 0);
  const wanted = Math.max(atLeast, total - (await budget(folders.cache, store, total)));
  if (wanted <= 0) return 0;

  const { unfinished } = store.held();
  const oldestFirst = kept.sort(
    (a, b) => Number(unfinished.has(a.name)) - Number(unfinished.has(b.name)) || a.usedAt - b.usedAt,
  );
  let freed = 0;
  for (const { root, name, bytes } of oldestFirst) {
    if (freed >= wanted) break;
    if (moveToTrash(root, name, store)) freed += bytes;
  }
  await emptyTrash(folders);
  return freed;
}

/** Bytes that could be freed now: what no open job holds. */
export async function evictable(folders: InstallFolders, store: Store): Promise<number> {
  const { open } = store.held();
  return (await survey(folders)).reduce((sum, { name, bytes }) => sum + (open.has(name) ? 0 : bytes), 0);
}

async function budget(root: string, store: Store, used: number): Promise<number> {
  const set = store.setting('cache-budget');
  return set === null ? Math.min(USUAL_BUDGET, (used + (await freeBytes(root))) / 2) : Number(set);
}

/** What this user may still write on the disk of `path`, which must exist. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

/** False when a job holds the folder. Decided and done while no process can begin to hold it. */
function moveToTrash(root: string, name: string, store: Store): boolean {
  return store.transaction(() => {
    if (store.held().open.has(name)) return false;
    mkdirSync(join(root, TRASH), { recursive: true });
    try {
      renameSync(join(root, name), join(root, TRASH, randomUUID()));
    } catch (error) {
      // Another process was quicker.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    return true;
  });
}

async function emptyTrash({ cache, data }: InstallFolders): Promise<void> {
  for (const root of [cache, data]) await rm(join(root, TRASH), { recursive: true, force: true });
}

async function survey({ cache, data }: InstallFolders): Promise<Kept[]> {
  const stages = (await foldersIn(cache)).filter((stage) => stage !== TRASH);
  const kept = await Promise.all([...stages.map((stage) => keptIn(cache, stage)), keptIn(data, TRAININGS)]);
  return kept.flat();
}

async function keptIn(root: string, stage: string): Promise<Kept[]> {
  const kept: Kept[] = [];
  for (const key of await foldersIn(join(root, stage))) {
    const path = join(root, stage, key);
    const usedAt = await stat(path).catch(() => null);
    if (usedAt) kept.push({ root, name: `${stage}/${key}`, bytes: await sizeOf(path), usedAt: usedAt.mtimeMs });
  }
  return kept;
}

async function sizeOf(path: string): Promise<number> {
  let bytes = 0;
  // What vanishes meanwhile no longer counts.
  for (const entry of await readdir(path).catch(() => [])) {
    bytes += (await stat(join(path, entry)).catch(() => null))?.size ?? 0;
  }
  return bytes;
}

const foldersIn = async (path: string): Promise<string[]> =>
  (await readdir(path, { withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
