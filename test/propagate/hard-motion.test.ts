import { afterAll, beforeAll, expect, test } from 'vitest';
import { Engine } from '../../bridge-server/kernels/engine.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import { baselines } from './baselines.ts';
import { HARD_CASES } from './hard-cases.ts';
import { mean, propagate, psnr } from './run.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start(2);
});
afterAll(() => engine.close());

/**
 * By how many dB the mean over the frames must beat the two-sided blend of warped keys, which is what flow alone can do; and what the worst
 * frame must reach. A good half dB below what was reached when this was written.
 */
const BARS: Record<string, { readonly gain: number; readonly worst: number }> = {
  'fast motion': { gain: 4, worst: 29 },
  'motion blur': { gain: 4.1, worst: 38.2 },
  'something turns': { gain: 3, worst: 38 },
  'something passes in front': { gain: 1, worst: 27.6 },
  'something comes in that one key shows': { gain: 5.8, worst: 34 },
  // Flow that leaves light alone is hard to beat where the repainting does too.
  'the light changes': { gain: -1.6, worst: 34 },
  'the light changes, and the repainting follows': { gain: 6, worst: 34 },
  'flat sky and wall': { gain: 8, worst: 54 },
  hair: { gain: 3, worst: 30.9 },
  // Thin strokes that the picture's own texture shines through: hardly better than flow.
  text: { gain: -0.1, worst: 24.5 },
  'combed lines, as of interlaced video': { gain: 13, worst: 38.7 },
  'one key only': { gain: 0.9, worst: 26.8 },
};

test.each(HARD_CASES)('$name', async ({ name, shot, span }) => {
  const quality = (made: ReadonlyMap<number, Frame>): number[] =>
    [...made].map(([n, frame]) => psnr(frame, shot.key(n)));
  const own = quality(await propagate(engine, shot, span));
  const { nearest, blend } = await baselines(engine, shot, span);
  expect(mean(own) - mean(quality(blend))).toBeGreaterThan(BARS[name]!.gain);
  expect(Math.min(...own)).toBeGreaterThan(BARS[name]!.worst);
  expect(Math.min(...own)).toBeGreaterThan(Math.min(...quality(nearest)));
});
