import { z } from 'zod';
import type { Family } from './family.ts';

/** What a LoRA's file says about its training, in kohya's metadata (ss_…) or by the ModelSpec standard; null and empty: nothing. */
export type Training = {
  readonly title: string | null;
  /** Words that call up what was trained, those that its author gives first. */
  readonly triggerWords: readonly string[];
  /** The model that it was trained on, as the author's file was called. */
  readonly baseModel: string | null;
  readonly family: Family | null;
};

/** As many trigger words as fit a line; the list of a training's captions can have thousands. */
const SHOWN = 12;

export function trainingOf(metadata: Readonly<Record<string, string>>): Training {
  const text = (key: string): string | null => {
    const value = metadata[key]?.trim() ?? '';
    return value === '' || value === 'None' ? null : value;
  };
  const phrases = text('modelspec.trigger_phrase') ?? text('ss_trained_words') ?? text('ss_trigger_words');
  const words = phrases ? splitWords(phrases) : commonTags(text('ss_tag_frequency'));
  return {
    title: text('modelspec.title') ?? text('ss_output_name'),
    triggerWords: [...new Set(words)].slice(0, SHOWN),
    baseModel: text('ss_sd_model_name') ?? text('ss_base_model'),
    family: familySaid(`${text('ss_base_model_version') ?? ''} ${text('modelspec.architecture') ?? ''}`),
  };
}

const splitWords = (phrases: string): string[] =>
  phrases
    .replaceAll(/[[\]"]/g, '')
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');

const frequencies = z.record(z.string(), z.record(z.string(), z.number()));

/** The tags that captions had most often, over all folders of pictures; equal ones by their name. */
function commonTags(json: string | null): string[] {
  let parsed: z.infer<typeof frequencies>;
  try {
    parsed = frequencies.parse(JSON.parse(json ?? '{}'));
  } catch {
    return [];
  }
  const counts = new Map<string, number>();
  for (const [tag, count] of Object.values(parsed).flatMap((tags) => Object.entries(tags))) {
    const word = tag.trim();
    if (word !== '') counts.set(word, (counts.get(word) ?? 0) + count);
  }
  return [...counts].sort(([a, many], [b, few]) => few - many || (a < b ? -1 : 1)).map(([tag]) => tag);
}

const FAMILIES: readonly (readonly [said: RegExp, family: Family])[] = [
  [/sdxl|stable-diffusion-xl/, 'sdxl'],
  [/sd_v2|stable-diffusion-v2/, 'sd21'],
  [/sd_v1|stable-diffusion-v1/, 'sd15'],
];

const familySaid = (text: string): Family | null => FAMILIES.find(([said]) => said.test(text))?.[1] ?? null;
