import type { FrameRange } from './frame.ts';
import type { Rational } from './rational.ts';
import { rational, toNumber } from './rational.ts';
import type { Packet } from './scan.ts';

/**
 * When each frame of a movie is shown: one integer of the timebase a frame, ascending. Frame n is the n-th of these; all that is
 * exact about a movie rests on this list, none of it on seconds.
 */
export type Timeline = {
  readonly timebase: Rational;
  readonly pts: Float64Array;
  /** When the last frame stops being shown. */
  readonly end: number;
  /** Null where frames cannot be told by their times, only counted from the start. */
  readonly seeking: Seeking | null;
};

export type Seeking = {
  /** From where decoding gives whole pictures: the packets that start afresh, in decoding order. */
  readonly entries: readonly Entry[];
  /** For each frame, the index of the entry after which its packet comes. */
  readonly entryOf: Int32Array;
};
/** `pts` of the entry's own frame; `dts` of its packet, null when the container has none. */
export type Entry = { readonly pts: number; readonly dts: number | null };

/** Null when not every packet has a time of its own: then only decoding tells. */
export function timelineOfPackets(packets: readonly Packet[], timebase: Rational): Timeline | null {
  const entries: Entry[] = [];
  const shown: { pts: number; entry: number; duration: number | null }[] = [];
  for (const { pts, dts, key, hidden, duration } of packets) {
    if (pts === null) return null;
    if (key || entries.length === 0) entries.push({ pts, dts });
    if (!hidden) shown.push({ pts, entry: entries.length - 1, duration });
  }
  shown.sort((a, b) => a.pts - b.pts);
  if (shown.some(({ pts }, n) => pts === shown[n - 1]?.pts)) return null;
  const pts = Float64Array.from(shown, (frame) => frame.pts);
  const last = shown.at(-1);
  const end = last ? last.pts + (last.duration || usualSpacing(pts) || 1) : 0;
  return { timebase, pts, end, seeking: { entries, entryOf: Int32Array.from(shown, (frame) => frame.entry) } };
}

/** From the times of decoded pictures; where those make no sense, evenly spaced at the rate that the container claims. */
export function timelineOfPictures(times: readonly (number | null)[], timebase: Rational, claimed: Rational): Timeline {
  const sensible = times.every((time, n) => time !== null && (n === 0 || time > times[n - 1]!));
  if (!sensible) {
    const even = { num: claimed.den, den: claimed.num };
    return { timebase: even, pts: Float64Array.from(times, (_, n) => n), end: times.length, seeking: null };
  }
  const pts = Float64Array.from(times as readonly number[]);
  return { timebase, pts, end: (pts.at(-1) ?? 0) + (usualSpacing(pts) || 1), seeking: null };
}

/** The rates that cameras and editors use. */
const RATES: readonly Rational[] = [
  rational(24000, 1001),
  rational(24),
  rational(25),
  rational(30000, 1001),
  rational(30),
  rational(48000, 1001),
  rational(48),
  rational(50),
  rational(60000, 1001),
  rational(60),
  rational(100),
  rational(120000, 1001),
  rational(120),
  rational(240000, 1001),
  rational(240),
];

/**
 * The rate at which frames are shown when it is one: every frame's time lies on that rate's grid, to one tick of the timebase
 * (containers that count milliseconds round) or, for the usual rates, to a quarter of a frame (clocks tremble; film in 60 fields
 * limps): then one frame a tick is what was meant. Null: variable. `claims` are the container's own.
 */
export function constantRate(line: Timeline, claims: readonly Rational[]): Rational | null {
  const { pts, timebase } = line;
  if (pts.length < 2) return claims[0] ?? rational(25);
  const exact = (rate: Rational): boolean => isOnGrid(line, rate, 1);
  const claimed = (rate: Rational): boolean => claims.some(({ num, den }) => num === rate.num && den === rate.den);
  // In a short clip 24 and 23.976 both fit: then the container's word counts.
  const usual = RATES.filter(exact);
  const measured = rateOfSpacing(line, (pts.at(-1) - pts[0]!) / (pts.length - 1));
  return (
    usual.find(claimed) ??
    usual[0] ??
    [...claims, ...(measured ? [measured] : [])].find(exact) ??
    RATES.find((rate) => isOnGrid(line, rate, ticksPerFrame(rate, timebase) / 4)) ??
    null
  );
}

function isOnGrid({ pts, timebase }: Timeline, rate: Rational, tolerance: number): boolean {
  const step = ticksPerFrame(rate, timebase);
  const start = pts[0]!;
  return pts.every((time, n) => Math.abs(time - start - n * step) <= tolerance);
}

/** For a movie without one rate: the usual rate next to how most of its frames are spaced. */
export function nearestRate(line: Timeline): Rational {
  const spacing = usualSpacing(line.pts);
  if (!spacing) return rational(25);
  const measured = line.timebase.den / line.timebase.num / spacing;
  const distance = (rate: Rational): number => Math.abs(Math.log(toNumber(rate) / measured));
  return RATES.reduce((best, rate) => (distance(rate) < distance(best) ? rate : best));
}

function rateOfSpacing({ timebase }: Timeline, spacing: number): Rational | null {
  return Number.isInteger(spacing) && spacing > 0 ? rational(timebase.den, timebase.num * spacing) : null;
}

/** The median distance between frames; 0 for fewer than two. */
function usualSpacing(pts: Float64Array): number {
  const spacings = pts.slice(1).map((time, n) => time - pts[n]!);
  return spacings.sort()[spacings.length >> 1] ?? 0;
}

/** Only to compare with a tolerance of a whole tick. */
const ticksPerFrame = (rate: Rational, timebase: Rational): number =>
  (rate.den * timebase.den) / (rate.num * timebase.num);

/**
 * Which source frame is shown at each tick k/rate counted from the first source frame, for those k whose time lies in
 * [time of frame from, time of frame to). `range.from` is the first k; `source[i]` is the frame shown at tick range.from + i, the
 * last whose time is not after it. `regular`: the source's own rate when it is constant; its frames then lie exactly on that
 * grid, whatever the container rounded.
 */
export function conform(
  line: Timeline,
  { from, to }: FrameRange,
  rate: Rational,
  regular: Rational | null,
): { readonly range: FrameRange; readonly source: Int32Array } {
  // Times as integers on a common scale: a source time t and a tick k are compared as t*perTime and k*perTick.
  const base = regular ? { num: regular.den, den: regular.num } : line.timebase;
  const perTime = BigInt(base.num) * BigInt(rate.num);
  const perTick = BigInt(base.den) * BigInt(rate.den);
  const start = line.pts[0] ?? 0;
  const timeOf = (frame: number): bigint => {
    if (regular) return BigInt(frame) * perTime;
    return BigInt((frame < line.pts.length ? line.pts[frame]! : line.end) - start) * perTime;
  };
  const firstTick = (frame: number): number => Number((timeOf(frame) + perTick - 1n) / perTick);
  const range = { from: firstTick(from), to: firstTick(to) };
  const source = new Int32Array(range.to - range.from);
  let frame = from;
  let next = timeOf(frame + 1);
  for (let i = 0; i < source.length; i++) {
    const time = BigInt(range.from + i) * perTick;
    while (frame + 1 < to && next <= time) next = timeOf(++frame + 1);
    source[i] = frame;
  }
  return { range, source };
}
