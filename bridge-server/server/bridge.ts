import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { Failure } from '../errors.ts';
import { SOCKET_PATH } from '../protocol/wire.ts';
import type { Desk } from './desk.ts';
import { LIMITS, type Limits } from './limits.ts';
import { Pairing } from './pairing.ts';
import { guardRequest, refusal, serve } from './routes.ts';
import { Session, type Office } from './session.ts';

export type Bridge = {
  readonly port: number;
  /** Says goodbye to everybody and stops listening. The jobs are the caller's to close. */
  close(): Promise<void>;
};

export type BridgeOptions = {
  readonly version: string;
  readonly token: string;
  readonly desk: Desk;
  /** Tried in this order; 0 is any free one. */
  readonly ports: readonly number[];
  readonly limits?: Limits;
};

/** Listens on 127.0.0.1 and serves panels: HTTP for what is fetched (routes.ts), a socket for the rest (session.ts). */
export async function openBridge({ version, token, desk, ports, limits = LIMITS }: BridgeOptions): Promise<Bridge> {
  const office: Office = { version, token, pairing: new Pairing(limits), desk, limits };
  const sessions = new Set<Session>();
  const server = createServer({
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: Math.min(1000, limits.headersMs),
    // A missing Host is refused by the guard, as every other wrong one.
    requireHostHeader: false,
  });
  server.maxConnections = limits.connections;
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: limits.messageBytes,
    // The editors' WebSocket knows no extensions.
    perMessageDeflate: false,
    // The line answers pings itself, so that they count against the rate.
    autoPong: false,
    closeTimeout: 2000,
  } as ConstructorParameters<typeof WebSocketServer>[0]);

  const port = await listen(server, ports);
  server.on('request', (request, response) => void serve(request, response, port, office));
  server.on('upgrade', (request, socket: Duplex, head: Buffer) => {
    socket.on('error', () => undefined);
    try {
      const { path } = guardRequest(request, port, null);
      if (path !== SOCKET_PATH || request.url !== SOCKET_PATH) throw new Failure('route-unknown', undefined);
    } catch (error) {
      return endRaw(socket, error);
    }
    sockets.handleUpgrade(request, socket, head, (client) => {
      const session = new Session(client, office);
      sessions.add(session);
      client.on('close', () => sessions.delete(session));
      const strangers = [...sessions].filter((one) => one.stranger);
      if (strangers.length > limits.strangers) strangers[0]?.close('too-many-connections');
    });
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => endRaw(socket, unreadable(error)));
  const forget = desk.onChange({
    job: (job) => sessions.forEach((session) => session.jobChanged(job)),
    preview: (preview) => sessions.forEach((session) => session.previewed(preview)),
    adding: (adding) => sessions.forEach((session) => session.addingChanged(adding)),
  });

  return {
    port,
    close: async () => {
      forget();
      const closed = new Promise((resolve) => server.close(resolve));
      for (const session of sessions) session.close('shutting-down');
      server.closeIdleConnections();
      const late = setTimeout(() => server.closeAllConnections(), limits.requestMs);
      await closed;
      clearTimeout(late);
    },
  };
}

async function listen(server: Server, ports: readonly number[]): Promise<number> {
  for (const port of ports) {
    const taken = await new Promise<boolean>((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException): void => {
        if (error.code === 'EADDRINUSE') resolve(true);
        else reject(new Failure('port-unusable', { port }, error));
      };
      server.once('error', onError);
      server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
        server.off('error', onError);
        resolve(false);
      });
    });
    if (!taken) return (server.address() as AddressInfo).port;
  }
  throw new Failure('port-taken', { ports: ports.join(', ') });
}

const unreadable = (error: NodeJS.ErrnoException): Failure => {
  const problem =
    error.code === 'HPE_HEADER_OVERFLOW' ? 'its headers are too long' : 'it is not HTTP, or came too slowly';
  return new Failure('message-malformed', { problem });
};

/** A refusal where there is no response object: on a socket that was to be upgraded, or that did not speak HTTP. */
function endRaw(socket: Duplex, error: unknown): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const { status, headers, body } = refusal(error);
  const lines = Object.entries({ ...headers, connection: 'close' }).map(([name, value]) => `${name}: ${value}`);
  socket.end(`HTTP/1.1 ${status} Refused\r\n${lines.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
