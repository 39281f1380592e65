import { Failure } from '../errors.ts';
import type { FailureView } from '../protocol/job.ts';

/** What a client is told of an error. A fault of ours goes to the log whole, and to nobody else. */
export function inWords(error: unknown): FailureView {
  if (error instanceof Failure)
    return { code: error.code as string, message: error.message, remedy: error.remedy as string };
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  return inWords(new Failure('bridge-fault', undefined, error));
}
