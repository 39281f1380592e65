import { asFailure } from '../errors.ts';
import type { FailureView } from '../protocol/job.ts';

/** What a client is told of an error. A fault of ours goes whole to the log as well. */
export function inWords(error: unknown): FailureView {
  const { code, message, remedy } = asFailure(error);
  if (code === 'internal') process.stderr.write(`${(error as Error | undefined)?.stack ?? String(error)}\n`);
  return { code, message, remedy };
}
