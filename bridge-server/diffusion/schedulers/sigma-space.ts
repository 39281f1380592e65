import { weighted, type Prediction, skippedSteps } from './algebra.ts';
import type { SchedulerConfig } from './config.ts';
import type { Scheduler, Steps } from './scheduler.ts';
import {
  alphasCumprod,
  karrasSigmas,
  leading,
  linspace,
  sigmaAt,
  timestepOf,
  trailing,
  trainingSigmas,
} from './schedule.ts';

/**
 * The methods of k-diffusion (Euler, Heun, LMS) work on sample = clean + sigma·noise (Karras et al. 2022); the network sees it
 * divided by sqrt(sigma² + 1). Timesteps may be fractions.
 */
export type SigmaSpace = Omit<Scheduler, 'stochastic' | 'step'> & {
  readonly sigmas: readonly number[];
  /** d sample / d sigma at call `index` (Karras et al. 2022, eq. 3). */
  slope(sample: Float32Array, prediction: Float32Array, index: number): Float32Array;
};

/** `repeats`: how many times the timesteps between the ends are called (2 for a second-order method). */
export function sigmaSpace(config: SchedulerConfig, steps: Steps, repeats: 1 | 2 = 1): SigmaSpace {
  const training = sigmasOf(config);
  const spaced = fractionalTimesteps(config, steps.count);
  const interpolated = spaced.map((t) => sigmaAt(t, training));
  const chosen = config.karras ? karrasSigmas(interpolated[0]!, interpolated.at(-1), steps.count) : interpolated;
  const chosenTimesteps = config.karras ? chosen.map((sigma) => timestepOf(sigma, training)) : spaced;

  const repeat = <T>(values: readonly T[]) =>
    values.flatMap((value, i) => (i > 0 && repeats === 2 ? [value, value] : [value]));
  const timesteps = repeat(chosenTimesteps);
  const sigmas = [...repeat(chosen), 0];
  const highest = Math.max(...sigmas);
  const clean: Scheduler['clean'] = (sample, prediction, index) =>
    cleanAt(config.prediction, sample, prediction, sigmas[index]!);
  return {
    timesteps,
    sigmas,
    first: skippedSteps(steps) * repeats,
    initialSigma: config.spacing === 'leading' ? Math.sqrt(highest ** 2 + 1) : highest,
    scaleInput: (sample, index) => weighted([1 / Math.sqrt(sigmas[index]! ** 2 + 1), sample]),
    addNoise: (clean, noise, index) => weighted([1, clean], [sigmas[index]!, noise]),
    clean,
    slope(sample, prediction, index) {
      const inverse = 1 / sigmas[index]!;
      return weighted([inverse, sample], [-inverse, clean(sample, prediction, index)]);
    },
  };
}

/** The training sigmas; with zero terminal SNR the last would be infinite, so it is 2^12 as where these models were trained. */
export function sigmasOf(config: SchedulerConfig): Float32Array {
  const alphas = alphasCumprod(config);
  if (config.zeroTerminalSnr) alphas[alphas.length - 1] = 2 ** -24;
  return trainingSigmas(alphas);
}

/** The clean picture that a prediction stands for, when sample = clean + sigma·noise. */
function cleanAt(kind: Prediction, sample: Float32Array, prediction: Float32Array, sigma: number): Float32Array {
  switch (kind) {
    case 'epsilon':
      return weighted([1, sample], [-sigma, prediction]);
    case 'v_prediction':
      return weighted([1 / (sigma ** 2 + 1), sample], [-sigma / Math.sqrt(sigma ** 2 + 1), prediction]);
    case 'sample':
      return prediction;
  }
}

function fractionalTimesteps(config: SchedulerConfig, count: number): number[] {
  switch (config.spacing) {
    case 'linspace':
      return linspace(config.trainSteps - 1, count)
        .map(Math.fround)
        .reverse();
    case 'leading':
      return leading(config.trainSteps, count, count, config.stepsOffset);
    case 'trailing':
      return trailing(config.trainSteps, count);
  }
}
