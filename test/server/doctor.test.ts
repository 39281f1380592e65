import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Finding } from '../../bridge-server/doctor.ts';
import { folders } from '../../bridge-server/folders.ts';
import { newInstall, pentimento, removeInstall, serveForTest, type Install } from './bridge.ts';

async function doctor(
  install: Install,
  env: Record<string, string> = {},
): Promise<{ code: number | null; ok: boolean; checks: Map<string, Finding> }> {
  const { code, stdout, stderr } = await pentimento({ ...install, env }, 'doctor', '--json');
  expect(stderr).toBe('');
  const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: Finding[] };
  for (const check of checks) expect(check.remedy === null, check.name).toBe(check.ok);
  expect(code).toBe(ok ? 0 : 1);
  return { code, ok, checks: new Map(checks.map((check) => [check.name, check])) };
}

test('finds what is there, and the running bridge', async () => {
  const bridge = await serveForTest();
  const { checks } = await doctor(bridge);
  expect([...checks.keys()]).toEqual([
    ...['Node', 'ffmpeg', 'ffprobe', 'sharp', 'kernels', 'processors', 'graphics card', 'memory'],
    ...['configuration folder', 'data folder', 'cache folder', 'disk', 'bridge'],
  ]);
  // Memory and disk are this machine's affair.
  const ours = [...checks.values()].filter(({ name }) => !['memory', 'disk'].includes(name));
  expect(ours.filter(({ ok }) => !ok)).toEqual([]);
  expect(checks.get('bridge')!.found).toContain(`port ${bridge.port}`);
  expect(checks.get('ffmpeg')!.found).toMatch(/^ffmpeg version/);
  const text = await pentimento(bridge, 'doctor');
  expect(
    text.stdout
      .trim()
      .split('\n')
      .filter((line) => /^(ok|not ok) /.test(line)),
  ).toHaveLength(checks.size);
});

test('says what to do about what is not', async () => {
  const install = await newInstall();
  await mkdir(install.home);
  // A file where the cache folder should be: refused to anybody, root included.
  await writeFile(join(install.home, 'cache'), '');
  const fake = join(install.home, 'ffmpeg');
  await writeFile(fake, '#!/bin/sh\nexit 1\n');
  await chmod(fake, 0o755);
  const { ok, checks } = await doctor(install, { PENTIMENTO_FFMPEG: fake });
  expect(ok).toBe(false);
  expect(checks.get('ffmpeg')).toMatchObject({ ok: false });
  expect(checks.get('cache folder')).toMatchObject({ ok: false });
  expect(checks.get('cache folder')!.remedy).toContain('PENTIMENTO_HOME');
  expect(checks.get('bridge')!.found).toContain('does not run');
  expect(checks.get('ffprobe')).toMatchObject({ ok: true });
  await rm(fake);
  await removeInstall(install);
});

test('an install lies where the platform wants it', () => {
  expect(folders({}, 'linux', '/home/a')).toEqual({
    config: '/home/a/.config/pentimento',
    data: '/home/a/.local/share/pentimento',
    cache: '/home/a/.cache/pentimento',
  });
  const xdg = { XDG_CONFIG_HOME: '/c', XDG_DATA_HOME: '/d', XDG_CACHE_HOME: '/e' };
  expect(folders(xdg, 'linux', '/home/a')).toEqual({
    config: '/c/pentimento',
    data: '/d/pentimento',
    cache: '/e/pentimento',
  });
  expect(folders({ PENTIMENTO_HOME: '/p', ...xdg }, 'linux', '/home/a').config).toBe('/p/config');
  expect(folders({}, 'darwin', '/Users/a').cache).toBe('/Users/a/Library/Caches/Pentimento/cache');
  expect(folders({ APPDATA: '/r', LOCALAPPDATA: '/l' }, 'win32', '/u').data).toBe('/r/Pentimento/data');
});
