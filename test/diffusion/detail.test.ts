import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coverOf, pasted, placementsOf } from '../../bridge-server/diffusion/detail.ts';
import { crop, type Planes } from '../../bridge-server/diffusion/picture/planes.ts';
import type { Box } from '../../bridge-server/shot/track.ts';

const real = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const picture = { width: 120, height: 70 };
const feather = fc.integer({ min: 0, max: 12 });
const box: fc.Arbitrary<Box> = fc.record({
  x: real(-20, 110),
  y: real(-20, 60),
  width: real(4, 80),
  height: real(4, 60),
});
/** Of consecutive frames, which tremble. */
const boxes = fc
  .tuple(box, fc.array(fc.tuple(real(-3, 3), real(-3, 3), real(0.9, 1.1)), { minLength: 1, maxLength: 9 }))
  .map(
    ([{ x, y, width, height }, steps]) =>
      new Map(steps.map(([dx, dy, s], n) => [n + 5, { x: x + dx, y: y + dy, width: width * s, height: height * s }])),
  );
const planes = (seed: number, { width, height } = picture): Planes => ({
  channels: 3,
  width,
  height,
  data: Float32Array.from({ length: 3 * width * height }, (_, i) => Math.sin(i * 0.37 + seed)),
});

describe('the placements of a detail', () => {
  it('have one size, lie on whole pixels, and their crop in the picture', () => {
    fc.assert(
      fc.property(boxes, feather, (tracked, reach) => {
        const all = [...placementsOf(tracked, reach, picture).values()];
        expect(all.length).toBe(tracked.size);
        for (const { crop: c, box: b } of all) {
          for (const value of [...Object.values(c), ...Object.values(b)]) expect(Number.isInteger(value)).toBe(true);
          expect(c).toMatchObject({ width: all[0]!.crop.width, height: all[0]!.crop.height });
          expect(b).toMatchObject({ width: all[0]!.box.width, height: all[0]!.box.height });
          expect(c.x).toBeGreaterThanOrEqual(0);
          expect(c.y).toBeGreaterThanOrEqual(0);
          expect(c.x + c.width).toBeLessThanOrEqual(picture.width);
          expect(c.y + c.height).toBeLessThanOrEqual(picture.height);
          for (const side of ['width', 'height'] as const) {
            for (const own of tracked.values()) expect(b[side]).toBeGreaterThanOrEqual(own[side]);
          }
        }
      }),
    );
  });

  it('follow an even motion without lag, and tremble less than the tracking', () => {
    const even = new Map(
      Array.from({ length: 9 }, (_, n) => [n, { x: 20 + 4 * n, y: 30 - n, width: 10, height: 12 }] as const),
    );
    for (const [n, { box: b }] of placementsOf(even, 3, { width: 300, height: 300 })) {
      expect(b).toEqual({ x: 20 + 4 * n, y: 30 - n, width: 10, height: 12 });
    }
    const trembling = new Map(
      Array.from(
        { length: 30 },
        (_, n) => [n, { x: 60 + (n % 2 === 0 ? 1 : -1), y: 40, width: 10, height: 10 }] as const,
      ),
    );
    const xs = [...placementsOf(trembling, 3, { width: 300, height: 300 }).values()]
      .slice(4, -4)
      .map(({ box: b }) => b.x);
    expect(new Set(xs)).toEqual(new Set([60]));
  });
});

describe('a detail that is put back', () => {
  it('is exact outside of its feather, and all of itself in its box', () => {
    fc.assert(
      fc.property(boxes, feather, (tracked, reach) => {
        const [placement] = placementsOf(tracked, reach, picture).values();
        const { crop: c, box: b } = placement!;
        const [before, painted] = [planes(1), planes(2, c)];
        const after = pasted(before, painted, placement!, coverOf(placement!, reach));
        const inside = crop(after, c.x, c.y, c.width, c.height);
        for (let y = 0; y < picture.height; y++) {
          for (let x = 0; x < picture.width; x++) {
            const dx = Math.max(b.x - x, x - (b.x + b.width - 1), 0);
            const dy = Math.max(b.y - y, y - (b.y + b.height - 1), 0);
            const at = y * picture.width + x;
            if (Math.hypot(dx, dy) > reach) expect(after.data[at]).toBe(before.data[at]);
            else if (dx === 0 && dy === 0) {
              const own = (y - c.y) * c.width + x - c.x;
              expect(inside.data[own]).toBeCloseTo(painted.data[own]!, 6);
            }
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is the picture again when nothing was painted on it', () => {
    fc.assert(
      fc.property(boxes, feather, (tracked, reach) => {
        const [placement] = placementsOf(tracked, reach, picture).values();
        const { crop: c } = placement!;
        const before = planes(1);
        const same = crop(before, c.x, c.y, c.width, c.height);
        expect(pasted(before, same, placement!, coverOf(placement!, reach))).toEqual(before);
      }),
    );
  });

  it('fades monotonically', () => {
    const [placement] = placementsOf(new Map([[0, { x: 50, y: 30, width: 20, height: 10 }]]), 8, picture).values();
    const { data, width } = coverOf(placement!, 8);
    const { crop: c, box: b } = placement!;
    const row = [...data.subarray((b.y - c.y) * width, (b.y - c.y + 1) * width)].slice(b.x + b.width - 1 - c.x);
    expect(row[0]).toBe(1);
    expect(row[9]).toBe(0);
    for (let i = 1; i < 9; i++) expect(row[i]).toBeLessThan(row[i - 1]!);
    expect(row[8]).toBeGreaterThan(0);
  });
});
