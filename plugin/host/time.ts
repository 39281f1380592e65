/** Exact time: frames are integers, rates are rationals, ticks are BigInt. */
export type Rational = { readonly num: number; readonly den: number };

export const TICKS_PER_SECOND = 254016000000n;

/** The rate whose frames last so many ticks: 10594584000 is 24000/1001. */
export function rateOfTicks(ticksPerFrame: bigint): Rational {
  const common = gcd(TICKS_PER_SECOND, ticksPerFrame);
  return { num: Number(TICKS_PER_SECOND / common), den: Number(ticksPerFrame / common) };
}

/** Rates that media have; editors tell them as floating point. */
const RATES: readonly Rational[] = [
  ...[24, 30, 48, 60, 120, 240].flatMap((whole) => [
    { num: whole, den: 1 },
    { num: whole * 1000, den: 1001 },
  ]),
  ...[12.5, 15, 25, 50, 100].map((rate) => (rate === 12.5 ? { num: 25, den: 2 } : { num: rate, den: 1 })),
];

/** The rational rate meant by a floating-point one, such as 23.976; a whole number of thousandths when it is none of the usual. */
export function rateOfNumber(value: number): Rational {
  const usual = RATES.find(({ num, den }) => Math.abs(num / den / value - 1) < 2e-4);
  if (usual) return usual;
  const [num, den] = [Math.round(value * 1000), 1000];
  const common = Number(gcd(BigInt(num), BigInt(den)));
  return { num: num / common, den: den / common };
}

/** Times a hundredth of a frame apart are the same: editors round what they store. */
const SLACK = 100n;

/** The frame shown at a time: frame n is shown from its own time on. */
export function frameAt(ticks: bigint, rate: Rational): number {
  const { frame, rest, step } = divide(ticks, rate);
  return Number(step - rest <= step / SLACK ? frame + 1n : frame);
}

/** The first frame that is not shown before a time. */
export function frameUpTo(ticks: bigint, rate: Rational): number {
  const { frame, rest, step } = divide(ticks, rate);
  return Number(rest <= step / SLACK ? frame : frame + 1n);
}

/** When a frame begins, to the nearest tick. */
export function ticksOfFrame(frame: number, { num, den }: Rational): bigint {
  const scaled = BigInt(frame) * TICKS_PER_SECOND * BigInt(den);
  const half = BigInt(num) / 2n;
  return (scaled + half) / BigInt(num);
}

/** `rest` of `step`: how far into the frame, in ticks times the rate's numerator. */
function divide(ticks: bigint, { num, den }: Rational): { frame: bigint; rest: bigint; step: bigint } {
  const step = TICKS_PER_SECOND * BigInt(den);
  const scaled = ticks * BigInt(num);
  const frame = scaled / step;
  return { frame, rest: scaled - frame * step, step };
}

export const sameRate = (a: Rational, b: Rational): boolean => a.num * b.den === b.num * a.den;

function gcd(a: bigint, b: bigint): bigint {
  while (b > 0n) [a, b] = [b, a % b];
  return a;
}
