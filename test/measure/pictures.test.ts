import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { contactSheet } from '../../bridge-server/measure/contact-sheet.ts';
import { stabilityGraph } from '../../bridge-server/measure/graph.ts';
import { lettering, textWidth } from '../../bridge-server/measure/lettering.ts';
import type { FrameMeasures } from '../../bridge-server/measure/measure.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';

/** The darkest bright pixels: how many differ from black. */
async function inked(
  svg: string,
  width: number,
  height: number,
): Promise<{ count: number; left: number; right: number }> {
  const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="#000"/>${svg}</svg>`;
  const pixels = await sharp(Buffer.from(drawing)).greyscale().raw().toBuffer();
  const columns = Array.from(pixels).flatMap((v, p) => (v > 100 ? [p % width] : []));
  return { count: columns.length, left: Math.min(...columns), right: Math.max(...columns) };
}

describe('lettering', () => {
  it('draws every letter, figure and mark that is used, without asking for a font', async () => {
    for (const letter of "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:-+/()%'") {
      const svg = lettering(letter, 10, 30, { size: 18, colour: '#fff' });
      expect(svg).not.toContain('<text');
      expect((await inked(svg, 40, 40)).count, letter).toBeGreaterThan(0);
    }
  });

  it('stands where it is put', async () => {
    const options = { size: 18, colour: '#fff' } as const;
    const width = textWidth('H8H', 18);
    const start = await inked(lettering('H8H', 50, 30, options), 200, 40);
    expect(start.left).toBeCloseTo(50, -1);
    expect(start.right - start.left).toBeCloseTo(width, -1);
    expect((await inked(lettering('H8H', 150, 30, { ...options, anchor: 'end' }), 200, 40)).right).toBeCloseTo(150, -1);
  });

  it('turns no text into markup', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(lettering(text, 0, 0, { size: 10, colour: '#fff' })).toMatch(
          /^<path d="[ML0-9., -]*" fill="none" [^<>]*\/>$/,
        );
      }),
    );
  });
});

const frame = (value: Partial<FrameMeasures> & { frame: number }): FrameMeasures => ({
  ...{ psnr: null, squaredError: null, ssim: null, gradientToTruth: null, gradientToSource: 1 },
  ...{ warpError: null, sourceWarpError: null, flicker: null, sourceFlicker: null, visible: null },
  ...value,
});

describe('the stability graph', () => {
  const result = [0xf2, 0xa6, 0x5a];

  /** Rows in which the result's colour is in a column of the picture. */
  async function rowsAt(png: Buffer, x: number): Promise<number[]> {
    const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    return Array.from({ length: info.height }, (_, y) => y).filter((y) =>
      result.every((v, c) => Math.abs(data[(y * info.width + x) * info.channels + c]! - v) < 24),
    );
  }

  it('shows a spike where it is', async () => {
    const frames = Array.from({ length: 11 }, (_, i) =>
      frame({ frame: i, warpError: i === 5 ? 9 : 1, sourceWarpError: 1, gradientToSource: null }),
    );
    const png = await stabilityGraph(frames);
    const middle = 76 + (1200 - 76 - 24) / 2;
    const [spike, calm] = [await rowsAt(png, middle), await rowsAt(png, 76 + 110)];
    expect(Math.min(...spike)).toBeLessThan(Math.min(...calm) - 60);
  });

  it('can be drawn of one frame, of equal values, of gaps', async () => {
    for (const frames of [
      [frame({ frame: 7 })],
      [frame({ frame: 0, psnr: 30 }), frame({ frame: 1, psnr: 30 })],
      [frame({ frame: 0, flicker: 1 }), frame({ frame: 1 }), frame({ frame: 2, flicker: 0 })],
    ]) {
      expect((await sharp(await stabilityGraph(frames)).metadata()).width).toBe(1200);
    }
  });
});

describe('the contact sheet', () => {
  const plain = (r: number, g: number, b: number): Frame => ({
    width: 32,
    height: 18,
    channels: 3,
    data: Uint16Array.from({ length: 32 * 18 * 3 }, (_, i) => [r, g, b][i % 3]! * 257),
  });

  it('lays pictures out in rows and columns, and leaves empty cells dark', async () => {
    const red = { frame: plain(220, 20, 20), caption: 'frame 1', marked: true };
    const blue = { frame: plain(20, 20, 220), caption: 'frame 2' };
    const png = await contactSheet(
      'Title',
      [
        { label: 'a', cells: [red, null] },
        { label: 'b', cells: [blue, red] },
      ],
      { cellWidth: 64 },
    );
    const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    const colour = (x: number, y: number): number[] => [
      ...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3),
    ];
    expect(info.width).toBe(2 * 20 + 2 * 64 + 8);
    const [left, right, top, bottom] = [
      20 + 32,
      20 + 64 + 8 + 32,
      20 + 24 + 24 + 18,
      20 + 24 + 24 + 18 + (24 + 36 + 18 + 8),
    ];
    const near = (seen: number[], wanted: number[]): void =>
      seen.forEach((v, c) => expect(Math.abs(v - wanted[c]!)).toBeLessThan(12));
    near(colour(left, top), [220, 20, 20]);
    near(colour(right, top), [28, 31, 38]);
    near(colour(left, bottom), [20, 20, 220]);
    near(colour(right, bottom), [220, 20, 20]);
  });
});
