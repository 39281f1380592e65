import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { Failure, type ErrorCode } from '../errors.ts';
import {
  addModelSchema,
  controlQuestionSchema,
  frameQuestionSchema,
  type Health,
  keysQuestionSchema,
  pictureQuestionSchema,
  removeModelSchema,
  sourceQuestionSchema,
} from '../protocol/http.ts';
import {
  trainEstimateQuestionSchema,
  trainFramesQuestionSchema,
  type TrainRequest,
} from '../protocol/train-request.ts';
import { PROTOCOL_VERSION } from '../protocol/wire.ts';
import { guardSource, guardToken, headers } from './guard.ts';
import { inWords } from './in-words.ts';
import { pageFile, sendPage } from './page.ts';
import type { Office } from './session.ts';

type Answer = {
  readonly type: 'application/json' | 'image/jpeg';
  readonly bytes: Uint8Array;
  /** 200 without it. */
  readonly status?: number;
};
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
  /** A path that this route takes, and of a POST a body, for those who try all routes. */
  readonly example: string;
  readonly body?: object;
  readonly answer: (call: Call) => Promise<Answer> | Answer;
};

const previewQuery = z.strictObject({ width: z.coerce.number().int().min(16).max(1024).default(320) });
const frameQuery = z.strictObject({
  of: z.enum(['source', 'result']),
  width: z.coerce.number().int().min(16).max(2048).default(640),
});

const NOWHERE = { path: '/nowhere', from: 0, to: null, rate: null, alpha: 'straight' } as const;

const NO_TRAINING: TrainRequest = {
  version: 1,
  clips: [{ source: NOWHERE, subject: { kind: 'whole' } }],
  model: '/nowhere',
  trigger: 'nobody',
  caption: '',
  examples: { kind: 'auto', count: 1 },
  area: null,
  prior: null,
  settings: {
    ...{ rank: 1, alpha: 1, layers: 'attention', steps: 1, accumulate: 1, rate: 1, schedule: 'constant', warmup: 0 },
    ...{ decay: 0, clip: null, snrGamma: null, rankDropout: 0, captionDropout: 0, priorWeight: 0, seed: 0 },
  },
  samples: null,
  output: { kind: 'store', name: 'nobody' },
};

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
      return jpeg(await desk.preview(named.job ?? '', Number(named.frame), width, signal));
    },
  },
  {
    method: 'GET',
    path: /^\/v1\/jobs\/(?<job>[\w-]{1,64})\/frames\/(?<frame>\d{1,9})\.jpg$/,
    example: '/v1/jobs/none/frames/0.jpg?of=result',
    answer: async ({ office: { desk }, named, query, signal }) => {
      const asked = parsed(frameQuery, Object.fromEntries(query));
      return jpeg(await desk.jobFrame(named.job ?? '', Number(named.frame), asked, signal));
    },
  },
  {
    method: 'GET',
    path: /^\/v1\/jobs\/(?<job>[\w-]{1,64})\/report$/,
    example: '/v1/jobs/none/report',
    answer: ({ office: { desk }, named }) => json(desk.report(named.job ?? '')),
  },
  {
    method: 'GET',
    path: /^\/v1\/jobs\/(?<job>[\w-]{1,64})\/training$/,
    example: '/v1/jobs/none/training',
    answer: async ({ office: { desk }, named }) => json(await desk.training(named.job ?? '')),
  },
  {
    method: 'GET',
    path: /^\/v1\/jobs\/(?<job>[\w-]{1,64})\/training\/examples\/(?<number>\d{1,3})\.jpg$/,
    example: '/v1/jobs/none/training/examples/0.jpg',
    answer: async ({ office: { desk }, named, query, signal }) => {
      const { width } = parsed(previewQuery, Object.fromEntries(query));
      return jpeg(await desk.trainingExample(named.job ?? '', Number(named.number), width, signal));
    },
  },
  {
    method: 'GET',
    path: /^\/v1\/jobs\/(?<job>[\w-]{1,64})\/training\/samples\/(?<step>\d{1,9})\.jpg$/,
    example: '/v1/jobs/none/training/samples/1.jpg',
    answer: async ({ office: { desk }, named, query, signal }) => {
      const { width } = parsed(previewQuery, Object.fromEntries(query));
      return jpeg(await desk.trainingSample(named.job ?? '', Number(named.step), width, signal));
    },
  },
  {
    method: 'POST',
    path: /^\/v1\/train\/frames$/,
    example: '/v1/train/frames',
    body: { clips: [{ source: NOWHERE, subject: { kind: 'whole' } }], count: 20, model: '/nowhere', area: null },
    answer: async ({ office: { desk }, body, signal }) => {
      const answer = await desk.trainFrames(parsed(trainFramesQuestionSchema, body), signal);
      return { ...json(answer), status: 'looking' in answer ? 202 : 200 };
    },
  },
  {
    method: 'POST',
    path: /^\/v1\/train\/estimate$/,
    example: '/v1/train/estimate',
    body: { request: NO_TRAINING },
    answer: async ({ office: { desk }, body, signal }) =>
      json(await desk.trainEstimate(parsed(trainEstimateQuestionSchema, body).request, signal)),
  },
  {
    method: 'POST',
    path: /^\/v1\/source$/,
    example: '/v1/source',
    body: { source: NOWHERE },
    answer: async ({ office: { desk }, body }) =>
      json(await desk.sourceFacts(parsed(sourceQuestionSchema, body).source)),
  },
  {
    method: 'POST',
    path: /^\/v1\/frame$/,
    example: '/v1/frame',
    body: { source: NOWHERE, frame: 0, width: 320 },
    answer: async ({ office: { desk }, body, signal }) =>
      jpeg(await desk.frame(parsed(frameQuestionSchema, body), signal)),
  },
  {
    method: 'POST',
    path: /^\/v1\/picture$/,
    example: '/v1/picture',
    body: { path: '/nowhere', width: 320 },
    answer: async ({ office: { desk }, body, signal }) => {
      const { path, width } = parsed(pictureQuestionSchema, body);
      return jpeg(await desk.picture(path, width, signal));
    },
  },
  {
    method: 'POST',
    path: /^\/v1\/control$/,
    example: '/v1/control',
    body: { source: NOWHERE, frame: 0, map: { kind: 'luminance' }, width: 320 },
    answer: async ({ office: { desk }, body, signal }) =>
      jpeg(await desk.controlMap(parsed(controlQuestionSchema, body), signal)),
  },
  {
    method: 'POST',
    path: /^\/v1\/keys$/,
    example: '/v1/keys',
    body: { source: NOWHERE, keys: { kind: 'auto', budget: null } },
    answer: async ({ office: { desk }, body, signal }) => {
      const { source, keys } = parsed(keysQuestionSchema, body);
      const answer = await desk.keys(source, keys, signal);
      return { ...json(answer), status: 'analysing' in answer ? 202 : 200 };
    },
  },
  {
    method: 'GET',
    path: /^\/v1\/models$/,
    example: '/v1/models',
    answer: async ({ office: { desk } }) => json(await desk.models()),
  },
  {
    method: 'POST',
    path: /^\/v1\/models$/,
    example: '/v1/models',
    body: { from: '/nowhere' },
    answer: async ({ office: { desk }, body }) => json(await desk.addModel(parsed(addModelSchema, body).from)),
  },
  {
    method: 'POST',
    path: /^\/v1\/models\/remove$/,
    example: '/v1/models/remove',
    body: { path: '/nowhere' },
    answer: async ({ office: { desk }, body }) => json(await desk.removeModel(parsed(removeModelSchema, body).path)),
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
    body: {},
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
    response.writeHead(answer.status ?? 200, {
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
  'model-unknown': 404,
  'job-kind': 404,
  'training-picture': 404,
  'preview-missing': 404,
  'frame-outside': 404,
  'frame-missing': 404,
  'report-missing': 404,
  'too-many-messages': 429,
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

const jpeg = (bytes: Uint8Array): Answer => ({ type: 'image/jpeg', bytes });

function json(value: unknown): Answer {
  return { type: 'application/json', bytes: Buffer.from(JSON.stringify(value)) };
}
