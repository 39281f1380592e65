import type { Frame } from '../media/frame.ts';
import { shrunk } from '../media/shrink.ts';
import { matchSpan } from '../propagate/match.ts';
import type { Span } from '../propagate/spans.ts';
import { synthesiseSpan } from '../propagate/synthesise.ts';
import type { Stretch, Work } from './between.ts';
import type { StageFolder } from './cache.ts';
import { readFrame, resultName } from './frames.ts';
import type { Pictures } from './pictures.ts';
import { matchKey, resultKey, type Key } from './plan.ts';
import type { Reduced } from './reduced.ts';

/** A span in small: where what leads to it and what comes of it are kept. */
type SmallStretch = { readonly span: Span; readonly match: Key; readonly results: StageFolder };

/** The whole shot in small, to look at while the result is made. Nothing of it goes into the result. */
export type ShotPreview = {
  /** Where its frames will lie, as soon as each is made. */
  readonly stretches: readonly SmallStretch[];
  make(): Promise<void>;
};

/**
 * A preview of those of the stretches that are not made yet; of none where the clip is as small as a preview. `show` is told one frame of
 * each span.
 */
export async function shotPreview(
  { engine, cache, code, stages, signal }: Work,
  small: Reduced,
  pictures: Pictures,
  missing: readonly Stretch[],
  show: (frame: number, picture: () => Frame) => void,
): Promise<ShotPreview> {
  const { source, factor } = small;
  const stretches: SmallStretch[] = [];
  for (const { span } of factor === 1 ? [] : missing) {
    const match = matchKey(small.key, span, code);
    const identities: string[] = [];
    for (const key of [span.before, span.after])
      if (key !== null) identities.push(await pictures.identity(key, signal));
    stretches.push({ span, match, results: await cache.open('preview', resultKey(match, identities)) });
  }
  const keys = { get: async (n: number, abort: AbortSignal) => shrunk(await pictures.get(n, abort), factor) };

  async function make(): Promise<void> {
    if (stretches.length === 0) return;
    const count = ({ from, to }: Span): number => to - from;
    const meter = stages.cached(
      'preview',
      'frames',
      stretches.reduce((sum, { span }) => sum + count(span), 0),
    );
    for (const { span, match, results } of stretches) {
      await meter.run(count(span), async (report) => {
        const matches = await cache.open('match', match);
        await matchSpan(engine, span, source, matches, () => undefined, signal);
        await synthesiseSpan(engine, span, { source, keys }, matches, results, report, signal);
      });
      const middle = (span.from + span.to) >> 1;
      const picture = await readFrame(await results.read(resultName(middle)));
      show(middle, () => picture);
      cache.release('match', match);
    }
  }
  return { stretches, make };
}
