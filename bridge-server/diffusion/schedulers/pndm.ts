import { noiseOf, skippedSteps, weighted } from './algebra.ts';
import type { SchedulerConfig } from './config.ts';
import { discrete, discreteTimesteps, strideOf } from './discrete.ts';
import type { Scheduler, Steps } from './scheduler.ts';

/**
 * Pseudo numerical methods (Liu et al. 2022) in the form Stable Diffusion uses: linear multistep throughout (their eq. 12), begun
 * with one step of Heun's method, which is why the second timestep is called twice.
 */
export function pndm(config: SchedulerConfig, steps: Steps): Scheduler {
  const [highest, ...lower] = discreteTimesteps(config, steps.count);
  const { alpha, ...common } = discrete(config, [highest!, ...lower.slice(0, 1), ...lower]);
  const stride = strideOf(config, steps.count);

  /** Eq. 11: the sample `to`, from the sample `from`, if the noise in it were `noise`. */
  const transfer = (sample: Float32Array, noise: Float32Array, from: number, to: number) => {
    const [a, b] = [alpha(from), alpha(to)];
    const divisor = a * Math.sqrt(1 - b) + Math.sqrt(a * (1 - a) * b);
    return weighted([Math.sqrt(b / a), sample], [-(b - a) / divisor, noise]);
  };

  return {
    ...common,
    first: skippedSteps(steps),
    stochastic: false,
    step({ index, sample, prediction, history: { past, sample: began } }) {
      const t = common.timesteps[index]!;
      // The prediction is read as what the step works on: at its own timestep, from the sample the step began with.
      const halfway = past.length === 1 && began !== null;
      const from = halfway ? t + stride : t;
      const base = halfway ? began : sample;
      const asNoise = (values: Float32Array) =>
        noiseOf(config.prediction, base, values, Math.sqrt(alpha(from)), Math.sqrt(1 - alpha(from)));
      if (halfway) {
        const mean = weighted([1 / 2, prediction], [1 / 2, past[0]!]);
        return { sample: transfer(base, asNoise(mean), from, t), history: { past, sample: null } };
      }
      const outputs = [prediction, ...past].slice(0, 4);
      const mean = weighted(...MULTISTEP[outputs.length - 1]!.map((c, i) => [c, outputs[i]!] as const));
      return {
        sample: transfer(base, asNoise(mean), from, t - stride),
        history: { past: outputs, sample: past.length === 0 ? sample : null },
      };
    },
  };
}

/** Adams-Bashforth coefficients, newest first, for 1 to 4 known values. */
const MULTISTEP = [[1], [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24]];
