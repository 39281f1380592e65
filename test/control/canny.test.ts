import fc from 'fast-check';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { canny, type CannyOptions } from '../../bridge-server/control/canny.ts';
import { pictureOf } from '../../bridge-server/control/picture.ts';
import { crop, type Planes } from '../../bridge-server/diffusion/picture/planes.ts';
import { readImage } from '../../bridge-server/media/image.ts';

const GOLDENS = path.join(import.meta.dirname, '..', 'goldens', 'control');
const cases = readdirSync(GOLDENS).flatMap((name) => {
  const [, picture, low, high, gradient] = /^(\w+)-([\d.]+)-([\d.]+)-(l1|l2)\.png$/.exec(name) ?? [];
  return picture
    ? [{ name, picture, options: { low: Number(low), high: Number(high), gradient } as CannyOptions }]
    : [];
});

async function planesOf(name: string): Promise<Planes> {
  const frame = await readImage(path.join(GOLDENS, name));
  return pictureOf(frame, frame);
}

const bytes = (width: number, height: number, of: (i: number) => number): Planes => ({
  channels: 3,
  width,
  height,
  data: Float32Array.from({ length: 3 * width * height }, (_, i) => of(i) / 255),
});

describe('canny', () => {
  it('has the reference data', () => expect(cases).toHaveLength(24));

  it.each(cases)('draws the edges that OpenCV draws: $name', async ({ name, picture, options }) => {
    const { edges, width } = canny(await planesOf(`${picture}.png`), options);
    const wanted = (await planesOf(name)).data.subarray(0, edges.length);
    const wrong = [...edges].flatMap((edge, p) =>
      edge === wanted[p] ? [] : [`${p % width},${Math.floor(p / width)}`],
    );
    expect(wrong).toEqual([]);
  });

  it('finds nothing in a constant picture', () => {
    const { edges } = canny(
      bytes(31, 17, () => 128),
      { low: 0, high: 0, gradient: 'l1' },
    );
    expect(edges.every((edge) => edge === 0)).toBe(true);
  });

  it('moves with the picture, pixel by pixel, away from the borders', () => {
    const options = { low: 60, high: 160, gradient: 'l1' } as const;
    // Far enough apart that no line of weak edges leads from the border into what is compared.
    const quiet = (i: number, seed: number): number => {
      const [x, y] = [i % 60, Math.floor((i % 3600) / 60)];
      const inside = x >= 20 && x < 40 && y >= 20 && y < 40;
      return inside ? (((i * 2654435761) ^ (seed * 40503)) >>> 7) % 256 : 0;
    };
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 14 }), fc.integer({ min: 0, max: 14 }), fc.nat(9999), (dx, dy, seed) => {
        const picture = bytes(60, 60, (i) => quiet(i, seed));
        const whole = canny(crop(picture, 0, 0, 45, 45), options);
        const moved = canny(crop(picture, dx, dy, 45, 45), options);
        let count = 0;
        for (let y = 15; y < 45; y++) {
          for (let x = 15; x < 45; x++) {
            count += whole.edges[y * 45 + x]!;
            expect(moved.edges[(y - dy) * 45 + x - dx]).toBe(whole.edges[y * 45 + x]);
          }
        }
        expect(count).toBeGreaterThan(20);
      }),
      { numRuns: 30 },
    );
  });

  it('has fewer edges the higher the thresholds are, and all of them among those of the lower', async () => {
    const picture = await planesOf('scene.png');
    const few = canny(picture, { low: 120, high: 260, gradient: 'l2' }).edges;
    const many = canny(picture, { low: 60, high: 130, gradient: 'l2' }).edges;
    const [a, b] = [few, many].map((edges) => edges.reduce((sum, edge) => sum + edge, 0));
    expect(a!).toBeGreaterThan(0);
    expect(a!).toBeLessThan(b!);
    expect(few.every((edge, p) => edge <= many[p]!)).toBe(true);
  });
});
