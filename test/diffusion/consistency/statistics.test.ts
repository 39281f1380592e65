import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  inLineWith,
  mapped,
  type Statistics,
  statisticsOf,
  transport,
} from '../../../bridge-server/diffusion/consistency/statistics.ts';
import { normalNoise } from '../../../bridge-server/diffusion/noise.ts';
import { map, type Planes, withData } from '../../../bridge-server/diffusion/picture/planes.ts';

const size = { width: 32, height: 20 };
const area = size.width * size.height;
const FLOOR = 0.01;

/** A picture whose channels depend on each other. */
function picture(seed: number, channels = 3): Planes {
  const noise = normalNoise({ seed, frame: 0 }, { pass: 0, draw: 0 }, channels * area);
  const data = noise.map((value, i) => 0.3 * value + 0.2 * noise[i % area]! + 0.1 * Math.floor(i / area));
  return { channels, ...size, data };
}

const close = (a: Statistics, b: Statistics, within: number) => {
  const flat = ({ mean, covariance }: Statistics) => [...mean, ...covariance.flat()];
  for (const [i, value] of flat(a).entries()) expect(Math.abs(value - flat(b)[i]!)).toBeLessThan(within);
};

describe('matching colours', () => {
  it('gives mean and covariance of the target, for pictures and latents', () => {
    fc.assert(
      fc.property(
        fc.nat(1000),
        fc.constantFrom(3, 4),
        fc.double({ min: 0.6, max: 1.6, noNaN: true }),
        (seed, n, gain) => {
          const from = picture(seed, n);
          const to = map(picture(seed + 1, n), (value) => gain * value - 0.2);
          const target = statisticsOf(to)!;
          const result = mapped(from, transport(statisticsOf(from)!, target, 1e-6));
          close(statisticsOf(result)!, target, 1e-5);
        },
      ),
    );
  });

  it('changes nothing where there is nothing to change', () => {
    const own = picture(1);
    const statistics = statisticsOf(own)!;
    const same = mapped(own, transport(statistics, statistics, FLOOR));
    for (const [i, value] of same.data.entries()) expect(Math.abs(value - own.data[i]!)).toBeLessThan(1e-6);
  });

  it('never raises contrast more than twofold', () => {
    const flat = map(picture(1), (value) => 0.01 * value);
    const result = mapped(flat, transport(statisticsOf(flat)!, statisticsOf(picture(2))!, FLOOR));
    expect(statisticsOf(result)!.covariance[0]![0]).toBeCloseTo(4 * statisticsOf(flat)!.covariance[0]![0]!, 8);
  });

  it('counts only what the weights let it', () => {
    const own = picture(3);
    const left = Float32Array.from({ length: area }, (_, p) => (p % size.width < 16 ? 1 : 0));
    const spoiled = withData(
      own,
      own.data.map((value, i) => (i % size.width < 16 ? value : 9)),
    );
    close(statisticsOf(spoiled, left)!, statisticsOf(own, left)!, 1e-12);
    expect(statisticsOf(own, new Float32Array(area))).toBeNull();
  });
});

describe('bringing a key into line with the first', () => {
  const source = picture(1);
  /** What a look does: warmer and with more contrast. */
  const look = (planes: Planes) =>
    withData(
      planes,
      planes.data.map((value, i) => 1.2 * value + (i < area ? 0.2 : -0.1)),
    );
  const drifted = (planes: Planes) =>
    withData(
      planes,
      planes.data.map((value, i) => 0.8 * value + (i >= 2 * area ? 0.15 : 0)),
    );
  const statistics = (before: Planes, after: Planes) => ({
    before: statisticsOf(before)!,
    after: statisticsOf(after)!,
  });
  const aligned = (before: Planes, after: Planes) =>
    mapped(after, inLineWith(statistics(source, look(source)), statistics(before, after), 1e-6));

  it('takes back a drift of colour and contrast', () => {
    const result = aligned(source, drifted(look(source)));
    for (const [i, value] of result.data.entries()) expect(Math.abs(value - look(source).data[i]!)).toBeLessThan(1e-5);
  });

  it('leaves a change of light that is in the source', () => {
    const dimmer = map(source, (value) => 0.7 * value - 0.3);
    const result = aligned(dimmer, drifted(look(dimmer)));
    close(statisticsOf(result)!, statisticsOf(look(dimmer))!, 1e-5);
  });
});
