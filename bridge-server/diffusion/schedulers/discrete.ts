import { clamp, cleanOf, weighted } from './algebra.ts';
import type { SchedulerConfig } from './config.ts';
import type { Scheduler } from './scheduler.ts';
import { alphasCumprod, leading, linspace, roundHalfEven, trailing } from './schedule.ts';

/** What the methods that step from one trained timestep to another (DDPM, DDIM, PNDM, LCM) have in common. */
export type Discrete = Omit<Scheduler, 'first' | 'stochastic' | 'step'> & {
  /** How much of the variance is picture at a timestep; before the first, what the config says is the end. */
  readonly alpha: (timestep: number) => number;
};

export function discrete(config: SchedulerConfig, timesteps: readonly number[]): Discrete {
  const alphas = alphasCumprod(config);
  const end = config.finalAlphaOne ? 1 : alphas[0]!;
  const alpha = (timestep: number) => (timestep >= 0 ? alphas[timestep]! : end);
  return {
    timesteps,
    sigmas: null,
    initialSigma: 1,
    alpha,
    scaleInput: (sample) => sample,
    addNoise: (clean, noise, index) => noiseTo(alpha(timesteps[index]!), clean, noise),
    clean(sample, prediction, index) {
      const a = alpha(timesteps[index]!);
      return clamp(cleanOf(config.prediction, sample, prediction, Math.sqrt(a), Math.sqrt(1 - a)), config.clip);
    },
  };
}

/** How far one step goes down, in trained timesteps. */
export const strideOf = (config: SchedulerConfig, count: number): number => Math.floor(config.trainSteps / count);

/** The whole timesteps that `count` steps run, highest first. */
export function discreteTimesteps(config: SchedulerConfig, count: number): number[] {
  switch (config.spacing) {
    case 'linspace':
      return linspace(config.trainSteps - 1, count)
        .map(roundHalfEven)
        .reverse();
    case 'leading':
      return leading(config.trainSteps, count, count, config.stepsOffset);
    case 'trailing':
      return trailing(config.trainSteps, count);
  }
}

/** A clean latent with so much noise that `alpha` of the variance is picture. */
export const noiseTo = (alpha: number, clean: Float32Array, noise: Float32Array): Float32Array =>
  weighted([Math.sqrt(alpha), clean], [Math.sqrt(1 - alpha), noise]);
