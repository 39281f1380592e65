import { z } from 'zod';
import { Failure } from '../errors.ts';
import type { JobView } from '../protocol/job.ts';
import {
  clientMessageSchema,
  type AddingView,
  type BridgeMessage,
  type ClientMessage,
  type PreviewView,
} from '../protocol/messages.ts';
import { PROTOCOL_VERSION, type CloseReason } from '../protocol/wire.ts';
import { Bucket } from './bucket.ts';
import type { Desk } from './desk.ts';
import { inWords } from './in-words.ts';
import type { Limits } from './limits.ts';
import { Line } from './line.ts';
import { Outbox } from './outbox.ts';
import type { Pairing } from './pairing.ts';
import { sameSecret } from './secret.ts';
import type { WebSocket } from 'ws';

/** What every session of a bridge shares. */
export type Office = {
  readonly version: string;
  readonly token: string;
  readonly pairing: Pairing;
  readonly desk: Desk;
  readonly limits: Limits;
};

type Question = Exclude<ClientMessage, { type: 'hello' | 'pair' | 'heartbeat' }>;

/** One client from the opening of its socket to the end: a stranger until its hello, then served, one message after the other. */
export class Session {
  readonly #office: Office;
  readonly #line: Line;
  readonly #outbox: Outbox;
  readonly #bad: Bucket;
  readonly #lateHello: NodeJS.Timeout;
  #stranger = true;
  #subscribed = false;
  #waiting = 0;
  #work: Promise<void> = Promise.resolve();

  constructor(socket: WebSocket, office: Office) {
    const { limits } = office;
    this.#office = office;
    this.#bad = new Bucket(limits.badMessages);
    this.#line = new Line(
      socket,
      limits,
      (text) => this.#receive(text),
      () => this.#refuseExcess(),
    );
    this.#outbox = new Outbox(this.#line, limits.eventMs);
    this.#lateHello = setTimeout(() => this.close('hello-late'), limits.helloMs);
    socket.on('close', () => clearTimeout(this.#lateHello));
  }

  /** Until the hello, and while still there. */
  get stranger(): boolean {
    return this.#stranger && this.#line.open;
  }

  close(reason: CloseReason): void {
    this.#line.close(reason);
  }

  jobChanged(job: JobView): void {
    if (this.#subscribed) this.#outbox.put(`job ${job.id}`, { type: 'job', job });
  }

  previewed(preview: PreviewView): void {
    if (this.#subscribed) this.#outbox.put(`preview ${preview.job}`, { type: 'preview', ...preview });
  }

  addingChanged(adding: AddingView): void {
    if (this.#subscribed) this.#outbox.put(`adding ${adding.id}`, { type: 'adding', ...adding });
  }

  #receive(text: string): void {
    const { message, problem, to } = readMessage(text);
    if (this.#stranger) this.#meet(message);
    else if (message === null) this.#refuseBad(to, new Failure('message-malformed', { problem }));
    else if (message.type === 'hello' || message.type === 'pair') {
      this.#refuseBad(null, new Failure('message-malformed', { problem: `${message.type} after hello` }));
    } else if (message.type !== 'heartbeat') this.#enqueue(message);
  }

  /** The first messages, up to the hello. Whoever says anything else is not talked to. */
  #meet(message: ClientMessage | null): void {
    const { version, token, pairing, limits } = this.#office;
    if (message?.type === 'pair') {
      if (pairing.accept(message.code)) this.#line.send({ type: 'paired', token });
      else this.close('pairing-refused');
    } else if (message?.type !== 'hello') this.close('hello-expected');
    else if (!sameSecret(message.token, token)) this.close('token-wrong');
    else if (message.version !== PROTOCOL_VERSION) this.close('version-unsupported');
    else {
      clearTimeout(this.#lateHello);
      this.#stranger = false;
      const { heartbeatMs, silenceMs } = limits;
      this.#line.send({ type: 'welcome', version, protocol: PROTOCOL_VERSION, heartbeatMs, silenceMs });
    }
  }

  #enqueue(question: Question): void {
    if (this.#waiting >= this.#office.limits.messages.burst) return this.#refuseExcess();
    this.#waiting += 1;
    this.#work = this.#work.then(async () => {
      await this.#line.drained();
      if (this.#line.open) this.#line.send(await this.#answer(question));
      this.#waiting -= 1;
    });
  }

  async #answer(question: Question): Promise<BridgeMessage> {
    const { desk } = this.#office;
    const to = question.id;
    try {
      switch (question.type) {
        case 'submit':
          return { type: 'accepted', to, job: await desk.submit(question.request, question.key) };
        case 'train':
          return { type: 'accepted', to, job: await desk.train(question.request, question.key) };
        case 'list':
          return { type: 'jobs', to, ...desk.list(question.limit, question.before) };
        case 'cancel':
          return { type: 'accepted', to, job: desk.cancel(question.job) };
        case 'pause':
          return { type: 'accepted', to, job: desk.pause(question.job) };
        case 'move':
          return { type: 'accepted', to, job: desk.move(question.job, question.before) };
        case 'resume':
          return { type: 'accepted', to, job: await desk.resume(question.job) };
        case 'subscribe':
          this.#subscribed = true;
          // Whoever comes while something is added hears of it at once.
          desk.adding().forEach((adding) => this.addingChanged(adding));
          return { type: 'subscribed', to };
      }
    } catch (error) {
      return { type: 'refused', to, error: inWords(error) };
    }
  }

  #refuseExcess(): void {
    if (this.#stranger) this.close('too-many-bad-messages');
    else this.#refuseBad(null, new Failure('too-many-messages', undefined));
  }

  #refuseBad(to: string | null, failure: Failure): void {
    if (this.#bad.take()) this.#line.send({ type: 'refused', to, error: inWords(failure) });
    else this.close('too-many-bad-messages');
  }
}

const anyQuestion = z.object({ id: z.string().min(1).max(64) });

/** `to`: whom a refusal would answer, where even a malformed message says so. */
function readMessage(text: string): { message: ClientMessage | null; problem: string; to: string | null } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { message: null, problem: 'it is not JSON', to: null };
  }
  const read = clientMessageSchema.safeParse(value);
  if (read.success) return { message: read.data, problem: '', to: null };
  const [issue] = read.error.issues;
  const problem = issue
    ? `${issue.message}${issue.path.length > 0 ? ` at ${issue.path.join('.')}` : ''}`
    : 'unreadable';
  return { message: null, problem: problem.slice(0, 200), to: anyQuestion.safeParse(value).data?.id ?? null };
}
