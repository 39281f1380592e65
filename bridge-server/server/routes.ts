import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { Failure, type ErrorCode } from '../errors.ts';
import type { Health } from '../protocol/http.ts';
import { PROTOCOL_VERSION } from '../protocol/wire.ts';
import { guardSource, guardToken, headers } from './guard.ts';
import { inWords } from './in-words.ts';
import { pageFile, sendPage } from './page.ts';
import type { Office } from './session.ts';

type Answer = { readonly type: 'application/json' | 'image/jpeg'; readonly bytes: Uint8Array };
type Call = {
  readonly office: Office;
  /** What the path's groups matched. */
  readonly named: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Of a POST: its JSON. */
  readonly body: unknown;
  readonly signal: AbortSignal;
};
export type Route = {
  readonly method: 'GET' | 'POST';
  readonly path: RegExp;
  /** A path that this route takes, for those who try all routes. */
  readonly example: string;
  readonly answer: (call: Call) => Promise<Answer> | Answer;
};

const previewQuery = z.strictObject({ width: z.coerce.number().int().min(16).max(1024).default(320) });

const folderQuery = z.strictObject({ path: z.string().min(1).max(4096).optional() });

/** Everything that the bridge answers over HTTP. All of it takes the token; the socket is beside these (protocol/messages.ts). */
export const ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: /^\/v1\/health$/,
    example: '/v1/health',
    answer: ({ office: { version } }) =>
      json({ name: 'pentimento', version, protocol: PROTOCOL_VERSION, pid: process.pid } satisfies Health),
  },
  {
    method: 'GET',
    path: /^\/v1\/jobs\/(?<job>[\w-]{1,64})\/keys\/(?<frame>\d{1,9})\.jpg$/,
    example: '/v1/jobs/none/keys/0.jpg',
    answer: async ({ office: { desk }, named, query, signal }) => {
      const { width } = parsed(previewQuery, Object.fromEntries(query));
      return { type: 'image/jpeg', bytes: await desk.preview(named.job ?? '', Number(named.frame), width, signal) };
    },
  },
  {
    method: 'GET',
    path: /^\/v1\/models$/,
    example: '/v1/models',
    answer: async ({ office: { desk } }) => json(await desk.models()),
  },
  {
    method: 'GET',
    path: /^\/v1\/folder$/,
    example: '/v1/folder',
    answer: async ({ office: { desk }, query }) => {
      const { path } = parsed(folderQuery, Object.fromEntries(query));
      return json(await desk.folder(path ?? null));
    },
  },
  {
    method: 'POST',
    path: /^\/v1\/pairing$/,
    example: '/v1/pairing',
    answer: ({ office: { pairing }, body }) => {
      parsed(z.strictObject({}), body);
      return json(pairing.offer());
    },
  },
];

/** One HTTP request: told apart from a web page's, told apart from a stranger's, then answered. */
export async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  port: number,
  office: Office,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  try {
    guardSource(request, port);
    const page = await pageFile(request);
    if (page) return sendPage(response, page);
    const url = guardRequest(request, port, office.token);
    const { route, named } = findRoute(request.method ?? '', url.path);
    const body = route.method === 'POST' ? await readJson(request, office.limits.bodyBytes) : refuseBody(request);
    const answer = await route.answer({ office, named, query: url.query, body, signal: gone.signal });
    response.writeHead(200, {
      ...SECURITY_HEADERS,
      'content-type': answer.type,
      'content-length': answer.bytes.length,
    });
    response.end(answer.bytes);
  } catch (error) {
    if (gone.signal.aborted) return;
    const { status, headers, body } = refusal(error);
    // The rest of an unread body is not worth waiting for.
    response.writeHead(status, request.complete ? headers : { ...headers, connection: 'close' });
    response.end(body, () => request.complete || request.destroy());
  }
}

/** What every request passes first, the opening of a socket (which brings its token later) included up to the token. */
export function guardRequest(
  request: IncomingMessage,
  port: number,
  token: string | null,
): { path: string; query: URLSearchParams } {
  guardSource(request, port);
  if (token !== null) guardToken(request, token);
  const [, path, query = ''] = /^(\/[^?#]*)(?:\?([^#]*))?$/.exec(request.url ?? '') ?? [];
  if (path === undefined) throw new Failure('route-unknown', undefined);
  return { path, query: new URLSearchParams(query) };
}

function findRoute(method: string, path: string): { route: Route; named: Record<string, string> } {
  const here = ROUTES.filter((route) => route.path.test(path));
  const route = here.find((candidate) => candidate.method === method);
  if (route) return { route, named: { ...route.path.exec(path)?.groups } };
  if (here.length === 0) throw new Failure('route-unknown', undefined);
  throw new Failure('method-refused', { allowed: here.map((candidate) => candidate.method).join(', ') });
}

async function readJson(request: IncomingMessage, maximumBytes: number): Promise<unknown> {
  const types = headers(request, 'content-type');
  if (types.length !== 1 || !/^application\/json *(; *charset="?utf-8"?)?$/i.test(types[0] ?? '')) {
    throw new Failure('body-not-json', undefined);
  }
  if (headers(request, 'content-encoding').length > 0) throw new Failure('body-not-json', undefined);
  if (Number(request.headers['content-length'] ?? 0) > maximumBytes)
    throw new Failure('body-too-large', { maximumBytes });
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > maximumBytes) throw new Failure('body-too-large', { maximumBytes });
    parts.push(part);
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts)));
  } catch (cause) {
    throw new Failure('message-malformed', { problem: 'it is not JSON' }, cause);
  }
}

function refuseBody(request: IncomingMessage): null {
  const sent = request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
  if (sent) throw new Failure('message-malformed', { problem: 'a body where none belongs' });
  return null;
}

function parsed<T>(schema: z.ZodType<T>, value: unknown): T {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  throw new Failure('message-malformed', { problem: read.error.issues[0]?.message ?? 'unreadable' });
}

/** Nothing of ours is kept, framed, sniffed, or read by another page; and there is no CORS answer at all. */
const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

const STATUS: Partial<Record<ErrorCode, number>> = {
  'host-refused': 403,
  'origin-refused': 403,
  'token-wrong': 401,
  'route-unknown': 404,
  'job-unknown': 404,
  'preview-missing': 404,
  'method-refused': 405,
  'body-too-large': 413,
  'body-not-json': 415,
  'message-malformed': 400,
  'path-outside-roots': 403,
  internal: 500,
};

/** A refusal as HTTP: also how a client tells a bridge that is not its own from some other program on the port. */
export function refusal(error: unknown): { status: number; headers: Record<string, string | number>; body: string } {
  const words = inWords(error);
  const body = JSON.stringify(words);
  return {
    status: STATUS[words.code as ErrorCode] ?? 422,
    headers: {
      ...SECURITY_HEADERS,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...(error instanceof Failure &&
        error.code === 'token-wrong' && { 'www-authenticate': 'Bearer realm="pentimento"' }),
      ...(error instanceof Failure &&
        error.code === 'method-refused' && { allow: (error as Failure<'method-refused'>).facts.allowed }),
    },
    body,
  };
}

function json(value: unknown): Answer {
  return { type: 'application/json', bytes: Buffer.from(JSON.stringify(value)) };
}
