import { randomUUID } from 'node:crypto';
import { mkdirSync, renameSync } from 'node:fs';
import { readdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Store } from './store.ts';

/** When the user set none; but never more than half of what the disk could give. */
const USUAL_BUDGET = 20e9;

/** Where folders wait to be deleted: renamed into it at once, so that nobody sees one half gone. */
const TRASH = 'trash';

type Kept = { readonly name: string; readonly bytes: number; readonly usedAt: number };

/**
 * Brings the cache within its budget, and frees `atLeast` bytes in any case. The longest unused goes first; what only an unfinished
 * job would need goes after everything else; what an open job of any process needs stays. Returns the bytes that were freed.
 */
export async function evict(root: string, store: Store, atLeast = 0): Promise<number> {
  await emptyTrash(root);
  const kept = await survey(root);
  if (kept.length === 0) return 0;
  const total = kept.reduce((sum, { bytes }) => sum + bytes, 0);
  const wanted = Math.max(atLeast, total - (await budget(root, store, total)));
  if (wanted <= 0) return 0;

  const { unfinished } = store.held();
  const oldestFirst = kept.sort(
    (a, b) => Number(unfinished.has(a.name)) - Number(unfinished.has(b.name)) || a.usedAt - b.usedAt,
  );
  let freed = 0;
  for (const { name, bytes } of oldestFirst) {
    if (freed >= wanted) break;
    if (moveToTrash(root, name, store)) freed += bytes;
  }
  await emptyTrash(root);
  return freed;
}

/** Bytes that could be freed now: what no open job holds. */
export async function evictable(root: string, store: Store): Promise<number> {
  const { open } = store.held();
  return (await survey(root)).reduce((sum, { name, bytes }) => sum + (open.has(name) ? 0 : bytes), 0);
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

const emptyTrash = (root: string): Promise<void> => rm(join(root, TRASH), { recursive: true, force: true });

async function survey(root: string): Promise<Kept[]> {
  const kept: Kept[] = [];
  for (const stage of await foldersIn(root)) {
    if (stage === TRASH) continue;
    for (const key of await foldersIn(join(root, stage))) {
      const path = join(root, stage, key);
      const usedAt = await stat(path).catch(() => null);
      if (usedAt) kept.push({ name: `${stage}/${key}`, bytes: await sizeOf(path), usedAt: usedAt.mtimeMs });
    }
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
