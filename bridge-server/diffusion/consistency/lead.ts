import type { Mask } from '../../masks/mask.ts';
import type { Planes } from '../picture/planes.ts';
import type { Size } from '../picture/size.ts';
import { weighted } from '../schedulers/algebra.ts';
import type { Scheduler } from '../schedulers/scheduler.ts';
import { fit } from '../../masks/fit.ts';
import { atSize, type Correspondence, moved, overlaid } from './correspondence.ts';
import type { Consistency } from './settings.ts';
import { type BeforeAndAfter, inLineWith, mapped, statisticsOf } from './statistics.ts';

/** What earlier keys of the shot lend to a picture, at the size it is worked at. */
export type Lent = {
  readonly how: Pick<Consistency, 'start' | 'shape' | 'tone'>;
  /** The result of the key before in the place of this picture, and where it is seen; where not, this picture itself. */
  readonly previous: { readonly picture: Planes; readonly visible: Mask } | null;
  /** The latents of the first key's source and result. */
  readonly first: BeforeAndAfter | null;
};

/** `result` of the key before brought into the place of `picture`; all of one size, the motion of any. */
export function inPlace(result: Planes, picture: Planes, motion: Correspondence): NonNullable<Lent['previous']> {
  const here = atSize(motion, picture);
  return { picture: overlaid(picture, moved(result, here), here), visible: here.visible };
}

/** Of each cell how much of it is seen: as much as of its pixel that is seen least. */
export function cellsSeen(visible: Mask, cells: Size): Float32Array {
  const hidden = { ...visible, data: visible.data.map((value) => 1 - value) };
  return fit(hidden, cells, 'most').data.map((value) => 1 - value);
}

/** Latents that lead the sampling of a picture. */
export type Lead = {
  readonly how: Lent['how'];
  /** The result of the key before in this place, and how much of each cell is seen. */
  readonly previous: { readonly latent: Float32Array; readonly seen: Float32Array } | null;
  /** What the first key's repainting did, and this picture's own latent with the cells that are repainted (null: all). */
  readonly tone: {
    readonly first: BeforeAndAfter;
    readonly original: Planes;
    readonly cells: Float32Array | null;
  } | null;
};

/** What the sampling starts from: the picture's own latent with as much of the earlier result as is asked for, where it is seen. */
export const ledStart = (own: Float32Array, { how, previous }: Lead): Float32Array =>
  previous === null ? own : towards(own, previous.latent, previous.seen, how.start);

/** Deviations of a latent (about 1 over a picture) that mean nothing. */
const FLAT_LATENT = 0.05;

/**
 * What the clean estimate of a call is replaced by. In the first part of the calls the shapes form: where the key before is seen, they are
 * its result's. In the last part only colours and contrasts move: they are brought into line with the first key. (After Yang et al. 2023,
 * "Rerender A Video", which leads by the estimates of the same step; the finished result is what was kept, and says the same more
 * clearly.)
 */
export function reconsiderer({ how, previous, tone }: Lead, scheduler: Scheduler) {
  const total = scheduler.timesteps.length - scheduler.first;
  const [shaped, toned] = [Math.round(how.shape * total), total - Math.round(how.tone * total)];
  const own = tone && statisticsOf(tone.original, tone.cells);
  return (clean: Float32Array, call: number): Float32Array => {
    const led = previous && call < shaped ? towards(clean, previous.latent, previous.seen, 1) : clean;
    if (!tone || !own || call < toned) return led;
    const planes = { ...tone.original, data: led };
    const after = statisticsOf(planes, tone.cells)!;
    return mapped(planes, inLineWith(tone.first, { before: own, after }, FLAT_LATENT)).data;
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
