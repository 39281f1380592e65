import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { openMovie } from '../../bridge-server/media/encode.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import { writePng } from '../../bridge-server/media/image.ts';
import type { FrameMeasures } from '../../bridge-server/measure/measure.ts';
import type { OverallMeasures } from '../../bridge-server/measure/report.ts';
import { newInstall, start, type Install, type Ran } from '../cli/install.ts';
import { makeScene, type Scene } from '../media/scene.ts';

const FRAMES = 7;
const FIRST = 100;
const POP = 3;
/** Twelve 8-bit levels. */
const LIGHT = 12 * 257;
let scene: Scene;
let install: Install;
const at = (name: string): string => join(install.desk, name);
const range = Array.from({ length: FRAMES }, (_, i) => i);

beforeAll(async () => {
  scene = await makeScene({ kind: 'arms', seed: 7, width: 240, height: 136, frames: FRAMES });
});

type Measured = { overall: OverallMeasures; frames: FrameMeasures[] };
const measure = (...args: string[]): Promise<Ran> => start(install, 'measure', ...args).ended;
async function measured(...args: string[]): Promise<Measured> {
  const { code, stdout, stderr } = await measure(...args, '--json');
  expect([code, stderr.includes('"error"')]).toEqual([0, false]);
  return JSON.parse(stdout) as Measured;
}

async function folder(
  name: string,
  frames: readonly number[],
  draw: (i: number) => Frame,
  first = FIRST,
): Promise<string> {
  await mkdir(at(name), { recursive: true });
  for (const i of frames) await writePng(join(at(name), `shot_${first + i}.png`), draw(i));
  return at(name);
}

async function movie(name: string, count: number, draw: (i: number) => Frame): Promise<string> {
  const { width, height } = draw(0);
  const colour = { matrix: 'bt709', range: 'limited', primaries: 'bt709', transfer: 'bt709' } as const;
  const options = { codec: 'prores4444', width, height, channels: 3, rate: { num: 25, den: 1 }, colour } as const;
  const rest = { pixelAspect: { num: 1, den: 1 }, alpha: 'straight', audio: null } as const;
  const sink = await openMovie(at(name), { ...options, ...rest }, new AbortController().signal);
  for (let i = 0; i < count; i++) await sink.write(i, draw(i));
  await sink.finish();
  return at(name);
}

/** The styled truth, but for one frame that is brighter. */
function popped(i: number): Frame {
  const truth = scene.truth(i);
  return i === POP ? { ...truth, data: truth.data.map((v) => (v < 65535 - LIGHT ? v + LIGHT : 65535)) } : truth;
}

describe('pentimento measure', () => {
  it('finds a pop: in PSNR, warp error and flicker, at its frame, by its size', async () => {
    install = await newInstall();
    const source = await folder('source', range, scene.frame);
    const truth = await folder('truth', range, scene.truth);
    const result = await folder('result', range, popped);
    const { overall, frames } = await measured(
      '--source',
      source,
      '--result',
      result,
      '--truth',
      truth,
      '--graph',
      at('graph.png'),
    );
    const steady = await measured('--source', source, '--result', truth);

    expect(frames.map(({ frame }) => frame)).toEqual(range.map((i) => FIRST + i));
    for (const { frame, psnr, squaredError, ssim, gradientToTruth } of frames) {
      if (frame === FIRST + POP) {
        // Light that saturates the whitest pixels differs by a little less.
        expect(psnr).toBeGreaterThanOrEqual(20 * Math.log10(255 / 12) - 1e-9);
        expect(psnr).toBeLessThan(20 * Math.log10(255 / 12) + 0.8);
        expect(ssim).toBeLessThan(0.999);
      } else expect([psnr, squaredError, ssim, gradientToTruth]).toEqual([null, 0, expect.closeTo(1, 6), 1]);
    }
    // One pop more than in the truth: twice in the warp error (in and out), whole in its own flicker, half in its neighbours'.
    const more = (measure: 'warpError' | 'flicker', i: number): number =>
      frames[i]![measure]! - steady.frames[i]![measure]!;
    expect(more('flicker', POP)).toBeGreaterThan(7);
    expect(more('warpError', POP)).toBeGreaterThan(7);
    expect(more('warpError', POP + 1)).toBeGreaterThan(7);
    expect(more('warpError', POP - 1)).toBe(0);
    expect(more('flicker', POP - 2)).toBe(0);
    expect(overall.flicker!.worst.frame).toBe(FIRST + POP);
    // The source's own figures do not depend on the result.
    expect(frames.map((frame) => frame.sourceFlicker)).toEqual(steady.frames.map((frame) => frame.sourceFlicker));
    expect([frames[0]!.warpError, frames[0]!.flicker, frames.at(-1).flicker]).toEqual([null, null, null]);
    expect(frames[1]!.visible).toBeGreaterThan(0.7);

    const graph = await sharp(await readFile(at('graph.png'))).metadata();
    expect([graph.format, graph.width]).toEqual(['png', 1200]);
  });

  it('says the same in words', async () => {
    install = await newInstall();
    const source = await folder('source', [0, 1, 2], scene.frame);
    const { code, stdout } = await measure('--source', source, '--result', source, '--truth', source);
    expect(code).toBe(0);
    expect(stdout).toMatch(/frame +PSNR dB +SSIM/);
    expect(stdout).toMatch(/^ +101 +same +1\.0000 /m);
    expect(stdout).toMatch(/^ +mean /m);
  });

  it('aligns images by their number, whatever part of the source they are', async () => {
    install = await newInstall();
    const source = await folder('source', range, scene.frame);
    const truth = await folder('truth', range, scene.truth);
    const result = await folder('result', [2, 3, 4], scene.truth);
    const { frames } = await measured('--source', source, '--result', result, '--truth', truth);
    expect(frames.map(({ frame, squaredError }) => [frame, squaredError])).toEqual(
      [2, 3, 4].map((i) => [FIRST + i, 0]),
    );
  });

  it('aligns a movie with the part of the source that is named', async () => {
    install = await newInstall();
    const source = await folder('source', range, scene.frame, 0);
    const truth = await folder('truth', range, scene.truth, 0);
    const result = await movie('result.mov', 3, (i) => scene.truth(i + 2));
    const { frames } = await measured(
      '--source',
      source,
      '--result',
      result,
      '--truth',
      truth,
      '--from',
      '2',
      '--to',
      '5',
    );
    expect(frames.map(({ frame }) => frame)).toEqual([2, 3, 4]);
    // ProRes keeps the right frame above 38 dB; its neighbour would be far below.
    for (const { psnr } of frames) expect(psnr).toBeGreaterThan(38);
  });

  it('refuses what cannot be compared, in plain words', async () => {
    install = await newInstall();
    const source = await folder('source', range, scene.frame);
    const short = await movie('short.mov', 3, scene.truth);
    const outside = await folder('outside', [0, 1], scene.truth, FIRST + FRAMES - 1);
    const small = await folder('small', range, () => ({ width: 4, height: 4, channels: 3, data: new Uint16Array(48) }));
    const refused = async (words: RegExp, ...args: string[]): Promise<void> => {
      const { code, stdout, stderr } = await measure(...args);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(words);
      expect(stderr.trim().split('\n')).toHaveLength(2);
    };
    await refused(/has 3 frames, but the source .* has 7\./, '--source', source, '--result', short);
    await refused(
      /has the frames 106 to 107, which do not fit the frames 100 to 106/,
      '--source',
      source,
      '--result',
      outside,
    );
    await refused(/is 4 x 4 pixels, but .* is 240 x 136\./, '--source', source, '--result', small);
    await rm(join(small, `shot_${FIRST + 2}.png`));
    const { code, stderr } = await measure('--source', source, '--result', small);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/number 102 is missing/);
  });
});
