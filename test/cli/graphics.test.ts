import { mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readImage, writePng } from '../../bridge-server/media/image.ts';
import { makeScene } from '../media/scene.ts';
import { reason, softwareVulkan } from '../propagate/gpu/card.ts';
import { psnr } from '../propagate/run.ts';
import { hashOf, newInstall, rendered, run, start, type Install } from './install.ts';

const withCard = (install: Install): Install => ({
  ...install,
  env: { ...softwareVulkan, PENTIMENTO_GPU: 'software' },
});
const BETWEEN = 2;
const args = ['shot', '--every', String(BETWEEN + 1), '--look', 'poster'];

async function shotOnDesk(): Promise<Install> {
  const install = await newInstall();
  // Small: software does what a card is for.
  const frames = BETWEEN + 2;
  const scene = await makeScene({ kind: 'arms', seed: 7, width: 96, height: 54, frames });
  await mkdir(join(install.desk, 'shot'));
  for (let n = 0; n < frames; n++) await writePng(join(install.desk, 'shot', `${n}.png`), scene.frame(n));
  return install;
}

/** The process of the graphics card that a process has started; null when there is none. */
async function cardOf(parent: number): Promise<number | null> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) !== parent) continue;
    if ((await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).includes('gpu/child.ts')) return Number(pid);
  }
  return null;
}

describe.skipIf(reason !== null)(`a graphics card${reason ? ` (skipped: ${reason})` : ''}`, () => {
  it('makes the frames between keys, and says so; what it made is not taken for the CPU’s', async () => {
    const install = await shotOnDesk();
    const first = await rendered(withCard(install), ...args, '--out', 'card/');
    expect(first.notes.join()).toMatch(/made on the graphics card \(.*swiftshader/i);
    expect(first.stages.propagate).toMatchObject({ computed: BETWEEN, cached: 0 });
    const other = await rendered(install, ...args, '--out', 'cpu/');
    expect(other.notes.join()).not.toMatch(/graphics card/);
    expect(other.stages.propagate).toMatchObject({ computed: BETWEEN, cached: 0 });
    for (const name of await readdir(join(install.desk, 'cpu'))) {
      const [mine, theirs] = [
        await readImage(join(install.desk, 'cpu', name)),
        await readImage(join(install.desk, 'card', name)),
      ];
      expect(psnr(mine, theirs)).toBeGreaterThan(45);
    }
    const again = await rendered(withCard(install), ...args, '--out', 'again/');
    expect(again.stages.propagate).toMatchObject({ computed: 0, cached: BETWEEN });
    expect(await hashOf(join(install.desk, 'again'))).toBe(await hashOf(join(install.desk, 'card')));
  });

  it('that fails in the middle leaves everything to the CPU, and the frames are the CPU’s', async () => {
    const install = await shotOnDesk();
    await rendered({ ...install, home: `${install.home} cpu` }, ...args, '--out', 'cpu/');
    const { child, ended, said } = start(withCard(install), 'render', ...args, '--out', 'out/', '--json');
    await said(({ stage, done }) => stage === 'match' && done > 0);
    process.kill((await cardOf(child.pid!))!, 'SIGKILL');
    const { code, stdout } = await ended;
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as { notes: string[] }).notes.join()).toMatch(
      /graphics card failed \(SIGKILL\): the CPU/,
    );
    expect(await hashOf(join(install.desk, 'out'))).toBe(await hashOf(join(install.desk, 'cpu')));
  });

  it('is what doctor finds, unless it is switched off', async () => {
    const install = await newInstall();
    const found = await run(withCard(install), 'doctor');
    expect(found.stdout).toMatch(/ok +graphics card +.*swiftshader.*makes the frames between keys/i);
    const off = await run({ ...install, env: { PENTIMENTO_GPU: 'off' } }, 'doctor');
    expect(off.stdout).toMatch(/ok +graphics card +not used: PENTIMENTO_GPU is off/);
  });
});
