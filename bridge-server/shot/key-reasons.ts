import type { FrameScore } from './analyse.ts';
import type { KeyChoice } from './keys.ts';
import { partsOf, type LossPart } from './loss.ts';

/**
 * Why a frame is a key: chosen first in its shot, or because of what happened most since the key before it, or counted off, or because
 * without it too much was expected to be wrong about it.
 */
export type KeyReason = 'shot' | LossPart | 'step' | 'unsure';

export const explain = {
  first(frame: number, shotFrom: number, length: number, only: boolean, severalShots: boolean): KeyChoice {
    const shot = severalShots ? `the shot of frames ${shotFrom} to ${shotFrom + length - 1}` : 'the shot';
    const explanation = only
      ? `Frame ${frame} stands for all of ${shot}: it is the nearest to all its frames.`
      : `Frame ${frame} is the first key of ${shot}.`;
    return { frame, reason: 'shot', explanation };
  },

  /** `scores`: those of the frames after the key before, up to this one. */
  since(frame: number, previous: number, scores: readonly FrameScore[]): KeyChoice {
    const sums: Record<LossPart, number> = { motion: 0, disocclusion: 0, change: 0, distance: 0 };
    for (const score of scores) {
      const parts = partsOf(score);
      for (const part of Object.keys(sums) as LossPart[]) sums[part] += parts[part];
    }
    const reason = (Object.keys(sums) as LossPart[]).reduce((a, b) => (sums[b] > sums[a] ? b : a));
    const total = (of: (score: FrameScore) => number): number => scores.reduce((sum, score) => sum + of(score), 0);
    const since = `since the key at ${previous}`;
    const words: Record<LossPart, () => string> = {
      motion: () => `things have moved ${Math.round(total(({ motionPx }) => motionPx))} pixels on average ${since}`,
      disocclusion: () =>
        `${percent(total(({ occluded, disoccluded }) => (occluded + disoccluded) / 2))} of the picture has appeared or vanished ${since}`,
      change: () => `the picture has changed in ways that motion does not explain ${since}`,
      distance: () => `${frame - previous} quiet frames have passed ${since}`,
    };
    return { frame, reason, explanation: `Frame ${frame} is a key because ${words[reason]()}.` };
  },

  step(frame: number, step: number): KeyChoice {
    const explanation = step === 1 ? 'Every frame is a key.' : `One frame in ${step} is a key.`;
    return { frame, reason: 'step', explanation };
  },

  /** `error`: what was expected of the frame, in 8-bit levels. */
  unsure(frame: number, error: number): KeyChoice {
    const explanation = `Frame ${frame} is a key because it could not be made well enough from the others (${error.toFixed(1)} levels off).`;
    return { frame, reason: 'unsure', explanation };
  },

  begins(frame: number): KeyChoice {
    return { frame, reason: 'shot', explanation: `Frame ${frame} begins a shot that would have no key.` };
  },
};

const percent = (share: number): string => `${Math.min(100, Math.round(100 * share))} %`;
