import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rational } from '../../bridge-server/media/rational.ts';
import type { Packet } from '../../bridge-server/media/scan.ts';
import {
  conform,
  constantRate,
  nearestRate,
  timelineOfPackets,
  timelineOfPictures,
} from '../../bridge-server/media/timeline.ts';

const packet = (pts: number | null, more: Partial<Packet> = {}): Packet => ({
  ...{ pts, dts: pts, duration: null, key: false, hidden: false },
  ...more,
});

const RATES = [
  [24000, 1001],
  [24, 1],
  [25, 1],
  [30000, 1001],
  [30, 1],
  [50, 1],
  [60000, 1001],
  [60, 1],
  [120000, 1001],
] as const;

describe('a timeline', () => {
  it('puts packets in the order of showing, leaves hidden ones out and remembers where decoding may start', () => {
    const line = timelineOfPackets(
      [
        packet(-20, { key: true, hidden: true }),
        packet(0),
        packet(30, { key: true }),
        packet(10),
        packet(20),
        packet(40, { duration: 7 }),
      ],
      rational(1, 100),
    )!;
    expect([...line.pts]).toEqual([0, 10, 20, 30, 40]);
    expect([...line.seeking!.entryOf]).toEqual([0, 1, 1, 1, 1]);
    expect(line.seeking!.entries.map(({ pts }) => pts)).toEqual([-20, 30]);
    expect(line.end).toBe(47);
  });

  it('is not made of packets without times, or with the same time twice', () => {
    expect(timelineOfPackets([packet(0), packet(null)], rational(1, 100))).toBeNull();
    expect(timelineOfPackets([packet(0), packet(10), packet(10)], rational(1, 100))).toBeNull();
  });

  it('is even where decoded times make no sense', () => {
    const line = timelineOfPictures([5, 3, null], rational(1, 1000), rational(25));
    expect(line).toMatchObject({ timebase: { num: 1, den: 25 }, end: 3, seeking: null });
    expect([...line.pts]).toEqual([0, 1, 2]);
  });

  it.each(RATES)('knows %i/%i from times rounded to milliseconds, and to 1/90000', (num, den) => {
    for (const ticks of [1000, 90000]) {
      const times = Array.from({ length: 300 }, (_, n) => Math.round((n * den * ticks) / num) + 17);
      const line = timelineOfPictures(times, rational(1, ticks), rational(25));
      expect(constantRate(line, [])).toEqual(rational(num, den));
    }
  });

  it('does not take a missing frame for a constant rate', () => {
    const times = Array.from({ length: 100 }, (_, n) => (n + (n > 50 ? 1 : 0)) * 40);
    const line = timelineOfPictures(times, rational(1, 1000), rational(25));
    expect(constantRate(line, [rational(25)])).toBeNull();
    expect(nearestRate(line)).toEqual(rational(25));
  });

  it('takes film in sixty fields for film', () => {
    const times = Array.from({ length: 100 }, (_, n) => Math.floor(n * 2.5) * 1501.5);
    const line = timelineOfPictures(times, rational(1, 90000), rational(25));
    expect(constantRate(line, [rational(60000, 1001)])).toEqual(rational(24000, 1001));
  });

  it('takes a trembling clock for a constant rate', () => {
    const times = Array.from({ length: 100 }, (_, n) => n * 3753 + ((n * 7919) % 11));
    const line = timelineOfPictures(times, rational(1, 90000), rational(25));
    expect(constantRate(line, [])).toEqual(rational(24000, 1001));
  });
});

describe('conforming', () => {
  const rates = fc.constantFrom(...RATES).map(([num, den]) => rational(num, den));

  it('shows at each tick the last frame whose time is not after it, for the ticks in the range', () => {
    const times = fc.uniqueArray(fc.integer({ min: -500, max: 4000 }), { minLength: 3, maxLength: 60 });
    fc.assert(
      fc.property(times, rates, fc.nat(), fc.nat(), (unsorted, rate, a, b) => {
        const sorted = unsorted.sort((x, y) => x - y);
        const line = timelineOfPictures(sorted, rational(1, 1000), rational(25));
        const from = a % (sorted.length - 1);
        const to = from + 1 + (b % (sorted.length - from));
        const { range, source } = conform(line, { from, to }, rate, null);
        // Milliseconds of tick k, compared without division: k*den*1000 against time*num.
        const scaled = (frame: number): number => ((sorted[frame] ?? line.end) - sorted[0]!) * rate.num;
        const expected = new Map<number, number>();
        for (let k = 0; k * rate.den * 1000 < scaled(to); k++) {
          const tick = k * rate.den * 1000;
          if (tick < scaled(from)) continue;
          let shown = from;
          while (shown + 1 < to && scaled(shown + 1) <= tick) shown++;
          expected.set(k, shown);
        }
        const found = new Map([...source].map((frame, i) => [range.from + i, frame]));
        expect(found).toEqual(expected);
        expect(range.to - range.from).toBe(source.length);
      }),
    );
  });

  it('cuts a clip into the same frames wherever it is cut', () => {
    fc.assert(
      fc.property(rates, rates, fc.integer({ min: 1, max: 199 }), (own, rate, middle) => {
        const times = Array.from({ length: 200 }, (_, n) => Math.round((n * own.den * 1000) / own.num));
        const line = timelineOfPictures(times, rational(1, 1000), own);
        const whole = conform(line, { from: 0, to: 200 }, rate, own);
        const left = conform(line, { from: 0, to: middle }, rate, own);
        const right = conform(line, { from: middle, to: 200 }, rate, own);
        expect(left.range.to).toBe(right.range.from);
        expect([...left.source, ...right.source]).toEqual([...whole.source]);
      }),
    );
  });

  it('gives every frame once at its own rate, whatever the container rounded', () => {
    fc.assert(
      fc.property(rates, (rate) => {
        const times = Array.from({ length: 500 }, (_, n) => Math.round((n * rate.den * 1000) / rate.num));
        const line = timelineOfPictures(times, rational(1, 1000), rate);
        expect([...conform(line, { from: 100, to: 300 }, rate, rate).source]).toEqual(
          Array.from({ length: 200 }, (_, i) => 100 + i),
        );
      }),
    );
  });
});
