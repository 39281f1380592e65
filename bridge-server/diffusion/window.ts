import type { Consistency } from './consistency/settings.ts';
import type { Sees } from './networks/unet.ts';
import type { Earlier, PaintedKey, PaintJob } from './painter.ts';

/** Keys that a window sees besides its own, at most: the first of the shot and the one before. */
export const MOST_GUESTS = 2;

/** The keys that a window sees besides its own, in the order of their frames. */
export function guestsOf({ first, previous, run }: Earlier, { attention }: Consistency): PaintJob[] {
  if (run.length > 0) return run.map(heldFast);
  if (attention === 'own') return [];
  return first.picture === previous.picture ? [first.job] : [first.job, previous.job];
}

/** A key that stays what it became while others move on from it. */
function heldFast({ job, picture }: PaintedKey): PaintJob {
  const { width, height } = job.size;
  return { ...job, frame: picture, mask: { channels: 1, width, height, data: new Float32Array(width * height) } };
}

/** Whom each member of a window sees, the shot's first key being the first of them. */
export function seesIn(count: number, attention: Consistency['attention']): Sees | null {
  if (attention === 'own' || count === 1) return null;
  const all = Array.from({ length: count }, (_, i) => i);
  return attention === 'joint' ? all.map(() => all) : all.map((i) => [i, 0, Math.max(i - 1, 0)]);
}
