import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Failure } from '../errors.ts';
import type { Report } from '../progress.ts';

/** The SHA-256 of a file as it is on the disk, in lower-case hex; `report` tells bytes. Failure: cancelled. */
export async function sha256File(path: string, signal: AbortSignal, report?: Report, bytes = 0): Promise<string> {
  const hash = createHash('sha256');
  let done = 0;
  try {
    for await (const chunk of createReadStream(path, { signal, highWaterMark: 1 << 20 })) {
      hash.update(chunk as Buffer);
      done += (chunk as Buffer).length;
      report?.(done, bytes);
    }
  } catch (error) {
    if (signal.aborted) throw new Failure('cancelled', undefined, error);
    throw error;
  }
  return hash.digest('hex');
}
