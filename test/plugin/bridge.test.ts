import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { WebSocketServer } from 'ws';
import type { RenderRequest } from '../../bridge-server/protocol/request.ts';
import { base64 } from '../../plugin/bridge/base64.ts';
import { Connection, type ConnectionState } from '../../plugin/bridge/connection.ts';
import { secureTokenStore, type TokenStore } from '../../plugin/bridge/token.ts';
import { isRender } from '../../plugin/versions.ts';
import { makeClip } from '../media/clips.ts';
import { newInstall, pentimento, removeInstall, serve, type Install, type Served } from '../server/bridge.ts';
import { until } from './until.ts';

/** The panel's end of the bridge against the real bridge, in a process of its own; and against everything else on its ports. */
let install: Install;
let bridge: Served;
beforeAll(async () => {
  install = await newInstall();
  bridge = await serve(install);
  await makeClip(join(install.allowed, 'a.mp4'), { frames: 12, rate: '25', options: ['-c:v', 'libx264'] });
});
afterAll(async () => {
  await bridge.end('SIGKILL');
  await removeInstall(install);
});

function keeping(token: string | null): TokenStore & { token: string | null } {
  const store = {
    token,
    read: () => Promise.resolve(store.token),
    keep: (value: string) => Promise.resolve(void (store.token = value)),
  };
  return store;
}

function connect(ports: readonly number[], tokens: TokenStore): Connection {
  const connection = new Connection({ ports, tokens, retryMs: [50] });
  onTestFinished(() => connection.close());
  return connection;
}

/** The first state that `wants` it. */
function state(
  connection: Connection,
  wants: (state: ConnectionState) => boolean = ({ kind }) => kind !== 'looking',
): Promise<ConnectionState> {
  return until(connection, () => (wants(connection.state) ? connection.state : null));
}

async function onPort(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A port where nobody is. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const request = (name: string): RenderRequest => ({
  version: 1,
  source: { path: join(install.allowed, 'a.mp4'), from: 0, to: null, rate: null, alpha: 'straight' },
  keys: { kind: 'every', step: 11 },
  look: { kind: 'poster' },
  mask: null,
  profile: 'fast',
  output: { kind: 'movie', path: join(install.allowed, name), codec: 'prores4444', sound: false },
});

test('finds its bridge behind other programs, and says its version', async () => {
  const other = await onPort(createServer((_, response) => response.end('hello')));
  const connection = connect([await freePort(), other, bridge.port], keeping(bridge.token));
  expect(await state(connection)).toEqual({ kind: 'connected', version: bridge.version });
});

test('pairs once by the code that the bridge shows', async () => {
  const tokens = keeping(null);
  const connection = connect([bridge.port], tokens);
  expect(await state(connection)).toEqual({ kind: 'problem', problem: { kind: 'not-paired' } });
  const { stdout } = await pentimento(install, 'pair', '--json');
  const { code } = JSON.parse(stdout) as { code: string };
  await expect(connection.pair('0000-0000')).rejects.toMatchObject({ problem: { kind: 'pairing-refused' } });
  await connection.pair(code.toLowerCase());
  await state(connection, ({ kind }) => kind === 'connected');
  expect(tokens.token).toBe(bridge.token);
});

test('a token of another install asks for a code', async () => {
  const connection = connect([bridge.port], keeping('x'.repeat(43)));
  expect(await state(connection)).toEqual({ kind: 'problem', problem: { kind: 'not-paired' } });
});

test('says what is wrong: nobody, others on some ports, others on all', async () => {
  const other = await onPort(createServer((_, response) => response.end('{}')));
  const socketsOnly = createServer();
  new WebSocketServer({ server: socketsOnly });
  const nobody = await freePort();
  const problem = async (ports: readonly number[]) => {
    const reached = await state(connect(ports, keeping(bridge.token)));
    return reached.kind === 'problem' ? reached.problem : reached;
  };
  expect(await problem([nobody])).toEqual({ kind: 'not-running', taken: [] });
  expect(await problem([nobody, other])).toEqual({ kind: 'not-running', taken: [other] });
  expect(await problem([other])).toEqual({ kind: 'ports-taken', taken: [other] });
});

test('says that the versions differ, and that the editor is refused', async () => {
  const health = { name: 'pentimento', version: '9.0.0', protocol: 99, pid: 1 };
  const newer = await onPort(createServer((_, response) => response.end(JSON.stringify(health))));
  expect(await state(connect([newer], keeping('t')))).toEqual({
    kind: 'problem',
    problem: { kind: 'wrong-version', bridge: '9.0.0' },
  });
  const strict = await onPort(
    createServer((_, response) => response.writeHead(403).end(JSON.stringify({ code: 'origin-refused' }))),
  );
  expect(await state(connect([strict], keeping('t')))).toEqual({
    kind: 'problem',
    problem: { kind: 'editor-refused' },
  });
});

test('reaches the bridge by its socket where the editor lets no http pass; says so where it lets nothing pass', async () => {
  const { fetch } = globalThis;
  onTestFinished(() => void (globalThis.fetch = fetch));
  globalThis.fetch = () => Promise.reject(new Error('Network request failed'));
  expect((await state(connect([bridge.port], keeping(bridge.token)))).kind).toBe('connected');
  expect(await state(connect([bridge.port], keeping('x'.repeat(43))))).toEqual({
    kind: 'problem',
    problem: { kind: 'not-paired' },
  });
  globalThis.fetch = () => Promise.reject(new Error('Permission denied to the url. Manifest entry not found.'));
  expect(await state(connect([bridge.port], keeping(bridge.token)))).toEqual({
    kind: 'problem',
    problem: { kind: 'permission-missing' },
  });
});

test('renders: the job is followed to its end, its keys have pictures, and a second panel sees it too', async () => {
  const [one, two] = [connect([bridge.port], keeping(bridge.token)), connect([bridge.port], keeping(bridge.token))];
  await state(two);
  const job = await one.submit(randomUUID(), request('one.mov'));
  const done = await until(two, () => {
    const state = two.jobs.filter(isRender).find(({ id }) => id === job.id)?.state;
    return state?.state === 'done' ? state : null;
  });
  expect(done.result.frames).toBe(12);
  const picture = await one.keyPicture(job.id, done.result.keys[0]!.frame, 96);
  expect(picture).toMatch(/^data:image\/jpeg;base64,\/9j\//);
  expect(await one.keyPicture(job.id, 5, 96)).toBeNull();
});

test('what the bridge refuses is thrown in its words', async () => {
  const connection = connect([bridge.port], keeping(bridge.token));
  const outside = { ...request('x.mov'), source: { ...request('x').source, path: join(install.outside, 'a.mp4') } };
  await expect(connection.submit(randomUUID(), outside)).rejects.toMatchObject({
    code: 'path-outside-roots',
    remedy: expect.stringMatching(/\.$/) as string,
  });
});

test('a bridge that dies and comes back is found again; what was submitted meanwhile is rendered, once', async () => {
  const own = await newInstall();
  onTestFinished(() => removeInstall(own));
  await makeClip(join(own.allowed, 'a.mp4'), { frames: 12, rate: '25', options: ['-c:v', 'libx264'] });
  const first = await serve(own);
  const connection = connect([first.port], keeping(first.token));
  await state(connection);
  await first.end('SIGKILL');
  await state(connection, ({ kind }) => kind === 'problem');
  const there = request('two.mov');
  const key = randomUUID();
  const submitted = connection.submit(key, {
    ...there,
    source: { ...there.source, path: join(own.allowed, 'a.mp4') },
    output: { kind: 'movie', path: join(own.allowed, 'two.mov'), codec: 'prores4444', sound: false },
  });
  const again = await serve(own, '--port', String(first.port));
  onTestFinished(() => again.end('SIGKILL').then(() => undefined));
  const job = await submitted;
  await until(connection, () => connection.jobs.find(({ id, state }) => id === job.id && state.state === 'done'));
  expect(connection.jobs).toHaveLength(1);
});

test("the editors' store hands out bytes, loses them, and fails", async () => {
  const held = new Map<string, string>();
  const secure = {
    setItem: (key: string, value: string) => Promise.resolve(void held.set(key, value)),
    getItem: (key: string) => Promise.resolve(held.has(key) ? Uint8Array.from(Buffer.from(held.get(key)!)) : undefined),
    removeItem: () => Promise.resolve(),
  };
  const store = secureTokenStore(secure);
  expect(await store.read()).toBeNull();
  await store.keep('abc-DEF_123');
  expect(await secureTokenStore(secure).read()).toBe('abc-DEF_123');
  held.clear();
  expect(await store.read()).toBe('abc-DEF_123');
  const broken = secureTokenStore({ ...secure, getItem: () => Promise.reject(new Error('locked')) });
  expect(await broken.read()).toBeNull();
});

test('base64 is what everybody else makes of it', () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => base64(bytes) === Buffer.from(bytes).toString('base64')));
});
