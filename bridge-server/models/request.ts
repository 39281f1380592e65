import { lookup } from 'node:dns/promises';
import { get, type RequestOptions } from 'node:https';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { Failure } from '../errors.ts';
import { VERSION } from '../version.ts';
import { isPublicAddress } from './address.ts';

export type Reply = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Readable };

/** The way to other machines. What may be reached by it is decided here, not there. */
export type Network = {
  /** All addresses of a host name. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
  /** GET, without following redirects. Connects to one of `addresses` and to no other. */
  readonly get: (
    url: URL,
    addresses: readonly string[],
    headers: OutgoingHttpHeaders,
    signal: AbortSignal,
  ) => Promise<Reply>;
};

/** The connection failed or broke off: worth another attempt. */
export class Broken extends Error {}

const MOST_REDIRECTS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * GET by https from a public address; redirects are followed only to where the first request could have gone too.
 * Throws Broken, and Failures: download-insecure, download-private, download-refused.
 */
export async function openUrl(
  address: string,
  headers: OutgoingHttpHeaders,
  network: Network,
  signal: AbortSignal,
): Promise<Reply> {
  let url = secureUrl(address);
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const addresses = await publicAddresses(url, network, signal);
    const reply = await network
      .get(url, addresses, { 'user-agent': `pentimento/${VERSION}`, ...headers }, signal)
      .catch(breaks);
    if (!REDIRECTS.has(reply.status)) return reply;
    reply.body.destroy();
    url = secureUrl(reply.headers.location ?? '', url);
  }
  throw new Failure('download-refused', { url: address, reason: `it redirects more than ${MOST_REDIRECTS} times` });
}

/** Throws Failure 'download-insecure' for everything but https without a password in it. */
export function secureUrl(address: string, base?: URL): URL {
  const url = URL.parse(address, base?.href);
  if (url?.protocol !== 'https:' || url.username || url.password) {
    throw new Failure('download-insecure', { url: url ? shown(url) : address });
  }
  return url;
}

/** An address for a message: without what may be secret in it. */
export const shown = ({ protocol, host, pathname }: URL): string => `${protocol}//${host}${pathname}`;

/** One private address among several is enough to refuse: the name is then not to be trusted with the others either. */
async function publicAddresses(url: URL, network: Network, signal: AbortSignal): Promise<readonly string[]> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const addresses = isIP(host)
    ? [host]
    : await Promise.race([network.resolve(host), whenAborted(signal)]).catch(breaks);
  const other = addresses.find((each) => !isPublicAddress(each));
  if (other !== undefined) throw new Failure('download-private', { host, address: other });
  if (addresses.length === 0) throw new Broken(`${host} has no address`);
  return addresses;
}

/** Looking up a name cannot be aborted; waiting for it can. */
const whenAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    const end = (): void => reject(signal.reason as Error);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });

function breaks(error: unknown): never {
  throw new Broken((error as Error).message, { cause: error });
}

/** The internet itself. Looking the name up a second time could give another address: the connection takes the checked ones. */
export const internet: Network = {
  resolve: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
  get: (url, addresses, headers, signal) =>
    new Promise((resolve, reject) => {
      const options: RequestOptions = { headers, signal, agent: false, lookup: givenAddresses(addresses) };
      get(url, options, (message) =>
        resolve({ status: message.statusCode ?? 0, headers: message.headers, body: message }),
      ).on('error', reject);
    }),
};

function givenAddresses(addresses: readonly string[]): NonNullable<RequestOptions['lookup']> {
  const found = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_host, { all }, done) => {
    const [first] = found;
    if (all || !first) done(null, found);
    else done(null, first.address, first.family);
  };
}
