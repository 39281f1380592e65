import type { Clip } from './clip.ts';
import type { Frame, FrameRange, RawFrame } from './frame.ts';

/** Nobody walks back further in one go: more small frames would only fill the memory with a long clip. */
const MOST_FRAMES = 256;

type Reading = {
  /** The number of the frame that comes next, and the one before which it ends. */
  next: number;
  readonly end: number;
  readonly frames: AsyncIterator<RawFrame>;
  readonly abort: AbortController;
};

/**
 * Any frame of a clip, at any time, in bounded memory. Decoding only runs forwards and starts at a price, so a miss decodes a run
 * of frames: on from n when walking forwards, up to n when walking backwards, as many as there is room for beside the last one. Frames are not to be written to.
 */
export class FrameWindow {
  readonly #clip: Pick<Clip, 'range' | 'readRaw'>;
  readonly #maxBytes: number;
  /** Least recently used first. */
  readonly #frames = new Map<number, RawFrame>();
  /** What a frame of this clip takes. */
  #frameBytes: number;
  /** Most are asked for twice in a row. */
  #last: { readonly n: number; readonly frame: Frame } | null = null;
  #reading: Reading | null = null;
  #lastAsked: number | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  /** `maxBytes`: of frames that wait. Two do in any case, and one is ready. */
  constructor(clip: Pick<Clip, 'range' | 'width' | 'height' | 'channels' | 'readRaw'>, maxBytes: number) {
    this.#clip = clip;
    this.#maxBytes = maxBytes;
    this.#frameBytes = clip.width * clip.height * clip.channels * 2;
  }

  get #capacity(): number {
    return Math.min(MOST_FRAMES, Math.max(2, Math.floor(this.#maxBytes / this.#frameBytes)));
  }

  /** Throws RangeError outside the clip, Failure when it cannot be decoded. */
  get(n: number, signal: AbortSignal): Promise<Frame> {
    return this.#inTurn(async () => this.#made(n, await this.#get(n, signal)));
  }

  /** The same, to be made later. */
  raw(n: number, signal: AbortSignal): Promise<RawFrame> {
    return this.#inTurn(async () => {
      const raw = await this.#get(n, signal);
      return { ...raw, frame: () => this.#made(n, raw) };
    });
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(act).finally(() => this.#closed && this.#letGo());
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** Ends a decoder that is waiting to go on. Whoever still asks afterwards is answered, and nothing stays open for him. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#turn;
    await this.#letGo();
  }

  async #letGo(): Promise<void> {
    await this.#stop();
    this.#frames.clear();
    this.#last = null;
  }

  #made(n: number, raw: RawFrame): Frame {
    if (this.#last?.n !== n) {
      this.#last = null;
      this.#last = { n, frame: raw.frame() };
    }
    return this.#last.frame;
  }

  async #get(n: number, signal: AbortSignal): Promise<RawFrame> {
    const { range } = this.#clip;
    if (n < range.from || n >= range.to) throw new RangeError(`frame ${n} of a clip from ${range.from} to ${range.to}`);
    signal.throwIfAborted();
    const backwards = this.#lastAsked !== null && n < this.#lastAsked;
    this.#lastAsked = n;
    const known = this.#frames.get(n);
    if (known) {
      this.#keep(n, known);
      return known;
    }
    const { next, end: limit } = this.#reading ?? { next: 0, end: 0 };
    if (n < next || n >= Math.min(limit, next + this.#capacity)) {
      await this.#stop();
      const from = backwards ? Math.max(range.from, n + 2 - this.#capacity) : n;
      this.#start({ from, to: backwards ? n + 1 : range.to });
    }
    const reading = this.#reading!;
    // A reading outlives the call that began it: each call ends it only while it waits for it.
    const end = (): void => reading.abort.abort(signal.reason);
    signal.addEventListener('abort', end, { once: true });
    try {
      for (;;) {
        const result = (await reading.frames.next()) as IteratorResult<RawFrame, undefined>;
        if (result.done) throw new Error(`frame ${n} did not come`);
        this.#keep(reading.next, result.value);
        if (reading.next++ === n) return result.value;
      }
    } catch (error) {
      await this.#stop();
      throw error;
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  #start(range: FrameRange): void {
    const abort = new AbortController();
    const frames = this.#clip.readRaw(range, abort.signal)[Symbol.asyncIterator]();
    this.#reading = { next: range.from, end: range.to, frames, abort };
  }

  async #stop(): Promise<void> {
    const reading = this.#reading;
    this.#reading = null;
    await reading?.frames.return?.();
  }

  #keep(n: number, frame: RawFrame): void {
    this.#frameBytes = frame.bytes;
    this.#frames.delete(n);
    this.#frames.set(n, frame);
    if (this.#frames.size > this.#capacity) this.#frames.delete(this.#frames.keys().next().value!);
  }
}
