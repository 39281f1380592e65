import type { IncomingMessage } from 'node:http';
import { Failure } from '../errors.ts';
import { sameSecret } from './secret.ts';

/**
 * Origins of the editors' panels, beside the bridge's own. Which Origin the editors' sockets send, or whether they send one, is
 * documented nowhere: what is measured in a real editor belongs in this table and nowhere else.
 */
const EDITOR_ORIGINS: readonly string[] = [];

/** The names by which the bridge may be called. A page that rebinds its own name to 127.0.0.1 still sends its own name. */
const HOST_NAMES = ['127.0.0.1', 'localhost'];

/** Refuses a request that did not come to this bridge by its own name, or that a web page sent. Every route, every socket. */
export function guardSource(request: IncomingMessage, port: number): void {
  const hosts = HOST_NAMES.map((name) => `${name}:${port}`);
  const host = headers(request, 'host');
  if (host.length !== 1 || !hosts.includes(host[0] ?? '')) throw new Failure('host-refused', undefined);
  const origins = [...hosts.map((name) => `http://${name}`), ...EDITOR_ORIGINS];
  const origin = headers(request, 'origin');
  if (origin.length > 1 || !origin.every((value) => origins.includes(value)))
    throw new Failure('origin-refused', undefined);
}

/** Refuses a request without `Authorization: Bearer <the install's token>`. */
export function guardToken(request: IncomingMessage, token: string): void {
  const given = headers(request, 'authorization');
  const bearer = /^Bearer ([\x21-\x7e]{1,256})$/i.exec(given[0] ?? '')?.[1] ?? '';
  if (!sameSecret(bearer, token) || given.length !== 1) throw new Failure('token-wrong', undefined);
}

/** Every value sent for a header: Node's own view joins repetitions or drops all but the first. */
export function headers(request: IncomingMessage, name: string): string[] {
  return request.rawHeaders.filter((_, at, raw) => at % 2 === 1 && raw[at - 1]?.toLowerCase() === name);
}
