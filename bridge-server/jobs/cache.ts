import { createHash } from 'node:crypto';
import { mkdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive } from './alive.ts';
import { openStageFolder, removeDeadParts, type StageFolder } from './stage-folder.ts';

export type { StageFolder } from './stage-folder.ts';

/** What a job's cache asks of the whole install's. Folders are named from the cache's root. */
export type Keeper = {
  /** Keeps a folder from being evicted, until it is released or the job is done. */
  hold(folder: string): void;
  release(folder: string): void;
  /** Frees what may be freed: down to the budget, and at least so many bytes. */
  makeRoom(atLeast: number): Promise<unknown>;
  /** Bytes that could be freed now. */
  evictable(): Promise<number>;
};

/** Written before the whole cache is looked through again for what is too much: that takes time for every entry there is. */
const LOOK_AFTER_BYTES = 100e6;
/** Freed at once when the disk turns out full. */
const ROOM_BYTES = 1e9;

/**
 * What stages made, kept by content, as one job sees it: one folder a stage and key, `<root>/<stage>/<hash of the key>`, whose time
 * of modification is that of its last use.
 */
export class Cache {
  readonly root: string;
  readonly keeper: Keeper;
  #writes = 0;
  #unlooked = 0;

  constructor(root: string, keeper: Keeper) {
    this.root = root;
    this.keeper = keeper;
  }

  /** Entries written through this object: tells what was made from what was found. */
  get writes(): number {
    return this.#writes;
  }

  /** The folder for what `stage` makes of exactly these inputs, parameters and code. Held until `release`. */
  async open(stage: string, key: readonly string[]): Promise<StageFolder> {
    const name = folderName(stage, key);
    const path = join(this.root, name);
    await this.#withRoom(async () => {
      this.keeper.hold(name);
      await mkdir(path, { recursive: true });
    });
    const now = new Date();
    await utimes(path, now, now);
    await removeDeadParts(path, isAlive);
    const folder = openStageFolder(path);
    return {
      ...folder,
      write: async (entry, ...pieces) => {
        await this.#withRoom(() => folder.write(entry, ...pieces));
        this.#writes++;
        this.#unlooked += pieces.reduce((sum, { length }) => sum + length, 0);
      },
    };
  }

  /** Keeps to the budget, give or take a little. What cannot be removed now, such as a folder that somebody has open, is left for later. */
  async tidy(): Promise<void> {
    if (this.#unlooked < LOOK_AFTER_BYTES) return;
    this.#unlooked = 0;
    await this.keeper.makeRoom(0).catch(() => undefined);
  }

  /** What finds the disk full is tried again when there is room. */
  async #withRoom(work: () => unknown): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!['ENOSPC', 'EDQUOT', 'disk-full'].includes((error as { code?: string }).code ?? '')) throw error;
      await this.keeper.makeRoom(ROOM_BYTES).catch(() => undefined);
      await work();
    }
  }

  /** The job needs it no more; it stays until its room is wanted. */
  release(stage: string, key: readonly string[]): void {
    this.keeper.release(folderName(stage, key));
  }
}

/** Parts of the key are kept apart: ['ab', 'c'] and ['a', 'bc'] are two keys. */
export function folderName(stage: string, key: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(key)).digest('hex');
  return `${stage}/${hash.slice(0, 40)}`;
}
