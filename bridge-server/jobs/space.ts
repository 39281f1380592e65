import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '../errors.ts';
import type { Clip } from '../media/clip.ts';
import type { RenderRequest } from '../protocol/request.ts';
import type { Stretch } from './between.ts';
import type { Cache } from './cache.ts';
import { freeBytes } from './eviction.ts';
import { outputPath } from './version.ts';

/**
 * Bytes a pixel that a frame of footage takes at the very least, so that a job is only refused when it surely cannot fit: its matches,
 * itself as it is kept for later, and what the output stores. Measured: 1.2 to 2.2, and 0.8 to 4.6.
 */
const MATCHED = 0.5;
const KEPT = 0.5;
const STORED = { prores4444: 0.1, h264: 0.001, images: 0.3 };

/**
 * Throws Failure 'disk-small' when what is missing between keys, or the output, cannot fit where it goes. The matches of one stretch make
 * room for those of the next.
 */
export async function refuseSmallDisk(
  request: RenderRequest,
  cache: Cache,
  { width, height, range }: Clip,
  stretches: readonly Pick<Stretch, 'missing' | 'unmatched'>[],
): Promise<void> {
  const pixels = width * height;
  const missing = stretches.reduce((sum, stretch) => sum + stretch.missing, 0);
  const unmatched = stretches.reduce((most, stretch) => Math.max(most, stretch.unmatched), 0);
  const kept = pixels * (missing * KEPT + unmatched * MATCHED);
  const { output } = request;
  const stored = (range.to - range.from) * pixels * (output.kind === 'movie' ? STORED[output.codec] : STORED.images);

  await mkdir(cache.root, { recursive: true });
  const target = await nearest(dirname(outputPath(request)));
  const shared = (await stat(cache.root)).dev === (await stat(target)).dev;
  const needs = shared
    ? [{ path: cache.root, needed: kept + stored }]
    : [
        { path: cache.root, needed: kept },
        { path: target, needed: stored },
      ];
  for (const { path, needed } of needs) {
    let free = await freeBytes(path);
    if (needed > free && path === cache.root) free += await cache.keeper.evictable();
    if (needed > free) throw new Failure('disk-small', { path, needed, free });
  }
}

/** The folder itself, or the first above it that exists. */
async function nearest(folder: string): Promise<string> {
  const there = await stat(folder).catch(() => null);
  return there || dirname(folder) === folder ? folder : nearest(dirname(folder));
}
