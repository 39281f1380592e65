import { weighted } from './algebra.ts';
import type { SchedulerConfig } from './config.ts';
import type { Scheduler, Steps } from './scheduler.ts';
import { sigmaSpace } from './sigma-space.ts';

/**
 * Euler's method on the probability flow (Karras et al. 2022, algorithm 1 without its second half); `ancestral` steps further down
 * and adds fresh noise back up, as DDPM does.
 */
export function euler(config: SchedulerConfig, steps: Steps, { ancestral }: { ancestral: boolean }): Scheduler {
  const space = sigmaSpace(config, steps);
  return {
    ...space,
    stochastic: ancestral,
    step({ index, sample, prediction, noise, history }) {
      const from = space.sigmas[index]!;
      const to = space.sigmas[index + 1]!;
      const slope = space.slope(sample, prediction, index);
      if (!ancestral) return { sample: weighted([1, sample], [to - from, slope]), history };
      const up = Math.sqrt((to ** 2 * (from ** 2 - to ** 2)) / from ** 2);
      const down = Math.sqrt(to ** 2 - up ** 2);
      const moved = weighted([1, sample], [down - from, slope]);
      return { sample: up > 0 && noise ? weighted([1, moved], [up, noise]) : moved, history };
    },
  };
}
