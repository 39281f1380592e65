import type { JobView } from '../protocol/job.ts';
import type { Line } from './line.ts';

/**
 * The changed jobs that a client has yet to be told of: the latest of each, so that neither a fast job nor a slow client makes it
 * grow.
 */
export class Outbox {
  readonly #line: Line;
  readonly #intervalMs: number;
  readonly #pending = new Map<string, JobView>();
  #sending = false;

  constructor(line: Line, intervalMs: number) {
    this.#line = line;
    this.#intervalMs = intervalMs;
  }

  put(job: JobView): void {
    this.#pending.set(job.id, job);
    if (!this.#sending) void this.#send();
  }

  async #send(): Promise<void> {
    this.#sending = true;
    while (this.#pending.size > 0 && this.#line.open) {
      for (const job of this.#pending.values()) this.#line.send({ type: 'job', job });
      this.#pending.clear();
      await new Promise((resolve) => setTimeout(resolve, this.#intervalMs));
      await this.#line.drained();
    }
    this.#sending = false;
  }
}
