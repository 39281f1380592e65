import { type ChildProcess, fork } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Bulk } from './bulk.ts';

/** What a side process sends back: the answer to the ask of this id, or why it refuses. */
export type Answer =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly reason: string };

/** After this long in which a cancelled call has not come back, its process is killed. */
const GRACE_MS = 600;

/** How much of what the process complained about is kept for a report. */
const COMPLAINTS = 2000;

/** The process ended while it was wanted. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

/** The process would not do it: its own words. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}

/** An ask without its number. */
type Request<A> = A extends unknown ? Omit<A, 'id'> : never;
type Waiting = { readonly resolve: (value: unknown) => void; readonly reject: (reason: unknown) => void };

/**
 * A child process for native code that may crash, from the outside. It is told and asked things, of type Ask, which it does one after
 * the other; it answers what has an `id`. It does not come back once it has ended.
 */
export class SideProcess<Ask extends object> {
  /** For what is too large for messages. */
  readonly bulk: Bulk;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;
  #complaints = '';
  #ended = false;
  #how = '';

  /** `module`: what the process runs. */
  constructor(module: URL) {
    this.#child = fork(fileURLToPath(module), [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc', 'pipe'],
      execArgv: [],
      // What bin/run.mjs says of memory is for pictures, not for networks.
      env: { ...process.env, MALLOC_MMAP_THRESHOLD_: undefined, MALLOC_ARENA_MAX: undefined },
    });
    this.bulk = new Bulk(this.#child.stdio[4] as Duplex);
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints = (this.#complaints + text).slice(-COMPLAINTS);
    });
    this.#child.on('message', (answer: Answer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if (answer.ok) waiting?.resolve(answer.value);
      else waiting?.reject(new Refusal(answer.reason));
    });
    this.#child.on('error', (error) => this.#end(error.message));
    // Not 'exit': what it last complained about is read first.
    this.#child.on('close', (code, signal) => this.#end(signal ?? `exit code ${code}`));
  }

  get ended(): boolean {
    return this.#ended;
  }

  get pid(): number | null {
    return this.#child.pid ?? null;
  }

  /** Has something done that has no answer. Throws Crash once the process has ended. */
  tell(request: Ask): void {
    if (this.#ended) throw new Crash(this.#how);
    this.#send(request);
  }

  /**
   * One call. Rejects with Refusal, with Crash when the process ends first, or with the signal's reason: then the process has either
   * finished the call or was killed.
   */
  async ask(request: Request<Ask>, signal: AbortSignal): Promise<unknown> {
    signal.throwIfAborted();
    if (this.#ended) throw new Crash(this.#how);
    const id = this.#asked++;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#send({ ...request, id });
    });
    return this.patiently(answer, signal);
  }

  /**
   * Waits for something that this process has to do. Once the signal is aborted, not for long: then the process is killed. Rejects with
   * the signal's reason in either case.
   */
  async patiently<T>(awaited: Promise<T>, signal: AbortSignal): Promise<T> {
    let patience: NodeJS.Timeout | undefined;
    const onAbort = () => {
      patience = setTimeout(() => this.kill(), GRACE_MS);
    };
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
    try {
      return await awaited;
    } finally {
      clearTimeout(patience);
      signal.removeEventListener('abort', onAbort);
      signal.throwIfAborted();
    }
  }

  /** A process that does not listen is none; its end, told when it has come, says more than this error. */
  #send(message: object): void {
    this.#child.send(message, (error) => error && this.#child.kill('SIGKILL'));
  }

  kill(): void {
    this.#child.kill('SIGKILL');
    this.#end('it was stopped');
  }

  /** Lets the process end by itself once it has nothing left to do. */
  close(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  #end(how: string): void {
    if (this.#ended) return;
    this.#ended = true;
    const complaint = this.#complaints.trim().split('\n').at(-1);
    this.#how = complaint ? `${how}: ${complaint}` : how;
    const crash = new Crash(this.#how);
    for (const { reject } of this.#waiting.values()) reject(crash);
    this.#waiting.clear();
  }
}
