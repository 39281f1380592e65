import type { Family } from '../weights/family.ts';
import { type Model, requirePart } from '../weights/model.ts';
import { contextOf } from './networks/contexts.ts';
import type { PainterOptions, PaintSettings } from './painter.ts';
import { type Size, workingSize } from './picture/size.ts';
import { checkMemory, type Plan, planFor } from './profile.ts';
import { schedulerConfigOf } from './schedulers/of-model.ts';
import { makeScheduler } from './schedulers/scheduler.ts';
import { MOST_GUESTS } from './window.ts';

// What is decided of a painting before anything is loaded.

/** What the plan of a painting follows from, besides the model. */
type Asked = Pick<PainterOptions, 'settings' | 'profile' | 'pictures' | 'size'>;

/** Refuses, before anything is loaded, what cannot be painted. Failures: weights-part, scheduler-unsupported, memory-short. */
export function refuseUnpaintable(
  model: Model,
  asked: Asked & Pick<PainterOptions, 'vae' | 'controls' | 'motion'>,
  freeBytes: number,
): void {
  const { settings, profile, vae, controls = [], motion = null } = asked;
  const beside = [...controls.map(({ net }) => net), ...(motion ? [motion] : [])];
  const parts = [requirePart(model, 'unet'), vae ?? requirePart(model, 'vae'), ...beside];
  makeScheduler(schedulerConfigOf(model, settings.scheduler), { count: settings.steps, strength: settings.strength });
  const { size } = passesOf(model, asked).at(-1);
  const plan = planOf(model, asked);
  checkMemory(profile, plan, { parts, size, batch: batchOf(asked, plan) }, freeBytes);
}

/**
 * Pictures in one call of the U-Net, at most: those that see each other, under each side of the guidance that goes with them. Regions
 * are sides in calls of their own; details are painted one at a time, no larger than the picture.
 */
function batchOf({ settings, pictures, motion = null }: Asked & Pick<PainterOptions, 'motion'>, plan: Plan): number {
  if (motion) return Math.min(pictures, contextOf(motion).length);
  const { attention, window } = settings.consistency;
  const together = attention === 'own' ? 1 : Math.min(pictures, window + MOST_GUESTS);
  return together * (plan.guidance === 'batched' && settings.guidance > 1 ? 2 : 1);
}

/** How the networks will be run: with the settings it decides every pixel of the result. */
export function planOf(model: Model, asked: Asked): Plan {
  const { size } = passesOf(model, asked).at(-1);
  return planFor(asked.profile, { unetCalls: asked.pictures * asked.settings.steps, size });
}

/** The passes over a picture: at what size each works, and how much it repaints. */
export function passesOf(
  model: Model,
  { settings, size }: Asked,
): { readonly size: Size; readonly strength: number }[] {
  const area = areaOf(model, settings);
  return [{ scale: 1, strength: settings.strength }, ...(settings.secondPass ? [settings.secondPass] : [])].map(
    ({ scale, strength }) => ({ size: workingSize(size, area * scale ** 2), strength }),
  );
}

/** The pixels that are worked at. */
export const areaOf = (model: Model, { area }: PaintSettings): number => area ?? nativeArea(model);

/** The pixels that a family was trained on. */
export function nativeArea({ identity: { family, variant } }: Model): number {
  const sides: Record<Family, number> = {
    sd15: 512,
    // SD 2 comes in two sizes; the larger one predicts v.
    sd21: variant?.prediction === 'v' ? 768 : 512,
    sdxl: 1024,
    'sdxl-refiner': 1024,
  };
  return sides[family ?? 'sd15'] ** 2;
}
