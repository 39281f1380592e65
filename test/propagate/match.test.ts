import { afterAll, beforeAll, expect, test } from 'vitest';
import { Engine } from '../../bridge-server/kernels/engine.ts';
import { loadMap, mapName } from '../../bridge-server/propagate/maps.ts';
import { matchSpan } from '../../bridge-server/propagate/match.ts';
import { disc, layered, texture, type Channel } from './layers.ts';
import { folders, never } from './run.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start(2);
});
afterAll(() => engine.close());

test('what shows again behind something that passed moves with its ground, though it has little texture', async () => {
  const size = { width: 192, height: 112 };
  const radius = 20;
  const last = 9;
  const groundAt = (n: number): number => 1.5 * n;
  const discAt = (n: number): { x: number; y: number } => ({ x: 40 + 12 * n, y: 56 });
  const faint =
    (channel: Channel): Channel =>
    (x, y) =>
      0.45 + 0.1 * channel(x, y);
  const [r, g, b] = texture(1);
  const shot = layered({
    ...size,
    layers: [
      { source: [faint(r), faint(g), faint(b)], painted: texture(11), pose: (n) => ({ x: groundAt(n), y: 0 }) },
      { source: texture(2), painted: texture(12), alpha: disc(radius), pose: discAt },
    ],
  });
  const { matches } = await folders();
  const source = { ...size, get: (n: number) => Promise.resolve(shot.frame(n)) };
  const span = { before: 0, after: null, from: 1, to: last + 1 };
  await matchSpan(engine, span, source, matches, () => undefined, never);
  const [map, scratch] = [engine.alloc(8 * size.width * size.height), engine.alloc(8 * size.width * size.height)];
  await loadMap(engine, map, size, scratch, matches, mapName(last, 0));
  const vectors = new Float32Array(await engine.read(map, map.bytes));
  engine.free(map, scratch);

  let [shown, found] = [0, 0];
  for (let p = 0; p < size.width * size.height; p++) {
    const [x, y] = [p % size.width, Math.floor(p / size.width)];
    const covered = (n: number): boolean => {
      const { x: cx, y: cy } = discAt(n);
      return Math.hypot(x - groundAt(last) + groundAt(n) - cx, y - cy) < radius + 1;
    };
    if (covered(0) || covered(last) || !Array.from({ length: last }, (_, n) => n).some(covered)) continue;
    shown++;
    if (Math.hypot(vectors[2 * p]! + groundAt(last), vectors[2 * p + 1]!) < 1) found++;
  }
  expect(shown).toBeGreaterThan(1000);
  // A quarter before neighbours from where the map is even were believed.
  expect(found / shown).toBeGreaterThan(0.65);
});
