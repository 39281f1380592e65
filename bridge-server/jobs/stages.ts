import type { Progress, Stage } from '../progress.ts';
import type { StageAccount } from './job.ts';
import { Meter } from './meter.ts';

/** The accounts of a job's stages, as they come to run. */
export class Stages {
  /** A stage may come back to what it left. */
  readonly #meters = new Map<Stage, Meter[]>();
  readonly #show: (progress: Progress) => void;
  readonly #writes: () => number;

  /** `writes` grows with every entry that a stage writes into the cache. */
  constructor(show: (progress: Progress) => void, writes: () => number) {
    this.#show = show;
    this.#writes = writes;
  }

  /** A stage of `total` units that keeps what it makes in the cache. */
  cached(stage: Stage, unit: Progress['unit'], total: number): Meter {
    return this.#add(stage, new Meter(stage, unit, total, this.#show, this.#writes));
  }

  /** A stage that does all its units every time. */
  fresh(stage: Stage, unit: Progress['unit'], total: number): Meter {
    return this.#add(stage, new Meter(stage, unit, total, this.#show, null));
  }

  /** A stage that makes `keys` pictures in so many steps each, and says itself which it found; its account counts keys. */
  stepped(stage: Stage, keys: number, steps: number): Meter {
    return this.#add(stage, new Meter(stage, 'steps', keys * steps, this.#show, null, steps));
  }

  get accounts(): Partial<Record<Stage, StageAccount>> {
    return Object.fromEntries([...this.#meters].map(([stage, meters]) => [stage, summed(meters)]));
  }

  #add(stage: Stage, meter: Meter): Meter {
    this.#meters.set(stage, [...(this.#meters.get(stage) ?? []), meter]);
    return meter;
  }
}

function summed(meters: readonly Meter[]): StageAccount {
  const sum = (of: keyof StageAccount): number => meters.reduce((total, { account }) => total + account[of], 0);
  return { seconds: sum('seconds'), computed: sum('computed'), cached: sum('cached') };
}
