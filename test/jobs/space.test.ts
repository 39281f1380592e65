import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Cache } from '../../bridge-server/jobs/cache.ts';
import { refuseSmallDisk } from '../../bridge-server/jobs/space.ts';
import type { Clip } from '../../bridge-server/media/clip.ts';
import { noSmallDisks, smallDisk } from '../cli/small-disk.ts';
import { newFolder } from './folder.ts';
import { someRequest } from './request.ts';

const reason = noSmallDisks();

// A frame takes at least 100 kB for its matches, and 100 kB for itself.
const CLIP = { width: 500, height: 400, range: { from: 0, to: 20 } } as Clip;

/** Whether a job of which so much is missing, stretch by stretch, is refused on a disk of that many kilobytes for the cache. */
async function isRefused(kilobytes: number, stretches: { missing: number; unmatched: number }[]): Promise<boolean> {
  const disk = await smallDisk(kilobytes);
  const keeper = {
    hold: () => undefined,
    release: () => undefined,
    makeRoom: () => Promise.resolve(),
    evictable: () => Promise.resolve(0),
  };
  const output = { kind: 'movie', path: join(await newFolder(), 'a.mov'), codec: 'h264', sound: false } as const;
  const cache = new Cache(join(disk.path, 'cache'), keeper);
  try {
    await refuseSmallDisk(someRequest({ output }), cache, CLIP, stretches);
    return false;
  } catch (error) {
    expect(error).toMatchObject({ code: 'disk-small', facts: { path: cache.root } });
    return true;
  }
}

describe.skipIf(reason !== null)(`a job on a small disk${reason ? ` (skipped: ${reason})` : ''}`, () => {
  it.each([
    ['needs room for matches and frames', [{ missing: 10, unmatched: 10 }], 2000],
    ['needs none for matches that are there', [{ missing: 10, unmatched: 0 }], 1000],
    ['needs none for frames that are there', [{ missing: 2, unmatched: 1 }], 300],
    [
      'needs room for the matches of one stretch at a time',
      [
        { missing: 5, unmatched: 5 },
        { missing: 5, unmatched: 3 },
      ],
      1500,
    ],
  ])('%s', async (_, stretches, kilobytes) => {
    expect(await isRefused((kilobytes * 9) / 10, stretches)).toBe(true);
    expect(await isRefused((kilobytes * 11) / 10, stretches)).toBe(false);
  });
});
