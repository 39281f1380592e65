import type { Size } from '../diffusion/picture/size.ts';

/** A frame that may be trained on. */
export type Candidate = {
  readonly frame: number;
  /** Detail at the scale of a pixel, in grey levels. */
  readonly sharpness: number;
  /** Mean luma, 0..255. */
  readonly brightness: number;
  /** What it looks like from afar: luma on a square grid. */
  readonly view: Uint8Array;
};

/** Frames less sharp than this part of the sharpest are left out as blurred, and those nearly black or white. */
const SHARP_ENOUGH = 0.5;
const EXPOSED = { from: 16, to: 240 };
/** Mean difference of two views in levels: below it they show the same. */
const SAME = 2;

/**
 * At most `count` frames, in the order of the candidates: beginning with the sharpest, always the one that is most unlike all that
 * are chosen and sharp (farthest-point sampling), until only repetitions are left.
 */
export function chosenOf<C extends Candidate>(candidates: readonly C[], count: number): C[] {
  const sharpest = Math.max(...candidates.map(({ sharpness }) => sharpness));
  const fit = candidates.filter(
    ({ sharpness, brightness }) =>
      sharpness >= SHARP_ENOUGH * sharpest && brightness >= EXPOSED.from && brightness <= EXPOSED.to,
  );
  const rest = [...(fit.length > 0 ? fit : candidates)];
  const chosen: C[] = [];
  const distances = rest.map(() => 255);
  while (chosen.length < count) {
    let best = -1;
    let worth = 0;
    for (const [i, { sharpness }] of rest.entries()) {
      if (distances[i]! <= SAME) continue;
      const own = distances[i]! * (sharpest > 0 ? sharpness / sharpest : 1);
      if (own > worth) [best, worth] = [i, own];
    }
    if (best < 0) break;
    const next = rest[best]!;
    chosen.push(next);
    for (const [i, other] of rest.entries()) distances[i] = Math.min(distances[i]!, difference(next, other));
  }
  return (chosen.length > 0 ? chosen : rest.slice(0, 1)).sort((a, b) => candidates.indexOf(a) - candidates.indexOf(b));
}

/** How far two views are apart: the mean of their differences, in levels. */
export const difference = ({ view: a }: Candidate, { view: b }: Candidate): number =>
  a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;

/** Fewer teach the pictures themselves rather than what they have in common; these are as alike as one take of a still subject. */
const FEW = 8;
const ALIKE = 8;

/** What the owner of the clips should know before hours are spent on it, one sentence each. */
export function warningsOn(chosen: readonly Candidate[], asked: number): string[] {
  const distances = chosen.flatMap((a, i) => chosen.slice(i + 1).map((b) => difference(a, b)));
  const mean = distances.reduce((sum, distance) => sum + distance, 0) / Math.max(1, distances.length);
  return [
    ...(chosen.length < Math.min(FEW, asked)
      ? [`Only ${chosen.length} frames are sharp and differ: a longer shot, or a second one, teaches more.`]
      : []),
    ...(chosen.length > 1 && mean < ALIKE
      ? ['The chosen frames look much alike: the LoRA may learn the shot instead of the subject.']
      : []),
  ];
}

/** The same of the pixels that there are of the subject, and those that are trained on. */
export function warningOnSize(boxes: readonly Size[], { width, height }: Size): string[] {
  const isEnlarged = boxes.some((box) => box.width * box.height < width * height);
  return isEnlarged
    ? [`The subject is smaller than ${width}x${height} pixels, and was enlarged: the LoRA will paint it soft.`]
    : [];
}
