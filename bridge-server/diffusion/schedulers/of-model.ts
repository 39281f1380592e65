import type { Model } from '../../weights/model.ts';
import { kindOf, readSchedulerConfig, type SchedulerConfig } from './config.ts';
import type { SchedulerKind } from './scheduler.ts';

/** What the model's own scheduler_config.json says, else what its file tells, with the kind that was asked for. */
export function schedulerConfigOf(model: Model, asked: SchedulerKind | null): SchedulerConfig {
  const { variant } = model.identity;
  if (model.scheduler) return readSchedulerConfig(asked ?? kindOf(model.scheduler) ?? 'dpmpp_2m', model.scheduler);
  const trained = {
    ...(variant?.prediction === 'v' ? { prediction_type: 'v_prediction' } : {}),
    ...(variant?.zeroTerminalSnr ? { rescale_betas_zero_snr: true, timestep_spacing: 'trailing' } : {}),
  };
  switch (variant?.distilled ?? null) {
    case 'lcm':
      return readSchedulerConfig(asked ?? 'lcm', null, trained);
    case 'turbo':
    case 'lightning':
    case 'hyper':
      // Distilled at the ends of equal parts of the schedule.
      return readSchedulerConfig(asked ?? 'euler', null, { timestep_spacing: 'trailing', ...trained });
    case null:
      return readSchedulerConfig(asked ?? 'dpmpp_2m', null, asked ? trained : { use_karras_sigmas: true, ...trained });
  }
}
