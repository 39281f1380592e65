import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { JobRecord } from '../../bridge-server/jobs/job.ts';
import { sceneFolder } from './footage.ts';
import { hashOf, newInstall, rendered, run, start, type Install } from './install.ts';

const LAUNCHER = fileURLToPath(new URL('../../bin/pentimento.mjs', import.meta.url));
const COMMAND = ['shot', '--every', '8', '--look', 'poster'];

/** Long enough that other processes come to it while it is worked on. */
const LONG = 129;

async function installWithShot(frames: number): Promise<Install> {
  const install = await newInstall();
  await sceneFolder(join(install.desk, 'shot'), frames);
  return install;
}

const jobsOf = async (install: Install): Promise<JobRecord[]> =>
  JSON.parse((await run(install, 'jobs', '--json')).stdout) as JobRecord[];

describe('the jobs of an install', () => {
  it('are listed, cancelled from another process, and resumed', async () => {
    const install = await installWithShot(LONG);
    expect((await run(install, 'jobs')).stdout).toBe('There are no jobs yet.\n');
    const { ended, said } = start(install, 'render', ...COMMAND, '--out', 'a.mov', '--json');
    await said(({ stage, done }) => stage === 'match' && done > 0);
    expect(await jobsOf(install)).toMatchObject([{ id: '1', version: 1, state: { state: 'running' } }]);
    expect((await run(install, 'cancel', '1')).stdout).toBe('Job 1 is cancelled.\n');
    expect((await ended).code).toBe(130);
    expect((await run(install, 'cancel', '1')).stdout).toMatch(/is not running/);

    const { code, stdout } = await run(install, 'resume', '1', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ job: '1', frames: LONG, output: join(install.desk, 'a.mov') });
    expect(await jobsOf(install)).toMatchObject([{ id: '1', state: { state: 'done', result: { frames: LONG } } }]);
    // A finished job is told of again, not made again.
    expect(JSON.parse((await run(install, 'resume', '1', '--json')).stdout)).toEqual(JSON.parse(stdout));
  });

  it('are paused from another process, and followed by who began them to where another one finishes them', async () => {
    const install = await installWithShot(LONG);
    const first = start(install, 'render', ...COMMAND, '--out', 'a.mov', '--json');
    await first.said(({ stage, done }) => stage === 'match' && done > 0);
    expect((await run(install, 'pause', '1')).stdout).toBe('Job 1 is paused.\n');
    expect((await run(install, 'jobs')).stdout).toMatch(/ paused: \w+ \d+\/\d+ /);
    const { code, stdout } = await run(install, 'resume', '1', '--json');
    expect(code).toBe(0);
    expect(await first.ended).toMatchObject({ code: 0, stdout });
    expect((await run(install, 'pause', '1')).stdout).toBe('Job 1 is not running: it is done.\n');
  });

  it('that do not exist are neither resumed, nor cancelled, nor paused', async () => {
    const install = await newInstall();
    for (const [command, id] of [
      ['resume', '7'],
      ['cancel', 'seven'],
      ['pause', '../1'],
    ] as const) {
      const { code, stderr } = await run(install, command, id);
      expect(code).toBe(2);
      expect(stderr).toMatch(/^There is no job .*\n.*\n$/);
    }
  });

  it('of one command in two processes are one job, done once', async () => {
    const install = await installWithShot(LONG);
    const command = ['render', ...COMMAND, '--out', 'a.mov', '--json'];
    const first = start(install, ...command);
    await first.said(({ stage }) => stage === 'match');
    const second = start(install, ...command);
    const [one, two] = await Promise.all([first.ended, second.ended]);
    expect([one.code, two.code]).toEqual([0, 0]);
    expect(JSON.parse(two.stdout)).toEqual(JSON.parse(one.stdout));
    expect(await jobsOf(install)).toHaveLength(1);
  });

  it('are taken over by who waited for a process that was killed', async () => {
    const install = await installWithShot(LONG);
    const command = ['render', ...COMMAND, '--out', 'a.mov', '--json'];
    const first = start(install, ...command);
    await first.said(({ stage }) => stage === 'match');
    // It stands still while the other one comes.
    first.child.kill('SIGSTOP');
    const second = start(install, ...command);
    expect(await jobsOf(install)).toMatchObject([{ id: '1', state: { state: 'running' } }]);
    first.child.kill('SIGKILL');
    expect((await second.ended).code).toBe(0);
    expect(await jobsOf(install)).toMatchObject([{ id: '1', state: { state: 'done' } }]);
  });

  it('end when their launcher is killed, and are interrupted', async () => {
    const install = await installWithShot(LONG);
    const launcher = spawn(process.execPath, [LAUNCHER, 'render', ...COMMAND, '--out', 'a.mov', '--json'], {
      cwd: install.desk,
      env: { ...process.env, PENTIMENTO_HOME: install.home },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    onTestFinished(() => void launcher.kill('SIGKILL'));
    let said = '';
    launcher.stderr.on('data', (part) => (said += String(part)));
    while (!said.includes('"match"')) await once(launcher.stderr, 'data');
    launcher.kill('SIGKILL');
    // The pipe closes when the last process that holds it is gone.
    await once(launcher.stderr, 'close');
    expect(await jobsOf(install)).toMatchObject([{ state: { state: 'interrupted' } }]);
    // Nobody runs it: who does not want it any more says so once.
    expect((await run(install, 'cancel', '1')).stdout).toBe('Job 1 is cancelled.\n');
    expect((await run(install, 'cancel', '1')).stdout).toBe('Job 1 is not running: it is cancelled.\n');
  });

  it('keep every version where the output asks for it', async () => {
    const install = await installWithShot(3);
    const command = ['shot', '--look', 'none', '--every-frame', '--out', 'shot {version}.mov'];
    for (const version of [1, 2]) {
      const result = await rendered(install, ...command);
      expect(result).toMatchObject({ version, output: join(install.desk, `shot v00${version}.mov`) });
    }
    expect((await readdir(install.desk)).sort()).toEqual(['shot', 'shot v001.mov', 'shot v002.mov']);
  });
});

describe('what is kept for later', () => {
  it('is made again where it was damaged, in every stage', async () => {
    const install = await installWithShot(9);
    const command = [...COMMAND, '--out', 'a/'];
    await rendered(install, ...command);
    const expected = await hashOf(join(install.desk, 'a'));
    const cache = join(install.home, 'cache');
    for (const stage of ['look', 'match', 'propagate']) {
      const entries = await readdir(join(cache, stage), { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
      expect(files.length).toBeGreaterThan(1);
      // One truncated, one with a flipped bit. Results are only read while they are sound, so the way to them is tested by losing one.
      await writeFile(files[0]!, (await readFile(files[0]!)).subarray(0, 100));
      const bytes = await readFile(files[1]!);
      bytes[bytes.length >> 1]! ^= 4;
      await writeFile(files[1]!, bytes);
      if (stage !== 'propagate') {
        const results = await readdir(join(cache, 'propagate'), { recursive: true, withFileTypes: true });
        const first = results.find((entry) => entry.isFile())!;
        await writeFile(join(first.parentPath, first.name), '');
      }
      await rendered(install, ...command);
      expect(await hashOf(join(install.desk, 'a'))).toBe(expected);
    }
  });

  it('stays within its budget once the job is done, and can all be thrown away', async () => {
    const install = await installWithShot(9);
    expect((await run(install, 'settings', 'cache-budget', '100kB')).stdout).toMatch(/cache-budget +0\.0001 GB/);
    await rendered(install, ...COMMAND, '--out', 'a/');
    const files = await readdir(join(install.home, 'cache'), { recursive: true, withFileTypes: true });
    const sizes = await Promise.all(
      files.filter((entry) => entry.isFile()).map(async (f) => (await readFile(join(f.parentPath, f.name))).length),
    );
    expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(100_000);
    expect((await run(install, 'settings', 'cache-budget', 'plenty')).code).toBe(2);
    expect((await run(install, 'settings', 'colour')).code).toBe(2);
    expect((await run(install, 'settings', 'cache-budget')).stdout).toMatch(/20 GB/);
  });
});
