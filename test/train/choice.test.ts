import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketOf, STEP } from '../../bridge-server/train/bucket.ts';
import { captionOf } from '../../bridge-server/train/captions.ts';
import { type Candidate, chosenOf, difference, warningOnSize, warningsOn } from '../../bridge-server/train/select.ts';

const candidate = (frame: number, view: number[], sharpness = 10, brightness = 128): Candidate => ({
  frame,
  sharpness,
  brightness,
  view: Uint8Array.from(view),
});

describe('frames to train on', () => {
  it('are the sharpest first, then always the one most unlike those', () => {
    const all = [
      candidate(0, [0, 0]),
      candidate(1, [0, 10]),
      candidate(2, [0, 200], 11),
      candidate(3, [0, 205]),
      candidate(4, [200, 0]),
    ];
    expect(chosenOf(all, 3).map(({ frame }) => frame)).toEqual([0, 2, 4]);
  });

  it('are neither blurred, nor nearly black or white, as long as there are others', () => {
    const bad = [candidate(0, [90, 0], 4), candidate(1, [180, 0], 10, 5), candidate(2, [0, 90], 10, 250)];
    expect(chosenOf([...bad, candidate(3, [0, 0])], 9).map(({ frame }) => frame)).toEqual([3]);
    expect(chosenOf(bad.slice(1), 9)).toHaveLength(2);
  });

  it('ascend, are at most as many as asked, and no two show the same', () => {
    const candidates = fc.array(
      fc.tuple(
        fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 4, maxLength: 4 }),
        fc.integer({ min: 1, max: 20 }),
      ),
      { minLength: 1, maxLength: 30 },
    );
    fc.assert(
      fc.property(candidates, fc.integer({ min: 1, max: 12 }), (drawn, count) => {
        const chosen = chosenOf(
          drawn.map(([view, sharpness], i) => candidate(i, view, sharpness)),
          count,
        );
        expect(chosen.length).toBeGreaterThanOrEqual(1);
        expect(chosen.length).toBeLessThanOrEqual(count);
        for (const [i, one] of chosen.entries()) {
          for (const other of chosen.slice(i + 1)) {
            expect(other.frame).toBeGreaterThan(one.frame);
            expect(difference(one, other)).toBeGreaterThan(2);
          }
        }
      }),
    );
  });

  it('are warned of when they are few, alike or small, and only then', () => {
    const size = { width: 512, height: 512 };
    const frames = (count: number, apart: number) =>
      Array.from({ length: count }, (_, i) => candidate(i, [i * apart, 255 - i * apart]));
    const told = (count: number, apart: number): string => warningsOn(frames(count, apart), 20).join(' ');
    expect(told(12, 20)).toBe('');
    expect(told(3, 20)).toContain('Only 3 frames');
    expect(told(12, 1)).toContain('alike');
    expect(warningsOn(frames(3, 20), 3)).toEqual([]);
    const [large, small] = [
      { width: 512, height: 512 },
      { width: 400, height: 600 },
    ];
    expect(warningOnSize([large, small], size).join(' ')).toContain('smaller than 512x512');
    expect(warningOnSize([large], size)).toEqual([]);
  });
});

describe('the size of training pictures', () => {
  it('is on the grid, no larger than asked, and of nearly the same shape', () => {
    const side = fc.integer({ min: 100, max: 4000 });
    fc.assert(
      fc.property(side, side, fc.integer({ min: 256 ** 2, max: 1024 ** 2 }), (width, height, area) => {
        fc.pre(Math.max(width / height, height / width) < 2.5);
        const bucket = bucketOf({ width, height }, area);
        expect([bucket.width % STEP, bucket.height % STEP]).toEqual([0, 0]);
        expect(bucket.width * bucket.height).toBeLessThanOrEqual(area);
        expect(Math.abs(Math.log(bucket.width / bucket.height / (width / height)))).toBeLessThan(0.42);
      }),
    );
  });

  it('is the usual one for usual shapes', () => {
    expect(bucketOf({ width: 1000, height: 1000 }, 512 ** 2)).toEqual({ width: 512, height: 512 });
    expect(bucketOf({ width: 1920, height: 1080 }, 512 ** 2)).toEqual({ width: 640, height: 384 });
    expect(bucketOf({ width: 1080, height: 1920 }, 512 ** 2)).toEqual({ width: 384, height: 640 });
  });
});

it('captions hold the trigger word wherever the template has it, else first', () => {
  expect(captionOf('a photo of {trigger}, {trigger} smiling', 'blorp')).toBe('a photo of blorp, blorp smiling');
  expect(captionOf('smiling', 'blorp')).toBe('blorp, smiling');
  expect(captionOf(' ', '$&')).toBe('$&');
  expect(captionOf('{trigger}', '$&')).toBe('$&');
});
