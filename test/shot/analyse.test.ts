import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStageFolder, type StageFolder } from '../../bridge-server/jobs/stage-folder.ts';
import { Engine } from '../../bridge-server/kernels/engine.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import { analyse, type ShotAnalysis } from '../../bridge-server/shot/analyse.ts';
import { makeScene } from '../media/scene.ts';
import { footage, lit } from './footage.ts';
import { paint, texture } from './texture.ts';

const signal = new AbortController().signal;
const folders: string[] = [];
let engine: Engine;
let arms: Frame[];
let pan: Frame[];

beforeAll(async () => {
  engine = await Engine.start(2);
  const size = { width: 192, height: 108, frames: 20 };
  arms = await framesOf({ kind: 'arms', seed: 3, ...size });
  pan = await framesOf({ kind: 'pan', seed: 8, ...size });
});

afterAll(async () => {
  await engine.close();
  for (const path of folders) await rm(path, { recursive: true });
});

async function framesOf(options: Parameters<typeof makeScene>[0]): Promise<Frame[]> {
  const scene = await makeScene(options);
  return Array.from({ length: options.frames }, (_, n) => scene.frame(n));
}

/** A grey frame of what `at` says, 0..255. */
function painted(at: (x: number, y: number) => number): Frame {
  const [width, height] = [192, 108];
  const plane = paint(width, height, at);
  return {
    width,
    height,
    channels: 3,
    data: Uint16Array.from({ length: plane.length * 3 }, (_, i) => plane[(i / 3) | 0]! * 257),
  };
}

async function folder(): Promise<StageFolder> {
  const path = await mkdtemp(join(tmpdir(), 'pentimento-analyse-'));
  folders.push(path);
  return openStageFolder(path);
}

const analysed = async (frames: readonly Frame[], first = 0): Promise<ShotAnalysis> =>
  analyse(engine, footage(frames, first), await folder(), () => undefined, signal);

describe('cuts', () => {
  test('are found at the exact frame, whatever number the clip begins with', async () => {
    const { cuts } = await analysed([...arms.slice(0, 9), ...pan.slice(0, 8), ...arms.slice(9, 15)], 100);
    expect(cuts).toEqual([109, 117]);
  });

  test('are found right after the start and right before the end', async () => {
    expect((await analysed([arms[0]!, ...pan.slice(0, 6), arms[5]!])).cuts).toEqual([1, 7]);
  });

  test('are found to and from black', async () => {
    const black = lit(arms[0]!, 0, 0);
    expect((await analysed([...arms.slice(0, 5), black, black, black, black, ...pan.slice(0, 5)])).cuts).toEqual([
      5, 9,
    ]);
  });

  test('are not seen in motion, in changing light, or in a flash', async () => {
    expect((await analysed(arms)).cuts).toEqual([]);
    expect((await analysed(pan)).cuts).toEqual([]);
    const flicker = arms.map((frame, n) => (n % 2 === 0 ? frame : lit(frame, 0.6, 9000)));
    expect((await analysed(flicker)).cuts).toEqual([]);
    const flash = arms.map((frame, n) => (n === 7 || n === 8 ? lit(frame, 9, 30000) : frame));
    expect((await analysed(flash)).cuts).toEqual([]);
  });

  test('are not seen in a whip pan, in which half of the picture goes from one frame to the next', async () => {
    const wide = texture(7);
    const steps = [0, 2, 6, 90, 184, 190, 193, 195];
    expect((await analysed(steps.map((left) => painted((x, y) => wide(x + left, y))))).cuts).toEqual([]);
  });

  test('are at most one where nothing lasts for some frames', async () => {
    const turmoil = [41, 42, 43, 44].map((seed) => painted(texture(seed)));
    // Back in the same scene: none. Out of it into another: one, somewhere in between.
    expect((await analysed([...arms.slice(0, 6), ...turmoil, ...arms.slice(6, 10)])).cuts).toEqual([]);
    const { cuts } = await analysed([...arms.slice(0, 6), ...turmoil, ...pan.slice(0, 4)]);
    expect(cuts).toHaveLength(1);
    expect(cuts[0]).toBeGreaterThanOrEqual(6);
    expect(cuts[0]).toBeLessThanOrEqual(10);
  });
});

describe('scores', () => {
  test('of a still say that nothing moves, appears or changes', async () => {
    const { scores } = await analysed([arms[0]!, arms[0]!, arms[0]!]);
    for (const score of scores) {
      expect(score.motionPx).toBeLessThan(0.01);
      expect(score.disoccluded).toBe(0);
      expect(score.occluded).toBe(0);
      expect(score.change).toBeLessThan(0.1);
      expect(score.likeness).toBeGreaterThan(0.99);
    }
  });

  test('follow the motion that is there', async () => {
    const scene = await makeScene({ kind: 'pan', seed: 8, width: 192, height: 108, frames: 20 });
    const { scores } = await analysed(pan);
    for (const n of [3, 10, 17]) {
      const flow = scene.flow(n, n - 1);
      let sum = 0;
      for (let i = 0; i < flow.length; i += 2) sum += Math.hypot(flow[i]!, flow[i + 1]!);
      const truth = sum / (flow.length / 2);
      expect(Math.abs(scores[n]!.motionPx - truth)).toBeLessThan(0.25 * truth + 0.1);
    }
  });

  test('tell a blurred frame from a sharp one', async () => {
    const blurred = { ...arms[4]!, data: arms[4]!.data.slice() };
    const { width, height, channels, data } = blurred;
    for (let y = 0; y < height; y++) {
      for (let i = 0; i < (width - 4) * channels; i++) {
        let sum = 0;
        for (let k = 0; k < 5; k++) sum += arms[4]!.data[y * width * channels + i + k * channels]!;
        data[y * width * channels + i] = sum / 5;
      }
    }
    const { scores } = await analysed([...arms.slice(0, 4), blurred, ...arms.slice(5, 9)]);
    expect(scores[4]!.sharpness).toBeLessThan(0.8 * scores[3]!.sharpness);
  });
});

test('a run that was stopped goes on where it was, and finds the same', async () => {
  const whole = await analysed([...arms, ...pan]);
  const place = await folder();
  const stop = new AbortController();
  const first = footage([...arms, ...pan]);
  const done: number[] = [];
  await expect(
    analyse(
      engine,
      first,
      place,
      (n) => {
        done.push(n);
        if (n === 12) stop.abort();
      },
      stop.signal,
    ),
  ).rejects.toThrow();
  expect(done.at(-1)).toBe(12);

  const second = footage([...arms, ...pan]);
  expect(await analyse(engine, second, place, () => undefined, signal)).toEqual(whole);
  // What is missing, and the frame before it.
  expect(second.reads).toBe(40 - 12 + 1);

  const third = footage([...arms, ...pan]);
  expect(await analyse(engine, third, place, () => undefined, signal)).toEqual(whole);
  expect(third.reads).toBe(0);
});

test('the number of workers changes nothing', async () => {
  const one = await Engine.start(1);
  try {
    const alone = await analyse(one, footage(arms.slice(0, 4)), await folder(), () => undefined, signal);
    expect(alone).toEqual(await analysed(arms.slice(0, 4)));
  } finally {
    await one.close();
  }
});

test('tiny and odd pictures are analysed', async () => {
  for (const [width, height] of [
    [33, 17],
    [16, 16],
    [17, 90],
  ] as const) {
    const frames = await framesOf({ kind: 'arms', seed: 1, width, height, frames: 3 });
    const { scores, cuts } = await analysed(frames);
    expect(scores).toHaveLength(3);
    expect(cuts).toEqual([]);
  }
});
