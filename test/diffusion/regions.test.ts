import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Conditioning } from '../../bridge-server/diffusion/networks/text.ts';
import { blend, promptAt, type PromptMark } from '../../bridge-server/diffusion/prompts.ts';
import { mixed, type Region, sharesOf } from '../../bridge-server/diffusion/regions.ts';

const CELLS = 6;
const conditioning = (value: number, tokens = 77, pooled = false): Conditioning => ({
  context: Float32Array.from({ length: tokens * 2 }, (_, i) => value + i),
  tokens,
  pooled: pooled ? Float32Array.of(value, -value) : null,
});
const [base, sea, sky] = [conditioning(0), conditioning(1), conditioning(2)];
const sharesOfOne = (regions: readonly Region[]) => sharesOf([{ positive: base, regions }]).map(([share]) => share!);
const level = fc.oneof(
  fc.constantFrom(0, 0, 1),
  fc.integer({ min: 0, max: 255 }).map((v) => Math.fround(v / 255)),
);
const plane = fc.array(level, { minLength: CELLS, maxLength: CELLS }).map((data) => Float32Array.from(data));
const region = fc.record({ conditioning: fc.constantFrom(base, sea, sky), mask: plane });
/** Of two channels. */
const prediction = fc
  .array(fc.float({ min: -4, max: 4, noNaN: true }), { minLength: 2 * CELLS, maxLength: 2 * CELLS })
  .map((data) => Float32Array.from(data));

describe('regions', () => {
  it('share every cell out completely, as their masks say', () => {
    fc.assert(
      fc.property(fc.array(region, { maxLength: 4 }), (regions) => {
        const shares = sharesOfOne(regions);
        for (let cell = 0; cell < CELLS; cell++) {
          const own = (wanted: Conditioning) =>
            shares.reduce((sum, s) => sum + (s.conditioning === wanted ? (s.weights?.[cell] ?? 1) : 0), 0);
          const asked = (wanted: Conditioning) =>
            regions.reduce((sum, r) => sum + (r.conditioning === wanted ? r.mask[cell]! : 0), 0);
          const total = regions.reduce((sum, { mask }) => sum + mask[cell]!, 0);
          expect(own(base) + own(sea) + own(sky)).toBeCloseTo(1, 6);
          const scale = Math.max(total, 1);
          expect(own(sea)).toBeCloseTo(asked(sea) / scale, 6);
          expect(own(sky)).toBeCloseTo(asked(sky) / scale, 6);
        }
        expect(new Set(shares.map((share) => share.conditioning)).size).toBe(shares.length);
      }),
    );
  });

  it('with the base prompt are no regions, and two with one prompt are one', () => {
    fc.assert(
      fc.property(plane, plane, (a, b) => {
        const all = { conditioning: base, weights: new Float32Array(CELLS).fill(1) };
        expect(
          sharesOfOne([
            { conditioning: base, mask: a },
            { conditioning: base, mask: b },
          ]),
        ).toEqual([all]);
        const whole = new Float32Array(CELLS).fill(1);
        const both = [a.map((value) => value / 2), a.map((value) => value / 2)];
        const twice = sharesOfOne(both.map((mask) => ({ conditioning: sea, mask })));
        const once = sharesOfOne([{ conditioning: sea, mask: a }]);
        expect(twice.length).toBe(once.length);
        for (const [k, { weights }] of once.entries()) {
          weights?.forEach((value, i) => expect(twice[k]!.weights![i]).toBeCloseTo(value, 5));
        }
        // One that is everywhere leaves nothing for the base prompt, and one that is nowhere costs nothing.
        expect(sharesOfOne([{ conditioning: sea, mask: whole }])).toEqual([{ ...all, conditioning: sea }]);
        expect(sharesOfOne([{ conditioning: sea, mask: new Float32Array(CELLS) }])).toEqual([all]);
      }),
    );
  });

  it('mix predictions between the least and the most of them, and alike ones to the same', () => {
    fc.assert(
      fc.property(
        fc.array(region, { maxLength: 4 }),
        fc.array(prediction, { minLength: 3, maxLength: 3 }),
        (r, all) => {
          const shares = sharesOfOne(r);
          const own = all.slice(0, shares.length);
          mixed(shares, own).forEach((value, i) => {
            expect(value).toBeLessThanOrEqual(Math.max(...own.map((p) => p[i]!)) + 1e-5);
            expect(value).toBeGreaterThanOrEqual(Math.min(...own.map((p) => p[i]!)) - 1e-5);
          });
          mixed(
            shares,
            shares.map(() => all[0]!),
          ).forEach((value, i) => expect(value).toBeCloseTo(all[0]![i]!, 5));
          // Where a region is alone and full, its own prediction stands, exactly.
          for (let cell = 0; cell < CELLS; cell++) {
            const k = shares.findIndex(({ weights }) => weights === null || weights[cell] === 1);
            if (k >= 0) expect(Math.abs(mixed(shares, own)[cell + CELLS]! - own[k]![cell + CELLS]!)).toBe(0);
          }
        },
      ),
    );
  });
});

describe('the prompt of a frame', () => {
  const marks: PromptMark[] = [
    { frame: 10, prompt: 'winter', then: 'hold' },
    { frame: 20, prompt: 'spring', then: 'fade' },
    { frame: 24, prompt: 'summer', then: 'fade' },
  ];

  it('is that of the last mark, or on the way to the next', () => {
    const at = (frame: number) => promptAt('autumn', marks, frame);
    expect(at(0)).toEqual({ prompt: 'autumn', fade: null });
    expect(at(9)).toEqual({ prompt: 'autumn', fade: null });
    expect(at(10)).toEqual({ prompt: 'winter', fade: null });
    expect(at(19)).toEqual({ prompt: 'winter', fade: null });
    expect(at(20)).toEqual({ prompt: 'spring', fade: null });
    expect(at(21)).toEqual({ prompt: 'spring', fade: { prompt: 'summer', weight: 0.25 } });
    expect(at(24)).toEqual({ prompt: 'summer', fade: null });
    expect(at(1000)).toEqual({ prompt: 'summer', fade: null });
    expect(promptAt('autumn', [], 5)).toEqual({ prompt: 'autumn', fade: null });
  });

  it('fades conditionings of any length, from the one to the other', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2, 3),
        fc.constantFrom(1, 2, 3),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (a, b, w) => {
          const [from, to] = [conditioning(5, 77 * a, true), conditioning(-3, 77 * b, true)];
          const now = blend(from, to, w);
          expect(now.context.length).toBe(now.tokens * 2);
          for (const i of [0, 1, now.context.length - 1]) {
            const [x, y] = [from.context[i % from.context.length]!, to.context[i % to.context.length]!];
            expect(now.context[i]).toBeCloseTo(x + w * (y - x), 3);
          }
          expect(now.pooled![0]).toBeCloseTo(5 - 8 * w, 5);
        },
      ),
    );
    expect(blend(sea, base, 0)).toEqual(sea);
    expect(blend(sea, base, 1)).toEqual(base);
  });
});

it('pictures of a window have the same region in a row, also where one of them has none of it', () => {
  const [left, right] = [Float32Array.of(1, 0), Float32Array.of(0, 1)];
  const rows = sharesOf([
    {
      positive: base,
      regions: [
        { conditioning: sea, mask: left },
        { conditioning: sky, mask: right },
      ],
    },
    {
      positive: base,
      regions: [
        { conditioning: sea, mask: Float32Array.of(0, 0) },
        { conditioning: sky, mask: right },
      ],
    },
    { positive: sky, regions: [] },
  ]);
  expect(rows.map((row) => row.map((share) => share.conditioning))).toEqual([
    [base, base, sky],
    [sea, sea, sky],
    [sky, sky, sky],
  ]);
  const values = [1, 2, 4].map((value) => Float32Array.of(value, value));
  expect(
    [0, 1, 2].map((i) => [
      ...mixed(
        rows.map((row) => row[i]!),
        values,
      ),
    ]),
  ).toEqual([
    [2, 4],
    [1, 4],
    [1, 1],
  ]);
});
