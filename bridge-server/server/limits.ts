/** A rate: at most `burst` at once, and `perSecond` in the long run. */
export type Rate = { readonly burst: number; readonly perSecond: number };

/** What one client may take of the bridge. Times in milliseconds, sizes in bytes. */
export type Limits = {
  /** Request line and headers together. */
  readonly headerBytes: number;
  readonly headersMs: number;
  /** From a request's first byte to its last. */
  readonly requestMs: number;
  /** What a message may be: a training is asked about before it is submitted. */
  readonly bodyBytes: number;
  /** All connections, and sockets among them that have not said hello: beyond that the oldest of those goes. */
  readonly connections: number;
  readonly strangers: number;
  /** From the opening of a socket to its hello. */
  readonly helloMs: number;
  /** A request may name thousands of keys. */
  readonly messageBytes: number;
  /** Messages and pings of one socket; what exceeds it is refused and counts as bad. */
  readonly messages: Rate;
  /** Malformed or refused-for-their-rate messages of one socket; what exceeds it closes the socket. */
  readonly badMessages: Rate;
  /** How often the bridge shows that it lives, and after how long without any sign a client is taken for gone. */
  readonly heartbeatMs: number;
  readonly silenceMs: number;
  /** The least time between two progress events of one job to one client. */
  readonly eventMs: number;
  /** Sent but not yet taken by the client: above this the bridge answers nothing more and sends no events until it reads. */
  readonly unsentBytes: number;
  /** How long a pairing code holds, and how many guesses it survives. */
  readonly pairingMs: number;
  readonly pairingTries: number;
};

export const LIMITS: Limits = {
  headerBytes: 8 * 1024,
  headersMs: 5_000,
  requestMs: 10_000,
  bodyBytes: 256 * 1024,
  connections: 128,
  strangers: 16,
  helloMs: 5_000,
  messageBytes: 256 * 1024,
  messages: { burst: 100, perSecond: 20 },
  badMessages: { burst: 20, perSecond: 0.1 },
  heartbeatMs: 10_000,
  silenceMs: 35_000,
  eventMs: 100,
  unsentBytes: 1024 * 1024,
  pairingMs: 5 * 60_000,
  pairingTries: 5,
};
