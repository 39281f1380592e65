import type { Rational } from '../host/time.ts';
import { words } from '../words.ts';

/** 24000/1001 as editors write it: 23.976. */
export const rateText = ({ num, den }: Rational): string => String(Math.round((num / den) * 1000) / 1000);

export function durationText(seconds: number): string {
  if (seconds < 90) return words.duration.seconds(Math.max(1, Math.round(seconds)));
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return words.duration.minutes(minutes);
  return words.duration.hours(Math.floor(minutes / 60), minutes % 60);
}

/** The last name of a path, of either kind of system. */
export const nameOf = (path: string): string => /([^\\/]+)[\\/]*$/.exec(path)?.[1] ?? path;
