import { afterAll, beforeAll, expect, test } from 'vitest';
import { Engine } from '../../bridge-server/kernels/engine.ts';
import type { Block } from '../../bridge-server/kernels/engine.ts';
import { compareAlong, occlusionOf } from '../../bridge-server/shot/compare.ts';
import { estimateFlow } from '../../bridge-server/shot/flow.ts';
import { bestShift, likeness, type Thumbnail } from '../../bridge-server/shot/likeness.ts';
import { paint, texture } from './texture.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start(2);
});
afterAll(() => engine.close());

const width = 192;
const height = 128;
const size = { width, height };

function planeOf(values: Uint8Array): Block {
  const block = engine.alloc(values.length);
  engine.u8(block, values.length).set(values);
  return block;
}

/** A scene with a square of another texture at (left, 40), 48 pixels wide. */
const withSquare = (left: number): Uint8Array => {
  const [ground, square] = [texture(1), texture(2)];
  const inside = (x: number, y: number): boolean => x >= left && x < left + 48 && y >= 40 && y < 88;
  return paint(width, height, (x, y) => (inside(x, y) ? square(x - left, y) : ground(x, y)));
};

test('what a moving square covers is occluded, and little else', async () => {
  const [a, b] = [planeOf(withSquare(60)), planeOf(withSquare(72))];
  const [there, back, hidden] = [
    engine.alloc(width * height * 8),
    engine.alloc(width * height * 8),
    engine.alloc(width * height),
  ];
  await estimateFlow(engine, a, b, { ...size, quality: 'fine', out: there });
  await estimateFlow(engine, b, a, { ...size, quality: 'fine', out: back });
  await occlusionOf(engine, there, back, { ...size, out: hidden });
  const map = engine.u8(hidden, width * height);
  const share = (fromX: number, toX: number, fromY: number, toY: number): number => {
    let count = 0;
    for (let y = fromY; y < toY; y++) for (let x = fromX; x < toX; x++) if (map[y * width + x]) count++;
    return count / ((toX - fromX) * (toY - fromY));
  };
  // The square goes 12 pixels to the right: the ground at 108..120 vanishes.
  expect(share(110, 118, 44, 84)).toBeGreaterThan(0.8);
  expect(share(66, 102, 46, 82)).toBeLessThan(0.05);
  expect(share(4, 50, 4, 124)).toBeLessThan(0.02);
  expect(share(130, 188, 4, 124)).toBeLessThan(0.02);

  const { missed, compared } = await compareAlong(engine, a, b, there, { ...size, hidden });
  const covered = (12 * 48) / (width * height);
  expect(missed).toBeGreaterThan(0.6 * covered);
  expect(missed).toBeLessThan(1.6 * covered);
  expect(compared).toBeGreaterThan(0.98);
  engine.free(a, b, there, back, hidden);
});

test('the comparison sees difference, motion and structure along a known flow', async () => {
  const scene = texture(5);
  const a = planeOf(paint(width, height, scene));
  const b = planeOf(paint(width, height, (x, y) => 20 + 0.5 * scene(x - 6, y)));
  const flow = engine.alloc(width * height * 8);
  const vectors = engine.f32(flow, width * height * 2);
  for (let i = 0; i < vectors.length; i += 2) vectors.set([6, 0], i);
  const along = await compareAlong(engine, a, b, flow, size);
  expect(along.length).toBeCloseTo(6, 5);
  expect(along.compared).toBeCloseTo((width - 6) / width, 5);
  // What leads out of the picture by more than half a pixel.
  expect(along.missed).toBeCloseTo(6 / width, 5);
  // Half the contrast: 2 * 0.5 / (1 + 0.25) of the structure.
  expect(along.structure).toBeGreaterThan(0.77);
  expect(along.structure).toBeLessThan(0.81);
  vectors.fill(0);
  const beside = await compareAlong(engine, a, b, flow, size);
  expect(beside.structure).toBeLessThan(0.5 * along.structure);

  const moved = planeOf(paint(width, height, (x, y) => scene(x - 6, y)));
  expect((await compareAlong(engine, a, moved, flow, size)).difference).toBeGreaterThan(5);
  for (let i = 0; i < vectors.length; i += 2) vectors.set([6, 0], i);
  expect((await compareAlong(engine, a, moved, flow, size)).difference).toBeLessThan(0.01);
  engine.free(a, b, moved, flow);
});

test('pictures are alike after motion, light and pans, and unlike when they are others', async () => {
  const thumbnail = (data: Uint8Array): Thumbnail => ({ width: 160, height: 90, data });
  const scenes = Array.from({ length: 4 }, (_, seed) => texture(20 + seed));
  const at = (scene: number, dx = 0, gain = 1): Thumbnail =>
    thumbnail(paint(160, 90, (x, y) => gain * scenes[scene]!(x + dx, y)));
  for (const scene of scenes.keys()) {
    expect(await likeness(engine, at(scene), at(scene, 5))).toBeGreaterThan(0.9);
    expect(await likeness(engine, at(scene), at(scene, 3, 0.6))).toBeGreaterThan(0.7);
    for (const other of scenes.keys())
      if (other > scene) expect(await likeness(engine, at(scene), at(other))).toBeLessThan(0.47);
    // A whip pan: half of the picture is gone in one frame.
    const [before, after] = [at(scene), at(scene, 80)];
    const shift = bestShift(before, after);
    expect(shift).toEqual({ x: -80, y: 0 });
    expect(await likeness(engine, before, after, shift)).toBeGreaterThan(0.75);
  }
  expect(engine.bytesInUse).toBe(0);
});
