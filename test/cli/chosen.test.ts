import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { StageAccount } from '../../bridge-server/jobs/job.ts';
import { readImage, writePng } from '../../bridge-server/media/image.ts';
import { tinyFolder } from '../diffusion/model.ts';
import { makeFolder, removeFolder } from '../jobs/folder.ts';
import { HEIGHT, sceneFolder, sceneKeys, WIDTH } from './footage.ts';
import { newInstall, rendered, run, type Install } from './install.ts';

/** Keys that are chosen one by one: what depends on a changed one is made again, and nothing else. */
const FRAMES = 9;

let tiny: string;
let base: string;
let install: Install;
const desk = (...names: string[]): string => join(install.desk, ...names);
const image = (n: number): string => `own/key_${n}.png`;

beforeAll(async () => {
  tiny = await tinyFolder('sd15');
  base = await makeFolder();
  install = await newInstall(base);
  await sceneFolder(desk('shot'), FRAMES);
  await sceneKeys(desk('own'), FRAMES, [0, 2, 4, 8]);
  return () => removeFolder(base);
});

type Made = { look: number; propagate: number };

/** How many keys and frames a command had to make. */
async function made(...options: string[]): Promise<Made> {
  const model = ['--model', tiny, '--prompt', 'a red cat', '--size', '64x64', '--steps', '2'];
  const { stages } = (await rendered(install, 'shot', ...model, ...options, '--out', 'out/')) as {
    stages: Record<string, StageAccount>;
  };
  const count = (stage: string): number => stages[stage]?.computed ?? 0;
  return { look: count('look'), propagate: count('propagate') };
}

const pixels = async (path: string): Promise<Uint16Array> => (await readImage(desk(path))).data;

const THREE = ['--key', '0', '--key', '4', '--key', '8'];

describe('keys chosen one by one', () => {
  it('are those that a plan would choose, and share what it made', async () => {
    expect(await made('--every', '4')).toEqual({ look: 3, propagate: 6 });
    const planned = await pixels('out/000002.png');
    expect(await made(...THREE)).toEqual({ look: 0, propagate: 0 });
    expect(await pixels('out/000002.png')).toEqual(planned);
  });

  it('change alone: another seed paints one key, and the frames on both its sides', async () => {
    const before = await pixels('out/000000.png');
    expect(await made('--key', '0', '--key', '4', '--reseed', '8=5')).toEqual({ look: 1, propagate: 3 });
    expect(await made('--key', '0', '--reseed', '4=5', '--key', '8')).toEqual({ look: 1, propagate: 6 });
    expect(await pixels('out/000000.png')).toEqual(before);
    // The look's own seed is no other.
    expect(await made('--key', '0', '--reseed', '4=0', '--key', '8')).toEqual({ look: 0, propagate: 0 });
    // It is the picture that the look paints with that seed.
    const reseeded = await made('--reseed', '0=5', '--key', '4', '--key', '8').then(() => pixels('out/000000.png'));
    await made(...THREE, '--seed', '5');
    expect(await pixels('out/000000.png')).toEqual(reseeded);
  });

  it("are replaced by the artist's own image, which nothing repaints", async () => {
    const own = ['--key', '0', '--key', `4=${image(4)}`, '--key', '8'];
    expect(await made(...own)).toEqual({ look: 0, propagate: 6 });
    expect(await pixels('out/000004.png')).toEqual(await pixels(image(4)));
    // Painted over, it is another picture.
    const [flat, first] = [new Uint16Array(WIDTH * HEIGHT * 3).fill(9000), await pixels('out/000002.png')];
    await writePng(desk(image(4)), { width: WIDTH, height: HEIGHT, channels: 3, data: flat });
    expect(await made(...own)).toEqual({ look: 0, propagate: 6 });
    expect(await pixels('out/000002.png')).not.toEqual(first);
  });

  it('are added: only the stretch that a new one divides is made again', async () => {
    expect(await made(...THREE, '--key', '2')).toEqual({ look: 1, propagate: 2 });
  });

  it('redo those that depend on them, where keys are linked', async () => {
    const linked = ['--consistency', 'start=0.5'];
    expect((await made(...THREE, ...linked)).look).toBe(3);
    expect((await made('--key', '0', '--reseed', '4=5', '--key', '8', ...linked)).look).toBe(2);
    expect((await made('--key', '0', '--key', '4', '--reseed', '8=5', ...linked)).look).toBe(1);
  });

  it('take any image of the right size, and need no model when all are images', async () => {
    await writePng(desk('small.png'), { width: 8, height: 8, channels: 3, data: new Uint16Array(192) });
    await mkdir(desk('same'));
    const alone = await run(
      install,
      'render',
      'shot',
      '--key',
      `0=${image(0)}`,
      '--key',
      `8=${image(8)}`,
      '--out',
      'same/',
    );
    expect(alone.code, alone.stderr).toBe(0);
    expect(await pixels('same/000008.png')).toEqual(await pixels(image(8)));
  });

  it.each([
    [
      'outside the range',
      ['--key', '0', '--key', '9'],
      /Frame 9 is to be a key, but the frames to render are 0 to 8\./,
    ],
    ['before it, as soon as the request tells', ['--from', '4', '--key', '2'], /Frame 2 is to be a key/],
    ['twice', ['--key', '4', '--key', `4=${image(4)}`], /two keys for frame 4/],
    ['with a seed for a look that has none', ['--look', 'ink', '--reseed', '4=1'], /the look ink has none/],
    ['by an image of another size', ['--key', '0', '--key', '4=small.png'], /small\.png is 8x8, the clip is 160x90/],
    ['by an image that is not there', ['--key', '0', '--key', '4=none.png'], /no file or folder at .*none\.png/],
    ['beside another way to choose', ['--key', '0', '--every', '4'], /cannot be used with option '--every/],
    [
      'by an image that the result would land on',
      ['--key', `0=refused/000000.png`],
      /written over what it is made from/,
    ],
  ])('are refused in words: %s', async (_, options, words) => {
    await mkdir(desk('refused'), { recursive: true });
    await sceneKeys(desk('refused'), 1, []);
    await writePng(desk('refused', '000000.png'), { width: 8, height: 8, channels: 3, data: new Uint16Array(192) });
    const { code, stderr } = await run(install, 'render', 'shot', ...options, '--out', 'refused/');
    expect(code).toBeGreaterThan(0);
    expect(stderr.trim().split('\n').slice(-2)[0]).toMatch(words);
  });
});

describe('own images in a folder', () => {
  it('are left out where a trimmed clip does not reach, which is said', async () => {
    const trimmed = await rendered(install, 'shot', '--keys', 'own', '--from', '3', '--to', '7', '--out', 'trimmed/');
    expect(trimmed).toMatchObject({ frames: 4, keys: [{ frame: 4 }] });
    expect(trimmed.notes).toContain('Left out, being outside the range: the keys of frames 0, 2, 8.');
    const none = await run(install, 'render', 'shot', '--keys', 'own', '--from', '5', '--to', '8', '--out', 'none/');
    expect(none.stderr).toMatch(/frames 0 to 8, and none is among the frames to render, 5 to 7/);
  });
});
