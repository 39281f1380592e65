import { afterAll, describe, expect, it } from 'vitest';
import { Engine } from '../../bridge-server/kernels/engine.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import { agreement, stabilityInWords } from '../../bridge-server/measure/agreement.ts';
import { texture } from '../shot/texture.ts';

const engine = await Engine.start(2);
afterAll(() => engine.close());
const { signal } = new AbortController();
const size = { width: 160, height: 96 };
const FRAMES = [4, 8, 12, 16];

/** A picture of what moves two pixels a frame, its colours changed. */
function picture(n: number, change: (value: number, channel: number) => number = (v) => v, at = texture(3)): Frame {
  const data = Uint16Array.from({ length: 3 * size.width * size.height }, (_, i) => {
    const [p, c] = [Math.floor(i / 3), i % 3];
    const value = at((p % size.width) - 2 * n, Math.floor(p / size.width));
    return 257 * Math.min(Math.max(Math.round(change(60 + value / 2, c)), 0), 255);
  });
  return { ...size, channels: 3, data };
}

const compared = (source: (n: number) => Frame, result: (n: number) => Frame, frames = FRAMES) => {
  const pair = { source: (n: number) => Promise.resolve(source(n)), result: (n: number) => Promise.resolve(result(n)) };
  return agreement(engine, frames, pair, () => undefined, signal);
};

describe('the agreement of keys', () => {
  it('of the source with itself is the source’s own', async () => {
    const { count, warpError, colourDrift } = await compared(picture, picture);
    expect(count).toBe(4);
    expect(warpError!.result).toBe(warpError!.source);
    expect(warpError!.source).toBeLessThan(2);
    expect(colourDrift.result).toBe(colourDrift.source);
  });

  it('is hardly worse for a look that goes along with the motion', async () => {
    const look = (n: number) => picture(n, (value, c) => 255 - value + (c === 0 ? 20 : 0));
    const { warpError, colourDrift } = await compared(picture, look);
    expect(warpError!.result).toBeLessThan(warpError!.source + 0.5);
    expect(colourDrift.result).toBeLessThan(colourDrift.source + 0.5);
  });

  it('is as much worse as keys that the model made up anew, and names the worst', async () => {
    const other = (n: number) => (n === 12 ? picture(n, undefined, texture(9)) : picture(n));
    const { warpError, worst } = await compared(picture, other);
    expect(warpError!.result).toBeGreaterThan(warpError!.source + 5);
    expect([12, 16]).toContain(worst);
  });

  it('tells by how much colours drift, where each step is small', async () => {
    // Red by 3 levels from key to key: 9 at the end, 3 over the three colours.
    const drifting = (n: number) => picture(n, (value, c) => value + (c === 0 ? ((n - 4) / 4) * 3 : 0));
    const { warpError, colourDrift } = await compared(() => picture(0), drifting);
    const steady = await compared(picture, drifting);
    expect(colourDrift.source).toBe(0);
    expect(steady.colourDrift.result - steady.colourDrift.source).toBeGreaterThan(2);
    expect(steady.warpError!.result - steady.warpError!.source).toBeLessThan(1.5);
    expect(warpError).not.toBeNull();
  });

  it('has no warp error for one picture, and none across what cannot be followed', async () => {
    expect(await compared(picture, picture, [4])).toMatchObject({ count: 1, warpError: null, worst: null });
    const unlike = (n: number) => picture(n, undefined, texture(n));
    const { warpError } = await compared(unlike, unlike);
    if (warpError) expect(warpError.result).toBe(warpError.source);
  });

  it('leaves nothing in the engine’s memory, also when it is cancelled', async () => {
    const before = engine.bytesInUse;
    const stop = new AbortController();
    const pair = {
      source: (n: number) => Promise.resolve(picture(n)),
      result: (n: number) => Promise.resolve(picture(n)),
    };
    const cancelled = agreement(
      engine,
      FRAMES,
      pair,
      (done) => done === 2 && stop.abort(new Error('enough')),
      stop.signal,
    );
    await expect(cancelled).rejects.toThrow('enough');
    expect(engine.bytesInUse).toBe(before);
  });

  it('is said in a sentence for each shot', () => {
    const figures = {
      count: 3,
      warpError: { result: 6.14, source: 4 },
      worst: 8,
      colourDrift: { result: 2, source: 1.5 },
      series: [],
    };
    const shots = [0, 10].map((from) => ({ from, to: from + 10, keys: figures, frames: { ...figures, count: 10 } }));
    const [line, ...others] = stabilityInWords(shots);
    expect(others).toHaveLength(1);
    expect(line).toContain('Frames 0 to 9');
    expect(line).toContain('6.1 levels (the source itself by 4.0)');
  });
});
