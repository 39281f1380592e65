import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { randomFrom } from '../media/random.ts';
import type { Progress } from '../../bridge-server/progress.ts';
import { sceneFolder, sceneKeys, sceneMovie } from './footage.ts';
import { hashOf, newInstall, rendered, run, start, type Install } from './install.ts';

const FRAMES = 17;
const KEYS = [0, 8, 16];
/** A shot that a fast machine, too, can be caught in the middle of. */
const LONG = 65;
const LONG_KEYS = [0, 32, 64];
const STAGES = ['probe', 'analyse', 'look', 'match', 'propagate', 'deliver'] as const;

/** What an uninterrupted run of the command writes. */
async function undisturbed(install: Install, args: readonly string[], out: string): Promise<string> {
  await rendered({ ...install, home: `${install.home} undisturbed` }, ...args, '--out', out);
  return await hashOf(join(install.desk, out));
}

/** Kills the command as soon as it says that, or never, when it is done before. True when it was killed. */
async function killWhen(
  install: Install,
  args: readonly string[],
  when: (progress: Progress) => boolean,
): Promise<boolean> {
  const { child, ended, said } = start(install, 'render', ...args, '--json');
  await said(when).catch(() => undefined);
  child.kill('SIGKILL');
  return (await ended).code === null;
}

describe('kill -9 at any moment, then the same command again', () => {
  it.each([
    ['a movie in ProRes', 'out.mov'],
    ['a movie in H.264', 'out.mp4'],
    ['a folder of images', 'out/'],
  ])('gives the bytes of an uninterrupted run: %s', async (_, out) => {
    const install = await newInstall();
    await sceneMovie(join(install.desk, 'shot.mov'), FRAMES);
    const args = ['shot.mov', '--every', '8', '--look', 'poster'];
    const expected = await undisturbed(install, args, `undisturbed ${out}`);
    const command = [...args, '--out', out];
    const killed: string[] = [];
    for (const stage of STAGES) {
      if (await killWhen(install, command, (progress) => progress.stage === stage)) killed.push(stage);
      expect(await readdir(install.desk)).not.toContain(out.replace('/', ''));
    }
    // In each stage there was something to interrupt.
    expect(killed).toEqual([...STAGES]);
    const result = await rendered(install, ...command);
    expect(await hashOf(join(install.desk, out))).toBe(expected);
    // It was one job all along, and it left nothing of its attempts.
    expect(result).toMatchObject({ job: '1', version: 1 });
    expect((await readdir(install.desk)).filter((name) => name.includes('part'))).toEqual([]);
  });

  it('goes on from the last finished frame', async () => {
    const install = await newInstall();
    await sceneFolder(join(install.desk, 'shot'), LONG);
    await sceneKeys(join(install.desk, 'keys'), LONG, LONG_KEYS);
    const command = ['shot', '--keys', 'keys', '--out', 'out/'];
    const inside = ({ stage, done, total }: Progress): boolean => stage === 'propagate' && done >= 3 && done < total;
    expect(await killWhen(install, command, inside)).toBe(true);
    const { stages } = await rendered(install, ...command);
    expect(stages.propagate?.cached).toBeGreaterThanOrEqual(3);
    expect(stages.propagate!.computed + stages.propagate!.cached).toBe(62);
  });

  it('holds at moments that nobody chose', async () => {
    const install = await newInstall();
    await sceneFolder(join(install.desk, 'shot'), FRAMES);
    await sceneKeys(join(install.desk, 'keys'), FRAMES, KEYS);
    const args = ['shot', '--keys', 'keys'];
    const expected = await undisturbed(install, args, 'undisturbed.mov');
    const random = randomFrom(Date.now());
    for (let attempt = 0; attempt < 6; attempt++) {
      const { child, ended } = start(install, 'render', ...args, '--out', 'out.mov', '--json');
      const delay = 300 + random() * 2500;
      const timer = setTimeout(() => child.kill('SIGKILL'), delay);
      await ended;
      clearTimeout(timer);
    }
    await rendered(install, ...args, '--out', 'out.mov');
    expect(await hashOf(join(install.desk, 'out.mov'))).toBe(expected);
  });
});

describe('cancelling', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'by %s ends with 130, keeps what was made, and leaves an older result alone',
    async (signal) => {
      const base = await newInstall();
      await sceneFolder(join(base.desk, 'shot'), LONG);
      await sceneKeys(join(base.desk, 'keys'), LONG, LONG_KEYS);
      for (const out of ['out.mov', 'out/']) {
        // A cache of its own: there must be something to interrupt.
        const install = { ...base, home: `${base.home} ${out.replace('/', '')}` };
        const older = ['shot', '--look', 'none', '--every-frame', '--out', out];
        await rendered(install, ...older);
        const before = await hashOf(join(install.desk, out));
        const { child, ended, said } = start(install, 'render', 'shot', '--keys', 'keys', '--out', out, '--json');
        await said(({ stage, done, total }) => stage === 'propagate' && done > 1 && done < total);
        child.kill(signal);
        const { code, stderr, stdout } = await ended;
        expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
        expect(stderr).toMatch(/"code":"cancelled"/);
        expect(await hashOf(join(install.desk, out))).toBe(before);
        expect((await run(install, 'jobs')).stdout).toMatch(/cancelled/);
        const { stages } = await rendered(install, 'shot', '--keys', 'keys', '--out', out);
        expect(stages.propagate?.cached).toBeGreaterThan(0);
        expect(await hashOf(join(install.desk, out))).not.toBe(before);
      }
    },
  );
});
