/** Exit codes of every command. */
export const EXIT = { done: 0, failed: 1, unusable: 2, cancelled: 130 } as const;

/** Failures that the command's arguments are to blame for. */
const UNUSABLE: ReadonlySet<string> = new Set([
  'arguments-unusable',
  'range-outside',
  'key-budget',
  'output-unknown',
  'output-is-input',
  'output-is-folder',
  'output-not-folder',
  'output-not-file',
  'setting-unknown',
  'job-unknown',
  'look-and-model',
  'keys-and-model',
  'model-not-said',
  'control-not-said',
  'prompt-lora',
  'model-source-unknown',
  'model-unknown',
  'model-ambiguous',
  'annotator-missing',
  'annotator-ambiguous',
  'model-not-ours',
  'model-needed',
  'measure-size',
  'measure-length',
  'measure-outside',
]);

export function exitCodeOf(failure: string): number {
  if (failure === 'cancelled') return EXIT.cancelled;
  return UNUSABLE.has(failure) ? EXIT.unusable : EXIT.failed;
}
