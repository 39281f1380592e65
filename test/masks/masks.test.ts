import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { feather } from '../../bridge-server/masks/feather.ts';
import { fit } from '../../bridge-server/masks/fit.ts';
import { grow } from '../../bridge-server/masks/grow.ts';
import { type Mask, maskFrame, maskOf } from '../../bridge-server/masks/mask.ts';

const side = fc.integer({ min: 1, max: 20 });
const level = fc.oneof(
  fc.constantFrom(0, 0, 0, 1, 1),
  fc.integer({ min: 0, max: 255 }).map((v) => Math.fround(v / 255)),
);
const masks = (count: number): fc.Arbitrary<Mask[]> =>
  fc.tuple(side, side).chain(([width, height]) => {
    const area = width * height;
    const one = fc
      .array(level, { minLength: area, maxLength: area })
      .map((data): Mask => ({ channels: 1, width, height, data: Float32Array.from(data) }));
    return fc.array(one, { minLength: count, maxLength: count });
  });
const mask = masks(1).map(([only]) => only!);
const radius = fc.integer({ min: 0, max: 9 });

const above = (a: Mask, b: Mask, slack = 0) => a.data.every((value, i) => value >= b.data[i]! - slack);
const union = (a: Mask, b: Mask): Mask => ({ ...a, data: a.data.map((value, i) => Math.max(value, b.data[i]!)) });
const inverse = (a: Mask): Mask => ({ ...a, data: a.data.map((value) => (value === 0 ? 1 : value === 1 ? 0 : value)) });

/** By the definition, without any cleverness. */
function within(mask: Mask, isNear: (dx: number, dy: number) => boolean, pick: (...values: number[]) => number): Mask {
  const { width, height } = mask;
  const data = mask.data.map((_, p) =>
    pick(
      ...mask.data.filter((_, q) => isNear((p % width) - (q % width), Math.floor(p / width) - Math.floor(q / width))),
    ),
  );
  return { channels: 1, width, height, data };
}

describe('growing', () => {
  it('takes the largest value in a disc, and shrinking the smallest', () => {
    fc.assert(
      fc.property(mask, radius, (given, r) => {
        const disc = (dx: number, dy: number) => dx * dx + dy * dy <= r * r;
        expect(grow(given, r)).toEqual(within(given, disc, Math.max));
        expect(grow(given, -r)).toEqual(within(given, disc, Math.min));
      }),
      { numRuns: 60 },
    );
  });

  it('is monotone in mask and radius, and grows a union as its parts', () => {
    fc.assert(
      fc.property(masks(2), radius, radius, ([a, b], r, s) => {
        expect(above(grow(union(a!, b!), r), grow(a!, r))).toBe(true);
        expect(grow(union(a!, b!), r)).toEqual(union(grow(a!, r), grow(b!, r)));
        expect(above(grow(a!, Math.max(r, s)), grow(a!, Math.min(r, s)))).toBe(true);
        expect(above(grow(a!, -Math.min(r, s)), grow(a!, -Math.max(r, s)))).toBe(true);
      }),
    );
  });

  it('shrinks what is masked as it grows what is not', () => {
    fc.assert(
      fc.property(mask, radius, (given, r) => {
        const hard = { ...given, data: given.data.map(Math.round) };
        expect(grow(hard, -r)).toEqual(inverse(grow(inverse(hard), r)));
      }),
    );
  });
});

describe('feathering', () => {
  it('stays within its reach: what is farther from an edge is exactly what it was', () => {
    fc.assert(
      fc.property(mask, radius, (given, reach) => {
        const soft = feather(given, reach);
        const square = (dx: number, dy: number) => Math.abs(dx) <= reach && Math.abs(dy) <= reach;
        const most = within(given, square, Math.max);
        const least = within(given, square, Math.min);
        soft.data.forEach((value, i) => {
          if (most.data[i] === least.data[i]) expect(value).toBe(given.data[i]);
          expect(value).toBeGreaterThanOrEqual(least.data[i]! - 1e-6);
          expect(value).toBeLessThanOrEqual(most.data[i]! + 1e-6);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('is monotone in the mask, and mirrors with it', () => {
    fc.assert(
      fc.property(masks(2), radius, ([a, b], reach) => {
        expect(above(feather(union(a!, b!), reach), feather(a!, reach), 1e-6)).toBe(true);
        const turned = (m: Mask): Mask => ({ ...m, data: m.data.slice().reverse() });
        const there = feather(turned(a!), reach).data;
        turned(feather(a!, reach)).data.forEach((value, i) => expect(value).toBeCloseTo(there[i]!, 6));
      }),
    );
  });

  it('leaves a straight edge where it was, half', () => {
    const edge: Mask = {
      channels: 1,
      width: 40,
      height: 3,
      data: Float32Array.from({ length: 120 }, (_, i) => Number(i % 40 >= 20)),
    };
    const { data } = feather(edge, 8);
    expect(data[19]! + data[20]!).toBeCloseTo(1, 6);
    expect(data[11]).toBe(0);
    expect(data[12]).toBeGreaterThan(0);
    expect(data[27]).toBeLessThan(1);
    expect(data[28]).toBe(1);
  });
});

describe('fitting to another size', () => {
  it('keeps the mean by area, or all that is masked', () => {
    fc.assert(
      fc.property(mask, side, side, (given, width, height) => {
        const mean = fit(given, { width, height }, 'mean');
        const average = ({ data }: Mask) => data.reduce((sum, value) => sum + value, 0) / data.length;
        expect(average(mean)).toBeCloseTo(average(given), 5);
        const most = fit(given, { width, height }, 'most');
        expect(above(most, mean, 1e-6)).toBe(true);
        expect(Math.max(...most.data)).toBe(Math.max(...given.data));
        // Back again it covers what it came from.
        expect(above(fit(most, given, 'most'), given)).toBe(true);
      }),
    );
  });

  it('adds nothing beyond the pixels that it lies over', () => {
    const dot: Mask = { channels: 1, width: 16, height: 16, data: new Float32Array(256) };
    dot.data[5 * 16 + 9] = 1;
    expect([...fit(dot, { width: 2, height: 2 }, 'most').data]).toEqual([0, 1, 0, 0]);
    expect([...fit(dot, { width: 2, height: 2 }, 'mean').data]).toEqual([0, 1 / 64, 0, 0]);
  });
});

it('an image is a mask by its grey where it is opaque, or by its alpha alone, and back', () => {
  const data = Uint16Array.of(0, 65535, 0, 65535, 9, 65535, 9, 13107, 7, 0, 7, 65535);
  const frame = { width: 3, height: 1, channels: 4 as const, data };
  expect([...maskOf(frame, 'grey').data]).toEqual([1, Math.fround(0.2), 0]);
  expect([...maskOf(frame, 'alpha').data]).toEqual([1, Math.fround(0.2), 1]);
  const back = maskFrame(maskOf(frame, 'grey'));
  expect([...back.data]).toEqual([65535, 65535, 65535, 13107, 13107, 13107, 0, 0, 0]);
  expect(maskOf(back, 'grey')).toEqual(maskOf(frame, 'grey'));
});
