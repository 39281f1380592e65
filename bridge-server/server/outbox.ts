import type { BridgeMessage } from '../protocol/messages.ts';
import type { Line } from './line.ts';

/**
 * What a client has yet to be told unasked: the latest of each kind of news, so that neither a fast job nor a slow client makes it
 * grow.
 */
export class Outbox {
  readonly #line: Line;
  readonly #intervalMs: number;
  readonly #pending = new Map<string, BridgeMessage>();
  #sending = false;

  constructor(line: Line, intervalMs: number) {
    this.#line = line;
    this.#intervalMs = intervalMs;
  }

  /** `about`: what newer news of the same take the place of. */
  put(about: string, message: BridgeMessage): void {
    this.#pending.set(about, message);
    if (!this.#sending) void this.#send();
  }

  async #send(): Promise<void> {
    this.#sending = true;
    while (this.#pending.size > 0 && this.#line.open) {
      for (const message of this.#pending.values()) this.#line.send(message);
      this.#pending.clear();
      await new Promise((resolve) => setTimeout(resolve, this.#intervalMs));
      await this.#line.drained();
    }
    this.#sending = false;
  }
}
