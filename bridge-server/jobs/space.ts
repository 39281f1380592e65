import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '../errors.ts';
import type { Clip } from '../media/clip.ts';
import type { RenderRequest } from '../protocol/request.ts';
import type { Cache } from './cache.ts';
import { freeBytes } from './eviction.ts';
import { outputPath } from './version.ts';

/**
 * Bytes a pixel that a frame takes at the very least, so that a job is only refused when it surely cannot fit: what is kept of it
 * for later (its correspondences and itself), and what the output stores.
 */
const KEPT = 1;
const STORED = { prores4444: 0.1, h264: 0.001, images: 0.3 };

/** Throws Failure 'disk-small' when the `missing` frames between keys, or the output, cannot fit where they go. */
export async function refuseSmallDisk(
  request: RenderRequest,
  cache: Cache,
  { width, height, range }: Clip,
  missing: number,
): Promise<void> {
  const pixels = width * height;
  const kept = missing * pixels * KEPT;
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
