import { once } from 'node:events';
import { WebSocket } from 'ws';
import { bridgeMessageSchema, type BridgeMessage } from '../../bridge-server/protocol/messages.ts';
import type { JobView, RenderJobView } from '../../bridge-server/protocol/job.ts';

type Of<T extends BridgeMessage['type']> = Extract<BridgeMessage, { type: T }>;
type Waiting = {
  readonly wants: (message: BridgeMessage) => boolean;
  readonly resolve: (message: BridgeMessage) => void;
};

/** A panel's side of the socket. Every message from the bridge must be one of the protocol's. */
export class Client {
  readonly socket: WebSocket;
  /** Heartbeats left out. */
  readonly received: BridgeMessage[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  #waiting: Waiting[] = [];
  #questions = 0;

  constructor(port: number, options: { headers?: Record<string, string>; path?: string } = {}) {
    const { headers = {}, path = '/v1/socket' } = options;
    this.socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers, perMessageDeflate: false });
    this.closed = once(this.socket, 'close').then(([code, reason]) => ({ code: Number(code), reason: String(reason) }));
    this.socket.on('error', () => undefined);
    this.socket.on('message', (data) => {
      const message = bridgeMessageSchema.parse(JSON.parse((data as Buffer).toString('utf8')));
      if (message.type === 'heartbeat') return;
      this.received.push(message);
      const waiting = this.#waiting.find(({ wants }) => wants(message));
      this.#waiting = this.#waiting.filter((one) => one !== waiting);
      waiting?.resolve(message);
    });
  }

  async opened(): Promise<this> {
    await once(this.socket, 'open');
    return this;
  }

  /** Opened, and welcome. */
  static async hello(port: number, token: string): Promise<Client> {
    const client = await new Client(port).opened();
    const welcome = client.next('welcome');
    client.say({ type: 'hello', version: 1, token });
    await welcome;
    return client;
  }

  say(message: unknown): void {
    this.socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));
  }

  /** The next message of that type that `wants` it; rejects when the socket closes first. */
  async next<T extends BridgeMessage['type']>(
    type: T,
    wants: (message: Of<T>) => boolean = () => true,
  ): Promise<Of<T>> {
    const found = new Promise<BridgeMessage>((resolve) => {
      this.#waiting.push({ wants: (message) => message.type === type && wants(message as Of<T>), resolve });
    });
    const gone = this.closed.then(({ code, reason }) => {
      throw new Error(`closed (${code} ${reason}) before ${type}`);
    });
    gone.catch(() => undefined);
    return (await Promise.race([found, gone])) as Of<T>;
  }

  /** A question and its answer, whichever it is. */
  async ask(
    question: Record<string, unknown>,
  ): Promise<Exclude<BridgeMessage, { type: 'job' | 'heartbeat' | 'welcome' | 'paired' }>> {
    const id = `q${this.#questions++}`;
    const answers = (['accepted', 'jobs', 'subscribed', 'refused'] as const).map((type) =>
      this.next(type, (message) => message.to === id),
    );
    this.say({ ...question, id });
    return await Promise.race(answers);
  }

  /** The job that a question was answered with. Throws the refusal's code otherwise. */
  async job(question: Record<string, unknown>): Promise<JobView> {
    const answer = await this.ask(question);
    if (answer.type === 'accepted') return answer.job;
    throw new Error(answer.type === 'refused' ? answer.error.code : answer.type);
  }

  /** The job, a render unless it is said to be a training, once it is in that state; needs a subscription. */
  async until<J extends JobView = RenderJobView>(id: string, state: JobView['state']['state']): Promise<J> {
    const last = this.received.findLast((message) => message.type === 'job' && message.job.id === id);
    if (last?.type === 'job' && last.job.state.state === state) return last.job as J;
    return (await this.next('job', ({ job }) => job.id === id && job.state.state === state)).job as J;
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}
