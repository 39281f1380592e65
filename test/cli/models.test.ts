import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { STORE_FILE, Store } from '../../bridge-server/jobs/store.ts';
import type { StoredModel, Verdict } from '../../bridge-server/models/store.ts';
import { someTraining } from '../jobs/train-request.ts';
import { newInstall, run, type Install } from './install.ts';

const CHECKPOINT = join(import.meta.dirname, '..', 'goldens', 'tiny-sd15', 'single-file', 'tiny-sd15-fp16.safetensors');

async function installWithModel(): Promise<Install> {
  const install = await newInstall();
  await mkdir(join(install.desk, 'models', 'mine'), { recursive: true });
  await copyFile(CHECKPOINT, join(install.desk, 'models', 'mine', 'portrait.safetensors'));
  return install;
}

const listed = async (install: Install): Promise<StoredModel[]> =>
  (JSON.parse((await run(install, 'models', 'list', '--json')).stdout) as { models: StoredModel[] }).models;

describe('models', () => {
  it('are found in a folder that is added, and forgotten with it, where they lie', async () => {
    const install = await installWithModel();
    expect((await run(install, 'models', 'list')).stdout).toMatch(/no models yet.*models add/);
    const folder = join(install.desk, 'models');
    expect((await run(install, 'models', 'add', 'models')).stdout).toBe(`${folder}\n`);
    expect(await listed(install)).toMatchObject([
      {
        name: join('mine', 'portrait.safetensors'),
        origin: 'folder',
        identity: { kind: 'checkpoint', family: 'sd15' },
      },
    ]);
    expect((await run(install, 'models', 'list')).stdout).toMatch(/checkpoint for Stable Diffusion 1\.5/);
    // What the user put there is never deleted.
    expect(await run(install, 'models', 'remove', 'portrait')).toMatchObject({ code: 2 });
    expect((await run(install, 'models', 'remove', 'models')).stdout).toMatch(/^Forgotten, but not deleted/);
    expect(await listed(install)).toEqual([]);
    expect(await readdir(join(folder, 'mine'))).toEqual(['portrait.safetensors']);
  });

  it('are verified against what they were, with progress', async () => {
    const install = await installWithModel();
    const file = join(install.desk, 'models', 'mine', 'portrait.safetensors');
    await run(install, 'models', 'add', file);
    const verify = async (): Promise<{ code: number | null; states: Verdict['state'][]; stderr: string }> => {
      const { code, stdout, stderr } = await run(install, 'models', 'verify', 'portrait', '--json');
      return { code, states: (JSON.parse(stdout) as Verdict[]).map(({ state }) => state), stderr };
    };
    const bytes = await readFile(file);
    const first = await verify();
    expect(first).toMatchObject({ code: 0, states: ['recorded'] });
    const last = first.stderr.trim().split('\n').at(-1) ?? '';
    expect(JSON.parse(last)).toEqual({ doneBytes: bytes.length, totalBytes: bytes.length });
    expect(await verify()).toMatchObject({ code: 0, states: ['unchanged'] });

    bytes[bytes.length - 1]! ^= 1;
    await writeFile(file, bytes);
    expect(await verify()).toMatchObject({ code: 1, states: ['changed'] });
    await writeFile(file, bytes.subarray(0, 5000));
    expect(await verify()).toMatchObject({ code: 1, states: ['truncated'] });
    expect((await run(install, 'models', 'verify')).stdout).toMatch(/^CUT SHORT: get it again +.*portrait/);
  });

  it('stay as long as a job may go on that needs them', async () => {
    const install = await installWithModel();
    const model = join(install.desk, 'models', 'mine', 'portrait.safetensors');
    await run(install, 'models', 'add', model);
    const jobs = new Store(join(install.home, 'data', STORE_FILE));
    jobs.insert({ kind: 'train', request: someTraining({ model }) }, null);
    jobs.close();
    const { code, stderr } = await run(install, 'models', 'remove', 'portrait');
    expect([code, stderr]).toEqual([2, expect.stringContaining('Job 1, which learns “blorp”, still needs')]);
    expect(await listed(install)).toHaveLength(1);
    await run(install, 'cancel', '1');
    expect(await run(install, 'models', 'remove', 'portrait')).toMatchObject({ code: 0 });
  });

  it('that are none are refused by name, in words', async () => {
    const install = await newInstall();
    await writeFile(join(install.desk, 'old.ckpt'), 'PK\x03\x04 and so on', 'latin1');
    for (const [source, code, words] of [
      ['old.ckpt', 1, /pickle/],
      ['nothing here', 2, /no file or folder here/],
      ['http://example.com/a.safetensors', 1, /not a plain https address/],
    ] as const) {
      const { stderr, ...ran } = await run(install, 'models', 'add', source);
      expect(ran.code, stderr).toBe(code);
      expect(stderr).toMatch(words);
    }
    await run(install, 'settings', 'offline', 'on');
    const { code, stderr } = await run(install, 'models', 'add', 'sd15');
    expect(code).toBe(1);
    expect(stderr).toMatch(/stay offline/);
    expect((await run(install, 'models', 'list', '--catalogue')).stdout).toMatch(/^sd15 +Stable Diffusion 1\.5/);
  });
});
