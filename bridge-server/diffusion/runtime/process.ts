import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Answer, Ask } from './messages.ts';

/** After this long in which a cancelled call has not come back, its process is killed. */
const GRACE_MS = 600;

/** How much of what the process complained about is kept for a report. */
const COMPLAINTS = 2000;

/** The process ended while it was wanted. */
export class Crash extends Error {
  override readonly name = 'Crash';
}

/** The provider refused: the runtime's own words. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}

type Request<A> = A extends unknown ? Omit<A, 'id'> : never;
type Waiting = { readonly resolve: (value: unknown) => void; readonly reject: (reason: unknown) => void };

/** The child process of the inference runtime, from the outside. It does not come back once it has ended. */
export class RuntimeProcess {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;
  #complaints = '';
  #ended = false;

  constructor() {
    this.#child = fork(fileURLToPath(new URL('./child.ts', import.meta.url)), [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
    });
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
    this.#child.on('exit', (code, signal) => this.#end(signal ?? `exit code ${code}`));
  }

  get ended(): boolean {
    return this.#ended;
  }

  get pid(): number | null {
    return this.#child.pid ?? null;
  }

  /**
   * One call. Rejects with Refusal, with Crash when the process ends first, or with the signal's reason: then the process has either
   * finished the call or was killed.
   */
  async ask(request: Request<Ask>, signal: AbortSignal): Promise<unknown> {
    signal.throwIfAborted();
    if (this.#ended) throw new Crash('it had ended');
    const id = this.#asked++;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ ...request, id }, (error) => error && this.#end(error.message));
    });
    let patience: NodeJS.Timeout | undefined;
    const onAbort = () => {
      patience = setTimeout(() => this.kill(), GRACE_MS);
    };
    signal.addEventListener('abort', onAbort);
    try {
      return await answer;
    } finally {
      clearTimeout(patience);
      signal.removeEventListener('abort', onAbort);
      signal.throwIfAborted();
    }
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
    const crash = new Crash(complaint ? `${how}: ${complaint}` : how);
    for (const { reject } of this.#waiting.values()) reject(crash);
    this.#waiting.clear();
  }
}
