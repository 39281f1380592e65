import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readImage, writePng } from '../../bridge-server/media/image.ts';
import { makeFolder, removeFolder } from '../jobs/folder.ts';
import { sceneFolder, sceneKeys } from './footage.ts';
import { newInstall, rendered, run, type Install } from './install.ts';

/** Keys by hand on the command line; what they do to the cache is tested in test/jobs/chosen.test.ts. */
const FRAMES = 9;

let base: string;
let install: Install;
const desk = (...names: string[]): string => join(install.desk, ...names);

beforeAll(async () => {
  base = await makeFolder();
  install = await newInstall(base);
  await sceneFolder(desk('shot'), FRAMES);
  await sceneKeys(desk('own'), FRAMES, [0, 2, 4, 8]);
  const small = { width: 8, height: 8, channels: 3, data: new Uint16Array(192) } as const;
  await writePng(desk('small.png'), small);
  await mkdir(desk('refused'));
  await writePng(desk('refused', '000000.png'), small);
  return () => removeFolder(base);
});

describe('--key', () => {
  it('makes a frame a key, painted or by its own image', async () => {
    const { keys } = await rendered(install, 'shot', '--key', '8=own/key_8.png', '--key', '0', '--out', 'mixed/');
    expect(keys).toMatchObject([
      { frame: 0, reason: 'chosen' },
      { frame: 8, reason: 'given' },
    ]);
    const pixels = async (path: string): Promise<Uint16Array> => (await readImage(desk(path))).data;
    expect(await pixels('mixed/000008.png')).toEqual(await pixels('own/key_8.png'));
    // Painted in oil, as when nobody says.
    expect(await pixels('mixed/000000.png')).not.toEqual(await pixels('shot/000000.png'));
  });

  it.each([
    [
      'outside the range',
      ['--key', '0', '--key', '9'],
      /Frame 9 is to be a key, but the frames to render are 0 to 8\./,
    ],
    ['before it, as soon as the request tells', ['--from', '4', '--key', '2'], /Frame 2 is to be a key/],
    ['twice', ['--key', '4', '--key', '4=own/key_4.png'], /two keys for frame 4/],
    ['with a seed for a look that has none', ['--look', 'ink', '--reseed', '4=1'], /the look ink has none/],
    ['by an image of another size', ['--key', '0', '--key', '4=small.png'], /small\.png is 8x8, the clip is 160x90/],
    ['beside another way to choose', ['--key', '0', '--every', '4'], /cannot be used with option '--every/],
    ['by an image that the result would land on', ['--key', '0=refused/000000.png'], /over what it is made from/],
  ])('is refused in words %s', async (_, options, words) => {
    const { code, stderr } = await run(install, 'render', 'shot', ...options, '--out', 'refused/');
    expect(code).toBeGreaterThan(0);
    expect(stderr.trim().split('\n').slice(-2)[0]).toMatch(words);
  });
});

describe('--keys', () => {
  it('leaves out images where a trimmed clip does not reach, and says so', async () => {
    const trimmed = await rendered(install, 'shot', '--keys', 'own', '--from', '3', '--to', '7', '--out', 'trimmed/');
    expect(trimmed).toMatchObject({ frames: 4, keys: [{ frame: 4 }] });
    expect(trimmed.notes).toContain('Left out, being outside the range: the keys of frames 0, 2, 8.');
    const none = await run(install, 'render', 'shot', '--keys', 'own', '--from', '5', '--to', '8', '--out', 'none/');
    expect(none.stderr).toMatch(/frames 0 to 8, and none is among the frames to render, 5 to 7/);
  });
});
