import { pointingTo } from './consistency/lead.ts';
import { NO_HISTORY, type Scheduler } from './schedulers/scheduler.ts';

/** A call of the network: after `done` of the `total` that are made. */
export type Call = { readonly timestep: number; readonly done: number; readonly total: number };

/** The network with guidance: its raw output for a scaled sample. */
export type Predict = (input: Float32Array, call: Call, signal: AbortSignal) => Promise<Float32Array>;

/** What there is to see after a call. */
export type SamplingStep = {
  readonly done: number;
  readonly total: number;
  readonly sample: Float32Array;
  /** The latent without noise that the call headed for. */
  readonly clean: Float32Array;
};

export type Sampling = {
  readonly scheduler: Scheduler;
  /** The sample before call `scheduler.first`. */
  readonly start: Float32Array;
  readonly predict: Predict;
  /** N(0,1) for a stochastic scheduler's call, counted from the first that is made. */
  readonly noiseAt: (call: number) => Float32Array;
  /** What the clean latent of a call, counted as for the noise, is replaced by; the call's prediction follows. */
  readonly reconsider?: (clean: Float32Array, call: number) => Float32Array;
  /** What a sample after call `index` is replaced by: how a part of the picture is kept. */
  readonly constrain?: (sample: Float32Array, index: number) => Float32Array;
  readonly onStep?: (step: SamplingStep) => void;
};

/** Runs the scheduler's calls and returns the last sample. `signal` is obeyed between calls. */
export async function runSampling(sampling: Sampling, signal: AbortSignal): Promise<Float32Array> {
  const { scheduler, predict, noiseAt, reconsider, constrain, onStep } = sampling;
  const total = scheduler.timesteps.length - scheduler.first;
  let sample = sampling.start;
  let history = NO_HISTORY;
  for (let index = scheduler.first; index < scheduler.timesteps.length; index++) {
    signal.throwIfAborted();
    const done = index - scheduler.first;
    const call = { timestep: scheduler.timesteps[index]!, done, total };
    let prediction = await predict(scheduler.scaleInput(sample, index), call, signal);
    let clean = onStep || reconsider ? scheduler.clean(sample, prediction, index) : null;
    if (clean && reconsider) {
      const wanted = reconsider(clean, done);
      prediction = pointingTo(wanted, clean, prediction, scheduler, index);
      clean = wanted;
    }
    const noise = scheduler.stochastic ? noiseAt(done) : null;
    ({ sample, history } = scheduler.step({ index, sample, prediction, noise, history }));
    if (constrain) sample = constrain(sample, index);
    if (clean) onStep?.({ done: done + 1, total, sample, clean });
  }
  return sample;
}

/** Classifier-free guidance (Ho & Salimans 2022): away from what the negative prompt predicts, towards the prompt. */
export function guide(negative: Float32Array, positive: Float32Array, guidance: number): Float32Array {
  return negative.map((value, i) => value + guidance * (positive[i]! - value));
}
