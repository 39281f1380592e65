/** A rate or a time as an exact fraction in lowest terms, den > 0. 23.976 is { num: 24000, den: 1001 }. */
export type Rational = { readonly num: number; readonly den: number };

/** Reduces num/den. Throws RangeError unless both are safe integers and den is not 0. */
export function rational(num: number, den = 1): Rational {
  if (!Number.isSafeInteger(num) || !Number.isSafeInteger(den) || den === 0) {
    throw new RangeError(`not a fraction: ${num}/${den}`);
  }
  const divisor = greatestCommonDivisor(Math.abs(num), Math.abs(den)) || 1;
  const sign = den < 0 ? -1 : 1;
  return { num: (sign * num) / divisor, den: (sign * den) / divisor };
}

/** Reads "30000/1001", "25" or "25:1"; null when it is neither. */
export function parseRational(text: string): Rational | null {
  const match = /^(\d{1,9})(?:[/:](\d{1,9}))?$/.exec(text.trim());
  if (!match) return null;
  const den = Number(match[2] ?? 1);
  return den === 0 ? null : rational(Number(match[1]), den);
}

export const formatRational = ({ num, den }: Rational): string => `${num}/${den}`;

/** Only for showing on screen or for estimates; never to decide a frame. */
export const toNumber = ({ num, den }: Rational): number => num / den;

function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}
