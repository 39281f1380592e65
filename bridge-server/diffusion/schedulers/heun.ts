import { weighted } from './algebra.ts';
import type { SchedulerConfig } from './config.ts';
import { NO_HISTORY, type Scheduler, type Steps } from './scheduler.ts';
import { sigmaSpace } from './sigma-space.ts';

/** Heun's method, second order (Karras et al. 2022, algorithm 1): two calls a step, but one for the last, which ends at 0. */
export function heun(config: SchedulerConfig, steps: Steps): Scheduler {
  const space = sigmaSpace(config, steps, 2);
  const { sigmas } = space;
  return {
    ...space,
    stochastic: false,
    step({ index, sample, prediction, history }) {
      const sigma = sigmas[index]!;
      const slope = space.slope(sample, prediction, index);
      const [first] = history.past;
      if (first === undefined || history.sample === null) {
        const moved = weighted([1, sample], [sigmas[index + 1]! - sigma, slope]);
        return { sample: moved, history: { past: [slope], sample } };
      }
      const width = sigma - sigmas[index - 1]!;
      const corrected = weighted([1, history.sample], [width / 2, first], [width / 2, slope]);
      return { sample: corrected, history: NO_HISTORY };
    },
  };
}
