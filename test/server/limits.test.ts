import { mkdir, realpath } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { Jobs } from '../../bridge-server/jobs/queue.ts';
import { ModelStore } from '../../bridge-server/models/store.ts';
import { BRIDGE_PORTS } from '../../bridge-server/protocol/wire.ts';
import type { RenderRequest } from '../../bridge-server/protocol/request.ts';
import { openBridge, type Bridge } from '../../bridge-server/server/bridge.ts';
import { Bucket } from '../../bridge-server/server/bucket.ts';
import { Desk } from '../../bridge-server/server/desk.ts';
import { LIMITS, type Limits } from '../../bridge-server/server/limits.ts';
import { newInstall, raw, removeInstall, requestText } from './bridge.ts';
import { Client } from './client.ts';

/** The bridge in this process, on real sockets, so that its patience can be made short. */
const TOKEN = 'a'.repeat(43);

async function bridgeWith(
  limits: Partial<Limits>,
  ports = [0],
): Promise<Bridge & { jobs: Jobs; answered: () => number }> {
  const install = await newInstall();
  const data = join(install.home, 'data');
  const jobs = Jobs.open({ data, cache: join(install.home, 'cache') });
  await mkdir(join(install.home, 'config'), { recursive: true });
  const models = new ModelStore(data);
  const desk = new Desk(jobs, join(install.home, 'config'), [await realpath(data)], models);
  onTestFinished(async () => {
    await desk.close();
    await jobs.close();
    models.close();
    await removeInstall(install);
  });
  const bridge = await openBridge({
    ...{ version: '0.0.0', token: TOKEN, desk, ports },
    limits: { ...LIMITS, ...limits },
  });
  onTestFinished(async () => {
    await bridge.close();
  });
  let lists = 0;
  const list = desk.list.bind(desk);
  desk.list = (...page) => (lists++, list(...page));
  return { ...bridge, jobs, answered: () => lists };
}

const requestFor = (source: string, folder: string): RenderRequest => ({
  version: 1,
  source: { path: source, from: 0, to: null, rate: null, alpha: 'straight' },
  keys: { kind: 'every', step: 1 },
  look: { kind: 'none' },
  mask: null,
  profile: 'fast',
  output: { kind: 'images', folder },
});

/** Others are served, whatever is going on. */
async function expectServed({ port }: Bridge): Promise<void> {
  const client = await Client.hello(port, TOKEN);
  expect((await client.ask({ type: 'list', limit: 1, before: null })).type).toBe('jobs');
  await client.close();
}

/** Closed, by an error or not. */
const gone = async (socket: Socket): Promise<void> => {
  socket.resume();
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
};

test('the bridge takes the first free of its ports, and none that another program has', async () => {
  expect(BRIDGE_PORTS).toEqual([41741, 41742, 41743, 41744]);
  const first = await bridgeWith({});
  const second = await bridgeWith({}, [first.port, 0]);
  expect(second.port).not.toBe(first.port);
  await Promise.all([first, second].map(expectServed));
  await expect(bridgeWith({}, [first.port, second.port])).rejects.toMatchObject({ code: 'port-taken' });
  // Nobody outside this machine reaches it.
  const outward = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  for (const { address } of outward.filter(({ internal, family }) => !internal && family === 'IPv4')) {
    const socket = connect(first.port, address);
    await expect(once(socket, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  }
});

test('a socket that says no hello is closed', async () => {
  const { port } = await bridgeWith({ helloMs: 500 });
  const client = await new Client(port).opened();
  expect((await client.closed).reason).toBe('hello-late');
  const hello = await Client.hello(port, TOKEN);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  expect((await hello.ask({ type: 'subscribe' })).type).toBe('subscribed');
});

test('of too many strangers the oldest goes, and a client still gets in', async () => {
  const bridge = await bridgeWith({ strangers: 3 });
  const strangers: Client[] = [];
  for (let n = 0; n < 5; n++) strangers.push(await new Client(bridge.port).opened());
  for (const old of strangers.slice(0, 2)) expect((await old.closed).reason).toBe('too-many-connections');
  await expectServed(bridge);
});

test('a request that comes a byte at a time, or never, is cut off', async () => {
  const bridge = await bridgeWith({ headersMs: 200, requestMs: 400 });
  const head = requestText('POST', '/v1/pairing', [
    ['Host', `127.0.0.1:${bridge.port}`],
    ['Authorization', `Bearer ${TOKEN}`],
    ['Content-Type', 'application/json'],
    ['Content-Length', '1000'],
  ]);
  const slow = [head.slice(0, 30), `${head}{"x":`, ''].map((start) => {
    const socket = connect(bridge.port, '127.0.0.1', () => socket.write(start));
    socket.on('error', () => undefined);
    const drip = start === '' ? undefined : setInterval(() => socket.write('x'), 20);
    socket.once('close', () => clearInterval(drip));
    return socket;
  });
  await Promise.all(slow.map(gone));
  await expectServed(bridge);
});

test('a client that shows no sign of life is closed; a heartbeat is one, and so is a pong', async () => {
  const { port } = await bridgeWith({ heartbeatMs: 50, silenceMs: 400 });
  const [dead, speaking, ponging] = await Promise.all([1, 2, 3].map(() => Client.hello(port, TOKEN)));
  // `ws` answers pings by itself; these two are like an engine that does not.
  for (const mute of [dead!, speaking!]) mute.socket.pong = () => undefined;
  const beat = setInterval(() => speaking!.say({ type: 'heartbeat' }), 50);
  expect((await dead!.closed).reason).toBe('silent');
  await new Promise((resolve) => setTimeout(resolve, 500));
  clearInterval(beat);
  expect((await ponging!.ask({ type: 'subscribe' })).type).toBe('subscribed');
  expect((await speaking!.ask({ type: 'subscribe' })).type).toBe('subscribed');
  expect((await speaking!.closed).reason).toBe('silent');
});

test('the bridge shows its own life in a message', async () => {
  const { port } = await bridgeWith({ heartbeatMs: 20 });
  const client = await Client.hello(port, TOKEN);
  const [text] = (await once(client.socket, 'message')) as [Buffer];
  expect(JSON.parse(text.toString())).toEqual({ type: 'heartbeat' });
});

test('a client that asks and asks and never reads is not answered into memory', async () => {
  const generous = { burst: 1e6, perSecond: 1e6 };
  const bridge = await bridgeWith({ messages: generous, unsentBytes: 64 * 1024, silenceMs: 1e6 });
  // A list of about 170 kB: three hundred of them are far more than the buffers of the kernel take.
  const path = (name: string): string => join('/', ...Array.from({ length: 20 }, () => name.repeat(100)));
  for (let n = 0; n < 40; n++) bridge.jobs.submit({ kind: 'render', request: requestFor(path('s'), path('o')) });
  const client = await Client.hello(bridge.port, TOKEN);
  client.socket.pause();
  const asked = 300;
  for (let n = 0; n < asked; n++) client.say({ type: 'list', id: `${n}`, limit: 40, before: null });
  let answered = -1;
  while (answered !== bridge.answered()) {
    answered = bridge.answered();
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  expect(answered).toBeGreaterThan(0);
  expect(answered).toBeLessThan(asked / 2);
  await expectServed(bridge);
  // It was only paused: every question is answered once the client reads again.
  client.socket.resume();
  await client.next('jobs', ({ to }) => to === `${asked - 1}`);
  expect(client.received.filter(({ type }) => type === 'jobs')).toHaveLength(asked);
  await client.close();
});

test('however often a job changes, a client hears of it now and then, and of its last state for certain', async () => {
  const bridge = await bridgeWith({ eventMs: 200 });
  const clients = [await Client.hello(bridge.port, TOKEN), await Client.hello(bridge.port, TOKEN)];
  await clients[0]!.ask({ type: 'subscribe' });
  const request = requestFor('/nowhere', '/nowhere/else');
  const when = new Date(0).toISOString();
  const job = { id: '7', key: null, createdAt: when, kind: 'render', request, version: 1, place: null } as const;
  const total = 5000;
  for (let done = 1; done <= total; done++) {
    const progress = { stage: 'deliver', done, total, unit: 'frames', etaSeconds: null } as const;
    bridge.jobs.events.emit('job', { job: { ...job, state: { state: 'running', progress } } });
    if (done % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  bridge.jobs.events.emit('job', { job: { ...job, state: { state: 'cancelled' } } });
  await clients[0]!.until('7', 'cancelled');
  const events = clients[0]!.received.filter(({ type }) => type === 'job');
  expect(events.length).toBeGreaterThan(0);
  expect(events.length).toBeLessThan(100);
  // Who has not subscribed hears nothing.
  await clients[1]!.ask({ type: 'list', limit: 1, before: null });
  expect(clients[1]!.received.filter(({ type }) => type === 'job')).toEqual([]);
});

test('a pairing code too old is refused', async () => {
  const { port } = await bridgeWith({ pairingMs: 50 });
  const { code } = await pairingCode(port);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const client = await new Client(port).opened();
  client.say({ type: 'pair', code });
  expect((await client.closed).reason).toBe('pairing-refused');
});

async function pairingCode(port: number): Promise<{ code: string }> {
  const headers = [
    ['Host', `127.0.0.1:${port}`],
    ['Authorization', `Bearer ${TOKEN}`],
    ['Content-Type', 'application/json'],
  ] as const;
  return JSON.parse((await raw(port, requestText('POST', '/v1/pairing', headers, '{}')))!.body) as { code: string };
}

test('a bucket gives its burst at once, then its rate', () => {
  let now = 0;
  const bucket = new Bucket({ burst: 3, perSecond: 2 }, () => now);
  const taken = (): number => Array.from({ length: 10 }, () => bucket.take()).filter(Boolean).length;
  expect(taken()).toBe(3);
  now += 499;
  expect(taken()).toBe(0);
  now += 501;
  expect(taken()).toBe(2);
  now += 1e6;
  expect(taken()).toBe(3);
});
