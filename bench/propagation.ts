import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openGraphics } from '../bridge-server/jobs/graphics.ts';
import { openStageFolder, type StageFolder } from '../bridge-server/jobs/stage-folder.ts';
import type { Device } from '../bridge-server/kernels/device.ts';
import { Engine } from '../bridge-server/kernels/engine.ts';
import type { Frame } from '../bridge-server/media/frame.ts';
import { matchSpan } from '../bridge-server/propagate/match.ts';
import { synthesiseSpan } from '../bridge-server/propagate/synthesise.ts';
import { benchFolder, benchScene } from './footage.ts';
import type { BenchCase } from './harness.ts';

type Size = { readonly width: number; readonly height: number };
const SIZES: readonly Size[] = [
  { width: 640, height: 360 },
  { width: 960, height: 540 },
  { width: 1920, height: 1080 },
];
const LAST = 10;
const SPAN = { before: 0, after: LAST, from: 1, to: LAST };
const FRAMES = SPAN.to - SPAN.from;

/** Both stages on a span of nine frames between two keys, from both sides; against the same with one worker, and on a graphics card. */
const frames = (size: Size, stage: 'match' | 'synthesise'): BenchCase => ({
  name: `propagation ${size.width}x${size.height} ${stage}`,
  amount: FRAMES,
  unit: 'frame',
  iterations: 2,
  open: async () => {
    const scene = await benchScene({ ...size, frames: LAST + 1 });
    const shown = Array.from({ length: LAST + 1 }, (_, n) => scene.frame(n));
    const keys = new Map<number, Frame>([0, LAST].map((n) => [n, scene.truth(n)]));
    const source = { ...size, get: (n: number) => Promise.resolve(shown[n]!) };
    const pictures = { get: (n: number) => Promise.resolve(keys.get(n)!) };
    const [all, one] = [await Engine.start(), await Engine.start(1)];
    const { path, remove } = await benchFolder();
    const { signal } = new AbortController();
    const card = await openGraphics(signal);
    let made = 0;
    const fresh = async (): Promise<StageFolder> => {
      const folder = join(path, String(made++));
      await mkdir(folder);
      return openStageFolder(folder);
    };
    const matches = await fresh();
    await matchSpan(all, SPAN, source, matches, () => undefined, signal);
    const run = async (device: Device): Promise<void> => {
      const into = await fresh();
      if (stage === 'match') await matchSpan(device, SPAN, source, into, () => undefined, signal);
      else await synthesiseSpan(device, SPAN, { source, keys: pictures }, matches, into, () => undefined, signal);
      device.shelf.clear();
    };
    const onCard = typeof card === 'string' ? {} : { 'graphics card': () => run(card.under(signal)) };
    return {
      variants: { 'all workers': () => run(all), 'one worker': () => run(one), ...onCard },
      close: async () => {
        if (typeof card !== 'string') card.close();
        await Promise.all([all.close(), one.close()]);
        await remove();
      },
    };
  },
});

/** Places that `nnfRefine` compares for each pixel: nine parents' and a window of 5x5. */
const COMPARED = 9 + 25;

/** Patch comparisons alone: every pixel of a picture refined from the identity. */
const patches = (size: Size): BenchCase => ({
  name: `patches ${size.width}x${size.height}`,
  amount: (size.width * size.height * COMPARED) / 1e6,
  unit: 'Mpatch',
  open: async () => {
    const { width, height } = size;
    const scene = await benchScene({ ...size, frames: 2 });
    const [all, one] = [await Engine.start(), await Engine.start(1)];
    const ready = async (engine: Engine): Promise<() => Promise<void>> => {
      const pixels = width * height;
      const guides = [0, 1].map(() => engine.alloc(4 * pixels));
      const staging = engine.alloc(8 * pixels);
      const scratch = engine.alloc(4 * pixels);
      for (const [n, guide] of guides.entries()) {
        const { data } = scene.frame(n);
        engine.u16(staging, data.length).set(data);
        const sums = scratch.pointer;
        await engine.run('guide', staging.pointer, width, height, 3, 0, sums + 2 * pixels, sums, guide.pointer);
      }
      const [list, field, errors] = [0, 1, 2].map(() => engine.alloc(4 * pixels));
      engine.i32(list!, pixels).set(Int32Array.from({ length: pixels }, (_, p) => p));
      const parents = engine.alloc(4 * ((width + 1) >> 1) * ((height + 1) >> 1));
      engine.i32(parents).set(engine.i32(parents).map((_, p) => p));
      return async () => {
        await engine.run(
          'nnfRefine',
          ...[guides[0]!.pointer, guides[1]!.pointer, width, height, 1, list!.pointer, pixels],
          ...[parents.pointer, 2, field!.pointer, errors!.pointer, scratch.pointer],
        );
      };
    };
    return {
      variants: { 'all workers': await ready(all), 'one worker': await ready(one) },
      close: async () => void (await Promise.all([all.close(), one.close()])),
    };
  },
});

export const cases: readonly BenchCase[] = [
  ...SIZES.flatMap((size) => [frames(size, 'match'), frames(size, 'synthesise')]),
  ...SIZES.map(patches),
];
