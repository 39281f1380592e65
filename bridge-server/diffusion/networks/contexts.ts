import { longestClip } from '../../networks/motion.ts';
import { recordUNet } from '../../networks/unet.ts';
import type { Part } from '../../weights/model.ts';

/**
 * A run of frames that motion modules see at once, and how much each frame's prediction counts against those of other contexts: the
 * nearer to the middle, the more.
 */
export type Context = { readonly from: number; readonly to: number; readonly weights: readonly number[] };

/** What AnimateDiff was trained on, in frames, and what its users share between neighbours. */
const TRAINED = { length: 16, overlap: 4 };

/** Refuses motion modules of other sizes than those of a U-Net. Failures: graph-shapes, weights-tensor. */
export function refuseUnfitMotion(part: Part, unet: Part): void {
  const sizes = { batch: 16, height: 64, width: 64, tokens: 77 };
  recordUNet(unet, sizes, { storage: 'mapped', motion: { part, clips: 1, frames: 16 } });
}

/** The contexts of a file of motion modules. */
export function contextOf(motion: Part): { length: number; overlap: number } {
  const length = Math.min(TRAINED.length, longestClip(motion));
  return { length, overlap: Math.min(TRAINED.overlap, length - 1) };
}

/**
 * Overlapping contexts over any number of frames (as AnimateDiff is run over long clips): of `length` frames each, or all when there are
 * no more, evenly spread so that neighbours share at least `overlap`, 0 <= overlap < length.
 */
export function contextsOf(frames: number, { length, overlap }: { length: number; overlap: number }): Context[] {
  const size = Math.min(length, frames);
  const weights = Array.from({ length: size }, (_, i) => Math.min(i, size - 1 - i) + 1);
  const count = 1 + Math.ceil((frames - size) / (length - overlap));
  return Array.from({ length: count }, (_, i) => {
    const from = count === 1 ? 0 : Math.floor((i * (frames - size)) / (count - 1));
    return { from, to: from + size, weights };
  });
}

/** Predictions of the contexts, frame after frame in each, as one of all frames. */
export function blendContexts(
  contexts: readonly Context[],
  predictions: readonly Float32Array[],
  frames: number,
): Float32Array {
  if (contexts.length === 1) return predictions[0]!;
  const each = predictions[0]!.length / contexts[0]!.weights.length;
  const blended = new Float32Array(frames * each);
  const sums = new Float32Array(frames);
  for (const [c, { from, weights }] of contexts.entries()) {
    for (const [i, weight] of weights.entries()) {
      sums[from + i]! += weight;
      for (let k = 0; k < each; k++) blended[(from + i) * each + k]! += weight * predictions[c]![i * each + k]!;
    }
  }
  return blended.map((value, k) => value / sums[Math.floor(k / each)]!);
}
