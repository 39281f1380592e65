import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Engine } from '../../bridge-server/kernels/engine.ts';
import { LOOKS } from '../../bridge-server/looks/looks.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import { makeScene } from '../media/scene.ts';

const NAMES = ['ink', 'oil', 'poster'] as const;
const never = new AbortController().signal;
let engine: Engine;
let picture: Frame;

beforeAll(async () => {
  engine = await Engine.start(2);
  picture = (await makeScene({ kind: 'arms', seed: 7, width: 320, height: 180, frames: 9 })).frame(4);
});
afterAll(() => engine.close());

const flat = (width: number, height: number, colour: readonly number[]): Frame => ({
  width,
  height,
  channels: colour.length as 3 | 4,
  data: Uint16Array.from({ length: width * height * colour.length }, (_, i) => colour[i % colour.length]!),
});

/** With alpha: opaque on the left, a ramp in the middle, transparent on the right, where the colour is set to `hidden`. */
function withAlpha({ width, height, data }: Frame, hidden: number): Frame {
  const rgba = new Uint16Array(width * height * 4);
  for (let p = 0; p < width * height; p++) {
    const alpha = Math.round(65535 * Math.min(1, Math.max(0, 2 - (3 * (p % width)) / width)));
    for (let c = 0; c < 3; c++) rgba[4 * p + c] = alpha === 0 ? hidden : data[3 * p + c]!;
    rgba[4 * p + 3] = alpha;
  }
  return { width, height, channels: 4, data: rgba };
}

const alphaOf = (frame: Frame): Uint16Array => frame.data.filter((_, i) => i % 4 === 3);

/** Root mean square difference in 8-bit levels. */
function difference(a: Frame, b: Frame): number {
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += ((a.data[i]! - b.data[i]!) / 257) ** 2;
  return Math.sqrt(sum / a.data.length);
}

/** Mean over blocks of n x n pixels. */
function reduced({ width, height, channels, data }: Frame, n: number): Frame {
  const small = { width: Math.floor(width / n), height: Math.floor(height / n), channels };
  const out = new Uint16Array(small.width * small.height * channels);
  for (let i = 0; i < out.length; i++) {
    const [c, x, y] = [i % channels, Math.floor(i / channels) % small.width, Math.floor(i / channels / small.width)];
    let sum = 0;
    for (let k = 0; k < n * n; k++)
      sum += data[((y * n + Math.floor(k / n)) * width + x * n + (k % n)) * channels + c]!;
    out[i] = Math.round(sum / (n * n));
  }
  return { ...small, data: out };
}

it('none is the picture itself', async () => {
  expect((await LOOKS.none(engine, picture, never)).data).toEqual(picture.data);
});

describe.each(NAMES)('%s', (name) => {
  const look = LOOKS[name];

  it('repaints visibly', async () => {
    expect(difference(await look(engine, picture, never), picture)).toBeGreaterThan(6);
  });

  it('gives the same bits again, and with any number of workers', async () => {
    const three = await Engine.start(3);
    try {
      const result = await look(engine, picture, never);
      expect((await look(engine, picture, never)).data).toEqual(result.data);
      expect((await look(three, picture, never)).data).toEqual(result.data);
    } finally {
      await three.close();
    }
  });

  it('keeps flat areas flat', async () => {
    const { data } = await look(engine, flat(90, 60, [40000, 21000, 9000]), never);
    for (let c = 0; c < 3; c++) {
      const values = data.filter((_, i) => i % 3 === c);
      // Rounding in single precision may differ by where a pixel lies; a few of 65535 levels.
      expect(Math.max(...values) - Math.min(...values)).toBeLessThanOrEqual(8);
    }
  });

  it('keeps alpha to the bit, and hidden colours change nothing that is seen', async () => {
    const [black, white] = [withAlpha(picture, 0), withAlpha(picture, 65535)];
    const [a, b] = [await look(engine, black, never), await look(engine, white, never)];
    expect(alphaOf(a)).toEqual(alphaOf(black));
    const seen = (frame: Frame): Uint16Array => frame.data.filter((_, i) => black.data[i - (i % 4) + 3]! > 0);
    expect(seen(a)).toEqual(seen(b));
  });

  it.each([
    [1, 1],
    [2, 3],
    [7, 1],
    [1, 9],
    [33, 17],
  ])('takes a picture of %i x %i', async (width, height) => {
    const data = Uint16Array.from({ length: width * height * 3 }, (_, i) => (i * 7919) % 65536);
    const result = await look(engine, { width, height, channels: 3, data }, never);
    expect([result.width, result.height, result.data.length]).toEqual([width, height, data.length]);
  });

  it('looks the same at twice the size', async () => {
    const large = (await makeScene({ kind: 'arms', seed: 7, width: 1280, height: 720, frames: 9, grain: 0 })).frame(4);
    const half = reduced(large, 2);
    const [fromLarge, fromHalf] = [
      reduced(await look(engine, large, never), 4),
      reduced(await look(engine, half, never), 2),
    ];
    // Thin lines fall differently on another raster; the look as a whole must not change, nor drift away from itself.
    expect(difference(fromLarge, fromHalf)).toBeLessThan(0.5 * difference(fromHalf, reduced(half, 2)));
  });

  it('stops when told to, and leaves no memory behind', async () => {
    const before = engine.alloc(64);
    engine.free(before);
    const controller = new AbortController();
    const large = flat(1920, 1080, [1000, 30000, 60000]);
    const work = look(engine, large, controller.signal);
    setTimeout(() => controller.abort(new Error('stop')), 20);
    await expect(work).rejects.toThrow('stop');
    const after = engine.alloc(64);
    engine.free(after);
    expect(after.pointer).toBe(before.pointer);
  });
});
