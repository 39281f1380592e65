import type { RawData, WebSocket } from 'ws';
import type { BridgeMessage } from '../protocol/messages.ts';
import { CLOSE_CODES, type CloseReason } from '../protocol/wire.ts';
import { Bucket } from './bucket.ts';
import type { Limits } from './limits.ts';

/**
 * One client's socket, kept in its bounds: how fast it may send, how much it may leave unread, and how long it may be silent.
 * `onText` gets what keeps the rate; `onExcess` is told of what does not.
 */
export class Line {
  readonly #socket: WebSocket;
  readonly #limits: Limits;
  readonly #rate: Bucket;
  readonly #beat: NodeJS.Timeout;
  #lastSign = performance.now();
  #drained = Promise.withResolvers<void>();
  #congested = false;

  constructor(socket: WebSocket, limits: Limits, onText: (text: string) => void, onExcess: () => void) {
    this.#socket = socket;
    this.#limits = limits;
    this.#rate = new Bucket(limits.messages);
    this.#beat = setInterval(() => this.#heartbeat(), limits.heartbeatMs);
    socket.on('message', (data, isBinary) => {
      // What a flood still brings after the closing is not even looked at.
      if (!this.open) return;
      this.#lastSign = performance.now();
      if (isBinary) this.close('message-binary');
      else if (this.#rate.take()) onText(textOf(data));
      else onExcess();
    });
    socket.on('ping', (data) => {
      this.#lastSign = performance.now();
      if (!this.#rate.take()) onExcess();
      else if (this.open && !this.#congested) socket.pong(data);
    });
    socket.on('pong', () => (this.#lastSign = performance.now()));
    socket.on('close', () => {
      clearInterval(this.#beat);
      this.#drained.resolve();
    });
    // What a peer may do wrong in framing or by vanishing; `close` follows.
    socket.on('error', () => undefined);
  }

  get open(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  send(message: BridgeMessage): void {
    if (!this.open) return;
    this.#socket.send(JSON.stringify(message), () => this.#relieve());
    if (this.#congested || this.#socket.bufferedAmount <= this.#limits.unsentBytes) return;
    this.#congested = true;
    this.#drained = Promise.withResolvers();
  }

  /** Resolves as soon as the client has read most of what it was sent, or is gone. */
  async drained(): Promise<void> {
    if (this.open && this.#congested) await this.#drained.promise;
  }

  close(reason: CloseReason): void {
    this.#socket.close(CLOSE_CODES[reason], reason);
    // A client that reads nothing never answers the closing either: its half would stay for good.
    if (this.#congested) this.#socket.terminate();
  }

  #relieve(): void {
    if (!this.#congested || this.#socket.bufferedAmount > this.#limits.unsentBytes / 2) return;
    this.#congested = false;
    this.#drained.resolve();
  }

  #heartbeat(): void {
    if (performance.now() - this.#lastSign > this.#limits.silenceMs) this.close('silent');
    else if (this.open && !this.#congested) {
      this.#socket.ping();
      this.send({ type: 'heartbeat' });
    }
  }
}

/** `ws` gives a text message, already checked to be UTF-8, as one Buffer. */
const textOf = (data: RawData): string => (data as Buffer).toString('utf8');
