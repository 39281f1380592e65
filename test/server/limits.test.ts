import { mkdir, realpath } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { Jobs } from '../../bridge-server/jobs/queue.ts';
import { openBridge, type Bridge } from '../../bridge-server/server/bridge.ts';
import { Bucket } from '../../bridge-server/server/bucket.ts';
import { Desk } from '../../bridge-server/server/desk.ts';
import { LIMITS, type Limits } from '../../bridge-server/server/limits.ts';
import { newInstall, raw, removeInstall, requestText } from './bridge.ts';
import { Client } from './client.ts';

/** The bridge in this process, on real sockets, so that its patience can be made short. */
const TOKEN = 'a'.repeat(43);

async function bridgeWith(limits: Partial<Limits>): Promise<Bridge> {
  const install = await newInstall();
  const data = join(install.home, 'data');
  const jobs = Jobs.open({ data, cache: join(install.home, 'cache') });
  await mkdir(join(install.home, 'config'), { recursive: true });
  const desk = new Desk(jobs, join(install.home, 'config'), [await realpath(data)]);
  const bridge = await openBridge({
    ...{ version: '0.0.0', token: TOKEN, desk, ports: [0] },
    limits: { ...LIMITS, ...limits },
  });
  onTestFinished(async () => {
    await bridge.close();
    await jobs.close();
    await removeInstall(install);
  });
  return bridge;
}

/** Counts what others get while something is going on. */
async function expectServed({ port }: Bridge): Promise<void> {
  const client = await Client.hello(port, TOKEN);
  expect((await client.ask({ type: 'list', limit: 1, before: null })).type).toBe('jobs');
  await client.close();
}

const gone = async (socket: Socket): Promise<void> => {
  socket.on('error', () => undefined).resume();
  if (!socket.closed) await once(socket, 'close');
};

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
  const bridge = await bridgeWith({ messages: { burst: 1e6, perSecond: 1e6 }, unsentBytes: 64 * 1024, silenceMs: 1e6 });
  const client = await Client.hello(bridge.port, TOKEN);
  client.socket.pause();
  const question = { type: 'cancel', id: 'x'.repeat(64), job: 'y'.repeat(64) };
  // About 250 bytes for each refusal: far more than the kernel's buffers and `unsentBytes` take.
  for (let n = 0; n < 80_000; n++) client.say(question);
  // The bridge stops reading, and so what we send stays here.
  let before = -1;
  while (client.socket.bufferedAmount !== before || before === 0) {
    before = client.socket.bufferedAmount;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  expect(before).toBeGreaterThan(1e6);
  await expectServed(bridge);
  // It was only paused: every question is answered once the client reads again.
  client.socket.resume();
  while (client.received.length < 80_001) await new Promise((resolve) => setTimeout(resolve, 20));
  client.socket.terminate();
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
