import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
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

/** What lies below a folder, in the pages that a disk in memory gives out. */
async function kilobytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => stat(join(parentPath, name)));
  return (await Promise.all(files)).reduce((sum, { size }) => sum + 4 * Math.ceil(size / 4096), 0);
}

const reason = noSmallDisks();

describe.skipIf(reason !== null)(`a disk that is full${reason ? ` (skipped: ${reason})` : ''}`, () => {
  it.each(['match', 'propagate'] as const)(
    'of the cache, in the middle of the stage %s: the job fails in words and goes on when there is room',
    async (stage) => {
      const install = await installWithShot();
      const expected = await undisturbed(install, 'a.mov');
      const cache = join(`${install.home} undisturbed`, 'cache');
      const [all, match, propagate] = await Promise.all(
        ['', 'match', 'propagate'].map((name) => kilobytesIn(join(cache, name))),
      );
      // The matches of one of the two spans can be let go of again: it fails in the first, or before its frames are whole.
      const lacking = stage === 'match' ? propagate! + (3 * match!) / 4 : propagate! / 2 + match! / 2;
      const disk = await smallDisk(Math.floor(all! - lacking));
      // Only the cache lies there: what the list of jobs takes depends on how long the job runs.
      const elsewhere = { XDG_CONFIG_HOME: install.home, XDG_DATA_HOME: install.home };
      const cramped = { ...install, env: { ...elsewhere, PENTIMENTO_HOME: '', XDG_CACHE_HOME: disk.path } };
      const { code, message } = await failure(cramped, 'a.mov');
      expect(code).toBe('disk-full');
      expect(message).toContain(disk.path);
      expect(await readdir(install.desk)).not.toContain('a.mov');

      disk.resize(40_000);
      const { stages } = await rendered(cramped, ...COMMAND, '--out', 'a.mov');
      expect(stages.match!.cached).toBeGreaterThan(0);
      if (stage === 'propagate') expect(stages.propagate!.cached).toBeGreaterThan(0);
      expect(await hashOf(join(install.desk, 'a.mov'))).toBe(expected);
    },
  );

  it('of the cache and the list of jobs: the same job goes on when there is room', async () => {
    const install = await installWithShot();
    const expected = await undisturbed(install, 'a.mov');
    const disk = await smallDisk(600);
    const cramped = { ...install, home: join(disk.path, 'home') };
    expect((await failure(cramped, 'a.mov')).code).toBe('disk-full');
    disk.resize(40_000);
    expect(await rendered(cramped, ...COMMAND, '--out', 'a.mov')).toMatchObject({ job: '1', version: 1 });
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
