import type { JobView } from '../../bridge-server/protocol/job.ts';
import type { AddingView, BridgeMessage, ClientMessage, PreviewView } from '../../bridge-server/protocol/messages.ts';
import { CLOSE_CODES, PROTOCOL_VERSION } from '../../bridge-server/protocol/wire.ts';
import { socketAddress } from './find.ts';
import { Disconnected, Refused, type ConnectionProblem } from './problem.ts';

type Question = Extract<ClientMessage, { id: string }>;
/** Without the `id`, which the link gives. */
export type Asked = Question extends infer Q ? (Q extends { id: string } ? Omit<Q, 'id'> : never) : never;
export type Answer = Exclude<Extract<BridgeMessage, { to: unknown }>, { type: 'refused' }>;

type Waiting = { readonly resolve: (answer: Answer) => void; readonly reject: (error: Error) => void };

export type LinkEvents = {
  readonly onJob: (job: JobView) => void;
  readonly onPreview: (preview: PreviewView) => void;
  readonly onAdding: (adding: AddingView) => void;
  /** Once, when it ends without `close` having been called. */
  readonly onEnd: (problem: ConnectionProblem) => void;
};

/** One socket to the bridge after its welcome: questions and their answers, and the jobs as they change. */
export class Link {
  readonly version: string;
  readonly #socket: WebSocket;
  readonly #events: LinkEvents;
  readonly #waiting = new Map<string, Waiting>();
  readonly #beat: ReturnType<typeof setInterval>;
  #questions = 0;
  #heard = Date.now();

  private constructor(socket: WebSocket, welcome: Extract<BridgeMessage, { type: 'welcome' }>, events: LinkEvents) {
    this.version = welcome.version;
    this.#socket = socket;
    this.#events = events;
    socket.onmessage = (event) => this.#receive(read(event));
    socket.onclose = (event) => this.#end(problemOf(event.code));
    this.#beat = setInterval(() => {
      // A machine that slept, or a bridge that hangs: the socket itself may never say.
      if (Date.now() - this.#heard > welcome.silenceMs) this.#end({ kind: 'lost' });
      else this.#say({ type: 'heartbeat' });
    }, welcome.heartbeatMs);
  }

  /** Throws Disconnected. */
  static async open(port: number, token: string, events: LinkEvents): Promise<Link> {
    const hello = { type: 'hello', version: PROTOCOL_VERSION, token } as const;
    const { socket, message } = await meet(port, hello);
    if (message.type === 'welcome') return new Link(socket, message, events);
    socket.close();
    throw new Disconnected({ kind: 'lost' });
  }

  /** The answer. Throws Refused when the bridge says no, and Disconnected when nothing can be known. */
  ask(asked: Asked): Promise<Answer> {
    this.#questions += 1;
    const id = `q${this.#questions}`;
    return new Promise((resolve, reject) => {
      if (this.#socket.readyState !== this.#socket.OPEN) return reject(new Disconnected({ kind: 'lost' }));
      this.#waiting.set(id, { resolve, reject });
      this.#say({ ...asked, id });
    });
  }

  close(): void {
    this.#socket.onclose = null;
    this.#finish({ kind: 'lost' });
  }

  #say(message: ClientMessage): void {
    this.#socket.send(JSON.stringify(message));
  }

  #receive(message: BridgeMessage): void {
    this.#heard = Date.now();
    if (message.type === 'job') this.#events.onJob(message.job);
    if (message.type === 'preview') this.#events.onPreview(message);
    if (message.type === 'adding') this.#events.onAdding(message);
    if (!('to' in message) || message.to === null) return;
    const waiting = this.#waiting.get(message.to);
    this.#waiting.delete(message.to);
    if (message.type === 'refused') waiting?.reject(new Refused(message.error));
    else waiting?.resolve(message);
  }

  #end(problem: ConnectionProblem): void {
    this.#socket.onclose = null;
    this.#finish(problem);
    this.#events.onEnd(problem);
  }

  #finish(problem: ConnectionProblem): void {
    clearInterval(this.#beat);
    this.#socket.close();
    for (const { reject } of this.#waiting.values()) reject(new Disconnected(problem));
    this.#waiting.clear();
  }
}

/** The token, for the code that the bridge shows. Throws Disconnected. */
export async function pairWith(port: number, code: string): Promise<string> {
  const { socket, message } = await meet(port, { type: 'pair', code });
  socket.close();
  if (message.type !== 'paired') throw new Disconnected({ kind: 'lost' });
  return message.token;
}

const MEET_MS = 5000;

/** Opens a socket, says one thing, and waits for what comes back. */
function meet(port: number, first: ClientMessage): Promise<{ socket: WebSocket; message: BridgeMessage }> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(socketAddress(port));
    const fail = (problem: ConnectionProblem): void => {
      clearTimeout(late);
      socket.onclose = socket.onerror = null;
      socket.close();
      reject(new Disconnected(problem));
    };
    const late = setTimeout(() => fail({ kind: 'lost' }), MEET_MS);
    socket.onopen = () => socket.send(JSON.stringify(first));
    socket.onerror = () => undefined;
    socket.onclose = (event) => fail(problemOf(event.code));
    socket.onmessage = (event) => {
      clearTimeout(late);
      socket.onclose = socket.onmessage = null;
      resolve({ socket, message: read(event) });
    };
  });
}

/** The two ends speak the same version of the protocol, which the bridge has checked: what it sends is what its types say. */
const read = (event: MessageEvent): BridgeMessage => JSON.parse(String(event.data)) as BridgeMessage;

function problemOf(closeCode: number): ConnectionProblem {
  switch (closeCode) {
    case CLOSE_CODES['token-wrong']:
      return { kind: 'not-paired' };
    case CLOSE_CODES['version-unsupported']:
      return { kind: 'wrong-version', bridge: null };
    case CLOSE_CODES['pairing-refused']:
      return { kind: 'pairing-refused' };
    case CLOSE_CODES['too-many-connections']:
      return { kind: 'too-many-connections' };
    default:
      return { kind: 'lost' };
  }
}
