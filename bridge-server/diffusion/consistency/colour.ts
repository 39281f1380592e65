import type { Mask } from '../../masks/mask.ts';
import type { Planes } from '../picture/planes.ts';
import { type BeforeAndAfter, inLineWith, mapped, statisticsOf } from './statistics.ts';

/** The colours of a picture before and after it was painted; null where its mask leaves nothing to tell. */
export function beforeAndAfter(before: Planes, after: Planes, weights: Float32Array | null): BeforeAndAfter | null {
  const [was, became] = [statisticsOf(before, weights), statisticsOf(after, weights)];
  return was && became && { before: was, after: became };
}

/** Deviations of a colour in [-1, 1] that mean nothing. */
const FLAT_COLOUR = 0.02;

/**
 * The painted picture in colours that are to its source's as the first key's are to its own.
 *
 * @param mask what of it was painted; null: everything
 * @param first null: the first key does not tell
 */
export function inColour(painted: Planes, source: Planes, mask: Mask | null, first: BeforeAndAfter | null): Planes {
  const own = beforeAndAfter(source, painted, mask && mask.data);
  return first && own ? mapped(painted, inLineWith(first, own, FLAT_COLOUR)) : painted;
}
