import { expectedError, keysToAdd, type SpanErrors } from '../propagate/advice.ts';
import { unsureOf } from '../propagate/fill.ts';
import { matchSpan } from '../propagate/match.ts';
import { planSpans, type Span } from '../propagate/spans.ts';
import { explain } from '../shot/key-reasons.ts';
import type { Work } from './between.ts';
import type { JobKey } from './job.ts';
import { framesIn } from './masks.ts';
import { matchKey } from './plan.ts';
import type { Reduced } from './reduced.ts';
import type { StageFolder } from './stage-folder.ts';

/** Expected error, in 8-bit levels, from which on a frame is worth another key: 38.6 dB. */
const BEARABLE = 3;
const ENTRY = 'expected-errors.json';

/** Keys, and how far each frame between them is expected to be off, span by span. */
export type Advised = { readonly keys: readonly JobKey[]; readonly expected: readonly SpanErrors[] };

/**
 * Follows the motion between the keys in small, and adds keys where more error is expected than is bearable, until none is left, no key
 * helps any more, or there are `most`. Only spans that a new key divides are followed again.
 */
export async function advised(
  work: Work,
  small: Reduced,
  chosen: readonly JobKey[],
  cuts: readonly number[],
  most: number,
): Promise<Advised> {
  let keys = chosen;
  let before: readonly SpanErrors[] | null = null;
  for (;;) {
    const frames = keys.map(({ frame }) => frame);
    const spans = planSpans(work.clip.range, frames, cuts);
    const now: readonly SpanErrors[] = await expectedIn(work, small, spans, before ?? []);
    const added = keysToAdd(now, before, { bearable: BEARABLE, room: most - keys.length });
    if (added.length === 0) return { keys, expected: now };
    const errors = new Map(now.flatMap((each) => each.errors.map((error, i) => [each.span.from + i, error])));
    keys = [...keys, ...added.map((frame) => explain.unsure(frame, errors.get(frame)!))];
    keys = keys.toSorted((a, b) => a.frame - b.frame);
    before = now;
  }
}

async function expectedIn(
  { engine, cache, code, stages, signal }: Work,
  small: Reduced,
  spans: readonly Span[],
  known: readonly SpanErrors[],
): Promise<SpanErrors[]> {
  const isSame = (a: Span, b: Span): boolean => a.before === b.before && a.after === b.after;
  const knownOf = (span: Span): SpanErrors | undefined => known.find((each) => isSame(each.span, span));
  const count = ({ from, to }: Span): number => to - from;
  const fresh = spans.filter((span) => !knownOf(span));
  if (fresh.length === 0) return spans.flatMap((span) => knownOf(span) ?? []);

  const meter = stages.cached(
    'advise',
    'frames',
    fresh.reduce((sum, span) => sum + count(span), 0),
  );
  const expected: SpanErrors[] = [];
  for (const span of spans) {
    const before = knownOf(span);
    if (before) {
      expected.push(before);
      continue;
    }
    const key = matchKey(small.key, span, code);
    const folder = await cache.open('advise', key);
    const errors = await meter.run(count(span), async (report) => {
      if (await folder.has(ENTRY)) return read(folder);
      const matches = await cache.open('match', key);
      await matchSpan(engine, span, small.source, matches, report, signal);
      return await keep(folder, span, matches);
    });
    cache.release('match', key);
    await cache.tidy();
    expected.push({ span, errors });
  }
  return expected;
}

async function keep(folder: StageFolder, span: Span, matches: StageFolder): Promise<number[]> {
  const errors: number[] = [];
  for (const n of framesIn(span)) errors.push(expectedError(await unsureOf(matches, n)));
  await folder.write(ENTRY, new TextEncoder().encode(JSON.stringify(errors)));
  return errors;
}

const read = async (folder: StageFolder): Promise<number[]> =>
  JSON.parse(new TextDecoder().decode(await folder.read(ENTRY))) as number[];
