import { weighted } from './algebra.ts';
import type { SchedulerConfig } from './config.ts';
import { discrete, noiseTo } from './discrete.ts';
import type { Scheduler, Steps } from './scheduler.ts';

/** The data's standard deviation in the consistency boundary condition (Luo et al. 2023, after Karras et al. 2022). */
const SIGMA_DATA = 0.5;

/**
 * Latent consistency models (Luo et al. 2023), algorithm 3. The steps are chosen among those that the distillation used; a strength
 * below 1 chooses among the lower ones, so that every step asked for is run.
 */
export function lcm(config: SchedulerConfig, steps: Steps): Scheduler {
  const { alpha, ...common } = discrete(config, lcmTimesteps(config, steps));
  return {
    ...common,
    first: 0,
    stochastic: true,
    step({ index, sample, prediction, noise, history }) {
      const scaled = common.timesteps[index]! * config.timestepScaling;
      const skip = SIGMA_DATA ** 2 / (scaled ** 2 + SIGMA_DATA ** 2);
      const out = scaled / Math.sqrt(scaled ** 2 + SIGMA_DATA ** 2);
      const denoised = weighted([out, common.clean(sample, prediction, index)], [skip, sample]);
      const next = common.timesteps[index + 1];
      return { sample: next !== undefined && noise ? noiseTo(alpha(next), denoised, noise) : denoised, history };
    },
  };
}

function lcmTimesteps(config: SchedulerConfig, { count, strength }: Steps): number[] {
  const stride = Math.floor(config.trainSteps / config.distilledSteps);
  const known = Array.from(
    { length: Math.trunc(config.distilledSteps * (strength ?? 1)) },
    (_, i) => (i + 1) * stride - 1,
  ).reverse();
  return Array.from({ length: count }, (_, i) => known[Math.floor((i * known.length) / count)]!);
}
