import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newInstall, removeInstall, serve, type Install, type Served } from './bridge.ts';
import { Client } from './client.ts';

let install: Install;
let bridge: Served;
beforeAll(async () => {
  install = await newInstall();
  bridge = await serve(install);
});
afterAll(async () => {
  expect(await bridge.end()).toBe(0);
  await removeInstall(install);
});

const LIST = { type: 'list', limit: 5, before: null };

/** Things that look like messages: right names with wrong values, wrong names, wrong shapes, and plain rubbish. */
const almostMessage = fc.oneof(
  fc.string(),
  fc.json({ maxDepth: 4 }),
  fc
    .record(
      {
        type: fc.constantFrom(
          'submit',
          'list',
          'subscribe',
          'cancel',
          'resume',
          'pause',
          'move',
          'hello',
          'pair',
          '__proto__',
          'constructor',
          '',
        ),
        id: fc.oneof(fc.string(), fc.jsonValue()),
        job: fc.jsonValue(),
        limit: fc.oneof(fc.double(), fc.integer()),
        before: fc.jsonValue(),
        key: fc.jsonValue(),
        request: fc.jsonValue(),
        surplus: fc.jsonValue(),
      },
      { requiredKeys: ['type', 'surplus'] },
    )
    .map((value) => JSON.stringify(value)),
);

test('malformed messages are refused in words, one by one, and the client may go on', async () => {
  const client = await Client.hello(bridge.port, bridge.token);
  const wrong: [unknown, string | null][] = [
    ['', null],
    ['{', null],
    ['null', null],
    [{ type: 'nothing', id: 'a' }, 'a'],
    [{ ...LIST, id: 'b', limit: 0 }, 'b'],
    [{ ...LIST, id: 'c', limit: 1e9 }, 'c'],
    [{ ...LIST, id: 'd', surplus: true }, 'd'],
    [{ ...LIST, id: '' }, null],
    [{ ...LIST, id: 'x'.repeat(65) }, null],
    [{ type: 'submit', id: 'e', key: 'k'.repeat(10), request: { version: 2 } }, 'e'],
    [{ type: 'move', id: 'f', job: '1' }, 'f'],
    [{ type: 'pause', id: 'g', job: '' }, 'g'],
    [{ type: 'hello', version: 1, token: bridge.token }, null],
  ];
  for (const [message, to] of wrong) {
    const refused = client.next('refused');
    client.say(message);
    expect(await refused).toMatchObject({ to, error: { code: 'message-malformed' } });
  }
  expect((await client.ask(LIST)).type).toBe('jobs');
  expect(await client.ask({ type: 'cancel', job: '999999' })).toMatchObject({ error: { code: 'job-unknown' } });
  expect(await client.ask({ type: 'resume', job: 'no/such' })).toMatchObject({ error: { code: 'job-unknown' } });
  expect(await client.ask({ type: 'pause', job: '999999' })).toMatchObject({ error: { code: 'job-unknown' } });
  expect(await client.ask({ type: 'move', job: '1', before: '-1' })).toMatchObject({ error: { code: 'job-unknown' } });
  await client.close();
});

test('no rubbish does more than close its own socket', async () => {
  const other = await Client.hello(bridge.port, bridge.token);
  await fc.assert(
    fc.asyncProperty(
      fc.array(almostMessage, { minLength: 1, maxLength: 40 }),
      fc.boolean(),
      async (messages, known) => {
        const client = known ? await Client.hello(bridge.port, bridge.token) : await new Client(bridge.port).opened();
        for (const message of messages) client.say(message);
        if (known && messages.length <= 15) {
          // Few enough: every one was refused, and the client is still served.
          expect((await client.ask(LIST)).type).toBe('jobs');
          expect(client.received.filter(({ type }) => type === 'refused')).toHaveLength(messages.length);
          await client.close();
        } else if (known) {
          client.socket.close();
          expect(['', 'too-many-bad-messages']).toContain((await client.closed).reason);
        } else {
          expect(['hello-expected', 'pairing-refused']).toContain((await client.closed).reason);
          expect(client.received).toEqual([]);
        }
        expect((await other.ask(LIST)).type).toBe('jobs');
        await new Promise((resolve) => setTimeout(resolve, 50)); // Keeps `other` below its own rate.
      },
    ),
    { numRuns: 40 },
  );
  expect(bridge.child.exitCode).toBeNull();
  expect(bridge.log()).toBe('');
  await other.close();
});

test.each([
  ['rubbish', (client: Client) => client.say('{')],
  ['good questions, too fast', (client: Client) => client.say({ ...LIST, id: '1' })],
  ['heartbeats, too fast', (client: Client) => client.say({ type: 'heartbeat' })],
  ['pings', (client: Client) => client.socket.ping()],
])('a flood of %s is closed, and others are served meanwhile', async (_, send) => {
  const [other, flooder] = [
    await Client.hello(bridge.port, bridge.token),
    await Client.hello(bridge.port, bridge.token),
  ];
  let flooding = true;
  const flood = (async () => {
    while (flooding) {
      for (let n = 0; n < 200 && flooder.socket.readyState === 1; n++) send(flooder);
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  for (let n = 0; n < 10; n++) expect((await other.ask(LIST)).type).toBe('jobs');
  expect((await flooder.closed).reason).toBe('too-many-bad-messages');
  flooding = false;
  await flood;
  expect((await other.ask(LIST)).type).toBe('jobs');
  await other.close();
});

test('frames that no client sends close the socket, not the bridge', async () => {
  const frames: [string, Buffer][] = [
    ['reserved bits', Buffer.from([0xf1, 0x80, 0, 0, 0, 0])],
    ['unknown opcode', Buffer.from([0x83, 0x80, 0, 0, 0, 0])],
    ['not masked', Buffer.from([0x81, 0x01, 0x61])],
    ['a long ping', Buffer.from([0x89, 0xfe, 0x01, 0x00, 0, 0, 0, 0, ...Buffer.alloc(256)])],
    ['more than the bridge takes', Buffer.from([0x81, 0xff, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0, 0])],
    ['not UTF-8', Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28])],
    ['a continuation of nothing', Buffer.from([0x80, 0x80, 0, 0, 0, 0])],
    ['a close without sense', Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0, 1])],
  ];
  for (const [name, bytes] of frames) {
    const client = await Client.hello(bridge.port, bridge.token);
    (client.socket as unknown as { _socket: { write(bytes: Buffer): void } })._socket.write(bytes);
    expect([1002, 1006, 1007, 1009], name).toContain((await client.closed).code);
  }
  const client = await Client.hello(bridge.port, bridge.token);
  await client.close();
  expect(bridge.log()).toBe('');
});

test('the close of a bridge that ends says so', async () => {
  const own = await newInstall();
  const ending = await serve(own);
  const client = await Client.hello(ending.port, ending.token);
  const stranger = await new Client(ending.port).opened();
  expect(await ending.end('SIGTERM')).toBe(0);
  expect(await client.closed).toEqual({ code: 1001, reason: 'shutting-down' });
  expect((await stranger.closed).code).toBe(1001);
  // A terminal's Ctrl-C comes twice, from the terminal and from the launcher; it is one request all the same.
  const twice = await serve(own);
  twice.child.kill('SIGINT');
  expect(await twice.end('SIGINT')).toBe(0);
  await removeInstall(own);
});
