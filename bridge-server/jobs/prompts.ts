import { promptAt } from '../diffusion/prompts.ts';
import type { PaintJob } from '../diffusion/painter.ts';
import { Failure } from '../errors.ts';
import { maskOf } from '../masks/mask.ts';
import type { DiffusionLook } from '../protocol/request.ts';
import type { Work } from './between.ts';
import { type Masks, masksOf } from './masks.ts';

/** What is painted where and when: the prompts of every frame. */
export type Prompts = {
  readonly notes: readonly string[];
  /** What decides them in one frame. */
  identity(frame: number, signal: AbortSignal): Promise<string>;
  at(frame: number, signal: AbortSignal): Promise<Pick<PaintJob, 'prompt' | 'fade' | 'regions'>>;
};

/** Failures: prompt-outside, and those of masksOf. */
export async function openPrompts(
  { clip, source, signal }: Work,
  { prompt, prompts, regions }: DiffusionLook,
): Promise<Prompts> {
  const { from, to } = clip.range;
  for (const { frame } of prompts)
    if (frame < from || frame >= to) throw new Failure('prompt-outside', { frame, from, to });
  const opened: (Masks & { readonly prompt: string })[] = [];
  for (const region of regions) {
    opened.push({ prompt: region.prompt, ...(await masksOf(region.mask, clip, source, signal)) });
  }
  return {
    notes: opened.flatMap(({ notes }) => notes),
    identity: async (frame, abort) => {
      const masks = [];
      for (const { prompt: own, pictures } of opened) masks.push([own, await pictures.identity(frame, abort)]);
      return JSON.stringify([promptAt(prompt, prompts, frame), masks]);
    },
    at: async (frame, abort) => {
      const own = [];
      for (const region of opened) {
        own.push({ prompt: region.prompt, mask: maskOf(await region.pictures.get(frame, abort), 'grey') });
      }
      return { ...promptAt(prompt, prompts, frame), regions: own };
    },
  };
}
