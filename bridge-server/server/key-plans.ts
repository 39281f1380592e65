import { analysisKey, codeOf, sourceKey } from '../jobs/plan.ts';
import type { Jobs } from '../jobs/queue.ts';
import type { Clip } from '../media/clip.ts';
import type { KeysAnswer } from '../protocol/http.ts';
import type { PlannedKeys, RenderRequest } from '../protocol/request.ts';
import { analyse, type ShotAnalysis } from '../shot/analyse.ts';
import { chooseKeys } from '../shot/keys.ts';
import type { OpenClips } from './open-clips.ts';
import type { SideEngine } from './side-engine.ts';
import { Turns } from './turns.ts';

/** An answer that comes within this time need not be asked for again. */
const SOON_MS = 300;
/** An analysis that nobody has asked about for so long is given up; what it found is kept. */
const UNASKED_MS = 15_000;
/** Analyses that are remembered. */
const MOST = 8;

type Analysis = {
  readonly found: Promise<ShotAnalysis>;
  readonly stop: AbortController;
  readonly unasked: NodeJS.Timeout;
  done: number;
  readonly total: number;
};

/** Which keys a request would choose, before there is a job: from the same analysis, which a job then finds in the cache. */
export class KeyPlans {
  readonly #jobs: Jobs;
  readonly #clips: OpenClips;
  readonly #side: SideEngine;
  readonly #turns = new Turns(1);
  /** Least recently asked first. */
  readonly #analyses = new Map<string, Analysis>();

  constructor(jobs: Jobs, clips: OpenClips, side: SideEngine) {
    this.#jobs = jobs;
    this.#clips = clips;
    this.#side = side;
  }

  /** Failures: those of openClip and chooseKeys. */
  async ask(source: RenderRequest['source'], keys: PlannedKeys, signal: AbortSignal): Promise<KeysAnswer> {
    const { clip, mark } = await this.#clips.get(source);
    const { range } = clip;
    // As in a job: where all frames are keys, nothing depends on the motion.
    const needsNone = keys.kind === 'every' && keys.step === 1;
    if (needsNone) return { keys: chooseKeys({ range, cuts: [], scores: [] }, keys), cuts: [] };
    let analysis = this.#analyses.get(mark);
    if (analysis) this.#analyses.delete(mark);
    else analysis = this.#begin(mark, clip);
    this.#analyses.set(mark, analysis);
    analysis.unasked.refresh();
    const found = await Promise.race([analysis.found, later(SOON_MS)]);
    signal.throwIfAborted();
    if (!found) return { analysing: { done: analysis.done, total: analysis.total } };
    return { keys: chooseKeys(found, keys), cuts: [...found.cuts] };
  }

  async close(): Promise<void> {
    const all = [...this.#analyses.values()];
    for (const { stop } of all) stop.abort();
    await Promise.allSettled(all.map(({ found }) => found));
  }

  #begin(mark: string, clip: Clip): Analysis {
    const [oldest, ...others] = this.#analyses.keys();
    if (others.length >= MOST - 1) this.#forget(oldest!);
    const stop = new AbortController();
    const { signal } = stop;
    const total = clip.range.to - clip.range.from;
    const look = (): Promise<ShotAnalysis> =>
      this.#side.use(async ({ engine }) => {
        const code = await codeOf(engine.codeHash);
        const key = analysisKey(sourceKey(clip.identity, code), clip.range, code);
        const folder = await this.#jobs.cacheAside().open('analyse', key);
        return analyse(engine, clip, folder, (done) => (analysis.done = done), signal);
      }, signal);
    const found = this.#turns.take(look, signal);
    // One that failed or was given up is begun anew when it is asked for again.
    found.catch(() => this.#analyses.get(mark) === analysis && this.#forget(mark));
    const unasked = setTimeout(() => stop.abort(), UNASKED_MS).unref();
    const analysis: Analysis = { found, stop, unasked, done: 0, total };
    void found.then(
      () => clearTimeout(unasked),
      () => undefined,
    );
    return analysis;
  }

  #forget(mark: string): void {
    const analysis = this.#analyses.get(mark);
    this.#analyses.delete(mark);
    analysis?.stop.abort();
    clearTimeout(analysis?.unasked);
  }
}

const later = (ms: number): Promise<null> => new Promise((resolve) => setTimeout(() => resolve(null), ms).unref());
