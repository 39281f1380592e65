import { skippedSteps, weighted } from './algebra.ts';
import type { SchedulerConfig } from './config.ts';
import { discrete, discreteTimesteps, strideOf } from './discrete.ts';
import type { Scheduler, Steps } from './scheduler.ts';

/** Denoising diffusion probabilistic models (Ho et al. 2020), eq. 6 and 7, with the smaller of the two variances. */
export function ddpm(config: SchedulerConfig, steps: Steps): Scheduler {
  const { alpha, ...common } = discrete({ ...config, finalAlphaOne: true }, discreteTimesteps(config, steps.count));
  const stride = strideOf(config, steps.count);
  return {
    ...common,
    first: skippedSteps(steps),
    stochastic: true,
    step({ index, sample, prediction, noise, history }) {
      const t = common.timesteps[index]!;
      const [now, next] = [alpha(t), alpha(t - stride)];
      const kept = now / next;
      const mean = weighted(
        [(Math.sqrt(next) * (1 - kept)) / (1 - now), common.clean(sample, prediction, index)],
        [(Math.sqrt(kept) * (1 - next)) / (1 - now), sample],
      );
      const variance = Math.max(((1 - next) / (1 - now)) * (1 - kept), 1e-20);
      return { sample: t > 0 && noise ? weighted([1, mean], [Math.sqrt(variance), noise]) : mean, history };
    },
  };
}
