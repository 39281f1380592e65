import { noiseOf, skippedSteps, weighted } from './algebra.ts';
import type { SchedulerConfig } from './config.ts';
import { discrete, discreteTimesteps, strideOf } from './discrete.ts';
import type { Scheduler, Steps } from './scheduler.ts';

/** Denoising diffusion implicit models (Song et al. 2020), eq. 12; `eta` 0 is deterministic, 1 as noisy as DDPM. */
export function ddim(config: SchedulerConfig, steps: Steps): Scheduler {
  const { alpha, ...common } = discrete(config, discreteTimesteps(config, steps.count));
  const stride = strideOf(config, steps.count);
  return {
    ...common,
    first: skippedSteps(steps),
    stochastic: config.eta > 0,
    step({ index, sample, prediction, noise, history }) {
      const t = common.timesteps[index]!;
      const [now, next] = [alpha(t), alpha(t - stride)];
      const clean = common.clean(sample, prediction, index);
      const direction = noiseOf(config.prediction, sample, prediction, Math.sqrt(now), Math.sqrt(1 - now));
      const deviation = config.eta * Math.sqrt(((1 - next) / (1 - now)) * (1 - now / next));
      const result = weighted([Math.sqrt(next), clean], [Math.sqrt(1 - next - deviation ** 2), direction]);
      return { sample: deviation > 0 && noise ? weighted([1, result], [deviation, noise]) : result, history };
    },
  };
}
