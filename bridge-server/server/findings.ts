import { Turns } from './turns.ts';

/** An answer that comes within this time need not be asked for again. */
const SOON_MS = 300;
/** What nobody has asked about for so long is given up. */
const UNASKED_MS = 15_000;
/** What is remembered. */
const MOST = 8;

/** Looks for something; `tell` takes how far it is. */
export type Look<T> = (tell: (done: number) => void, stop: AbortSignal) => Promise<T>;

type Progress = { done: number; readonly total: number };

type Finding<T> = {
  readonly found: Promise<T>;
  readonly stop: AbortController;
  readonly unasked: NodeJS.Timeout;
  readonly progress: Progress;
};

/**
 * What takes longer to find than a question may wait: whoever asks hears how far it is and asks again, and it goes on meanwhile. One is
 * looked for at a time; what was found lately is remembered.
 */
export class Findings<T> {
  readonly #turns = new Turns(1);
  /** By name, least recently asked first. */
  readonly #findings = new Map<string, Finding<T>>();

  /** `look` begins when nothing of that name is known; it has `total` to do. Failures: those of `look`. */
  async ask(
    name: string,
    total: number,
    look: Look<T>,
    signal: AbortSignal,
  ): Promise<{ readonly found: T } | { readonly looking: Readonly<Progress> }> {
    let finding = this.#findings.get(name);
    if (finding) this.#findings.delete(name);
    else finding = this.#begin(name, total, look);
    this.#findings.set(name, finding);
    finding.unasked.refresh();
    const answer = await Promise.race([finding.found.then((found) => ({ found })), later(SOON_MS)]);
    signal.throwIfAborted();
    return answer ?? { looking: finding.progress };
  }

  async close(): Promise<void> {
    const all = [...this.#findings.values()];
    for (const { stop } of all) stop.abort();
    await Promise.allSettled(all.map(({ found }) => found));
  }

  #begin(name: string, total: number, look: Look<T>): Finding<T> {
    const [oldest, ...others] = this.#findings.keys();
    if (others.length >= MOST - 1) this.#forget(oldest!);
    const stop = new AbortController();
    const progress = { done: 0, total };
    const tell = (done: number): void => void (progress.done = done);
    const found = this.#turns.take(() => look(tell, stop.signal), stop.signal);
    // One that failed or was given up is begun anew when it is asked for again.
    found.catch(() => this.#findings.get(name) === finding && this.#forget(name));
    const unasked = setTimeout(() => stop.abort(), UNASKED_MS).unref();
    const finding: Finding<T> = { found, stop, unasked, progress };
    void found.then(
      () => clearTimeout(unasked),
      () => undefined,
    );
    return finding;
  }

  #forget(name: string): void {
    const finding = this.#findings.get(name);
    this.#findings.delete(name);
    finding?.stop.abort();
    clearTimeout(finding?.unasked);
  }
}

const later = (ms: number): Promise<null> => new Promise((resolve) => setTimeout(() => resolve(null), ms).unref());
