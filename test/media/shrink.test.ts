import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Frame } from '../../bridge-server/media/frame.ts';
import { shrunk } from '../../bridge-server/media/shrink.ts';

const anyFrame = fc
  .record({ width: fc.integer({ min: 1, max: 9 }), height: fc.integer({ min: 1, max: 9 }), alpha: fc.boolean() })
  .chain(({ width, height, alpha }) => {
    const channels = alpha ? 4 : 3;
    const samples = width * height * channels;
    return fc
      .array(fc.integer({ min: 0, max: 65535 }), { minLength: samples, maxLength: samples })
      .map((data): Frame => ({ width, height, channels, data: Uint16Array.from(data) }));
  });

test('each pixel is the mean of its square, and of what is left of it at the rim', () => {
  const check = fc.property(anyFrame, fc.integer({ min: 2, max: 4 }), (frame, factor) => {
    const small = shrunk(frame, factor);
    expect([small.width, small.height]).toEqual([Math.ceil(frame.width / factor), Math.ceil(frame.height / factor)]);
    for (let y = 0; y < small.height; y++) {
      for (let x = 0; x < small.width; x++) {
        const square: number[] = [];
        for (let j = y * factor; j < Math.min(frame.height, (y + 1) * factor); j++) {
          for (let i = x * factor; i < Math.min(frame.width, (x + 1) * factor); i++) square.push(j * frame.width + i);
        }
        const alpha = (p: number): number => (frame.channels === 4 ? frame.data[4 * p + 3]! : 65535);
        const weight = square.reduce((sum, p) => sum + alpha(p), 0);
        const at = (y * small.width + x) * small.channels;
        for (let c = 0; c < 3; c++) {
          const sum = square.reduce((total, p) => total + alpha(p) * frame.data[p * frame.channels + c]!, 0);
          expect(Math.abs(small.data[at + c]! - (weight === 0 ? 0 : sum / weight))).toBeLessThan(0.51);
        }
        if (small.channels === 4) expect(Math.abs(small.data[at + 3]! - weight / square.length)).toBeLessThan(0.51);
      }
    }
  });
  fc.assert(check, { numRuns: 60 });
});
