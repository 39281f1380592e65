import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type OutgoingHttpHeaders, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll } from 'vitest';
import type { Network } from '../../bridge-server/models/request.ts';

/** Any public address; what the real resolver would say of a server out there. */
export const PUBLIC = '93.184.215.14';

/** Addresses by host; hosts that are not named are public. */
export type Names = Readonly<Record<string, readonly string[]>>;

export type Served = { readonly network: Network; readonly requests: IncomingMessage[]; answer: RequestListener };

/**
 * A real HTTP server that answers for every host. The network given with it replaces only the look-up of names and TLS: it
 * connects to that server, and only if it was handed the public address that was checked.
 */
export async function serve(names: Names = {}): Promise<Served> {
  const served = { requests: [] as IncomingMessage[], answer: ((_, reply) => reply.end()) as RequestListener };
  const server = createServer((request, reply) => {
    served.requests.push(request);
    served.answer(request, reply);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const network: Network = {
    resolve: (host) => Promise.resolve(names[host] ?? [PUBLIC]),
    get: (url, addresses, headers, signal) =>
      new Promise((resolve, reject) => {
        if (url.protocol !== 'https:' || addresses.some((address) => address !== PUBLIC)) {
          reject(new Error(`nothing may connect to ${url.href} at ${addresses.join()}`));
          return;
        }
        const options = { host: '127.0.0.1', port, path: url.pathname + url.search, headers, signal, agent: false };
        get(options, (message) =>
          resolve({ status: message.statusCode ?? 0, headers: message.headers, body: message }),
        ).on('error', reject);
      }),
  };
  return Object.assign(served, { network });
}

/** As a good server does it: whole, or from where the client asks if it has the same version. */
export function sendFile(bytes: Buffer, etag = '"one"'): RequestListener {
  return ({ headers }, reply) => {
    const from = headers['if-range'] === etag ? /^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] : undefined;
    if (from === undefined) {
      reply.writeHead(200, { 'content-length': bytes.length, etag }).end(bytes);
      return;
    }
    const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
    const rest = bytes.subarray(Number(from));
    reply.writeHead(206, { 'content-length': rest.length, 'content-range': range, etag }).end(rest);
  };
}

/** Says that it sends everything, sends `count` bytes, and hangs up as soon as they have `arrived`. */
export function breakOff(
  bytes: Buffer,
  count: number,
  arrived: () => number,
  headers: OutgoingHttpHeaders = { etag: '"one"' },
): RequestListener {
  return (_, reply) => {
    reply.writeHead(200, { 'content-length': bytes.length, ...headers }).write(bytes.subarray(0, count));
    const watch = setInterval(() => {
      if (arrived() < count) return;
      clearInterval(watch);
      reply.destroy();
    }, 5);
  };
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
