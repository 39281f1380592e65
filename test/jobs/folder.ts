import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A folder for one test, gone after it. Its name is one that users have. */
export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'pentimento jobs é🎞 '));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
