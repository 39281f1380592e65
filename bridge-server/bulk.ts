import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** The descriptor of the pipe in a side process. */
const DESCRIPTOR = 4;

type Taking = {
  readonly data: Uint8Array<ArrayBuffer>;
  filled: number;
  readonly resolve: (data: Uint8Array<ArrayBuffer>) => void;
  readonly reject: (error: Error) => void;
};

/**
 * A pipe for bytes between a process and its side process, beside their messages: two to three times as fast as messages are. Both
 * sides know from the messages how much comes next.
 */
export class Bulk {
  readonly #stream: Duplex;
  readonly #takings: Taking[] = [];
  #early: Uint8Array[] = [];
  #ended: Error | null = null;

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on('data', (chunk: Uint8Array) => {
      this.#early.push(chunk);
      this.#fill();
    });
    stream.on('error', (error) => this.#end(error));
    stream.on('close', () => this.#end(new Error('the pipe was closed')));
  }

  /** That of a side process to its parent. */
  static toParent(): Bulk {
    return new Bulk(new Socket({ fd: DESCRIPTOR, readable: true, writable: true }));
  }

  /** Resolves once `data` may be used again. */
  send(data: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(data, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** The next bytes of what the other side sends, in a buffer of their own. */
  take(bytes: number): Promise<Uint8Array<ArrayBuffer>> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      this.#takings.push({ data: new Uint8Array(bytes), filled: 0, resolve, reject });
      this.#fill();
    });
  }

  #fill(): void {
    for (let taking = this.#takings[0]; taking; taking = this.#takings[0]) {
      while (taking.filled < taking.data.length) {
        const chunk = this.#early.shift();
        if (!chunk) return;
        const part = chunk.subarray(0, taking.data.length - taking.filled);
        taking.data.set(part, taking.filled);
        taking.filled += part.length;
        if (part.length < chunk.length) this.#early.unshift(chunk.subarray(part.length));
      }
      this.#takings.shift();
      taking.resolve(taking.data);
    }
  }

  #end(reason: Error): void {
    this.#ended ??= reason;
    for (const { reject } of this.#takings.splice(0)) reject(this.#ended);
  }
}
