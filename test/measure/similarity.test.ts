import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  gradientEnergy,
  lumaOfPicture,
  meanSquaredError,
  pictureOf,
  psnr,
  ssim,
  type Picture,
} from '../../bridge-server/measure/similarity.ts';

const picture = (width: number, height: number, value: (x: number, y: number, c: number) => number): Picture => ({
  width,
  height,
  channels: 3,
  data: Uint16Array.from({ length: width * height * 3 }, (_, i) =>
    value(Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3),
  ),
});

/** The numbers that the reference was computed with: a linear congruential generator, 0..1. */
function uniform(count: number, seed: number): number[] {
  let state = BigInt(seed);
  return Array.from({ length: count }, () => {
    state = (state * 1664525n + 1013904223n) % 4294967296n;
    return Number(state) / 4294967296;
  });
}

describe('PSNR', () => {
  it('is what the definition says for a known difference', () => {
    const a = picture(8, 5, () => 20000);
    // A difference of one 8-bit level everywhere: 20 log10(255) dB.
    expect(
      psnr(
        meanSquaredError(
          a,
          picture(8, 5, () => 20257),
        ),
      ),
    ).toBeCloseTo(20 * Math.log10(255), 10);
    // The same in one of three colours: a third of the error.
    expect(
      psnr(
        meanSquaredError(
          a,
          picture(8, 5, (_x, _y, c) => (c === 1 ? 20257 : 20000)),
        ),
      ),
    ).toBeCloseTo(20 * Math.log10(255) + 10 * Math.log10(3), 10);
    expect(
      meanSquaredError(
        picture(3, 3, () => 0),
        picture(3, 3, () => 65535),
      ),
    ).toBe(1);
  });

  it('is null for identical pictures, and the same either way round', () => {
    const sample = fc.uint16Array({ minLength: 27, maxLength: 27 });
    fc.assert(
      fc.property(sample, sample, (a, b) => {
        const [x, y] = [a, b].map((data): Picture => ({ width: 3, height: 3, channels: 3, data })) as [
          Picture,
          Picture,
        ];
        expect(psnr(meanSquaredError(x, x))).toBeNull();
        expect(meanSquaredError(x, y)).toBe(meanSquaredError(y, x));
      }),
    );
  });

  it('sees what is transparent over black', () => {
    const rgba = (alpha: number, value: number): Picture =>
      pictureOf({ width: 1, height: 1, channels: 4, data: Uint16Array.of(value, value, value, alpha) });
    expect(rgba(0, 65535).data).toEqual(rgba(0, 0).data);
    expect(rgba(65535, 12345).data).toEqual(Uint16Array.of(12345, 12345, 12345));
    expect(rgba(32768, 40000).data[0]).toBe(Math.round((40000 * 32768) / 65535));
  });
});

describe('SSIM', () => {
  it('agrees with the formula of the paper evaluated window by window', () => {
    const a = uniform(17 * 13, 1);
    const b = uniform(17 * 13, 2).map((noise, i) => 0.7 * a[i]! + 0.3 * noise);
    // Computed apart, in double precision, with centred variances: 21 windows. Ours is single precision.
    expect(ssim(Float32Array.from(a), Float32Array.from(b), 17, 13)).toBeCloseTo(0.8885741483710101, 5);
  });

  it('is the luminance term alone for two flat pictures', () => {
    const [x, y] = [0.5, 0.7];
    const flat = (v: number): Float32Array => new Float32Array(20 * 20).fill(v);
    expect(ssim(flat(x), flat(y), 20, 20)).toBeCloseTo((2 * x * y + 1e-4) / (x * x + y * y + 1e-4), 4);
  });

  it('is 1 for the same picture, near -1 for its negative, null where no window fits', () => {
    const a = Float32Array.from(uniform(400, 3), (v) => 0.5 + 0.4 * (v - 0.5));
    expect(ssim(a, a, 20, 20)).toBeCloseTo(1, 6);
    expect(
      ssim(
        a,
        a.map((v) => 1 - v),
        20,
        20,
      ),
    ).toBeLessThan(-0.8);
    expect(ssim(new Float32Array(200), new Float32Array(200), 10, 20)).toBeNull();
  });
});

it('luma weighs the colours by Rec. 709', () => {
  const pixels: Picture = {
    width: 3,
    height: 1,
    channels: 3,
    data: Uint16Array.of(65535, 0, 0, 0, 65535, 0, 0, 0, 65535),
  };
  [0.2126, 0.7152, 0.0722].forEach((weight, i) => expect(lumaOfPicture(pixels)[i]).toBeCloseTo(weight, 6));
});

it('gradient energy of a ramp is the square of its steps, and blur lowers it', () => {
  const ramp = Float32Array.from({ length: 60 }, (_, i) => 0.01 * (i % 10) + 0.02 * Math.floor(i / 10));
  expect(gradientEnergy(ramp, 10, 6)).toBeCloseTo(0.01 ** 2 + 0.02 ** 2, 8);
  const rough = Float32Array.from(uniform(400, 4));
  const blurred = rough.map((v, i) => 0.5 * (v + (rough[i + 1] ?? v)));
  expect(gradientEnergy(blurred, 20, 20)).toBeLessThan(0.8 * gradientEnergy(rough, 20, 20));
  // What alternates from pixel to pixel is grain.
  const checks = Float32Array.from({ length: 400 }, (_, i) => (i + Math.floor(i / 20)) % 2);
  expect(gradientEnergy(checks, 20, 20)).toBe(0);
});
