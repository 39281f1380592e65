import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CarriedNoise, carryNoise, ownNoise } from '../../../bridge-server/diffusion/consistency/carry.ts';
import type { Correspondence } from '../../../bridge-server/diffusion/consistency/correspondence.ts';
import { noiseFrom, normalNoise } from '../../../bridge-server/diffusion/noise.ts';
import type { Size } from '../../../bridge-server/diffusion/picture/size.ts';

const cells = { width: 24, height: 16 };
const area = cells.width * cells.height;
const CELL = 8;
const pixels = { width: cells.width * CELL, height: cells.height * CELL };
const first = { pass: 0, draw: 0 };

/** Motion as a function of the pixel. */
function motion(
  { width, height }: Size,
  flow: (x: number, y: number) => readonly [number, number],
  seen: (x: number, y: number) => number = () => 1,
): Correspondence {
  const [dx, dy, visible] = [0, 1, 2].map(() => new Float32Array(width * height));
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      [dx![p], dy![p]] = flow(x, y);
      const [toX, toY] = [x + dx![p]!, y + dy![p]!];
      visible![p] = toX < 0 || toY < 0 || toX > width - 1 || toY > height - 1 ? 0 : seen(x, y);
    }
  }
  const flowData = Float32Array.from([...dx!, ...dy!]);
  return {
    flow: { channels: 2, width, height, data: flowData },
    visible: { channels: 1, width, height, data: visible! },
  };
}

const noiseOf = ({ origin }: CarriedNoise, seed = 5, channels = 4) => noiseFrom(origin, seed, first, channels);

describe('noise that is carried', () => {
  it('is the frame’s own where it begins', () => {
    expect(noiseOf(ownNoise(7, cells))).toEqual(normalNoise({ seed: 5, frame: 7 }, first, 4 * area));
  });

  it('stays where nothing moves, for every draw', () => {
    const still = motion(pixels, () => [0, 0]);
    let carried = ownNoise(7, cells);
    for (let frame = 8; frame < 12; frame++) carried = carryNoise(carried, still, frame, cells);
    for (const use of [first, { pass: 0, draw: 3 }, { pass: 1, draw: 0 }]) {
      expect(noiseFrom(carried.origin, 5, use, 4)).toEqual(normalNoise({ seed: 5, frame: 7 }, use, 4 * area));
    }
  });

  it('of a picture moved by whole cells is the moved noise, and new where the picture is', () => {
    fc.assert(
      fc.property(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 }), (right, down) => {
        const before = noiseOf(ownNoise(7, cells));
        const fresh = normalNoise({ seed: 5, frame: 8 }, first, 4 * area);
        const moved = motion(pixels, () => [-right * CELL, -down * CELL]);
        const after = noiseOf(carryNoise(ownNoise(7, cells), moved, 8, cells));
        const expected = after.map((_, i) => {
          const [x, y] = [(i % cells.width) - right, (Math.floor(i / cells.width) % cells.height) - down];
          const isSeen = x >= 0 && y >= 0 && x < cells.width && y < cells.height;
          return isSeen ? before[i - right - down * cells.width]! : fresh[i]!;
        });
        expect(after).toEqual(expected);
      }),
    );
  });

  it('follows motion that is slower than a cell from frame to frame', () => {
    const slow = motion(pixels, () => [-0.3 * CELL, 0.2 * CELL]);
    let carried = ownNoise(0, cells);
    for (let frame = 1; frame <= 10; frame++) carried = carryNoise(carried, slow, frame, cells);
    // Three cells to the right and two up, where it did not come in from outside.
    for (let y = 4; y < cells.height - 6; y++) {
      for (let x = 6; x < cells.width - 4; x++) {
        const at = y * cells.width + x;
        expect(carried.origin.frames[at]).toBe(0);
        expect(carried.origin.cells[at]).toBe((y + 2) * cells.width + x - 3);
      }
    }
  });

  it('is new where the point was hidden', () => {
    const hidden = motion(
      pixels,
      () => [0, 0],
      (x) => (x < 64 ? 0 : 1),
    );
    const { origin } = carryNoise(ownNoise(0, cells), hidden, 1, cells);
    expect([...origin.frames].every((frame, i) => frame === (i % cells.width < 8 ? 1 : 0))).toBe(true);
  });

  it('is used once in a frame, however the picture turns, grows and shrinks', () => {
    const numbers = fc.float({ min: Math.fround(-0.2), max: Math.fround(0.2), noNaN: true });
    fc.assert(
      fc.property(numbers, numbers, numbers, numbers, fc.integer({ min: 1, max: 6 }), (a, b, c, d, frames) => {
        const swirl = motion(pixels, (x, y) => [a * (x - 90) + b * (y - 60), c * (x - 90) + d * (y - 60)]);
        let carried = ownNoise(0, cells);
        for (let frame = 1; frame <= frames; frame++) carried = carryNoise(carried, swirl, frame, cells);
        const { frames: from, cells: at } = carried.origin;
        expect(new Set([...at].map((cell, i) => `${from[i]} ${cell}`)).size).toBe(area);
      }),
    );
  });

  it('is white and normal on a growing picture, where mixing neighbours would blur it', () => {
    const size = { width: 96, height: 64 };
    const grows = motion({ width: size.width * 4, height: size.height * 4 }, (x, y) => [
      -0.1 * (x - 190),
      -0.1 * (y - 128),
    ]);
    let carried = ownNoise(0, size);
    for (let frame = 1; frame <= 8; frame++) carried = carryNoise(carried, grows, frame, size);
    const values = noiseOf(carried, 11, 16);
    const n = values.length;
    const mean = (f: (value: number, i: number) => number) => values.reduce((sum, v, i) => sum + f(v, i), 0) / n;
    // Five standard errors each.
    const errors = 5 / Math.sqrt(n);
    expect(Math.abs(mean((v) => v))).toBeLessThan(errors);
    expect(Math.abs(mean((v) => v * v) - 1)).toBeLessThan(Math.sqrt(2) * errors);
    expect(Math.abs(mean((v) => v ** 3))).toBeLessThan(Math.sqrt(15) * errors);
    expect(Math.abs(mean((v) => v ** 4) - 3)).toBeLessThan(Math.sqrt(96) * errors);
    for (const step of [1, size.width, size.width + 1, 2]) {
      expect(Math.abs(mean((v, i) => v * values[(i + step) % n]!)), `neighbours ${step} apart`).toBeLessThan(errors);
    }
    // Kolmogorov and Smirnov's distance from the normal distribution; 2 / sqrt(n) is exceeded once in 1500 times.
    const sorted = values.toSorted();
    const distance = sorted.reduce((most, v, i) => Math.max(most, Math.abs(normalCdf(v) - (i + 0.5) / n)), 0);
    expect(distance).toBeLessThan(2 / Math.sqrt(n));
    // And it really is the noise of frame 0 that went along.
    expect(carried.origin.frames.filter((frame) => frame === 0).length).toBeGreaterThan(
      0.1 * carried.origin.frames.length,
    );
  });
});

/** Abramowitz and Stegun 26.2.17, to 1e-7. */
function normalCdf(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const tail =
    (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) *
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return x > 0 ? 1 - tail : tail;
}
