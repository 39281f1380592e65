import fc from 'fast-check';
import { readFile, readdir, truncate, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isAlive } from '../../bridge-server/jobs/alive.ts';
import { CacheDamage, openStageFolder, removeDeadParts } from '../../bridge-server/jobs/stage-folder.ts';
import { newFolder } from './folder.ts';

const payload = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7) & 255);

describe('a stage folder', () => {
  it('gives back what was written, aligned', async () => {
    const folder = openStageFolder(await newFolder());
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), async (bytes) => {
        await folder.write('000001.frame', bytes);
        const read = await folder.read('000001.frame');
        expect(Buffer.compare(read, bytes)).toBe(0);
        expect(read.byteOffset % 8).toBe(0);
      }),
      { numRuns: 30 },
    );
    expect(await folder.names()).toEqual(['000001.frame']);
    expect(await folder.has('000001.frame')).toBe(true);
    expect(await folder.has('000002.frame')).toBe(false);
  });

  it('never gives out a damaged entry, wherever the damage is, and forgets it', async () => {
    const path = await newFolder();
    const folder = openStageFolder(path);
    await folder.write('a', payload);
    const whole = await readFile(join(path, 'a'));
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const bad = Uint8Array.from(whole);
        bad[at]! ^= flip;
        await writeFile(join(path, 'a'), bad);
        await expect(folder.read('a')).rejects.toThrow(CacheDamage);
        expect(await folder.has('a')).toBe(false);
      }),
      { numRuns: 60 },
    );
    for (const length of [0, 5, 16, 17, whole.length - 1]) {
      await folder.write('a', payload);
      await truncate(join(path, 'a'), length);
      await expect(folder.read('a')).rejects.toMatchObject({ missing: false });
      expect(await folder.has('a')).toBe(false);
    }
  });

  it('tells a missing entry from a damaged one', async () => {
    const folder = openStageFolder(await newFolder());
    await expect(folder.read('a')).rejects.toMatchObject({ missing: true });
  });

  it('takes no name that leads elsewhere', async () => {
    const folder = openStageFolder(await newFolder());
    for (const name of ['../a', '/a', '.a', '', 'a/b', '-']) {
      await expect(folder.write(name, payload)).rejects.toThrow(RangeError);
    }
  });

  it('can be written by several at once', async () => {
    const path = await newFolder();
    const writers = Array.from({ length: 8 }, () => openStageFolder(path).write('a', payload));
    await Promise.all(writers);
    expect(Buffer.compare(await openStageFolder(path).read('a'), payload)).toBe(0);
    expect(await readdir(path)).toEqual(['a']);
  });

  it('loses what dead writers had begun, and only that', async () => {
    const path = await newFolder();
    const { pid: dead } = spawnSync(process.execPath, ['-e', '']);
    await writeFile(join(path, `.a.${dead}.3.part`), 'half');
    await writeFile(join(path, `.a.${process.pid}.3.part`), 'half');
    await openStageFolder(path).write('a', payload);
    await removeDeadParts(path, isAlive);
    expect((await readdir(path)).sort()).toEqual([`.a.${process.pid}.3.part`, 'a']);
  });
});
