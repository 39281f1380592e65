import { Failure } from '../errors.ts';
import type { FailureView } from '../protocol/job.ts';

/** What a client is told of an error. A fault of ours goes to the log whole, and to nobody else. */
export function inWords(error: unknown): FailureView {
  const failure = error instanceof Failure ? (error as Failure) : new Failure('bridge-fault', undefined, error);
  if (failure.code === 'bridge-fault')
    process.stderr.write(`${(error as Error | undefined)?.stack ?? String(error)}\n`);
  return { code: failure.code, message: failure.message, remedy: failure.remedy };
}
