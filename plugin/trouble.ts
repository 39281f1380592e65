import { Disconnected } from './bridge/problem.ts';
import { words } from './words.ts';

/** What went wrong, and what to do about it. */
export type Trouble = { readonly sentence: string; readonly remedy: string };

/** Of whatever was thrown: the bridge and the editors' hosts bring their words along. */
export function troubleOf(error: unknown): Trouble {
  if (error instanceof Disconnected) return words.connection[error.problem.kind];
  const sentence = error instanceof Error ? error.message : String(error);
  const remedy = error instanceof Error && 'remedy' in error ? String(error.remedy) : words.unexpected;
  return { sentence, remedy };
}
