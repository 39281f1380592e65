import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Engine } from '../../bridge-server/kernels/engine.ts';
import type { Block } from '../../bridge-server/kernels/engine.ts';
import type { FlowQuality } from '../../bridge-server/shot/flow.ts';
import { estimateFlow } from '../../bridge-server/shot/flow.ts';
import { paint, texture } from './texture.ts';

const width = 320;
const height = 200;
const scene = texture(3);

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start(2);
});
afterAll(() => engine.close());

type Motion = (x: number, y: number) => readonly [x: number, y: number];
const centred =
  (scale: number, degrees: number): Motion =>
  (x, y) => {
    const cos = scale * Math.cos((degrees * Math.PI) / 180);
    const sin = scale * Math.sin((degrees * Math.PI) / 180);
    const [cx, cy] = [width / 2, height / 2];
    return [cx + cos * (x - cx) - sin * (y - cy), cy + sin * (x - cx) + cos * (y - cy)];
  };
const shifted =
  (dx: number, dy: number): Motion =>
  (x, y) => [x + dx, y + dy];

async function flowBetween(
  team: Engine,
  a: Uint8Array,
  b: Uint8Array,
  quality: FlowQuality,
  size = { width, height },
  initial?: Float32Array,
): Promise<Float32Array> {
  const blocks: Block[] = [a, b].map((plane) => {
    const block = team.alloc(plane.length);
    team.u8(block, plane.length).set(plane);
    return block;
  });
  const out = team.alloc(a.length * 8);
  let given: Block | undefined;
  if (initial) {
    given = team.alloc(a.length * 8);
    team.f32(given, initial.length).set(initial);
  }
  const options = { ...size, quality, out };
  await estimateFlow(team, blocks[0]!, blocks[1]!, given ? { ...options, initial: given } : options);
  const flow = team.f32(out, a.length * 2).slice();
  team.free(...blocks, out, ...(given ? [given] : []));
  return flow;
}

/** Mean and 95th percentile of the end-point error over the pixels that are still in the picture after the motion. */
function endPointError(flow: Float32Array, motion: Motion): { mean: number; p95: number } {
  const errors: number[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [tx, ty] = motion(x, y);
      if (tx < 0 || ty < 0 || tx > width - 1 || ty > height - 1) continue;
      const at = 2 * (y * width + x);
      errors.push(Math.hypot(flow[at]! - (tx - x), flow[at + 1]! - (ty - y)));
    }
  }
  errors.sort((a, b) => a - b);
  return { mean: errors.reduce((a, b) => a + b, 0) / errors.length, p95: errors[Math.floor(errors.length * 0.95)]! };
}

// `back` is the inverse of `motion`: B(q) = scene(back(q)), so A(p) is found at B(motion(p)).
const motions: { name: string; motion: Motion; back: Motion }[] = [
  { name: 'stillness', motion: shifted(0, 0), back: shifted(0, 0) },
  { name: 'a translation of a fraction', motion: shifted(0.37, -0.61), back: shifted(-0.37, 0.61) },
  { name: 'a long translation', motion: shifted(-23.25, 11.5), back: shifted(23.25, -11.5) },
  { name: 'a rotation', motion: centred(1, 4), back: centred(1, -4) },
  { name: 'a zoom', motion: centred(1.08, 0), back: centred(1 / 1.08, 0) },
];
const bounds = { fast: { mean: 0.3, p95: 0.8 }, fine: { mean: 0.1, p95: 0.25 } };

describe.each(['fast', 'fine'] as const)('%s flow', (quality) => {
  test.each(motions)('follows $name', async ({ motion, back }) => {
    const a = paint(width, height, scene);
    const b = paint(width, height, (x, y) => scene(...back(x, y)));
    const { mean, p95 } = endPointError(await flowBetween(engine, a, b, quality), motion);
    expect(mean).toBeLessThan(bounds[quality].mean);
    expect(p95).toBeLessThan(bounds[quality].p95);
  });

  test('takes a given start that fits, though it is too far to be found', async () => {
    const far = -0.6 * width;
    const a = paint(width, height, scene);
    const b = paint(width, height, (x, y) => scene(x - far, y));
    const start = new Float32Array(width * height * 2).map((_, i) => (i % 2 === 0 ? far + 1.5 : -1));
    expect(endPointError(await flowBetween(engine, a, b, quality), shifted(far, 0)).mean).toBeGreaterThan(20);
    const helped = await flowBetween(engine, a, b, quality, { width, height }, start);
    expect(endPointError(helped, shifted(far, 0)).mean).toBeLessThan(1);
  });

  test('is not misled by a given start that is wrong', async () => {
    const a = paint(width, height, scene);
    const b = paint(width, height, (x, y) => scene(x + 4.5, y - 2));
    const start = new Float32Array(width * height * 2).map((_, i) => (i % 2 === 0 ? 40 : 33));
    const flow = await flowBetween(engine, a, b, quality, { width, height }, start);
    expect(endPointError(flow, shifted(-4.5, 2)).mean).toBeLessThan(bounds[quality].mean);
  });

  test('is the same bit for bit whatever the number of workers', async () => {
    const back = centred(1.05, 3);
    const a = paint(width, height, scene);
    const b = paint(width, height, (x, y) => scene(...back(x, y)));
    const expected = await flowBetween(engine, a, b, quality);
    for (const workers of [1, 3, 5]) {
      const team = await Engine.start(workers);
      expect(
        Buffer.compare(Buffer.from((await flowBetween(team, a, b, quality)).buffer), Buffer.from(expected.buffer)),
      ).toBe(0);
      await team.close();
    }
  });

  test.each([
    [1, 1],
    [2, 37],
    [7, 5],
    [33, 16],
    [97, 61],
  ])('takes pictures of %i x %i', async (w, h) => {
    const a = paint(w, h, scene);
    const b = paint(w, h, (x, y) => scene(x - 1, y));
    const flow = await flowBetween(engine, a, b, quality, { width: w, height: h });
    expect(flow.every(Number.isFinite)).toBe(true);
  });

  test('returns all memory', async () => {
    const a = paint(width, height, scene);
    await flowBetween(engine, a, a, quality);
    expect(engine.bytesInUse).toBe(0);
  });
});
