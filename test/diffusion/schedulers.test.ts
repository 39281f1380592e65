import { describe, expect, it } from 'vitest';
import { normalNoise } from '../../bridge-server/diffusion/noise.ts';
import { readSchedulerConfig } from '../../bridge-server/diffusion/schedulers/config.ts';
import {
  makeScheduler,
  NO_HISTORY,
  type Scheduler,
  SCHEDULERS,
} from '../../bridge-server/diffusion/schedulers/scheduler.ts';

const draw = (n: number) => normalNoise({ seed: 11, frame: 0 }, { pass: 0, draw: n }, 64);
const CLEAN = draw(100);

/** Runs a scheduler with a network that knows the picture: it predicts exactly what leads there. */
function paintKnown(scheduler: Scheduler, prediction: 'epsilon' | 'v_prediction', start: Float32Array): Float32Array {
  let sample = start;
  let history = NO_HISTORY;
  const { timesteps, first, sigmas } = scheduler;
  for (let index = first; index < timesteps.length; index++) {
    const input = scheduler.scaleInput(sample, index);
    // What part of the network's input is picture: by its sigma, or by what noising a picture of ones keeps of it.
    const signal = sigmas
      ? 1 / Math.sqrt(sigmas[index]! ** 2 + 1)
      : scheduler.addNoise(new Float32Array([1]), new Float32Array([0]), index)[0]!;
    const noise = Math.sqrt(1 - signal ** 2);
    const guess = input.map((x, i) => {
      const epsilon = (x - signal * CLEAN[i]!) / noise;
      return prediction === 'epsilon' ? epsilon : signal * epsilon - noise * CLEAN[i]!;
    });
    const seen = scheduler.clean(sample, guess, index);
    for (const [i, value] of seen.entries()) expect(value).toBeCloseTo(CLEAN[i]!, 2);
    ({ sample, history } = scheduler.step({ index, sample, prediction: guess, noise: draw(index), history }));
  }
  return sample;
}

describe.each(SCHEDULERS)('%s', (kind) => {
  it.each(['epsilon', 'v_prediction'] as const)('finds the picture that the network knows (%s)', (prediction) => {
    for (const [strength, count] of [
      [null, 12],
      [0.5, 12],
      [0.3, 25],
    ] as const) {
      const config = readSchedulerConfig(kind, null, { prediction_type: prediction });
      const scheduler = makeScheduler(config, { count, strength });
      const noise = draw(0);
      const start =
        strength === null
          ? noise.map((value) => value * scheduler.initialSigma)
          : scheduler.addNoise(CLEAN, noise, scheduler.first);
      const result = paintKnown(scheduler, prediction, start);
      // Some end at the noise of the first trained timestep (3 %), none above.
      for (const [i, value] of result.entries()) expect(Math.abs(value - CLEAN[i]!)).toBeLessThan(0.2);
    }
  });

  it('runs the part of the steps that the strength says', () => {
    const config = readSchedulerConfig(kind, null);
    const whole = makeScheduler(config, { count: 20, strength: null });
    const half = makeScheduler(config, { count: 20, strength: 0.5 });
    expect(whole.first).toBe(0);
    const calls = half.timesteps.length - half.first;
    // LCM runs all of its steps, chosen lower; PNDM calls one timestep twice; Heun calls all but the last twice.
    expect(calls).toBe({ lcm: 20, pndm: 11, heun: 19 }[kind as string] ?? 10);
    expect(Math.max(...half.timesteps.slice(half.first))).toBeLessThan(560);
    expect(makeScheduler(config, { count: 20, strength: 1 }).first).toBe(0);
  });

  it('writes to no array that it is given', () => {
    const scheduler = makeScheduler(readSchedulerConfig(kind, null), { count: 4, strength: null });
    const [sample, prediction, noise] = [draw(1), draw(2), draw(3)];
    const { history } = scheduler.step({ index: 0, sample, prediction, noise, history: NO_HISTORY });
    const input = { index: 1, sample, prediction, noise, history };
    const before = structuredClone(input);
    const once = scheduler.step(input);
    expect(input).toEqual(before);
    expect(scheduler.step(input)).toEqual(once);
  });
});

describe('a scheduler_config.json', () => {
  it.each([
    ['thresholding', true],
    ['use_lu_lambdas', true],
    ['solver_order', 3],
    ['timestep_spacing', 'sideways'],
    ['beta_schedule', 'sigmoid'],
    ['num_train_timesteps', '1000'],
  ])('with %s = %j is refused, not misread', (key, value) => {
    expect(() => readSchedulerConfig('dpmpp_2m', { [key]: value })).toThrow(
      expect.objectContaining({ code: 'scheduler-unsupported' }) as Error,
    );
  });

  it('written for another scheduler is read for the one asked for', () => {
    const pndm = {
      _class_name: 'PNDMScheduler',
      beta_start: 0.00085,
      beta_end: 0.012,
      beta_schedule: 'scaled_linear',
      skip_prk_steps: true,
      steps_offset: 1,
      set_alpha_to_one: false,
      clip_sample: false,
    };
    const { timesteps } = makeScheduler(readSchedulerConfig('euler', pndm), { count: 3, strength: null });
    expect(timesteps).toEqual([999, 499.5, 0]);
  });

  it('with zero terminal SNR begins with noise alone', () => {
    const config = readSchedulerConfig('ddim', null, {
      rescale_betas_zero_snr: true,
      timestep_spacing: 'trailing',
      prediction_type: 'v_prediction',
    });
    const scheduler = makeScheduler(config, { count: 5, strength: null });
    expect(scheduler.timesteps[0]).toBe(999);
    expect(scheduler.addNoise(CLEAN, draw(0), 0)).toEqual(draw(0));
  });
});
