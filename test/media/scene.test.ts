import { describe, expect, it } from 'vitest';
import type { Frame } from '../../bridge-server/media/frame.ts';
import { makeScene } from './scene.ts';
import type { SceneOptions } from './scene.ts';

const small = { seed: 7, width: 320, height: 180, frames: 9, grain: 0 } as const;
const KINDS = ['arms', 'pan', 'occluder'] as const satisfies SceneOptions['kind'][];

/** Mean absolute difference in 8-bit levels between frame a and frame b fetched along the flow, over the pixels counted. */
function warpDifference(a: Frame, b: Frame, flow: Float32Array, counted: Uint8Array): number {
  let sum = 0;
  let count = 0;
  for (let p = 0; p < counted.length; p++) {
    const x = (p % a.width) + flow[2 * p]!;
    const y = Math.floor(p / a.width) + flow[2 * p + 1]!;
    const [i, j] = [Math.floor(x), Math.floor(y)];
    if (!counted[p] || i < 0 || j < 0 || i >= a.width - 1 || j >= a.height - 1) continue;
    for (let c = 0; c < 3; c++) {
      const at = (dx: number, dy: number): number => b.data[((j + dy) * a.width + i + dx) * 3 + c]!;
      const top = at(0, 0) + (at(1, 0) - at(0, 0)) * (x - i);
      const bottom = at(0, 1) + (at(1, 1) - at(0, 1)) * (x - i);
      sum += Math.abs(top + (bottom - top) * (y - j) - a.data[3 * p + c]!) / 257;
    }
    count += 3;
  }
  expect(count).toBeGreaterThan(counted.length);
  return sum / count;
}

describe('the scene', () => {
  it.each(KINDS)(
    '%s: the flow takes every visible point of one frame to the same point of another, in source and truth',
    async (kind) => {
      const scene = await makeScene({ ...small, kind });
      for (const [n, m] of [
        [2, 3],
        [6, 1],
      ] as const) {
        const flow = scene.flow(n, m);
        const visible = scene.visible(n, m);
        const still = new Float32Array(flow.length);
        for (const draw of [scene.frame, scene.truth]) {
          const moved = warpDifference(draw(n), draw(m), flow, visible);
          // Bilinear fetching from a detailed picture costs a few levels at its edges; a wrong motion costs several times that.
          expect(moved).toBeLessThan(4.5);
          expect(moved).toBeLessThan(0.45 * warpDifference(draw(n), draw(m), still, visible));
        }
      }
    },
  );

  it('points from a frame to itself by zero, with everything visible', async () => {
    const scene = await makeScene({ ...small, kind: 'occluder' });
    expect(Math.max(...scene.flow(4, 4).map(Math.abs))).toBeLessThan(1e-3);
    expect(scene.visible(4, 4).every((v) => v === 1)).toBe(true);
  });

  it('hides what the occluder passes in front of', async () => {
    const [plain, covered] = [
      await makeScene({ ...small, kind: 'arms' }),
      await makeScene({ ...small, kind: 'occluder' }),
    ];
    const shown = (mask: Uint8Array): number => mask.reduce((sum, v) => sum + v, 0) / mask.length;
    expect(shown(covered.visible(3, 5))).toBeLessThan(shown(plain.visible(3, 5)) - 0.03);
  });

  it('is the same for the same seed, another for another, and grain only roughens it', async () => {
    const [a, b, c] = [
      await makeScene({ ...small, kind: 'arms' }),
      await makeScene({ ...small, kind: 'arms' }),
      await makeScene({ ...small, kind: 'arms', seed: 8 }),
    ];
    expect(a.frame(3).data).toEqual(b.frame(3).data);
    expect(a.truth(3).data).toEqual(b.truth(3).data);
    expect(a.frame(3).data).not.toEqual(c.frame(3).data);
    const grainy = await makeScene({ ...small, kind: 'arms', grain: 2 });
    const [clean, rough] = [a.frame(3).data, grainy.frame(3).data];
    let energy = 0;
    for (let i = 0; i < clean.length; i++) energy += ((rough[i]! - clean[i]!) / 257) ** 2;
    expect(Math.sqrt(energy / clean.length)).toBeCloseTo(2, 0);
    expect(grainy.frame(4).data).not.toEqual(rough);
  });
});
