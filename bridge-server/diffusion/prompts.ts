import { type Conditioning, sameLength } from './networks/text.ts';
import { weighted } from './schedulers/algebra.ts';

/** A prompt from a frame on. `then`: until the next one it holds, or fades into that one, frame by frame. */
export type PromptMark = { readonly frame: number; readonly prompt: string; readonly then: 'hold' | 'fade' };

/** A frame's prompt, and the one that it is on the way to, which counts `weight`, above 0 and below 1. */
export type PromptNow = {
  readonly prompt: string;
  readonly fade: { readonly prompt: string; readonly weight: number } | null;
};

/**
 * The prompt of a frame: that of the last mark at or before it, or `first` where there is none yet. It depends on the frame and
 * the marks alone, not on the range that is rendered.
 *
 * @param marks ascending, one a frame
 */
export function promptAt(first: string, marks: readonly PromptMark[], frame: number): PromptNow {
  const next = marks.find((mark) => mark.frame > frame) ?? null;
  const last = marks.findLast((mark) => mark.frame <= frame);
  if (!last) return { prompt: first, fade: null };
  const weight = next ? (frame - last.frame) / (next.frame - last.frame) : 0;
  const fades = last.then === 'fade' && next !== null && weight > 0 && next.prompt !== last.prompt;
  return { prompt: last.prompt, fade: fades ? { prompt: next.prompt, weight } : null };
}

/** `weight` of the second and the rest of the first, token by token. */
export function blend(first: Conditioning, second: Conditioning, weight: number): Conditioning {
  const [a, b] = sameLength([first, second]) as [Conditioning, Conditioning];
  const mix = (x: Float32Array, y: Float32Array) => weighted([1 - weight, x], [weight, y]);
  return {
    tokens: a.tokens,
    context: mix(a.context, b.context),
    pooled: a.pooled && b.pooled && mix(a.pooled, b.pooled),
  };
}
