import path from 'node:path';
import { z } from 'zod';
import { kindOf, readSchedulerConfig, type SchedulerConfig } from '../diffusion/schedulers/config.ts';
import { makeScheduler, NO_HISTORY, type Scheduler } from '../diffusion/schedulers/scheduler.ts';
import { compare, ONE_CALL, type ParityCase } from './case.ts';
import { openGolden, readJson } from './golden.ts';

/** Whole timesteps must be the same; fractional ones are float32 numbers up to 1000. */
export const SAME_TIMESTEPS = 1e-6;
const SIGMAS = 1e-5;

const schedulerCase = z.object({
  class: z.string(),
  config: z.record(z.string(), z.unknown()),
  steps: z.int().positive(),
  step_kwargs: z.record(z.string(), z.unknown()).default({}),
  strength: z.number().nullable().default(null),
  file: z.string(),
});

/** Every scheduler, alone: its timesteps, its sigmas, and its samples with a formula in the network's place. */
export async function schedulers(folder: string): Promise<ParityCase[]> {
  const index = z.record(z.string(), schedulerCase).parse(await readJson(path.join(folder, 'index.json')));
  const cases: ParityCase[] = [];
  for (const [id, { config: json, steps, strength, file, ...golden }] of Object.entries(index)) {
    const reference = await openGolden(path.join(folder, file));
    const has = (name: string) => reference.names.includes(name);
    const made = () => {
      const config = schedulerConfig(golden.class, json, golden.step_kwargs);
      return makeScheduler(config, { count: steps, strength });
    };
    const add = (name: string, tolerance: number, result: (scheduler: Scheduler) => Promise<ArrayLike<number>>) => {
      if (!has(name)) return;
      const measure = async () => compare(await result(made()), (await reference.floats(name)).data);
      cases.push({ id: `${id} ${name}`, folder: path.basename(folder), tolerance, measure });
    };
    const start = async (scheduler: Scheduler) => {
      const noise = (await reference.floats('noise')).data;
      return strength === null
        ? noise.map((value) => value * scheduler.initialSigma)
        : scheduler.addNoise((await reference.floats('x0')).data, noise, scheduler.first);
    };
    const draws = async () => (has('step_noise') ? (await reference.floats('step_noise')).data : new Float32Array());
    const isLong = json.use_karras_sigmas === true && steps > 10;
    add('timesteps', SAME_TIMESTEPS, (scheduler) => Promise.resolve(scheduler.timesteps));
    add('timesteps_used', SAME_TIMESTEPS, (scheduler) => Promise.resolve(scheduler.timesteps.slice(scheduler.first)));
    add('sigmas', SIGMAS, (scheduler) => Promise.resolve(scheduler.sigmas ?? []));
    add('init_noise_sigma', SIGMAS, (scheduler) => Promise.resolve([scheduler.initialSigma]));
    add('initial', ONE_CALL, start);
    add('add_noise', ONE_CALL, start);
    add('model_input_first', ONE_CALL, async (scheduler) =>
      scheduler.scaleInput(await start(scheduler), scheduler.first),
    );
    add('model_input_last', ONE_CALL, async (scheduler) => {
      const samples = trajectory(scheduler, await start(scheduler), await draws());
      const length = samples.length / (scheduler.timesteps.length - scheduler.first);
      return scheduler.scaleInput(samples.subarray(-2 * length, -length), scheduler.timesteps.length - 1);
    });
    add('trajectory', isLong ? 3 * ONE_CALL : ONE_CALL, async (scheduler) =>
      trajectory(scheduler, await start(scheduler), await draws()),
    );
  }
  return cases;
}

/** All samples of the loop with the stand-in for a network that the reference data was made with. */
function trajectory(scheduler: Scheduler, start: Float32Array, draws: Float32Array): Float32Array {
  const { timesteps, first } = scheduler;
  const result = new Float32Array((timesteps.length - first) * start.length);
  let sample = start;
  let history = NO_HISTORY;
  for (let index = first; index < timesteps.length; index++) {
    const call = (index - first) * start.length;
    const input = scheduler.scaleInput(sample, index);
    const prediction = input.map((x) => Math.tanh(0.7 * x + timesteps[index]! / 1000) * 0.9);
    const drawn = draws.subarray(call, call + start.length);
    const noise = drawn.length > 0 ? drawn : null;
    ({ sample, history } = scheduler.step({ index, sample, prediction, noise, history }));
    result.set(sample, call);
  }
  return result;
}

/** A scheduler of one of upstream's classes with a scheduler_config.json, which may have been written for another. */
export function schedulerConfig(
  className: string,
  json: Readonly<Record<string, unknown>> | null,
  overrides: Readonly<Record<string, unknown>>,
): SchedulerConfig {
  const kind = kindOf({ ...json, ...overrides, _class_name: className });
  if (!kind) throw new RangeError(`there is no scheduler ${className}`);
  return readSchedulerConfig(kind, json, overrides);
}
