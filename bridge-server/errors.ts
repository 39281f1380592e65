/**
 * Every refusal and failure that a user can meet: a stable code, the facts, and the words. The words live here and nowhere
 * else: one sentence that says what is wrong, one that says what to do about it.
 */
type Words = { readonly sentence: string; readonly remedy: string };

const WORDS = {
  // media
  'media-missing': ({ path }: { path: string }) => ({
    sentence: `There is no file or folder at ${path}.`,
    remedy: 'Check the path, or relink the clip.',
  }),
  // everything else
  'arguments-unusable': ({ reason }: { reason: string }) => ({
    sentence: reason,
    remedy: 'Run `pentimento --help` to see what it takes.',
  }),
  cancelled: () => ({
    sentence: 'The job was cancelled.',
    remedy: 'Run the same command again, or `pentimento resume`, to go on from the last finished frame.',
  }),
} satisfies Record<string, (facts: never) => Words>;

export type ErrorCode = keyof typeof WORDS;
type Facts<C extends ErrorCode> = Parameters<(typeof WORDS)[C]>[0];

/** An expected failure. `message` is the sentence; `remedy` says what the user can do. */
export class Failure<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'Failure';
  readonly code: C;
  readonly facts: Facts<C>;
  readonly remedy: string;

  constructor(code: C, facts: Facts<C>, cause?: unknown) {
    const words = (WORDS[code] as (facts: Facts<C>) => Words)(facts);
    super(words.sentence, cause === undefined ? undefined : { cause });
    this.code = code;
    this.facts = facts;
    this.remedy = words.remedy;
  }
}
