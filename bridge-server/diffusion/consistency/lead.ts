import type { Mask } from '../../masks/mask.ts';
import type { Planes } from '../picture/planes.ts';
import type { Size } from '../picture/size.ts';
import { weighted } from '../schedulers/algebra.ts';
import type { Scheduler } from '../schedulers/scheduler.ts';
import { fit } from '../../masks/fit.ts';
import { atSize, type Correspondence, moved } from './correspondence.ts';
import type { Consistency } from './settings.ts';
import { inLineWith, mapped, statisticsOf } from './statistics.ts';

/**
 * How a picture came about, as far as later keys are led by it: the latent of the given picture, then the clean latent that each call of
 * the first pass pointed to; the last is what was painted.
 */
export type Course = readonly Float32Array[];

/** What earlier keys of its shot lend to a picture. */
export type Lent = {
  readonly how: Pick<Consistency, 'start' | 'shape' | 'tone'>;
  /** The key before, and where this picture's points are found in it. */
  readonly previous: { readonly course: Course; readonly motion: Correspondence } | null;
  /** The first key, and the cells that were repainted in it (null: all). */
  readonly first: { readonly course: Course; readonly cells: Float32Array | null } | null;
};

/** Of each cell how much of it is seen: as much as of its pixel that is seen least. */
function cellsSeen(visible: Mask, cells: Size): Float32Array {
  const hidden = { ...visible, data: visible.data.map((value) => 1 - value) };
  return fit(hidden, cells, 'most').data.map((value) => 1 - value);
}

/** How earlier keys lead the sampling of one picture. */
export type Lead = {
  /** What the sampling starts from: as much of the key before as is asked for, where it is seen, else the picture's own latent. */
  readonly start: Float32Array;
  /**
   * What the clean latent of a call is replaced by (after Yang et al. 2023, "Rerender A Video"). In the first part of the calls shapes
   * form: where the key before is seen, they are those that it had after the same call. In the last part only colours and contrasts move:
   * they are brought into line with the first key's after the same call.
   */
  reconsider(clean: Float32Array, call: number): Float32Array;
};

/** Deviations of a latent (about 1 over a picture) that mean nothing. */
const FLAT_LATENT = 0.05;

/** @param original the picture's own latent; @param cells those that are repainted (null: all); @param calls how many will be made */
export function leadOf(
  { how, previous, first }: Lent,
  original: Planes,
  cells: Float32Array | null,
  calls: number,
): Lead {
  const seen = previous && cellsSeen(previous.motion.visible, original);
  const motion = previous && atSize(previous.motion, original);
  /** `from`, or what the previous key's course had there, where it is seen. */
  const led = (from: Float32Array, at: number, weight: number): Float32Array => {
    if (!previous || !seen || !motion || weight === 0) return from;
    return towards(from, moved({ ...original, data: previous.course.at(at)! }, motion).data, seen, weight);
  };

  const statistics = (data: Float32Array, of: Float32Array | null) => statisticsOf({ ...original, data }, of);
  const [before, firstBefore] = [statistics(original.data, cells), first && statistics(first.course[0]!, first.cells)];
  const inTone = (clean: Float32Array, call: number): Float32Array => {
    const [after, firstAfter] = [statistics(clean, cells), first && statistics(first.course[call + 1]!, first.cells)];
    if (!before || !after || !firstBefore || !firstAfter) return clean;
    const line = inLineWith({ before: firstBefore, after: firstAfter }, { before, after }, FLAT_LATENT);
    return mapped({ ...original, data: clean }, line).data;
  };

  const [shaped, toned] = [Math.round(how.shape * calls), calls - Math.round(how.tone * calls)];
  return {
    start: led(original.data, -1, how.start),
    reconsider(clean, call) {
      const shape = call < shaped ? led(clean, call + 1, 1) : clean;
      return call < toned ? shape : inTone(shape, call);
    },
  };
}

function towards(from: Float32Array, to: Float32Array, seen: Float32Array, weight: number): Float32Array {
  return from.map((value, i) => value + weight * seen[i % seen.length]! * (to[i]! - value));
}

/**
 * The prediction that points to another clean latent than the network's does. Clean latents are linear in the prediction, whatever it
 * predicts; noise and direction of the step follow, so that every scheduler goes on as if the network had said so.
 */
export function pointingTo(
  wanted: Float32Array,
  clean: Float32Array,
  prediction: Float32Array,
  scheduler: Scheduler,
  index: number,
): Float32Array {
  // Small, so that schedulers that cut off large values do not.
  const probe = 2 ** -10;
  const slope = scheduler.clean(Float32Array.of(0), Float32Array.of(probe), index)[0]! / probe;
  return weighted([1, prediction], [1 / slope, wanted], [-1 / slope, clean]);
}
