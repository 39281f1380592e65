/** How many go on at once: compressing takes longer than a graphics card takes for a frame, and each holds a picture. */
const MOST = 3;

/** Writes that go on while more is made. */
export class Writes {
  readonly #going: Promise<void>[] = [];

  /** Takes one on; waits for the oldest where there are too many. Rejects with what that failed with. */
  async add(write: Promise<void>): Promise<void> {
    write.catch(() => undefined);
    this.#going.push(write);
    if (this.#going.length >= MOST) await this.#going.shift();
  }

  /** Waits for all. Rejects with what the oldest that failed did. */
  async done(): Promise<void> {
    while (this.#going.length > 0) await this.#going.shift();
  }

  /** Waits until none goes on, whatever becomes of them. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#going.splice(0));
  }
}
