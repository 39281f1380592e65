import type { Progress, Report, Stage } from '../progress.ts';
import type { StageAccount } from './job.ts';

/** How much of the newest unit's time goes into the smoothed seconds a unit. */
const SMOOTHING = 0.15;

/**
 * Counts one stage: its progress, how fast it really computes (what lay in the cache says nothing about that), and what it was
 * that it found or made.
 */
export class Meter {
  readonly #stage: Stage;
  readonly #unit: Progress['unit'];
  readonly #total: number;
  readonly #show: (progress: Progress) => void;
  /** Grows whenever the stage writes something; null: whatever it does is computed. */
  readonly #writes: (() => number) | null;
  /** How many units make one of what the account counts. */
  readonly #each: number;
  readonly #now: () => number;

  #done = 0;
  #computed = 0;
  #seconds = 0;
  #secondsPerUnit: number | null = null;
  #resumedAt = 0;
  #reportedAt = 0;
  #writesSeen = 0;

  constructor(
    stage: Stage,
    unit: Progress['unit'],
    total: number,
    show: (progress: Progress) => void,
    writes: (() => number) | null,
    each = 1,
    /** Seconds, steadily. */
    now: () => number = () => performance.now() / 1000,
  ) {
    this.#stage = stage;
    this.#unit = unit;
    this.#total = total;
    this.#show = show;
    this.#writes = writes;
    this.#each = each;
    this.#now = now;
  }

  /** Counts what need not be made. */
  found(units: number): void {
    this.#done += units;
    this.#publish();
  }

  /** Runs a piece of the stage that is `units` of its total; `work` reports its own progress in whatever total it likes. */
  async run<T>(units: number, work: (report: Report) => Promise<T>): Promise<T> {
    const start = this.#done;
    this.#resumedAt = this.#reportedAt = this.#now();
    this.#writesSeen = this.#writes?.() ?? 0;
    this.#publish();
    try {
      const result = await work((done, total) => {
        this.#advance(start + Math.min(units, total === 0 ? units : Math.floor((done * units) / total)));
      });
      this.#advance(start + units);
      return result;
    } finally {
      this.#seconds += this.#now() - this.#resumedAt;
    }
  }

  #advance(done: number): void {
    const units = done - this.#done;
    if (units <= 0) return;
    const now = this.#now();
    const writes = this.#writes?.() ?? this.#writesSeen + 1;
    if (writes > this.#writesSeen) {
      const each = (now - this.#reportedAt) / units;
      const weight = 1 - (1 - SMOOTHING) ** units;
      // What comes first also pays for what is loaded, so the next takes its place.
      const isNew = this.#secondsPerUnit === null || this.#computed <= 1;
      this.#secondsPerUnit = isNew ? each : this.#secondsPerUnit! + weight * (each - this.#secondsPerUnit!);
      this.#computed += units;
    }
    this.#writesSeen = writes;
    this.#reportedAt = now;
    this.#done = done;
    this.#publish();
  }

  #publish(): void {
    const left = this.#total - this.#done;
    const etaSeconds = left === 0 ? 0 : this.#secondsPerUnit === null ? null : left * this.#secondsPerUnit;
    this.#show({ stage: this.#stage, done: this.#done, total: this.#total, unit: this.#unit, etaSeconds });
  }

  get account(): StageAccount {
    const computed = Math.ceil(this.#computed / this.#each);
    return { seconds: this.#seconds, computed, cached: Math.floor(this.#done / this.#each) - computed };
  }
}
