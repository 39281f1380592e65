import { cleanOf, skippedSteps, weighted } from './algebra.ts';
import type { SchedulerConfig } from './config.ts';
import type { Scheduler, Steps } from './scheduler.ts';
import { karrasSigmas, leading, linspace, roundHalfEven, sigmaAt, timestepOf, trailing } from './schedule.ts';
import { sigmasOf } from './sigma-space.ts';

/** A noise level as the two factors of sample = signal·clean + noise·epsilon. */
export type Level = { readonly signal: number; readonly noise: number };

/** Half the logarithm of the signal-to-noise ratio: lambda in the DPM-Solver papers, the variable they integrate over. */
export const logSnr = ({ signal, noise }: Level): number => Math.log(signal) - Math.log(noise);

/** What DPM-Solver++ and UniPC have in common: whole timesteps, one spare at the end of the spacing, sigmas between them. */
export type LogSnrSpace = Omit<Scheduler, 'stochastic' | 'step'> & {
  readonly sigmas: readonly number[];
  at(index: number): Level;
};

/** `endsAt`: the noise after the last call: none, that of the first trained timestep, or (for UniPC with Karras) unchanged. */
export function logSnrSpace(
  config: SchedulerConfig,
  steps: Steps,
  { endsAt }: { endsAt: 'zero' | 'lowest' | 'last' },
): LogSnrSpace {
  const training = sigmasOf(config);
  const chosen = config.karras
    ? karrasSigmas(training.at(-1), training[0]!, steps.count)
    : wholeTimesteps(config, steps.count).map((t) => sigmaAt(t, training));
  const timesteps = config.karras
    ? chosen.map((sigma) => roundHalfEven(timestepOf(sigma, training)))
    : wholeTimesteps(config, steps.count);
  const end = { zero: 0, lowest: training[0]!, last: chosen.at(-1) }[endsAt];
  const sigmas = [...chosen, end];
  const at = (index: number): Level => {
    const signal = 1 / Math.sqrt(sigmas[index]! ** 2 + 1);
    return { signal, noise: sigmas[index]! * signal };
  };
  return {
    timesteps,
    sigmas,
    at,
    first: skippedSteps(steps),
    initialSigma: 1,
    scaleInput: (sample) => sample,
    addNoise: (clean, noise, index) => weighted([at(index).signal, clean], [at(index).noise, noise]),
    clean: (sample, prediction, index) =>
      cleanOf(config.prediction, sample, prediction, at(index).signal, at(index).noise),
  };
}

function wholeTimesteps(config: SchedulerConfig, count: number): number[] {
  switch (config.spacing) {
    case 'linspace':
      return linspace(config.trainSteps - 1, count + 1)
        .map(roundHalfEven)
        .reverse()
        .slice(0, count);
    case 'leading':
      return leading(config.trainSteps, count + 1, count + 1, config.stepsOffset).slice(0, count);
    case 'trailing':
      return trailing(config.trainSteps, count);
  }
}
