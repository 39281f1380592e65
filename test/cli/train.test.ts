import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { openSafetensors } from '../../bridge-server/weights/safetensors.ts';
import { tinyFolder } from '../diffusion/model.ts';
import { sceneFolder } from './footage.ts';
import { weightsOf } from '../train/weights.ts';
import { hashOf, type Install, newInstall, rendered, run, start } from './install.ts';

const STEPS = 26;

/** A tiny random network with the architecture of SD 1.5, and a shot of 160x90 pixels. */
let tiny: string;
beforeAll(async () => {
  tiny = await tinyFolder('sd15');
});

async function withShot(): Promise<Install> {
  const install = await newInstall();
  await sceneFolder(join(install.desk, 'shot'), 9);
  await sceneFolder(join(install.desk, 'others'), 2);
  return install;
}

const training = (out: string, ...more: string[]): string[] => [
  ...['train', 'shot', '--model', tiny, '--out', out, '--trigger', 'blorp', '--size', '128x96', '--frames', '3'],
  ...['--subject', '4=40,10,96x72', '--rank', '2', '--rate', '5e-3', '--steps', `${STEPS}`, '--rank-dropout', '0.2'],
  // A caption of two chunks beside one of one.
  ...['--prior', 'others', '--prior-caption', 'arms BREAK moving'],
  ...more,
];

describe('pentimento train', () => {
  it('makes a LoRA from a shot that render uses; killed and run again, the same one', async () => {
    const install = await withShot();
    const { code, stdout, stderr } = await run(
      install,
      ...training('a.safetensors', '--sample-every', `${STEPS}`, '--json'),
    );
    expect(code, stderr).toBe(0);
    const told = JSON.parse(stdout) as {
      output: string;
      examples: number;
      steps: number;
      loss: number;
      notes: string[];
    };
    expect(told).toMatchObject({ output: join(install.desk, 'a.safetensors'), steps: STEPS });
    expect(told.examples).toBeGreaterThan(0);
    expect(told.examples).toBeLessThanOrEqual(3);
    // The subject's box is smaller than the pictures that are trained on.
    expect(told.notes.join()).toContain('enlarged');

    const lora = await openSafetensors(told.output);
    expect(lora.metadata).toMatchObject({
      ss_network_module: 'networks.lora',
      ss_network_dim: '2',
      'modelspec.trigger_phrase': 'blorp',
      ss_tag_frequency: JSON.stringify({ a: { 'a photo of blorp': told.examples } }),
    });
    expect(lora.metadata.ss_new_sd_model_hash).toMatch(/^[0-9a-f]{64}$/);
    // What is there to look at, and no state once it is done.
    expect((await readdir(join(install.desk, 'a.training'))).sort()).toEqual([
      'examples.png',
      'examples.txt',
      'loss.png',
      'report.json',
      'step-000026.png',
      'step-000026.safetensors',
    ]);
    expect(await hashOf(join(install.desk, 'a.training', 'step-000026.safetensors'))).toBe(await hashOf(told.output));
    expect(await sharp(join(install.desk, 'a.training', 'loss.png')).metadata()).toMatchObject({ width: 1200 });

    // The list of examples given back trains the same.
    const listed = (...more: string[]): string[] =>
      training('b.safetensors', '--examples', 'a.training/examples.txt', ...more);
    const { child, ended, said } = start(install, ...listed('--json'));
    // The state was kept before this.
    await said((progress) => progress.stage === 'train' && progress.done > 20);
    child.kill('SIGKILL');
    expect((await ended).code).toBeNull();
    expect(await readdir(join(install.desk, 'b.training'))).toContain('state.safetensors');
    const other = await run(install, ...listed('--seed', '1'));
    expect(other.stderr).toContain('holds another training that has not ended');

    const again = await run(install, ...listed('--json'));
    const first = again.stderr.split('\n').find((line) => line.startsWith('{"stage":"train"'));
    expect(JSON.parse(first!)).toMatchObject({ done: 21 });
    const [a, b] = await Promise.all(['a', 'b'].map((name) => weightsOf(join(install.desk, `${name}.safetensors`))));
    expect(b).toEqual(a);

    const paint = ['shot', '--to', '1', '--model', tiny, '--prompt', 'blorp', '--size', '96x64', '--steps', '2'];
    await rendered(install, ...paint, '--out', 'plain/');
    await rendered(install, ...paint, '--lora', 'a.safetensors:4', '--out', 'with/');
    expect(await hashOf(join(install.desk, 'with'))).not.toBe(await hashOf(join(install.desk, 'plain')));
  }, 300_000);

  it('refuses what cannot work before it begins', async () => {
    const install = await withShot();
    const said = async (...args: string[]): Promise<string> => {
      const { code, stderr } = await run(install, ...args);
      expect(code).not.toBe(0);
      return stderr;
    };
    expect(await said(...training('a.mov'))).toContain('must end in .safetensors');
    expect(await said(...training('a.safetensors', '--rank', '999'))).toContain('rank');
    expect(await said(...training('a.safetensors', '--subject', '99=0,0,32x32'))).toContain('given twice');
    expect(await said(...training('a.safetensors', '--subject-mask', '2:masks'))).toContain('no clip 2');
    await writeFile(join(install.desk, 'list.txt'), '1 4\nframe 5\n');
    expect(await said(...training('a.safetensors', '--examples', 'list.txt'))).toContain('Line 2 of list.txt');
    expect(await said(...training('a.safetensors', '--examples', 'none.txt'))).toContain('none.txt');
    await writeFile(join(install.desk, 'x.safetensors'), 'nothing');
    expect(await said(...training('a.safetensors', '--model', 'x.safetensors'))).not.toBe('');
    expect(await readdir(install.desk)).not.toContain('a.safetensors');
  });
});
