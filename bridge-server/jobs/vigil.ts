/** An owner that has not shown a sign of life for this long has lost its jobs, even if a process with its number runs. */
const SILENCE_MS = 5000;
/** And not while we gave so many: a machine that slept, or was too busy, kept us all silent. */
const SIGNS = 3;

/** Milliseconds: `wall` since 1970, which may be set; `steady` since whenever, which never runs backwards. */
export type Clock = { readonly wall: () => number; readonly steady: () => number };
export const CLOCK: Clock = { wall: () => Date.now(), steady: () => performance.now() };

/** An owner's last sign of life as we saw it: since when, and how many of our own since. */
type Watched = { readonly beat: number; readonly since: number; readonly signs: number };

/** Tells which of the other owners of jobs have fallen silent. */
export class Vigil {
  readonly #steady: () => number;
  readonly #watched = new Map<string, Watched>();

  constructor({ steady }: Clock) {
    this.#steady = steady;
  }

  /**
   * Whether an owner whose last sign was given at `beat` is silent `now`, by the clock on the wall; asked once for each sign of our own.
   * At first sight only that clock can tell. It may be set, so from then on the owner is watched.
   */
  isSilent(owner: string, beat: number, now: number): boolean {
    const steady = this.#steady();
    const known = this.#watched.get(owner);
    const same = known?.beat === beat;
    const seen = same ? { ...known, signs: known.signs + 1 } : { beat, since: steady, signs: 0 };
    this.#watched.set(owner, seen);
    return known ? seen.signs >= SIGNS && steady - seen.since >= SILENCE_MS : now - beat >= SILENCE_MS;
  }

  /** It is gone. */
  forget(owner: string): void {
    this.#watched.delete(owner);
  }
}
