import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readImage } from '../../bridge-server/media/image.ts';
import { tinyFolder } from '../diffusion/model.ts';
import { makeFolder, removeFolder } from '../jobs/folder.ts';
import { motionShapes, noise } from '../networks/model.ts';
import { float32, safetensorsBytes } from '../weights/file.ts';
import { sceneFolder } from './footage.ts';
import { newInstall, rendered, run, start, type Install } from './install.ts';

const FRAMES = 5;
const GOLDENS = join(import.meta.dirname, '..', 'goldens');
const NET = join(GOLDENS, 'tiny-controlnet', 'diffusers-2');
const LORA = join(GOLDENS, 'tiny-lora', 'kohya-linear.safetensors');

let tiny: string;
let base: string;
let install: Install;
beforeAll(async () => {
  tiny = await tinyFolder('sd15');
  base = await makeFolder();
  install = await newInstall(base);
  await sceneFolder(join(install.desk, 'shot'), FRAMES);
  return () => removeFolder(base);
});

const command = (...options: string[]): string[] => [
  ...[
    'shot',
    '--model',
    tiny,
    '--prompt',
    'a red cat',
    '--size',
    '96x64',
    '--steps',
    '4',
    '--every-frame',
    '--to',
    '3',
  ],
  ...options,
];

/** A hash of every pixel: the files themselves also tell how they were made. */
async function pixelsIn(out: string): Promise<string> {
  const hash = createHash('sha256');
  const folder = join(install.desk, out);
  for (const name of (await readdir(folder)).sort()) {
    hash.update(name).update(new Uint8Array((await readImage(join(folder, name))).data.buffer));
  }
  return hash.digest('hex');
}

const made = new Map<string, Promise<string>>();

/** What three frames become with these options. */
function painted(...options: string[]): Promise<string> {
  const key = options.join(' ');
  const out = key === '' ? '0/' : `${made.size + 1}/`;
  const known = made.get(key) ?? rendered(install, ...command(...options), '--out', out).then(() => pixelsIn(out));
  made.set(key, known);
  return known;
}

async function refused(...options: string[]): Promise<{ code: number | null; said: string }> {
  const { code, stderr } = await run(install, 'render', ...command(...options), '--out', 'refused/');
  expect(stderr.trim().split('\n'), stderr).toHaveLength(2);
  return { code, said: stderr };
}

describe('ControlNets', () => {
  it('lead the picture by the map of its frame, as strongly and as long as they are told', async () => {
    const plain = await painted();
    const led = await painted('--control', `canny:1:${NET}`);
    const others = [
      await painted('--control', `canny:0.5:${NET}`),
      await painted('--control', `canny:1@0-0.5:${NET}`),
      await painted('--control', `luminance:1:${NET}`),
      await painted('--control', `canny:1:${NET}`, '--guess'),
      await painted('--control', `canny:1:${NET}`, '--control', `tile:0.7:${NET}`),
    ];
    expect(new Set([plain, led, ...others]).size).toBe(2 + others.length);
    expect(await painted('--control', `canny:0:${NET}`)).toBe(plain);
  });

  it('are shown drawn maps as they are shown computed ones', async () => {
    const drawing = await run(install, 'control', 'canny', 'shot', '--size', '96x64', '--out', 'maps/');
    expect(drawing.code, drawing.stderr).toBe(0);
    const led = await painted('--control', `canny:1:${NET}`);
    expect(await painted('--control', `canny=maps:1:${NET}`)).toBe(led);
  });

  it('are found in the store by the kind of map', async () => {
    const { said } = await refused('--control', 'depth=maps');
    expect(said).toMatch(/no ControlNet for depth/);
    const led = await painted('--control', `canny:1:${NET}`);
    await cp(NET, join(install.desk, 'nets', 'control_v11p_canny'), { recursive: true });
    await run(install, 'models', 'add', 'nets');
    expect(await painted('--control', 'canny')).toBe(led);
  });

  it('that do not fit are refused', async () => {
    expect(await refused('--control', `canny:1:${LORA}`)).toMatchObject({
      code: 1,
      said: expect.stringMatching(/as the ControlNet: .* LoRA/) as string,
    });
    expect(await refused('--control', 'canny:1:none.safetensors')).toMatchObject({ code: 1 });
    expect(await refused('--control', 'magic')).toMatchObject({ code: 2 });
    expect(await refused('--control', `canny:1@0.6-0.2:${NET}`)).toMatchObject({ code: 2 });
    const { code, said } = await refused('--control', `depth:1:${NET}`);
    expect(code).toBe(2);
    expect(said).toMatch(/annotator/);
  });
});

describe('motion modules', () => {
  /** As diffusers lays them out, for the tiny model's levels; small numbers everywhere. */
  async function motionFolder(name: string): Promise<string> {
    const folder = join(install.desk, name);
    await mkdir(folder);
    const config = { _class_name: 'MotionAdapter', motion_num_attention_heads: 4, motion_norm_num_groups: 8 };
    await writeFile(join(folder, 'config.json'), JSON.stringify(config));
    const tensors = [...motionShapes([8, 16, 24, 24])].map(([key, shape]) => {
      const values = noise(shape, key.length).data.map((value) => value / 4);
      return [key, float32(shape, [...values])] as const;
    });
    await writeFile(join(folder, 'diffusion_pytorch_model.safetensors'), safetensorsBytes(Object.fromEntries(tensors)));
    return folder;
  }

  it('move the frames together, as one request always does', async () => {
    const motion = await motionFolder('motion');
    const moved = await painted('--motion', motion);
    expect(moved).not.toBe(await painted());
    expect(await painted('--motion', motion, '--consistency', 'attention=own')).toBe(moved);
  });

  it('that do not fit are refused', async () => {
    expect(await refused('--motion', NET)).toMatchObject({
      code: 1,
      said: expect.stringMatching(/as the motion module: .* ControlNet/) as string,
    });
    expect(await refused('--motion', 'motion', '--consistency', 'attention=joint')).toMatchObject({
      code: 1,
      said: expect.stringMatching(/cross-frame attention "joint"/) as string,
    });
    expect(await refused('--motion', 'none.safetensors')).toMatchObject({ code: 1 });
  });
});

describe('LoRAs', () => {
  it('change the picture as much as their scales say, and not at all at 0', async () => {
    const plain = await painted();
    const scaled = [await painted('--lora', LORA), await painted('--lora', `${LORA}:-0.5`)];
    scaled.push(await painted('--lora', `${LORA}:1:0`));
    expect(new Set([plain, ...scaled]).size).toBe(4);
    expect(await painted('--lora', `${LORA}:0`)).toBe(plain);
  });

  it('can be named in the prompt', async () => {
    await run(install, 'models', 'add', LORA);
    const named = await painted('--prompt', 'a red <lora:kohya-linear:0.8>cat');
    expect(named).toBe(await painted('--lora', `${LORA}:0.8`));
    expect(await refused('--prompt', 'a <lora:nobody> cat')).toMatchObject({ code: 2 });
    expect(await refused('--prompt', 'a <lora:kohya-linear:much> cat')).toMatchObject({ code: 2 });
  });

  it('that are none are refused', async () => {
    expect((await refused('--lora', NET)).code).toBe(1);
    expect((await refused('--lora', 'none.safetensors')).said).toMatch(/no model file/);
  });
});

it('a key that stands alone is the same in whatever range it is painted', async () => {
  await painted();
  await rendered(install, ...command('--from', '1'), '--out', 'from 1/');
  for (const n of [1, 2]) {
    const [alone, among] = await Promise.all(
      ['from 1', '0'].map((out) => readImage(join(install.desk, out, `00000${n}.png`))),
    );
    expect(alone).toEqual(among);
  }
});

describe('keys that see each other', () => {
  const WAYS = 'attention=joint,window=2,start=0.3,shape=0.4,tone=0.3,colour=on';

  it('are others than those that do not, the first aside', async () => {
    const all = [await painted(), await painted('--consistency', WAYS), await painted('--noise', 'carried')];
    expect(new Set(all).size).toBe(3);
    expect(await painted('--consistency', 'off')).toBe(all[0]);
    expect((await refused('--consistency', 'magic=1')).code).toBe(2);
    expect((await refused('--consistency', 'tone=2')).code).toBe(2);
    expect((await refused('--consistency', 'colour=maybe')).code).toBe(2);
  });

  it('are the same when they are killed between two and go on', async () => {
    const own = { ...install, home: join(base, 'killed') };
    const args = [...command('--consistency', WAYS, '--noise', 'carried', '--steps', '8'), '--to', '5'];
    const { child, ended, said } = start(own, 'render', ...args, '--out', 'killed/', '--json');
    await said(({ stage, done, total }) => stage === 'look' && done > total / 2);
    child.kill('SIGKILL');
    await ended;
    const { stages } = await rendered(own, ...args, '--out', 'killed/');
    expect(stages.look!.cached).toBeGreaterThan(0);
    expect(stages.look!.computed).toBeGreaterThan(0);
    await rendered(install, ...args, '--out', 'whole/');
    expect(await pixelsIn('killed')).toBe(await pixelsIn('whole'));
  });
});
