import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packedFrame, readFrame, writeFrame } from '../../bridge-server/jobs/frames.ts';
import { Engine } from '../../bridge-server/kernels/engine.ts';
import { randomFrom } from '../media/random.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';

const frames = fc
  .record({
    width: fc.integer({ min: 1, max: 23 }),
    height: fc.integer({ min: 1, max: 17 }),
    channels: fc.constantFrom<3 | 4>(3, 4),
    eightBit: fc.boolean(),
    seed: fc.infiniteStream(fc.integer({ min: 0, max: 65535 })),
  })
  .map(({ width, height, channels, eightBit, seed }): Frame => {
    const data = Uint16Array.from(seed.take(width * height * channels), (v) => (eightBit ? (v & 255) * 257 : v));
    return { width, height, channels, data };
  });

describe('stored frames', () => {
  it('come back bit for bit', async () => {
    await fc.assert(
      fc.asyncProperty(frames, async (frame) => {
        expect(await readFrame(await writeFrame(frame))).toEqual(frame);
      }),
    );
  });

  it('come back bit for bit when a kernel took the differences', async () => {
    const engine = await Engine.start(2);
    const [pixels, out] = [engine.alloc(4096), engine.alloc(4096)];
    await fc.assert(
      fc.asyncProperty(frames, async (frame) => {
        const { data, channels } = frame;
        await engine.write(pixels, data);
        await engine.run('frameDifferences', pixels.pointer, data.length, channels, out.pointer);
        const differences = await engine.readPacked(out, data.byteLength);
        expect(await readFrame(Buffer.concat(packedFrame(frame, differences)))).toEqual(frame);
      }),
    );
    await engine.close();
  });

  it('take no more than half the room when they come from 8 bits', async () => {
    const random = randomFrom(5);
    const deep = Uint16Array.from({ length: 64 * 64 * 3 }, () => Math.floor(random() * 65536));
    const flat = deep.map((v) => (v >> 8) * 257);
    const sizeOf = async (data: Uint16Array): Promise<number> =>
      (await writeFrame({ width: 64, height: 64, channels: 3, data })).length;
    expect(await sizeOf(flat)).toBeLessThanOrEqual((await sizeOf(deep)) / 2 + 32);
  });

  it('are refused when they are not frames', async () => {
    const bytes = await writeFrame({ width: 3, height: 2, channels: 3, data: new Uint16Array(18) });
    await expect(readFrame(bytes.subarray(0, 10))).rejects.toThrow(RangeError);
    const grown = bytes.slice();
    grown[0] = 4;
    await expect(readFrame(grown)).rejects.toThrow(RangeError);
  });
});
