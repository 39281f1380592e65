import { keysWithin } from './keys.ts';
import { promptsWithin } from './prompts.ts';
import { fitting, NO_SHOT_CHOICES, type ShotChoices } from './request.ts';

/** What was chosen for the frames of sources, the latest first. */
export type Shots = readonly { readonly path: string; readonly own: ShotChoices }[];

type Range = { readonly path: string; readonly from: number; readonly to: number | null };

const KEPT = 50;

/** What was chosen for the source; of what belongs to its frames, that of the range. */
export function choicesWithin(shots: Shots, { path, from, to }: Range): ShotChoices {
  const own = shots.find((shot) => shot.path === path)?.own ?? NO_SHOT_CHOICES;
  return { ...own, keys: keysWithin(own.keys, from, to), prompts: promptsWithin(own.prompts, from, to) };
}

/** With these instead. Keys and prompts are those of the range; outside it they stay as they are. */
export function withChoices(shots: Shots, { path, from, to }: Range, changes: Partial<ShotChoices>): Shots {
  const before = shots.find((shot) => shot.path === path)?.own ?? NO_SHOT_CHOICES;
  const own = { ...before, ...changes };
  const { keys, prompts } = changes;
  if (keys !== undefined) {
    const inside = keysWithin(before.keys, from, to) ?? [];
    const outside = (before.keys ?? []).filter((key) => !inside.includes(key));
    const all = [...outside, ...(keysWithin(keys, from, to) ?? [])].sort((a, b) => a.frame - b.frame);
    Object.assign(own, { keys: all.length > 0 ? all : null });
  }
  if (prompts !== undefined) {
    const inside = promptsWithin(before.prompts, from, to);
    const outside = before.prompts.filter((prompt) => !inside.includes(prompt));
    const all = [...outside, ...promptsWithin(prompts, from, to)].sort((a, b) => a.frame - b.frame);
    Object.assign(own, { prompts: all });
  }
  return [{ path, own }, ...shots.filter((shot) => shot.path !== path)].slice(0, KEPT);
}

/** A stored value, as far as it fits. */
export function shotChoicesFrom(stored: string | null): Shots {
  try {
    const all: unknown = JSON.parse(stored ?? '[]');
    if (!Array.isArray(all)) return [];
    return (all as Partial<Shots[number]>[]).flatMap(({ path, own }) => {
      const { keys, ...rest } = fitting(NO_SHOT_CHOICES, own);
      return typeof path === 'string' ? [{ path, own: { ...rest, keys: Array.isArray(keys) ? keys : null } }] : [];
    });
  } catch {
    return [];
  }
}
