import { join } from 'node:path';
import { mkdir, rm } from 'node:fs/promises';
import { openStageFolder } from '../bridge-server/jobs/stage-folder.ts';
import { Engine } from '../bridge-server/kernels/engine.ts';
import type { Frame } from '../bridge-server/media/frame.ts';
import { matchSpan } from '../bridge-server/propagate/match.ts';
import { guideBytes, loadGuide, stagingBytes } from '../bridge-server/propagate/pictures.ts';
import { synthesiseSpan } from '../bridge-server/propagate/synthesise.ts';
import { benchFolder, benchScene } from './footage.ts';
import type { BenchCase } from './harness.ts';

/** The length of the span is that of a usual one: a key at both ends. */
const BETWEEN = 9;
const nothing = (): void => undefined;

/** All that a frame between two keys costs: matches to both keys, then synthesis; against the same with one worker. */
const span = (width: number, height: number): BenchCase => ({
  name: `propagation ${width}x${height}`,
  amount: BETWEEN,
  unit: 'frame',
  iterations: 3,
  open: async () => {
    const scene = await benchScene({ width, height, frames: 2 * BETWEEN + 3 });
    const frames = Array.from({ length: BETWEEN + 2 }, (_, n) => scene.frame(n));
    const keys = new Map([0, BETWEEN + 1].map((n) => [n, scene.truth(n)]));
    const source = { width, height, get: (n: number) => Promise.resolve(frames[n]!) };
    const pictures = { get: (n: number): Promise<Frame> => Promise.resolve(keys.get(n)!) };
    const between = { before: 0, after: BETWEEN + 1, from: 1, to: BETWEEN + 1 };
    const folder = await benchFolder();
    const engines = [await Engine.start(), await Engine.start(1)] as const;
    const signal = new AbortController().signal;
    const run = async (engine: Engine): Promise<void> => {
      const [matches, results] = ['matches', 'results'].map((name) => join(folder.path, name)) as [string, string];
      for (const path of [matches, results]) {
        await rm(path, { recursive: true, force: true });
        await mkdir(path);
      }
      const kept = openStageFolder(matches);
      await matchSpan(engine, between, source, kept, nothing, signal);
      await synthesiseSpan(
        engine,
        between,
        { source, keys: pictures },
        kept,
        openStageFolder(results),
        nothing,
        signal,
      );
    };
    return {
      variants: { 'all workers': () => run(engines[0]), 'one worker': () => run(engines[1]) },
      close: async () => void (await Promise.all([folder.remove(), ...engines.map((engine) => engine.close())])),
    };
  },
});

/** Patches are 5x5, of four bytes a pixel. */
const PATCH_RADIUS = 2;
const WINDOW_RADIUS = 8;

/** Comparisons of patches, given up as soon as they are worse than the best: every pixel's window, once; against one worker. */
const patches = (width: number, height: number): BenchCase => ({
  name: `patches ${width}x${height}`,
  amount: comparisons(width, height) / 1e6,
  unit: 'Mpatch',
  open: async () => {
    const scene = await benchScene({ width, height, frames: 21 });
    const frames = [scene.frame(10), scene.frame(11)];
    const engines = [await Engine.start(), await Engine.start(1)];
    const [parentsX, parentsY] = [(width + 1) >> 1, (height + 1) >> 1];
    const run = async (engine: Engine): Promise<() => Promise<void>> => {
      const staging = engine.alloc(stagingBytes(width, height));
      const scratch = engine.alloc(Math.max(guideBytes(width, height), engine.workers * 256));
      const guides = frames.map(() => engine.alloc(guideBytes(width, height)));
      for (const [i, guide] of guides.entries()) await loadGuide(engine, frames[i]!, staging, scratch, guide.pointer);
      const [list, field, errors] = [0, 1, 2].map(() => engine.alloc(width * height * 4));
      const coarse = engine.alloc(parentsX * parentsY * 4);
      engine.i32(list!, width * height).set(Array.from({ length: width * height }, (_, p) => p));
      engine.i32(coarse, parentsX * parentsY).set(Array.from({ length: parentsX * parentsY }, (_, p) => p));
      const [frame, key] = guides;
      return async () => {
        await engine.run(
          'nnfRefine',
          ...[frame!.pointer, key!.pointer, width, height, 1, list!.pointer, width * height],
          ...[coarse.pointer, WINDOW_RADIUS, field!.pointer, errors!.pointer, scratch.pointer],
        );
      };
    };
    return {
      variants: { 'all workers': await run(engines[0]!), 'one worker': await run(engines[1]!) },
      close: async () => void (await Promise.all(engines.map((engine) => engine.close()))),
    };
  },
});

/** What the kernel compares at least: the nine proposals of a pixel's parents, and the window around the best, cut at the borders. */
function comparisons(width: number, height: number): number {
  const reach = (at: number, length: number): number =>
    Math.min(length - 1 - PATCH_RADIUS, at + WINDOW_RADIUS) - Math.max(PATCH_RADIUS, at - WINDOW_RADIUS) + 1;
  const across = Array.from({ length: width }, (_, x) => reach(x, width)).reduce((a, b) => a + b);
  const down = Array.from({ length: height }, (_, y) => reach(y, height)).reduce((a, b) => a + b);
  return across * down + 9 * (width - 2) * (height - 2);
}

const SIZES = [
  [640, 360],
  [960, 540],
  [1920, 1080],
] as const;
export const cases: readonly BenchCase[] = [
  ...SIZES.map(([width, height]) => span(width, height)),
  ...SIZES.map(([width, height]) => patches(width, height)),
];
