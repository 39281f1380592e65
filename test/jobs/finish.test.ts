import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { behindMask, withAlpha } from '../../bridge-server/jobs/finish.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';

const value = fc.oneof(fc.constantFrom(0, 1, 32767, 32768, 65534, 65535), fc.integer({ min: 0, max: 65535 }));

/** One pixel is all that the arithmetic knows; two, so that the strides are known too. */
const picture = (channels: 3 | 4): fc.Arbitrary<Frame> =>
  fc
    .array(value, { minLength: 2 * channels, maxLength: 2 * channels })
    .map((data) => ({ width: 2, height: 1, channels, data: Uint16Array.from(data) }));
const anyPicture = fc.oneof(picture(3), picture(4));
const grey = (weight: number): Frame => ({ width: 2, height: 1, channels: 3, data: new Uint16Array(6).fill(weight) });

describe('behind a mask', () => {
  it('white is the painting and black the source, bit for bit', () => {
    fc.assert(
      fc.property(anyPicture, anyPicture, (painted, source) => {
        expect(behindMask(painted, source, grey(65535))).toEqual(painted);
        const under = painted.channels === 4 ? withAlpha(source) : source;
        const black = behindMask(painted, source, grey(0));
        for (let p = 0; p < 2; p++) {
          for (let c = 0; c < painted.channels; c++) {
            expect(black.data[p * painted.channels + c]).toBe(under.data[p * under.channels + c]);
          }
        }
      }),
    );
  });

  it('lies between the two, as near to each as the mask says', () => {
    fc.assert(
      fc.property(picture(3), picture(3), value, (painted, source, weight) => {
        const { data } = behindMask(painted, source, grey(weight));
        data.forEach((mixed, i) => {
          const exact = source.data[i]! + ((painted.data[i]! - source.data[i]!) * weight) / 65535;
          expect(Math.abs(mixed - exact)).toBeLessThanOrEqual(0.5);
        });
      }),
    );
  });

  it('mixes straight alpha as if it were premultiplied', () => {
    fc.assert(
      fc.property(picture(4), picture(4), value, (painted, source, weight) => {
        const { data } = behindMask(painted, source, grey(weight));
        for (let p = 0; p < 8; p += 4) {
          const [a, b] = [source.data[p + 3]!, painted.data[p + 3]!];
          const alpha = (a * (65535 - weight) + b * weight) / 65535;
          expect(Math.abs(data[p + 3]! - alpha)).toBeLessThanOrEqual(0.5);
          if (alpha === 0) continue;
          for (let c = p; c < p + 3; c++) {
            const colour = (source.data[c]! * a * (65535 - weight) + painted.data[c]! * b * weight) / 65535 / alpha;
            expect(Math.abs(data[c]! - colour)).toBeLessThanOrEqual(0.51);
          }
        }
      }),
    );
  });

  it("takes a mask's own alpha for part of it", () => {
    const painted: Frame = { width: 1, height: 1, channels: 3, data: Uint16Array.of(65535, 65535, 65535) };
    const source: Frame = { width: 1, height: 1, channels: 3, data: Uint16Array.of(0, 0, 0) };
    const mask: Frame = { width: 1, height: 1, channels: 4, data: Uint16Array.of(65535, 65535, 65535, 20000) };
    expect([...behindMask(painted, source, mask).data]).toEqual([20000, 20000, 20000]);
  });
});

describe('a picture without alpha', () => {
  it("is opaque, or takes another's", () => {
    fc.assert(
      fc.property(picture(3), picture(4), (frame, other) => {
        const own = withAlpha(frame);
        const taken = withAlpha(frame, other);
        for (let p = 0; p < 2; p++) {
          expect([...own.data.subarray(p * 4, p * 4 + 3)]).toEqual([...frame.data.subarray(p * 3, p * 3 + 3)]);
          expect(own.data[p * 4 + 3]).toBe(65535);
          expect(taken.data[p * 4 + 3]).toBe(other.data[p * 4 + 3]);
        }
      }),
    );
  });
});
