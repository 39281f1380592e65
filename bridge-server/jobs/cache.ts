import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openStageFolder, type StageFolder } from './stage-folder.ts';

export type { StageFolder } from './stage-folder.ts';

/** What stages made, kept by content: one folder a stage and key, `<root>/<stage>/<hash of the key>`. */
export class Cache {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  /** The folder for what `stage` makes of exactly these inputs, parameters and code. */
  async open(stage: string, key: string | readonly string[]): Promise<StageFolder> {
    const path = join(this.root, stage, keyHash(key));
    await mkdir(path, { recursive: true });
    return openStageFolder(path);
  }
}

/** 40 hexadecimal digits. Parts are kept apart: ['ab', 'c'] and ['a', 'bc'] differ. */
export function keyHash(key: string | readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 40);
}
