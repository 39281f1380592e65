import { expectedError, type SpanErrors } from '../propagate/advice.ts';
import { unsureOf } from '../propagate/fill.ts';
import type { Span } from '../propagate/spans.ts';
import { framesIn } from './masks.ts';
import type { StageFolder } from './stage-folder.ts';

const ENTRY = 'expected-errors.json';

/** Whether `folder` knows the expected errors of its span. */
export const hasErrors = (folder: StageFolder): Promise<boolean> => folder.has(ENTRY);

/** Those of a span that is matched in `matches`; kept in `folder`, which needs the matches no more. */
export async function expectedErrors(span: Span, matches: StageFolder, folder: StageFolder): Promise<SpanErrors> {
  if (await hasErrors(folder)) {
    const errors = JSON.parse(new TextDecoder().decode(await folder.read(ENTRY))) as number[];
    return { span, errors };
  }
  const errors: number[] = [];
  for (const n of framesIn(span)) errors.push(expectedError(await unsureOf(matches, n)));
  await folder.write(ENTRY, new TextEncoder().encode(JSON.stringify(errors)));
  return { span, errors };
}
