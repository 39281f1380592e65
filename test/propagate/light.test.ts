import { expect, test } from 'vitest';
import { Engine } from '../../bridge-server/kernels/engine.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import { Lights } from '../../bridge-server/propagate/light.ts';
import { loadMap, mapName } from '../../bridge-server/propagate/maps.ts';
import { disc, layered, texture } from './layers.ts';
import { between, folders, never, propagate } from './run.ts';

const size = { width: 120, height: 80 };
const shot = (light: (n: number) => number, dx = 3) =>
  layered({
    ...size,
    light,
    layers: [{ source: texture(1), painted: texture(11), pose: (n) => ({ x: dx * n, y: n }) }],
  });
const asked = (frame: (n: number) => Frame, n: number, key: number, dx: number) => {
  const map = Float32Array.from({ length: 2 * size.width * size.height }, (_, i) => (i % 2 === 0 ? dx : 1) * (key - n));
  const source = { ...size, get: (m: number) => Promise.resolve(frame(m)) };
  return new Lights(source, { before: key, after: null, from: key + 1, to: n + 1 }).between(
    n,
    key,
    () => Promise.resolve(map),
    never,
  );
};

test('light is told from what both frames show', async () => {
  const { frame } = shot((n) => 1 - 0.05 * n);
  const light = await asked(frame, 6, 0, 3);
  for (const gain of light!.gain) expect(gain).toBeCloseTo(1 / 0.7, 1);
  for (const offset of light!.offset) expect(Math.abs(offset)).toBeLessThan(600);
});

test('neither a pan to something brighter nor what passes in front is a change of light', async () => {
  const bright = layered({
    ...size,
    layers: [
      { source: texture(1), painted: texture(11), pose: () => ({ x: 0, y: 0 }) },
      {
        source: [() => 1, () => 1, () => 1],
        painted: texture(12),
        alpha: disc(28),
        pose: (n) => ({ x: 160 - 20 * n, y: 40 }),
      },
    ],
  });
  // Still: the disc has come in, the rest is where it was.
  const still = { ...bright, frame: (n: number) => bright.frame(n) };
  const map = new Float32Array(2 * size.width * size.height);
  const source = { ...size, get: (m: number) => Promise.resolve(still.frame(m)) };
  expect(
    await new Lights(source, { before: 0, after: null, from: 1, to: 6 }).between(
      5,
      0,
      () => Promise.resolve(map),
      never,
    ),
  ).toBeNull();

  const ramp = (x: number): number => Math.min(1, Math.max(0, 0.2 + x / 150));
  const pan = layered({
    ...size,
    layers: [{ source: [ramp, ramp, ramp], painted: texture(11), pose: (n) => ({ x: -6 * n, y: n }) }],
  });
  expect(await asked(pan.frame, 4, 0, -6)).toBeNull();
});

test('frames are found in a key of another light, to a tenth of a pixel', async () => {
  const engine = await Engine.start(2);
  const into = await folders();
  await propagate(
    engine,
    shot((n) => 1 - 0.06 * n),
    between(8),
    into,
  );
  const [map, scratch] = [engine.alloc(8 * size.width * size.height), engine.alloc(4 * size.width * size.height)];
  await loadMap(engine, map, size, scratch, into.matches, mapName(6, 0));
  const vectors = engine.f32(map, 2 * size.width * size.height);
  let [worst, p] = [0, 0];
  for (let y = 16; y < 64; y++) {
    for (let x = 30; x < 90; x++) {
      p = y * size.width + x;
      worst = Math.max(worst, Math.hypot(vectors[2 * p]! + 18, vectors[2 * p + 1]! + 6));
    }
  }
  expect(worst).toBeLessThan(0.1);
  await engine.close();
});
