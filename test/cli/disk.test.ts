import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sceneFolder, sceneKeys } from './footage.ts';
import { hashOf, newInstall, rendered, run, start, type Install } from './install.ts';
import { noSmallDisks, smallDisk } from './small-disk.ts';

const FRAMES = 17;
const COMMAND = ['shot', '--keys', 'keys'];

async function installWithShot(): Promise<Install> {
  const install = await newInstall();
  await sceneFolder(join(install.desk, 'shot'), FRAMES);
  await sceneKeys(join(install.desk, 'keys'), FRAMES, [0, 8, 16]);
  return install;
}

/** What the command writes where nothing is in its way. */
async function undisturbed(install: Install, name: string): Promise<string> {
  await rendered({ ...install, home: `${install.home} undisturbed` }, ...COMMAND, '--out', `undisturbed ${name}`);
  return await hashOf(join(install.desk, `undisturbed ${name}`));
}

async function failure(install: Install, out: string): Promise<{ code: string; message: string; remedy: string }> {
  const { code, stdout, stderr } = await run(install, 'render', ...COMMAND, '--out', out, '--json');
  expect({ code, stdout }, stderr).toEqual({ code: 1, stdout: '' });
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return (JSON.parse(last) as { error: { code: string; message: string; remedy: string } }).error;
}

const reason = noSmallDisks();

describe.skipIf(reason !== null)(`a disk that is full${reason ? ` (skipped: ${reason})` : ''}`, () => {
  it.each([
    ['the matches', 600],
    ['the frames between keys', 1300],
  ] as const)('of the cache, full of %s: the job fails in words and goes on when there is room', async (what, size) => {
    const install = await installWithShot();
    const expected = await undisturbed(install, 'a.mov');
    const disk = await smallDisk(size);
    const cramped = { ...install, home: join(disk.path, 'home') };
    const { code, message } = await failure(cramped, 'a.mov');
    expect(code).toBe('disk-full');
    expect(message).toContain(disk.path);
    expect(await readdir(install.desk)).not.toContain('a.mov');

    disk.resize(40_000);
    const { stages } = await rendered(cramped, ...COMMAND, '--out', 'a.mov');
    expect(stages.match!.cached + stages.propagate!.cached).toBeGreaterThan(0);
    if (what === 'the frames between keys') expect(stages.propagate!.cached).toBeGreaterThan(0);
    expect(await hashOf(join(install.desk, 'a.mov'))).toBe(expected);
  });

  it.each(['a.mov', 'a/'])(
    'of the output %s: nothing is left there, and the job goes on when there is room',
    async (name) => {
      const install = await installWithShot();
      const expected = await undisturbed(install, name);
      const disk = await smallDisk(200);
      const { code } = await failure(install, join(disk.path, name));
      expect(code).toBe('disk-full');
      expect((await readdir(disk.path, { recursive: true })).filter((one) => /\.(mov|png|part)/.test(one))).toEqual([]);

      disk.resize(40_000);
      const { stages } = await rendered(
        install,
        ...COMMAND,
        '--out',
        join(disk.path, name) + (name.endsWith('/') ? '/' : ''),
      );
      expect(stages).toMatchObject({ match: { computed: 0 }, propagate: { computed: 0 } });
      expect(await hashOf(join(disk.path, name))).toBe(expected);
    },
  );

  it('that surely will be: the job is refused before it begins', async () => {
    const install = await installWithShot();
    const disk = await smallDisk(60);
    const { code, message } = await failure(install, join(disk.path, 'a/'));
    expect(code).toBe('disk-small');
    expect(message).toContain(disk.path);
    expect(await readdir(disk.path)).toEqual([]);
  });

  it('of a cache makes room by what no job needs', async () => {
    const install = await installWithShot();
    const disk = await smallDisk(3000);
    const cramped = { ...install, home: join(disk.path, 'home') };
    await run(cramped, 'settings', 'cache-budget', '1GB');
    // Looks differ, so that each run leaves something else behind; together it would never fit.
    for (const look of ['ink', 'oil', 'poster', 'none']) {
      await rendered(cramped, 'shot', '--every', '8', '--look', look, '--out', `${look}.mov`);
    }
  });
});

describe.skipIf(reason !== null)(`a disk that is read-only${reason ? ` (skipped: ${reason})` : ''}`, () => {
  it('for the output', async () => {
    const install = await installWithShot();
    const disk = await smallDisk(40_000);
    disk.readOnly(true);
    for (const name of ['a.mov', 'a/']) {
      const { code, message } = await failure(install, join(disk.path, name) + (name.endsWith('/') ? '/' : ''));
      expect(code).toBe('path-refused');
      expect(message).toContain(disk.path);
    }
    disk.readOnly(false);
    await rendered(install, ...COMMAND, '--out', join(disk.path, 'a.mov'));
  });

  it('for all that Pentimento keeps', async () => {
    const install = await installWithShot();
    const disk = await smallDisk(40_000);
    disk.readOnly(true);
    const { code } = await failure({ ...install, home: join(disk.path, 'home') }, 'a.mov');
    expect(code).toBe('store-unusable');
  });
});

describe('an output folder that goes away', () => {
  it.each(['out/a.mov', 'out/a/'])(
    'while %s is written: a clear error, and the job goes on when it is back',
    async (out) => {
      const install = await installWithShot();
      await mkdir(join(install.desk, 'out'));
      const expected = await undisturbed(install, out.endsWith('/') ? 'a/' : 'a.mov');
      const { ended, said } = start(install, 'render', ...COMMAND, '--out', out, '--json');
      await said(({ stage }) => stage === 'propagate');
      await rename(join(install.desk, 'out'), join(install.desk, 'gone'));
      const { code, stderr } = await ended;
      // A folder of images can be made again as asked; a movie needs its folder.
      if (out.endsWith('.mov')) {
        expect(code).toBe(1);
        expect(stderr).toContain('"code":"path-gone"');
      }
      await rm(join(install.desk, 'out'), { recursive: true, force: true });
      await rename(join(install.desk, 'gone'), join(install.desk, 'out'));
      await rendered(install, ...COMMAND, '--out', out);
      expect(await hashOf(join(install.desk, out))).toBe(expected);
      expect(await readdir(join(install.desk, 'out'))).toHaveLength(1);
    },
  );
});
