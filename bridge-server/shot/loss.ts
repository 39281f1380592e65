import type { FrameScore } from './analyse.ts';

/**
 * What a step from one frame to the next costs a picture that is carried along it, in keys: at a sum of 1 between two keys,
 * the frame half-way is as far from both as is tolerable. Each part is linear in what is measured.
 */
const LOSS = {
  /** Even a still step: grain, small changes of light, rounding. 1/120: a key in 120 frames of stillness. */
  distance: 1 / 120,
  /** Per motion of 1 % of the picture's diagonal. */
  motion: 0.06,
  /** Per share of the picture that appears or vanishes, the mean of both. */
  disocclusion: 2.5,
  /** Per grey level that motion leaves unexplained. */
  change: 0.006,
} as const;

export type LossPart = keyof typeof LOSS;

export function partsOf(score: FrameScore): Record<LossPart, number> {
  return {
    distance: LOSS.distance,
    motion: LOSS.motion * 100 * score.motion,
    disocclusion: (LOSS.disocclusion * (score.occluded + score.disoccluded)) / 2,
    change: LOSS.change * score.change,
  };
}

/** The most that one step counts: keys closer than four frames would rather make the picture restless. */
const MOST = 0.25;

export function lossOf(score: FrameScore): number {
  const { distance, motion, disocclusion, change } = partsOf(score);
  return Math.min(MOST, distance + motion + disocclusion + change);
}
