import type { ShotChoices } from './request.ts';

/** Other prompts from frames on: ascending, one a frame. */
export type Prompts = ShotChoices['prompts'];
export type Prompt = Prompts[number];

/** With that prompt from its frame on, instead of the one that begins there. */
export const withPrompt = (prompts: Prompts, prompt: Prompt): Prompts =>
  [...withoutPrompt(prompts, prompt.frame), prompt].sort((a, b) => a.frame - b.frame);

export const withoutPrompt = (prompts: Prompts, frame: number): Prompts =>
  prompts.filter((prompt) => prompt.frame !== frame);

/** Those that begin in the range: the bridge takes no others. */
export const promptsWithin = (prompts: Prompts, from: number, to: number | null): Prompts =>
  prompts.filter(({ frame }) => frame >= from && (to === null || frame < to));

/** What is said at a frame, before anything else is: what held there until then. */
export const promptAt = (first: string, prompts: Prompts, frame: number): string =>
  prompts.filter((prompt) => prompt.frame <= frame).at(-1)?.prompt ?? first;
