import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { type ErrorCode, Failure } from '../errors.ts';
import type { ControlQuestion } from '../protocol/http.ts';

/** How long the thread waits for the next question before it gives its memory back. */
const IDLE_MS = 60_000;
/** How long it may take to close what it has open. */
const PATIENCE_MS = 2000;

/** What the thread is told (map-thread.ts), and what it answers to a `draw`. */
export type MapAsk =
  | { readonly kind: 'draw'; readonly id: number; readonly asked: ControlQuestion }
  | { readonly kind: 'stop'; readonly id: number }
  | { readonly kind: 'close' };
export type MapAnswer =
  | { readonly id: number; readonly jpeg: Uint8Array }
  | { readonly id: number; readonly failure: { readonly code: ErrorCode; readonly facts: unknown } };

type Waiting = {
  readonly thread: Worker;
  readonly resolve: (jpeg: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
};

/** Control maps for clients to look at, drawn in a thread of their own, which lives as long as somebody asks. */
export class ControlView {
  readonly #waiting = new Map<number, Waiting>();
  #thread: Worker | null = null;
  #idle: NodeJS.Timeout | null = null;
  #asked = 0;

  /** A JPEG of the map; see MapDrawer. */
  async ofFrame(asked: ControlQuestion, signal: AbortSignal): Promise<Uint8Array> {
    signal.throwIfAborted();
    const thread = (this.#thread ??= this.#start());
    if (this.#idle) clearTimeout(this.#idle);
    const id = this.#asked++;
    const stop = (): void => thread.postMessage({ kind: 'stop', id } satisfies MapAsk);
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await new Promise<Uint8Array>((resolve, reject) => {
        this.#waiting.set(id, { thread, resolve, reject });
        thread.postMessage({ kind: 'draw', id, asked } satisfies MapAsk);
      });
    } finally {
      signal.removeEventListener('abort', stop);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) this.#idle = setTimeout(() => void this.close(), IDLE_MS).unref();
    }
  }

  async close(): Promise<void> {
    if (this.#idle) clearTimeout(this.#idle);
    const thread = this.#thread;
    this.#thread = null;
    if (!thread) return;
    const ended = once(thread, 'exit');
    thread.postMessage({ kind: 'close' } satisfies MapAsk);
    const late = setTimeout(() => void thread.terminate(), PATIENCE_MS);
    await ended;
    clearTimeout(late);
  }

  #start(): Worker {
    const thread = new Worker(new URL('./map-thread.ts', import.meta.url));
    const gone = (error: unknown): void => {
      if (this.#thread === thread) this.#thread = null;
      // Another may have begun meanwhile, and answers those that asked it.
      for (const waiting of this.#waiting.values()) if (waiting.thread === thread) waiting.reject(error);
    };
    thread.on('message', (answer: MapAnswer) => {
      const waiting = this.#waiting.get(answer.id);
      if ('jpeg' in answer) waiting?.resolve(answer.jpeg);
      else waiting?.reject(new Failure(answer.failure.code, answer.failure.facts as never));
    });
    thread.on('error', gone);
    thread.on('exit', () => gone(new Error('the thread that draws control maps ended')));
    return thread;
  }
}
