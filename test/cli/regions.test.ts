import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Frame } from '../../bridge-server/media/frame.ts';
import { readImage, writePng } from '../../bridge-server/media/image.ts';
import { makeScene } from '../media/scene.ts';
import { tinyFolder } from '../diffusion/model.ts';
import { makeFolder, removeFolder } from '../jobs/folder.ts';
import { HEIGHT, WIDTH, sceneFolder } from './footage.ts';
import { hashOf, newInstall, rendered, run, type Install } from './install.ts';

const FRAMES = 7;
let tiny: string;
let install: Install;
const desk = (...names: string[]): string => join(install.desk, ...names);
/** Keys that know nothing of each other: what one of them is depends on its own frame alone. */
const paint = (...more: string[]): string[] => [
  ...['shot', '--model', tiny, '--prompt', 'a red cat', '--size', '96x64', '--steps', '4', '--every', '3'],
  ...['--consistency', 'off', ...more],
];
const frameIn = (folder: string, n: number): Promise<Frame> => readImage(desk(folder, `00000${n}.png`));
const same = (a: Frame, b: Frame): boolean => a.data.every((value, i) => value === b.data[i]);

/** White where it is asked for. */
function maskImage(isWhite: (x: number, y: number) => boolean): Frame {
  const data = new Uint16Array(WIDTH * HEIGHT * 3);
  for (let p = 0; p < WIDTH * HEIGHT; p++) {
    data.fill(isWhite(p % WIDTH, Math.floor(p / WIDTH)) ? 65535 : 0, 3 * p, 3 * p + 3);
  }
  return { width: WIDTH, height: HEIGHT, channels: 3, data };
}

/** Which pixels differ, as columns and rows from the first to the last. */
function changed(a: Frame, b: Frame): { left: number; right: number; top: number; bottom: number } | null {
  let [left, right, top, bottom] = [Infinity, -1, Infinity, -1];
  for (let p = 0; p < a.width * a.height; p++) {
    const [x, y] = [p % a.width, Math.floor(p / a.width)];
    const differs = [0, 1, 2].some((c) => a.data[p * a.channels + c] !== b.data[p * b.channels + c]);
    if (differs)
      [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
  }
  return right < 0 ? null : { left, right, top, bottom };
}

beforeAll(async () => {
  tiny = await tinyFolder('sd15');
  const base = await makeFolder();
  install = await newInstall(base);
  await sceneFolder(desk('shot'), FRAMES);
  for (const name of ['left', 'right', 'spot', 'small', 'nothing', 'with alpha', 'layer']) await mkdir(desk(name));
  await writePng(
    desk('left', '0.png'),
    maskImage((x) => x < WIDTH / 2),
  );
  await writePng(
    desk('right', '0.png'),
    maskImage((x) => x >= WIDTH / 2),
  );
  await writePng(
    desk('spot', '0.png'),
    maskImage((x, y) => x >= 70 && x < 90 && y >= 40 && y < 50),
  );
  await writePng(desk('small', '0.png'), { width: 8, height: 8, channels: 3, data: new Uint16Array(192) });
  const scene = await makeScene({ kind: 'arms', seed: 7, width: WIDTH, height: HEIGHT, frames: FRAMES });
  for (let n = 0; n < FRAMES; n++) {
    const { data } = scene.frame(n);
    const own = new Uint16Array(WIDTH * HEIGHT * 4);
    for (let p = 0; p < WIDTH * HEIGHT; p++) {
      own.set(data.subarray(3 * p, 3 * p + 3), 4 * p);
      own[4 * p + 3] = p % WIDTH < 40 ? 0 : 65535;
    }
    const frame: Frame = { width: WIDTH, height: HEIGHT, channels: 4, data: own };
    await writePng(desk('with alpha', `${n}.png`), frame);
    if (n === 0) await writePng(desk('layer', '0.png'), frame);
  }
  return () => removeFolder(base);
});

describe('a mask', () => {
  it('can be grown and feathered: nothing beyond that changes, bit for bit', async () => {
    const look = ['shot', '--look', 'poster', '--every', '3'];
    await rendered(install, ...look, '--out', 'free/');
    await rendered(install, ...look, '--mask', 'spot', '--grow', '6', '--feather', '5', '--out', 'grown/');
    await rendered(install, ...look, '--mask', 'spot', '--grow', '-3', '--out', 'shrunk/');
    for (let n = 0; n < FRAMES; n++) {
      const [source, free, grown, shrunk] = await Promise.all(
        ['shot', 'free', 'grown', 'shrunk'].map((folder) => frameIn(folder, n)),
      );
      const seen = changed(source!, grown!)!;
      expect(seen.left).toBeGreaterThanOrEqual(70 - 11);
      expect(seen.right).toBeLessThanOrEqual(89 + 11);
      expect(seen.top).toBeGreaterThanOrEqual(40 - 11);
      expect(seen.bottom).toBeLessThanOrEqual(49 + 11);
      // It did grow.
      expect(seen.right - seen.left).toBeGreaterThan(22);
      for (let x = 71; x < 89; x++) {
        const at = 3 * (45 * WIDTH + x);
        expect(grown!.data.subarray(at, at + 3)).toEqual(free!.data.subarray(at, at + 3));
      }
      const small = changed(source!, shrunk!)!;
      expect(small.left).toBeGreaterThanOrEqual(73);
      expect(small.bottom).toBeLessThanOrEqual(46);
    }
  });

  it("can be the source's own alpha, or that of a layer", async () => {
    await rendered(install, 'with alpha', '--look', 'ink', '--every', '6', '--mask-alpha', '--out', 'own alpha/');
    await rendered(
      install,
      'shot',
      '--look',
      'ink',
      '--every',
      '6',
      '--mask',
      'layer',
      '--mask-alpha',
      '--out',
      'layered/',
    );
    for (let n = 0; n < FRAMES; n++) {
      const alpha = changed(await readImage(desk('with alpha', `${n}.png`)), await frameIn('own alpha', n));
      const layered = changed(await frameIn('shot', n), await frameIn('layered', n));
      expect(alpha!.left).toBe(40);
      expect(layered!.left).toBe(40);
    }
  });

  it('limits what a model repaints in latents and pixels', async () => {
    const limits = ['--mask', 'left', '--feather', '12', '--out', 'soft/'];
    const { stages } = await rendered(install, ...paint(...limits));
    expect(stages.look).toMatchObject({ computed: 3 });
    for (let n = 0; n < FRAMES; n++) {
      const seen = changed(await frameIn('shot', n), await frameIn('soft', n))!;
      expect(seen.right).toBeLessThan(WIDTH / 2 + 12);
      expect(seen.right).toBeGreaterThan(WIDTH / 2);
    }
    const again = await rendered(install, ...paint(...limits));
    expect(again.stages.look).toMatchObject({ computed: 0, cached: 3 });
    // Another feather is another mask.
    const other = await rendered(install, ...paint('--mask', 'left', '--feather', '11', '--out', 'soft/'));
    expect(other.stages.look).toMatchObject({ computed: 3 });
  });
});

describe('prompts', () => {
  it('by region are painted in one picture; with the prompt of all they change nothing', async () => {
    await rendered(install, ...paint('--out', 'plain/'));
    await rendered(install, ...paint('--region', 'right=the blue sea', '--out', 'sea right/'));
    await rendered(install, ...paint('--region', 'left=a red cat', '--region', 'right=a red cat', '--out', 'cats/'));
    for (let n = 0; n < FRAMES; n++) expect(same(await frameIn('cats', n), await frameIn('plain', n))).toBe(true);
    expect(same(await frameIn('sea right', 0), await frameIn('plain', 0))).toBe(false);
    const wider = ['--region', 'right=the blue sea', '--region-grow', '30', '--region-feather', '4'];
    await rendered(install, ...paint(...wider, '--out', 'sea wider/'));
    expect(same(await frameIn('sea wider', 0), await frameIn('sea right', 0))).toBe(false);
  });

  it('may begin at frames, and fade; keys before them stay as they were', async () => {
    await rendered(install, ...paint('--out', 'plain/'));
    const marks = ['--prompt-at', '3=the blue sea', '--prompt-at', '6=snow'];
    const cut = await rendered(install, ...paint(...marks, '--out', 'cut/'));
    // Painted in the same cache: the first key is the one that was there.
    expect(cut.stages.look).toMatchObject({ computed: 2, cached: 1 });
    expect(same(await frameIn('cut', 0), await frameIn('plain', 0))).toBe(true);
    await rendered(install, ...paint('--prompt', 'the blue sea', '--out', 'sea/'));
    expect(same(await frameIn('cut', 3), await frameIn('sea', 3))).toBe(true);
    expect(same(await frameIn('cut', 6), await frameIn('sea', 6))).toBe(false);

    const each = [
      ...paint(...marks, '--fade-prompts').filter((word) => word !== '--every' && word !== '3'),
      '--every-frame',
    ];
    await rendered(install, ...each, '--out', 'faded/');
    await rendered(install, ...each.filter((word) => word !== '--fade-prompts'), '--out', 'held/');
    for (const [n, isSame] of [
      [2, true],
      [3, true],
      [4, false],
      [5, false],
      [6, true],
    ] as const) {
      expect(same(await frameIn('faded', n), await frameIn('held', n)), `frame ${n}`).toBe(isSame);
    }
  });
});

describe('a detail', () => {
  const whole = (): string[] => [...paint().filter((word) => word !== '--every' && word !== '3'), '--every-frame'];

  it('is painted over where it is, and nowhere else', async () => {
    await rendered(install, ...whole(), '--out', 'whole/');
    const args = [...whole(), '--detail', '2=60,30,24x20', '--detail-prompt', 'a face', '--out', 'detailed/'];
    const { stages, notes } = await rendered(install, ...args);
    expect(stages.track).toMatchObject({ computed: FRAMES - 1 });
    expect(notes.join()).not.toContain('could not be followed');
    const middles: number[] = [];
    for (let n = 0; n < FRAMES; n++) {
      const seen = changed(await frameIn('whole', n), await frameIn('detailed', n))!;
      // The box, what it grows to, and a feather of 5 pixels.
      expect(seen.right - seen.left).toBeGreaterThan(20);
      expect(seen.right - seen.left).toBeLessThan(24 * 1.5 + 10);
      expect(seen.bottom - seen.top).toBeLessThan(20 * 1.5 + 10);
      middles.push((seen.left + seen.right) / 2);
    }
    expect(Math.abs(middles[2]! - 72)).toBeLessThan(3);

    const before = await hashOf(desk('detailed'));
    const again = await rendered(install, ...args);
    expect(again.stages).toMatchObject({ track: { computed: 0 }, look: { computed: 0 } });
    expect(await hashOf(desk('detailed'))).toBe(before);
    // The same from nothing, elsewhere.
    await rendered({ ...install, home: join(install.home, 'fresh') }, ...args.slice(0, -1), 'fresh/');
    expect(await hashOf(desk('fresh'))).toBe(before);
  });

  it('that is lost is told of, and not guessed', async () => {
    await mkdir(desk('cut shot'));
    const other = await makeScene({ kind: 'arms', seed: 90, width: WIDTH, height: HEIGHT, frames: FRAMES });
    for (let n = 0; n < FRAMES; n++) {
      await writePng(desk('cut shot', `00000${n}.png`), n < 4 ? await frameIn('shot', n) : other.frame(n));
    }
    const args = ['cut shot', ...whole().slice(1)];
    await rendered(install, ...args, '--out', 'cut whole/');
    const { notes } = await rendered(install, ...args, '--detail', '0=60,30,24x20', '--out', 'cut detail/');
    expect(notes.filter((note) => note.includes('could not be followed'))).toHaveLength(1);
    expect(notes[0]).toMatch(/frame 0 could not be followed to 3 frames \(the first is frame 4\)/);
    for (let n = 0; n < FRAMES; n++) {
      expect(same(await frameIn('cut whole', n), await frameIn('cut detail', n)), `frame ${n}`).toBe(n >= 4);
    }
  });
});

describe('what does not fit is refused before any work', () => {
  it.each([
    ['a mask of another size', ['--mask', 'small'], /8x8/, 1],
    ['masks that are not there', ['--mask', 'nothing'], /nothing/, 1],
    ['the alpha of a source without', ['--mask-alpha'], /alpha/, 1],
    ['the alpha of masks without', ['--mask', 'left', '--mask-alpha'], /alpha/, 1],
    ['a feather for no mask', ['--feather', '4'], /mask/, 2],
    ['a feather for no region', ['--region-feather', '4'], /no regions/, 2],
    ['a region of another size', ['--region', 'small=a cat'], /8x8/, 1],
    ['a region without frames', ['--region', 'nothing=a cat'], /nothing/, 1],
    ['a region without a folder', ['--region', '=a cat'], /FOLDER=PROMPT/, 2],
    ['a prompt beyond the range', ['--prompt-at', '7=a cat'], /frame 7.*0 to 6/, 1],
    ['two prompts at one frame', ['--prompt-at', '2=a cat', '--prompt-at', '2=a dog'], /ascend/, 2],
    ['a box that leaves the picture', ['--detail', '2=150,30,24x20'], /150,30,24x20.*160x90/, 1],
    ['a box beyond the range', ['--detail', '9=10,10,24x20'], /frame 9.*0 to 6/, 1],
    ['a box that is none', ['--detail', '9=10,10'], /FRAME=LEFT,TOP,WIDTHxHEIGHT/, 2],
    ['a box too small to be anything', ['--detail', '2=10,10,4x4'], /details/, 2],
  ])('%s', async (_, args, words, exit) => {
    const { code, stdout, stderr } = await run(install, 'render', ...paint(...args), '--out', 'refused.mov', '--json');
    expect(stdout).toBe('');
    const { error } = JSON.parse(stderr.trim().split('\n').at(-1)) as { error: { message: string; remedy: string } };
    expect(error.message).toMatch(words);
    expect(error.remedy).toMatch(/^[A-Z].*\.$/);
    expect(code).toBe(exit);
    // Nothing had been begun.
    expect(stderr).not.toMatch(/"stage":"(track|analyse|keys|look)"/);
  });

  it('details for a look that needs no model', async () => {
    const { code, stderr } = await run(
      install,
      'render',
      'shot',
      '--look',
      'ink',
      '--detail',
      '2=1,1,9x9',
      '--out',
      'x.mov',
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(/--detail/);
  });
});
