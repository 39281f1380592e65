import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** Its name is one that users have. */
export const makeFolder = async (): Promise<string> => mkdtemp(join(await realpath(tmpdir()), 'pentimento jobs é🎞 '));

export const removeFolder = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true });

/** A folder for one test, gone after it. */
export async function newFolder(): Promise<string> {
  const folder = await makeFolder();
  onTestFinished(() => removeFolder(folder));
  return folder;
}
