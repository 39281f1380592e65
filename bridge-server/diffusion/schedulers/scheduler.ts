import type { SchedulerConfig } from './config.ts';
import { ddim } from './ddim.ts';
import { ddpm } from './ddpm.ts';
import { dpmSolver } from './dpm-solver.ts';
import { euler } from './euler.ts';
import { heun } from './heun.ts';
import { SCHEDULERS, type SchedulerKind } from './kinds.ts';
import { lcm } from './lcm.ts';
import { lms } from './lms.ts';
import { pndm } from './pndm.ts';
import { uniPc } from './unipc.ts';

export { SCHEDULERS, type SchedulerKind };

/** What a multi-step method remembers between calls: a value, so that a step can be repeated after a crash. */
export type History = {
  /** What earlier calls predicted, newest first, in the method's own form (noise, picture or derivative). */
  readonly past: readonly Float32Array[];
  /** The sample that an unfinished step began from, or that the last step used. */
  readonly sample: Float32Array | null;
};
export const NO_HISTORY: History = { past: [], sample: null };

export type StepInput = {
  /** Which of the scheduler's `timesteps` this call was for. */
  readonly index: number;
  readonly sample: Float32Array;
  /** The network's raw output for `scaleInput(sample, index)` at `timesteps[index]`, guidance applied. */
  readonly prediction: Float32Array;
  /** N(0,1), as long as the sample; read only by stochastic schedulers. */
  readonly noise: Float32Array | null;
  readonly history: History;
};

/**
 * A plan of network calls and what to do with each answer. Pure: nothing is kept inside, every array is float32 and none is
 * written to. Samples of a batch may be joined end to end.
 */
export type Scheduler = {
  readonly timesteps: readonly number[];
  /** Noise over signal at each call, and one more after the last; null for methods that work on timesteps alone. */
  readonly sigmas: readonly number[] | null;
  /** The first call to make: 0, or later when a picture is repainted with a strength below 1. */
  readonly first: number;
  /** What N(0,1) noise is multiplied by to begin from nothing. */
  readonly initialSigma: number;
  /** Whether `step` reads noise. */
  readonly stochastic: boolean;
  scaleInput(sample: Float32Array, index: number): Float32Array;
  /** A clean latent with as much noise as belongs before call `index`. */
  addNoise(clean: Float32Array, noise: Float32Array, index: number): Float32Array;
  /** The clean latent that a prediction at call `index` points to: what a preview shows. */
  clean(sample: Float32Array, prediction: Float32Array, index: number): Float32Array;
  step(input: StepInput): { readonly sample: Float32Array; readonly history: History };
};

/** How many steps, and how much of them: `strength` null paints from noise, else 0..1 of the schedule is run on a given picture. */
export type Steps = { readonly count: number; readonly strength: number | null };

export function makeScheduler(config: SchedulerConfig, steps: Steps): Scheduler {
  return MAKERS[config.kind](config, steps);
}

const MAKERS: Record<SchedulerKind, (config: SchedulerConfig, steps: Steps) => Scheduler> = {
  ddim,
  pndm,
  lms,
  euler: (config, steps) => euler(config, steps, { ancestral: false }),
  euler_a: (config, steps) => euler(config, steps, { ancestral: true }),
  heun,
  dpmpp_2m: (config, steps) => dpmSolver(config, steps, { stochastic: false }),
  dpmpp_2m_sde: (config, steps) => dpmSolver(config, steps, { stochastic: true }),
  unipc: uniPc,
  lcm,
  ddpm,
};
