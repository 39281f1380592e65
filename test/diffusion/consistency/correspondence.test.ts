import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atSize, type Correspondence, moved } from '../../../bridge-server/diffusion/consistency/correspondence.ts';
import type { Planes } from '../../../bridge-server/diffusion/picture/planes.ts';

const size = { width: 40, height: 24 };
const area = size.width * size.height;
const smooth = (shiftX = 0, shiftY = 0): Planes => ({
  channels: 2,
  ...size,
  data: Float32Array.from({ length: 2 * area }, (_, i) => {
    const [x, y] = [(i % size.width) + shiftX, (Math.floor(i / size.width) % size.height) + shiftY];
    return Math.sin(0.3 * x + 0.2 * y) + (i < area ? 0 : Math.cos(0.25 * x));
  }),
});
const uniform = (dx: number, dy: number): Correspondence => ({
  flow: { channels: 2, ...size, data: Float32Array.from({ length: 2 * area }, (_, i) => (i < area ? dx : dy)) },
  visible: { channels: 1, ...size, data: new Float32Array(area).fill(1) },
});

describe('a picture brought into place', () => {
  it('is exact for motion by whole pixels, and close between them', () => {
    const numbers = fc.double({ min: -4, max: 4, noNaN: true });
    fc.assert(
      fc.property(numbers, numbers, fc.boolean(), (a, b, isWhole) => {
        const [dx, dy] = isWhole ? [Math.round(a), Math.round(b)] : [a, b];
        const result = moved(smooth(), uniform(dx, dy));
        const expected = smooth(dx, dy);
        for (let i = 0; i < 2 * area; i++) {
          const [x, y] = [i % size.width, Math.floor(i / size.width) % size.height];
          if (x < 6 || y < 6 || x > size.width - 7 || y > size.height - 7) continue;
          expect(Math.abs(result.data[i]! - expected.data[i]!)).toBeLessThan(isWhole ? 1e-6 : 0.005);
        }
      }),
    );
  });
});

describe('motion at another size', () => {
  it('is the same motion', () => {
    const smaller = atSize(uniform(8, -4), { width: 10, height: 12 });
    expect([...new Set(smaller.flow.data.subarray(0, 120))]).toEqual([2]);
    expect([...new Set(smaller.flow.data.subarray(120))]).toEqual([-2]);
    expect(smaller.visible).toMatchObject({ channels: 1, width: 10, height: 12 });
  });
});
