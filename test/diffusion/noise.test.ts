import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalNoise, philox } from '../../bridge-server/diffusion/noise.ts';

describe('Philox 4x32-10', () => {
  // The known answers of Random123, the authors' own library.
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [-1, -1, -1, -1],
      [-1, -1],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('%#', (counter, key, answer) => {
    const out = new Uint32Array(4);
    philox(...(counter as [number, number, number, number]), key as [number, number], out);
    expect([...out]).toEqual(answer);
  });
});

describe('noise', () => {
  const first = { pass: 0, draw: 0 };

  it('is normal', () => {
    const values = normalNoise({ seed: 7, frame: 3 }, first, 1 << 18);
    const moment = (k: number) => values.reduce((sum, value) => sum + value ** k, 0) / values.length;
    // Five standard errors of each moment at this length.
    expect(Math.abs(moment(1))).toBeLessThan(0.01);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.014);
    expect(Math.abs(moment(3))).toBeLessThan(0.04);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.1);
  });

  it('depends on seed, frame, pass and draw, each alone', () => {
    const seeds = fc.tuple(fc.nat(), fc.nat(), fc.nat(9), fc.nat(200));
    fc.assert(
      fc.property(seeds, seeds, ([s, f, p, d], [s2, f2, p2, d2]) => {
        const a = normalNoise({ seed: s, frame: f }, { pass: p, draw: d }, 16);
        const b = normalNoise({ seed: s2, frame: f2 }, { pass: p2, draw: d2 }, 16);
        const same = s === s2 && f === f2 && p === p2 && d === d2;
        expect(a.some((value, i) => value === b[i])).toBe(same);
      }),
    );
    expect(normalNoise({ seed: 2 ** 40, frame: 0 }, first, 4)).not.toEqual(
      normalNoise({ seed: 0, frame: 0 }, first, 4),
    );
  });

  it('of a longer picture begins as that of a shorter one', () => {
    const long = normalNoise({ seed: 1, frame: 1 }, first, 103);
    expect(normalNoise({ seed: 1, frame: 1 }, first, 50)).toEqual(long.slice(0, 50));
  });

  it('has not changed: pictures of old projects can be made again', () => {
    expect([...normalNoise({ seed: 1, frame: 1 }, first, 4)]).toEqual([
      0.7686346173286438, 0.8633363246917725, 1.9176651239395142, 0.5408560037612915,
    ]);
  });
});
