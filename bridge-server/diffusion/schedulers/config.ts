import { Failure } from '../../errors.ts';
import type { Prediction } from './algebra.ts';
import type { ScheduleConfig, Spacing } from './schedule.ts';
import type { SchedulerKind } from './scheduler.ts';

/** Everything that decides a scheduler's numbers, but for the count of steps. */
export type SchedulerConfig = ScheduleConfig & {
  readonly kind: SchedulerKind;
  readonly prediction: Prediction;
  readonly spacing: Spacing;
  /** Added to every timestep of `leading` spacing. */
  readonly stepsOffset: number;
  /** Sigmas after Karras et al. 2022 instead of the spacing. */
  readonly karras: boolean;
  /** Clean pictures are cut off at plus and minus this; null: not at all. */
  readonly clip: number | null;
  /** DDIM, PNDM, LCM: the last step ends at no noise at all, rather than at the noise of the first trained timestep. */
  readonly finalAlphaOne: boolean;
  /** DDIM: 0 deterministic .. 1 as noisy as DDPM. */
  readonly eta: number;
  /** DPM++ and UniPC. */
  readonly solverOrder: number;
  readonly lowerOrderFinal: boolean;
  readonly eulerAtFinal: boolean;
  readonly finalSigmaZero: boolean;
  readonly heunSolver: boolean;
  readonly bh1: boolean;
  /** LCM: how many steps the distillation chose among, and the scale of its boundary condition. */
  readonly distilledSteps: number;
  readonly timestepScaling: number;
};

/** What Stable Diffusion models were trained with; what a file says of itself goes before it. */
const STABLE_DIFFUSION = {
  num_train_timesteps: 1000,
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  steps_offset: 1,
  set_alpha_to_one: false,
  clip_sample: false,
};

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads a `scheduler_config.json`, also one written for another kind of scheduler: what it does not say takes the kind's default.
 * A setting that would change the numbers and is not known here is refused, never ignored.
 *
 * @param json the file's content; null for Stable Diffusion's own training schedule
 * @param overrides in the same names: what the user chose
 */
export function readSchedulerConfig(kind: SchedulerKind, json: Json | null, overrides: Json = {}): SchedulerConfig {
  const settings: Json = { ...DEFAULTS, ...DEFAULTS_OF[kind], ...(json ?? STABLE_DIFFUSION), ...overrides };
  refuseUnknown(kind, settings);
  const number = (key: string) =>
    checked(kind, settings, key, (v): v is number => typeof v === 'number' && isFinite(v));
  const flag = (key: string) => checked(kind, settings, key, (v): v is boolean => typeof v === 'boolean');
  const oneOf = <T extends string>(key: string, ...values: readonly T[]) =>
    checked(kind, settings, key, (v): v is T => values.includes(v as T));
  return {
    kind,
    trainSteps: number('num_train_timesteps'),
    betaStart: number('beta_start'),
    betaEnd: number('beta_end'),
    betaSchedule: oneOf('beta_schedule', 'scaled_linear', 'linear', 'squaredcos_cap_v2'),
    trainedBetas: checked(kind, settings, 'trained_betas', isNumbersOrNull),
    zeroTerminalSnr: flag('rescale_betas_zero_snr'),
    prediction: oneOf('prediction_type', 'epsilon', 'v_prediction', 'sample'),
    spacing: oneOf('timestep_spacing', 'linspace', 'leading', 'trailing'),
    stepsOffset: number('steps_offset'),
    karras: flag('use_karras_sigmas'),
    clip: flag('clip_sample') ? number('clip_sample_range') : null,
    finalAlphaOne: flag('set_alpha_to_one'),
    eta: number('eta'),
    solverOrder: number('solver_order'),
    lowerOrderFinal: flag('lower_order_final'),
    eulerAtFinal: flag('euler_at_final'),
    finalSigmaZero: oneOf('final_sigmas_type', 'zero', 'sigma_min') === 'zero',
    heunSolver: settings.solver_type === 'heun',
    bh1: settings.solver_type === 'bh1',
    distilledSteps: number('original_inference_steps'),
    timestepScaling: number('timestep_scaling'),
  };
}

const DEFAULTS: Json = {
  num_train_timesteps: 1000,
  beta_start: 0.0001,
  beta_end: 0.02,
  beta_schedule: 'linear',
  trained_betas: null,
  rescale_betas_zero_snr: false,
  prediction_type: 'epsilon',
  timestep_spacing: 'linspace',
  steps_offset: 0,
  use_karras_sigmas: false,
  clip_sample: false,
  clip_sample_range: 1,
  set_alpha_to_one: false,
  eta: 0,
  solver_order: 2,
  lower_order_final: true,
  euler_at_final: false,
  final_sigmas_type: 'zero',
  original_inference_steps: 50,
  timestep_scaling: 10,
};

const DEFAULTS_OF: Record<SchedulerKind, Json> = {
  ddim: { timestep_spacing: 'leading', clip_sample: true, set_alpha_to_one: true },
  ddpm: { timestep_spacing: 'leading', clip_sample: true },
  pndm: { timestep_spacing: 'leading' },
  lcm: {
    timestep_spacing: 'leading',
    set_alpha_to_one: true,
    beta_start: 0.00085,
    beta_end: 0.012,
    beta_schedule: 'scaled_linear',
  },
  euler: {},
  euler_a: {},
  heun: { beta_start: 0.00085, beta_end: 0.012 },
  lms: {},
  dpmpp_2m: { solver_type: 'midpoint', algorithm_type: 'dpmsolver++' },
  dpmpp_2m_sde: { solver_type: 'midpoint', algorithm_type: 'sde-dpmsolver++' },
  unipc: { solver_type: 'bh2', predict_x0: true },
};

/** The kind that a scheduler_config.json was written for; null when it is none of ours. */
export function kindOf(json: Json): SchedulerKind | null {
  switch (json._class_name) {
    case 'DDIMScheduler':
      return 'ddim';
    case 'DDPMScheduler':
      return 'ddpm';
    case 'PNDMScheduler':
      return 'pndm';
    case 'LCMScheduler':
      return 'lcm';
    case 'EulerDiscreteScheduler':
      return 'euler';
    case 'EulerAncestralDiscreteScheduler':
      return 'euler_a';
    case 'HeunDiscreteScheduler':
      return 'heun';
    case 'LMSDiscreteScheduler':
      return 'lms';
    case 'DPMSolverMultistepScheduler':
      return json.algorithm_type === 'sde-dpmsolver++' ? 'dpmpp_2m_sde' : 'dpmpp_2m';
    case 'UniPCMultistepScheduler':
      return 'unipc';
    default:
      return null;
  }
}

/** For each setting that some scheduler has and we do not: the values that leave the numbers as they are. */
const HARMLESS: Readonly<Record<string, readonly unknown[]>> = {
  thresholding: [false],
  interpolation_type: ['linear'],
  timestep_type: ['discrete'],
  sigma_min: [null],
  sigma_max: [null],
  use_lu_lambdas: [false],
  use_exponential_sigmas: [false],
  use_beta_sigmas: [false],
  use_flow_sigmas: [false],
  lambda_min_clipped: [null, -Infinity],
  variance_type: [null, 'fixed_small', 'fixed_small_log'],
  predict_x0: [true],
  solver_p: [null],
};
const HARMLESS_OF: Partial<Record<SchedulerKind, Readonly<Record<string, readonly unknown[]>>>> = {
  pndm: { skip_prk_steps: [true] },
  dpmpp_2m: { solver_order: [1, 2], solver_type: ['midpoint', 'heun'], algorithm_type: ['dpmsolver++'] },
  dpmpp_2m_sde: { solver_order: [1, 2], solver_type: ['midpoint', 'heun'], algorithm_type: ['sde-dpmsolver++'] },
  unipc: { solver_order: [1, 2, 3], solver_type: ['bh1', 'bh2'] },
  lcm: { timestep_spacing: ['leading'] },
};

function refuseUnknown(kind: SchedulerKind, settings: Json): void {
  for (const [key, allowed] of Object.entries({ ...HARMLESS, ...HARMLESS_OF[kind] })) {
    if (key in settings && !allowed.includes(settings[key])) refuse(kind, key, settings[key]);
  }
}

function checked<T>(kind: SchedulerKind, settings: Json, key: string, is: (value: unknown) => value is T): T {
  const value = settings[key];
  return is(value) ? value : refuse(kind, key, value);
}

const isNumbersOrNull = (value: unknown): value is readonly number[] | null =>
  value === null || (Array.isArray(value) && value.every((v) => typeof v === 'number'));

function refuse(kind: SchedulerKind, key: string, value: unknown): never {
  throw new Failure('scheduler-unsupported', { kind, setting: `${key} = ${JSON.stringify(value)}` });
}
