import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Picture } from '../../bridge-server/measure/similarity.ts';
import { fetched, flicker, fractionVisible, visibility, warpError } from '../../bridge-server/measure/stability.ts';

const [width, height] = [24, 16];
const all = new Uint8Array(width * height).fill(1);

const flow = (dx: number, dy: number): Float32Array =>
  Float32Array.from({ length: width * height * 2 }, (_, i) => (i % 2 === 0 ? dx : dy));

/** A picture of something that moved by (dx, dy) from where it was at first, brighter by `light`. */
const moved = (dx: number, dy: number, light = 0): Picture => ({
  width,
  height,
  channels: 3,
  data: Uint16Array.from({ length: width * height * 3 }, (_, i) => {
    const [p, c] = [Math.floor(i / 3), i % 3];
    const [x, y] = [(p % width) - dx, Math.floor(p / width) - dy];
    return 20000 + 400 * x + 700 * y + 3000 * c + light;
  }),
});

describe('visibility', () => {
  it('follows every point that stays in the picture, and no other', () => {
    fc.assert(
      fc.property(fc.integer({ min: -5, max: 5 }), fc.integer({ min: -5, max: 5 }), (dx, dy) => {
        const seen = visibility(flow(dx, dy), flow(-dx, -dy), width, height);
        const inside = (width - Math.abs(dx)) * (height - Math.abs(dy));
        expect(fractionVisible(seen)).toBeCloseTo(inside / (width * height), 10);
      }),
    );
  });

  it('loses a point from which the way back leads elsewhere', () => {
    const back = flow(0, 0);
    back[2 * (5 * width + 7)] = 3;
    const seen = visibility(flow(0, 0), back, width, height);
    expect(seen[5 * width + 7]).toBe(0);
    expect(fractionVisible(seen)).toBeCloseTo(1 - 1 / (width * height), 10);
  });

  it('does not trust a flow that is no number', () => {
    expect(fractionVisible(visibility(flow(NaN, 0), flow(0, 0), width, height))).toBe(0);
  });
});

describe('warp error and flicker', () => {
  const seen = visibility(flow(-2, -1), flow(2, 1), width, height);

  it('are nothing for what only moves', () => {
    const before = fetched(moved(0, 0), flow(-2, -1));
    expect(warpError(moved(2, 1), before, seen)).toBeCloseTo(0, 6);
    const after = fetched(moved(4, 2), flow(2, 1));
    const both = seen.map((v, p) => v & visibility(flow(2, 1), flow(-2, -1), width, height)[p]!);
    expect(flicker(moved(2, 1), before, after, both)).toBeCloseTo(0, 6);
  });

  it('fetch between pixels', () => {
    expect(
      warpError(
        moved(0.5, 0.25),
        fetched(moved(0, 0), flow(-0.5, -0.25)),
        visibility(flow(-0.5, -0.25), flow(0.5, 0.25), width, height),
      ),
    ).toBeLessThan(0.01);
  });

  it('tell a steady change from a pop', () => {
    const still = (light: number): Float32Array => fetched(moved(0, 0, light), flow(0, 0));
    // Three 8-bit levels a frame.
    expect(warpError(moved(0, 0, 771), still(0), all)).toBeCloseTo(3, 6);
    expect(flicker(moved(0, 0, 771), still(0), still(1542), all)).toBeCloseTo(0, 6);
    expect(flicker(moved(0, 0, 771), still(0), still(0), all)).toBeCloseTo(3, 6);
  });

  it('count only what can be followed, and say nothing when that is hardly anything', () => {
    const broken = moved(0, 0);
    for (let i = 0; i < 3 * width; i++) broken.data[i] = 65535;
    const below = all.map((_, p) => (p < width ? 0 : 1));
    expect(warpError(broken, fetched(moved(0, 0), flow(0, 0)), below)).toBe(0);
    expect(
      warpError(
        broken,
        fetched(moved(0, 0), flow(0, 0)),
        all.map((_, p) => (p < 20 ? 1 : 0)),
      ),
    ).toBeNull();
  });
});
