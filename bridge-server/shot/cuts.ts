import type { Engine } from '../kernels/engine.ts';
import type { Thumbnail } from './likeness.ts';
import { bestShift, likeness } from './likeness.ts';

/** What is known of a frame before the cuts are: how bright it is, and how like the frame before it (1 for the first). */
export type Seen = { readonly frame: number; readonly brightness: number; readonly likeness: number };

/** Between what frames of one shot reach (0.7 and more) and what unrelated ones do (0.3 and less). */
export const ALIKE = 0.5;
/** Frames for which a flash, a strobe or lightning may hide the picture. */
const FLASH_FRAMES = 4;
/** Mean luma by which a flash differs from the pictures around it. */
const FLASH_BRIGHTNESS = 16;
/** So many breaks in a row are not editing but something that no frame outlasts: a whip pan, a strobe, water. */
const TURMOIL = 3;

/**
 * The frames that begin a new shot by a hard cut. A frame begins one when its picture cannot be explained by motion from the
 * one before, not even by a fast pan, unless the old picture is back within a few frames that were only brighter or darker (a
 * flash). Of three and more breaks in consecutive frames at most one counts, the strongest, and only if what is seen before
 * and after is unlike too. `frames` in order; `thumbnail` gives any of them.
 */
export async function findCuts(
  engine: Engine,
  frames: readonly Seen[],
  thumbnail: (frame: number) => Promise<Thumbnail>,
  signal: AbortSignal,
): Promise<number[]> {
  const alike = async (a: Seen, b: Seen): Promise<boolean> => {
    signal.throwIfAborted();
    const [before, after] = [await thumbnail(a.frame), await thumbnail(b.frame)];
    if ((await likeness(engine, before, after)) >= ALIKE) return true;
    return (await likeness(engine, before, after, bestShift(before, after))) >= ALIKE;
  };

  /** Whether a flash explains the break before frames[at]: the same picture on both sides of a few brighter or darker ones. */
  const isFlash = async (at: number): Promise<boolean> => {
    for (let length = 1; length <= FLASH_FRAMES; length++) {
      for (let first = at - length; first <= at; first++) {
        const before = frames[first - 1];
        const after = frames[first + length];
        if (!before || !after) continue;
        const level = (before.brightness + after.brightness) / 2;
        const lit = frames.slice(first, first + length);
        if (!lit.every(({ brightness }) => Math.abs(brightness - level) >= FLASH_BRIGHTNESS)) continue;
        if (await alike(before, after)) return true;
      }
    }
    return false;
  };

  const breaks: number[] = [];
  for (const [at, seen] of frames.entries()) {
    if (at === 0 || seen.likeness >= ALIKE) continue;
    if (await alike(frames[at - 1]!, seen)) continue;
    if (await isFlash(at)) continue;
    breaks.push(at);
  }

  const cuts: number[] = [];
  for (const run of runsOf(breaks)) {
    if (run.length < TURMOIL) {
      cuts.push(...run);
      continue;
    }
    const strongest = run.reduce((a, b) => (frames[b]!.likeness < frames[a]!.likeness ? b : a));
    if (!(await alike(frames[run[0]! - 1]!, frames[run.at(-1)]!))) cuts.push(strongest);
  }
  return cuts.map((at) => frames[at]!.frame);
}

/** Consecutive numbers together. */
function runsOf(numbers: readonly number[]): number[][] {
  const runs: number[][] = [];
  for (const number of numbers) {
    const run = runs.at(-1);
    if (run && run.at(-1) === number - 1) run.push(number);
    else runs.push([number]);
  }
  return runs;
}
