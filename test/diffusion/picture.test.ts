import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { frameOf, type Planes, planesOf } from '../../bridge-server/diffusion/picture/planes.ts';
import { resample } from '../../bridge-server/diffusion/picture/resample.ts';
import { workingSize } from '../../bridge-server/diffusion/picture/size.ts';
import { tiled } from '../../bridge-server/diffusion/picture/tiling.ts';

const side = fc.integer({ min: 24, max: 90 });

/** A soft spot, its centre at a fraction of the width and height. */
function spot(width: number, height: number, x: number, y: number): Planes {
  const data = Float32Array.from({ length: width * height }, (_, i) => {
    const dx = ((i % width) + 0.5) / width - x;
    const dy = (Math.floor(i / width) + 0.5) / height - y;
    return Math.exp(-(dx ** 2 + dy ** 2) / 0.02);
  });
  return { channels: 1, width, height, data };
}

function centre({ width, height, data }: Planes): [number, number] {
  let [x, y, mass] = [0, 0, 0];
  for (const [i, value] of data.entries()) {
    x += value * (((i % width) + 0.5) / width);
    y += value * ((Math.floor(i / width) + 0.5) / height);
    mass += value;
  }
  return [x / mass, y / mass];
}

describe('resample', () => {
  it('shifts nothing, there and back', () => {
    fc.assert(
      fc.property(side, side, side, side, (w, h, w2, h2) => {
        const picture = spot(w, h, 0.45, 0.52);
        const there = resample(picture, w2, h2);
        const [x, y] = centre(there);
        const [x0, y0] = centre(picture);
        // A hundredth of a pixel.
        expect(Math.abs(x - x0) * w2).toBeLessThan(0.01 * Math.max(1, w2 / w));
        expect(Math.abs(y - y0) * h2).toBeLessThan(0.01 * Math.max(1, h2 / h));
        const [xBack, yBack] = centre(resample(there, w, h));
        expect(Math.abs(xBack - x0) * w).toBeLessThan(0.02 * Math.max(1, w / w2));
        expect(Math.abs(yBack - y0) * h).toBeLessThan(0.02 * Math.max(1, h / h2));
      }),
    );
  });

  it('keeps a flat picture flat, and mirrors with its input', () => {
    fc.assert(
      fc.property(side, side, side, side, (w, h, w2, h2) => {
        const flat = resample(
          { channels: 2, width: w, height: h, data: new Float32Array(2 * w * h).fill(0.3) },
          w2,
          h2,
        );
        expect(flat.data.every((value) => Math.abs(value - 0.3) < 1e-6)).toBe(true);
        const mirrored = resample(spot(w, h, 0.7, 0.5), w2, h2);
        const straight = resample(spot(w, h, 0.3, 0.5), w2, h2);
        for (let x = 0; x < w2; x++) expect(mirrored.data[x]).toBeCloseTo(straight.data[w2 - 1 - x]!, 5);
      }),
      { numRuns: 30 },
    );
  });
});

describe('workingSize', () => {
  it("is on the grid, of the area or just above, in the frame's shape", () => {
    const length = fc.integer({ min: 64, max: 5000 });
    fc.assert(
      fc.property(length, length, fc.constantFrom(512, 768, 1024), (width, height, native) => {
        fc.pre(width / height < 4 && height / width < 4);
        const size = workingSize({ width, height }, native ** 2);
        expect((size.width % 8) + (size.height % 8)).toBe(0);
        expect(size.width * size.height).toBeGreaterThanOrEqual(native ** 2);
        expect(size.width * size.height).toBeLessThan(native ** 2 * 1.07);
        expect(Math.abs(Math.log((size.width * height) / (size.height * width)))).toBeLessThan(0.035);
      }),
    );
    expect(workingSize({ width: 512, height: 512 }, 512 ** 2)).toEqual({ width: 512, height: 512 });
    expect(workingSize({ width: 1920, height: 1080 }, 512 ** 2)).toEqual({ width: 688, height: 384 });
  });
});

describe('tiles', () => {
  it('of a network that sees one cell at a time are the whole picture, whatever the size', async () => {
    const double = (planes: Planes): Planes => {
      const [width, height] = [planes.width * 2, planes.height * 2];
      const data = Float32Array.from({ length: width * height }, (_, i) => {
        const [x, y] = [(i % width) >> 1, Math.floor(i / width) >> 1];
        return planes.data[y * planes.width + x]!;
      });
      return { channels: 1, width, height, data };
    };
    const cells = fc.integer({ min: 1, max: 40 });
    await fc.assert(
      fc.asyncProperty(cells, cells, fc.constantFrom(8, 12, 16), async (width, height, from) => {
        const data = Float32Array.from({ length: width * height }, (_, i) => Math.sin(i * 12.9898));
        const picture = { channels: 1, width, height, data };
        const sizes: number[] = [];
        const result = await tiled(picture, { from, to: 2 * from, overlap: 0.25 }, (tile) => {
          sizes.push(Math.max(tile.width, tile.height));
          return Promise.resolve(double(tile));
        });
        expect(Math.max(...sizes)).toBeLessThanOrEqual(from);
        expect([result.width, result.height]).toEqual([2 * width, 2 * height]);
        const whole = double(picture).data;
        for (const [i, value] of result.data.entries()) expect(value).toBeCloseTo(whole[i]!, 5);
      }),
    );
  });
});

describe('planes and frames', () => {
  it('give every 16-bit value back, and keep alpha', () => {
    const data = Uint16Array.from({ length: 65536 * 4 }, (_, i) => (i % 4 === 3 ? (i * 7) % 65536 : i >> 2));
    const frame = { width: 256, height: 256, channels: 4 as const, data };
    expect(frameOf(planesOf(frame), frame)).toEqual(frame);
  });
});
