import { analysisKey, codeOf, sourceKey } from '../jobs/plan.ts';
import type { Jobs } from '../jobs/queue.ts';
import type { KeysAnswer } from '../protocol/http.ts';
import type { PlannedKeys, RenderRequest } from '../protocol/request.ts';
import { analyse, type ShotAnalysis } from '../shot/analyse.ts';
import { chooseKeys } from '../shot/keys.ts';
import { Findings } from './findings.ts';
import type { OpenClips } from './open-clips.ts';
import type { SideEngine } from './side-engine.ts';

/** Which keys a request would choose, before there is a job: from the same analysis, which a job then finds in the cache. */
export class KeyPlans {
  readonly #jobs: Jobs;
  readonly #clips: OpenClips;
  readonly #side: SideEngine;
  readonly #analyses = new Findings<ShotAnalysis>();

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
    const answer = await this.#analyses.ask(
      mark,
      range.to - range.from,
      (tell, stop) =>
        this.#side.use(async ({ engine }) => {
          const code = await codeOf(engine.codeHash);
          const key = analysisKey(sourceKey(clip.identity, code), range, code);
          const folder = await this.#jobs.cacheAside().open('analyse', key);
          return analyse(engine, clip, folder, tell, stop);
        }, stop),
      signal,
    );
    if ('looking' in answer) return { analysing: answer.looking };
    return { keys: chooseKeys(answer.found, keys), cuts: [...answer.found.cuts] };
  }

  close(): Promise<void> {
    return this.#analyses.close();
  }
}
