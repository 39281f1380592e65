import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';

/** Up to here every byte is hashed, in about a second; past it only what tells files apart at once. */
const READ_WHOLE_BYTES = 512 * 2 ** 20;

/**
 * Tells contents apart. Small sources (in sum) by their bytes; large ones by name, size and time of change, because reading a
 * terabyte before the first frame is no service.
 */
export async function contentHash(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  const files = await Promise.all(paths.map(async (path) => ({ path, status: await stat(path, { bigint: true }) })));
  const bytes = files.reduce((sum, { status }) => sum + Number(status.size), 0);
  for (const { path, status } of files) {
    hash.update(`${status.size}\n`);
    if (bytes > READ_WHOLE_BYTES) hash.update(`${basename(path)} ${status.mtimeNs}\n`);
    else for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  }
  return hash.digest('hex');
}
