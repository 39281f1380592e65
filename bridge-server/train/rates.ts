export type RateSchedule = 'constant' | 'linear' | 'cosine';

/**
 * The learning rate of a step as a part of the highest: rising over the first `warmup` steps, then constant, or falling towards 0 at
 * the end.
 *
 * @param step counted from 0
 */
export function rateAt(
  step: number,
  { schedule, warmup, steps }: { schedule: RateSchedule; warmup: number; steps: number },
): number {
  if (step < warmup) return (step + 1) / (warmup + 1);
  const done = (step - warmup) / Math.max(1, steps - warmup);
  switch (schedule) {
    case 'constant':
      return 1;
    case 'linear':
      return 1 - done;
    case 'cosine':
      return 0.5 * (1 + Math.cos(Math.PI * done));
  }
}
