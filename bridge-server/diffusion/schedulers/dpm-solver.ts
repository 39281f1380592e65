import { weighted } from './algebra.ts';
import type { SchedulerConfig } from './config.ts';
import { logSnr, logSnrSpace } from './log-snr-space.ts';
import type { Scheduler, Steps } from './scheduler.ts';

/** With fewer steps than this a second-order last step overshoots. */
const FEW_STEPS = 15;

/**
 * DPM-Solver++ (Lu et al. 2022), second order, multistep; `stochastic` is its SDE form. The last step, to no noise at all, is of
 * first order.
 */
export function dpmSolver(config: SchedulerConfig, steps: Steps, { stochastic }: { stochastic: boolean }): Scheduler {
  const space = logSnrSpace(config, steps, { endsAt: config.finalSigmaZero ? 'zero' : 'lowest' });
  return {
    ...space,
    stochastic,
    step({ index, sample, prediction, noise, history }) {
      const [from, to] = [space.at(index), space.at(index + 1)];
      const clean = space.clean(sample, prediction, index);
      const last = index === space.timesteps.length - 1;
      const firstOrder =
        last &&
        (config.finalSigmaZero ||
          config.eulerAtFinal ||
          (config.lowerOrderFinal && space.timesteps.length < FEW_STEPS));
      const [before] = history.past;
      const h = logSnr(to) - logSnr(from);
      const decay = Math.exp(-h);
      // How much of the new sample is picture; the SDE forgets the old sample faster and puts fresh noise in its place.
      const gain = to.signal * -Math.expm1(stochastic ? -2 * h : -h);
      const kept = (to.noise / from.noise) * (stochastic ? decay : 1);
      const terms: [number, Float32Array][] = [
        [kept, sample],
        [gain, clean],
      ];
      if (before && config.solverOrder > 1 && !firstOrder) {
        const slope = h / (logSnr(from) - logSnr(space.at(index - 1)));
        // The paper's two second-order forms: the slope taken in the middle, or integrated exactly ("heun").
        const k = stochastic ? 2 * h : h;
        const weight = config.heunSolver ? to.signal * (1 + Math.expm1(-k) / k) : gain / 2;
        terms.push([weight * slope, clean], [-weight * slope, before]);
      }
      if (stochastic && noise) terms.push([to.noise * Math.sqrt(-Math.expm1(-2 * h)), noise]);
      return { sample: weighted(...terms), history: { past: [clean], sample: null } };
    },
  };
}
