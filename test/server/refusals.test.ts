import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROUTES } from '../../bridge-server/server/routes.ts';
import {
  newInstall,
  raw,
  removeInstall,
  requestText,
  serve,
  type Install,
  type RawAnswer,
  type Served,
} from './bridge.ts';
import { Client } from './client.ts';

/**
 * Every way in, tried in every wrong way: the surfaces come from the bridge's own list of routes, so that a new one is tried as
 * soon as it is there.
 */
type Header = readonly [string, string];
type Surface = {
  readonly name: string;
  readonly method: string;
  readonly target: string;
  readonly extra: readonly Header[];
  readonly body: string;
};

const SURFACES: readonly Surface[] = [
  ...ROUTES.map(({ method, example, body }) => ({
    name: `${method} ${example}`,
    method,
    target: example,
    extra: method === 'POST' ? ([['Content-Type', 'application/json']] as const) : [],
    body: body ? JSON.stringify(body) : '',
  })),
  {
    name: 'the socket',
    method: 'GET',
    target: '/v1/socket',
    extra: [
      ['Connection', 'Upgrade'],
      ['Upgrade', 'websocket'],
      ['Sec-WebSocket-Version', '13'],
      ['Sec-WebSocket-Key', 'AAAAAAAAAAAAAAAAAAAAAA=='],
    ],
    body: '',
  },
];

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

const host = (): Header => ['Host', `127.0.0.1:${bridge.port}`];
const bearer = (token = bridge.token): Header => ['Authorization', `Bearer ${token}`];

async function send({ method, target, extra, body }: Surface, headers: readonly Header[]): Promise<RawAnswer> {
  const answer = await raw(bridge.port, requestText(method, target, [...headers, ...extra], body));
  expect(answer, 'an answer').not.toBeNull();
  expectClosed(answer!);
  return answer!;
}

/** Holds for everything that the bridge ever answers. */
function expectClosed({ status, headers }: RawAnswer): void {
  expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
  expect(headers).not.toHaveProperty('location');
  expect(headers).not.toHaveProperty('set-cookie');
  if (status === 101) return;
  expect(headers['x-content-type-options']).toBe('nosniff');
  expect(headers['content-security-policy']).toContain("default-src 'none'");
  expect(headers['cache-control']).toBe('no-store');
  expect(headers['cross-origin-resource-policy']).toBe('same-origin');
}

const code = ({ body }: RawAnswer): string => (JSON.parse(body) as { code: string }).code;

/** What somebody who may ask is answered: the examples name jobs and models that are not there and paths that nobody allowed. */
function passedFor({ name, target, body }: Surface): number {
  if (name === 'the socket') return 101;
  return target.includes('/jobs/') || target.endsWith('/remove') ? 404 : body.includes('/nowhere') ? 403 : 200;
}

describe.each(SURFACES)('$name', (surface) => {
  const passed = passedFor(surface);

  test('is reached by its own names, from no page or its own', async () => {
    const port = String(bridge.port);
    for (const name of ['127.0.0.1', 'localhost']) {
      expect((await send(surface, [['Host', `${name}:${port}`], bearer()])).status).toBe(passed);
      const own: Header = ['Origin', `http://${name}:${port}`];
      expect((await send(surface, [host(), own, bearer()])).status).toBe(passed);
    }
  });

  test('refuses every other Host', async () => {
    const { port } = bridge;
    const wrong: Header[][] = [
      `evil.example`,
      `evil.example:${port}`,
      `127.0.0.1`,
      `127.0.0.1:`,
      `127.0.0.1:80`,
      `127.0.0.1:${port + 1}`,
      `127.0.0.1:${port}0`,
      `127.0.0.1:0${port}`,
      `127.0.0.1.:${port}`,
      `localhost.:${port}`,
      `LOCALHOST:${port}`,
      `LocalHost:${port}`,
      `localhost.evil.example:${port}`,
      `evil-localhost:${port}`,
      `127.0.0.1.evil.example:${port}`,
      `[::1]:${port}`,
      `[::ffff:127.0.0.1]:${port}`,
      `0.0.0.0:${port}`,
      `127.1:${port}`,
      `127.0.0.2:${port}`,
      `2130706433:${port}`,
      `0x7f.0.0.1:${port}`,
      `0177.0.0.1:${port}`,
      `user@127.0.0.1:${port}`,
      `127.0.0.1:${port}@evil.example`,
      `127.0.0.1:${port}, evil.example`,
      `127.0.0.1:${port}/`,
      `http://127.0.0.1:${port}`,
      '',
      'null',
      '*',
    ].map((value) => [['Host', value]]);
    const evil: Header = ['Host', `evil.example:${port}`];
    wrong.push([], [host(), evil], [evil, host()], [host(), host()], [['X-Forwarded-Host', host()[1]], evil]);
    for (const hosts of wrong) {
      const answer = await send(surface, [...hosts, bearer()]);
      expect(answer.status, JSON.stringify(hosts)).toBe(403);
      expect(code(answer)).toBe('host-refused');
    }
    // HTTP/1.0 needs no Host; the bridge does.
    const old = requestText(surface.method, surface.target, [bearer(), ...surface.extra], surface.body);
    const answer = await raw(bridge.port, old.replace('HTTP/1.1', 'HTTP/1.0'));
    expect(answer === null || answer.status === 403).toBe(true);
    // The target's own authority does not stand in for the header, nor the header for it.
    const absolute = { ...surface, target: `http://evil.example:${port}${surface.target}` };
    expect((await send(absolute, [host(), bearer()])).status).toBe(404);
  });

  test('refuses every foreign Origin', async () => {
    const { port } = bridge;
    const wrong: Header[][] = [
      'null',
      '',
      'file://',
      'http://evil.example',
      `http://evil.example:${port}`,
      'http://127.0.0.1',
      `http://127.0.0.1:${port + 1}`,
      `http://127.0.0.1:${port}0`,
      `https://127.0.0.1:${port}`,
      `ws://127.0.0.1:${port}`,
      `HTTP://127.0.0.1:${port}`,
      `http://127.0.0.1:${port}/`,
      `http://127.0.0.1:${port}.evil.example`,
      `http://127.0.0.1:${port}@evil.example`,
      `http://evil.example/http://127.0.0.1:${port}`,
      `http://evil127.0.0.1:${port}`,
      `http://localhost.evil.example:${port}`,
      `http://evil-localhost:${port}`,
      `http://localhost.:${port}`,
      `http://[::1]:${port}`,
      `http://127.0.0.1:${port} http://evil.example`,
      `http://127.0.0.1:${port}, http://evil.example`,
      'chrome-extension://abcdefghijklmnop',
      'app://evil',
    ].map((value) => [['Origin', value]]);
    const own: Header = ['Origin', `http://127.0.0.1:${port}`];
    const evil: Header = ['Origin', 'http://evil.example'];
    wrong.push([own, evil], [evil, own]);
    for (const origins of wrong) {
      const answer = await send(surface, [host(), ...origins, bearer()]);
      expect(answer.status, JSON.stringify(origins)).toBe(403);
      expect(code(answer)).toBe('origin-refused');
    }
  });
});

// The socket brings its token later: see the first message, below.
describe.each(SURFACES.filter(({ name }) => name !== 'the socket'))('$name', (surface) => {
  test('refuses every request without the token', async () => {
    const { token } = bridge;
    const wrong: Header[][] = [
      [],
      [['Authorization', '']],
      [['Authorization', 'Bearer']],
      [['Authorization', 'Bearer ']],
      [['Authorization', token]],
      [['Authorization', `Basic ${Buffer.from(`:${token}`).toString('base64')}`]],
      [['Authorization', `Token ${token}`]],
      [bearer('0'.repeat(token.length))],
      [bearer(token.slice(0, -1))],
      [bearer(token.slice(1))],
      [bearer(`${token}0`)],
      [bearer(`${token} x`)],
      [bearer(flipCase(token))],
      [bearer(`${token},${token}`)],
      [bearer(), bearer('wrong')],
      [bearer('wrong'), bearer()],
      [['Cookie', `token=${token}`]],
      [['X-Token', token]],
      [['Proxy-Authorization', `Bearer ${token}`]],
    ];
    for (const tokens of wrong) {
      const answer = await send(surface, [host(), ...tokens]);
      expect(answer.status, JSON.stringify(tokens)).toBe(401);
      // By this a client tells a bridge that is not its own from another program on the port.
      expect(answer.headers['www-authenticate']).toBe('Bearer realm="pentimento"');
      expect(code(answer)).toBe('token-wrong');
    }
    for (const query of [`?token=${token}`, `?access_token=${token}`, `?authorization=Bearer%20${token}`]) {
      expect((await send({ ...surface, target: surface.target + query }, [host()])).status).toBe(401);
    }
  });

  test('takes its own method only, and answers no preflight', async () => {
    const own = SURFACES.filter(({ target }) => target === surface.target).map(({ method }) => method);
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND']) {
      const stranger = await send({ ...surface, method, body: '' }, [host()]);
      expect(stranger.status, method).toBe(401);
      if (own.includes(method)) continue;
      const known = await send({ ...surface, method, body: '' }, [host(), bearer()]);
      expect(known.status, method).toBe(405);
      expect(known.headers['allow']).toBe(own.join(', '));
    }
    const preflight: Header[] = [
      ['Origin', 'http://evil.example'],
      ['Access-Control-Request-Method', surface.method],
      ['Access-Control-Request-Headers', 'authorization'],
      ['Access-Control-Request-Private-Network', 'true'],
    ];
    expect((await send({ ...surface, method: 'OPTIONS', body: '' }, [host(), ...preflight])).status).toBe(403);
  });
});

describe.each(SURFACES.filter(({ method }) => method === 'POST'))('the body of $name', (surface) => {
  const post = (headers: readonly Header[], body: string): Promise<RawAnswer> =>
    send({ ...surface, extra: headers, body }, [host(), bearer()]);

  test('is JSON, and says so', async () => {
    const types = [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/jsonp',
      'text/json',
    ];
    types.push('', 'application/json; charset=utf-16', 'application/json, text/plain', 'application/json;x=y');
    const { body } = surface;
    for (const type of types) expect((await post([['Content-Type', type]], body)).status, type).toBe(415);
    expect((await post([], body)).status).toBe(415);
    const json: Header = ['Content-Type', 'application/json'];
    expect((await post([json, ['Content-Type', 'text/plain']], body)).status).toBe(415);
    expect((await post([json, ['Content-Encoding', 'gzip']], body)).status).toBe(415);
    for (const type of ['application/json; charset=utf-8', 'Application/JSON']) {
      expect((await post([['Content-Type', type]], body)).status, type).toBe(passedFor(surface));
    }
  });

  test('is well formed', async () => {
    const json: Header[] = [['Content-Type', 'application/json']];
    const deep = '['.repeat(30_000) + ']'.repeat(30_000);
    for (const body of [
      '{',
      '[]',
      '"x"',
      'null',
      '1',
      '{"x":1}',
      '{"__proto__":{}}',
      deep,
      '[['.repeat(16_000),
      '\u0000',
    ]) {
      expect((await post(json, body)).status, body.slice(0, 20)).toBe(400);
    }
    const empty = await raw(bridge.port, requestText('POST', surface.target, [host(), bearer(), ...json]));
    expect(empty?.status).toBe(400);
    const head = requestText('POST', surface.target, [host(), bearer(), ...json, ['Content-Length', '2']]);
    expect((await raw(bridge.port, Buffer.concat([Buffer.from(head), Buffer.from([0xc3, 0x28])])))?.status).toBe(400);
  });

  test('is short, whatever it says of its length', async () => {
    const json: Header[] = [['Content-Type', 'application/json']];
    const long = JSON.stringify({ x: 'x'.repeat(300_000) });
    expect((await post(json, long)).status).toBe(413);
    const chunked = [host(), bearer(), ...json, ['Transfer-Encoding', 'chunked']] as const;
    const chunks = `${'x'.repeat(0x8000)}\r\n`;
    const endless = requestText('POST', surface.target, chunked) + `8000\r\n${chunks}`.repeat(40);
    expect((await raw(bridge.port, endless))?.status).toBe(413);
    const claimed = requestText('POST', surface.target, [host(), bearer(), ...json, ['Content-Length', '99999999999']]);
    expect((await raw(bridge.port, claimed))?.status).toBe(413);
    const both = requestText('POST', surface.target, [...chunked, ['Content-Length', '2']], '');
    expect((await raw(bridge.port, `${both}0\r\n\r\n`))?.status).toBe(400);
  });
});

test('nothing is at any other address', async () => {
  const surface = { ...SURFACES[0]!, extra: [], body: '' };
  // The panel's own page is at / (test/plugin/panel.test.ts).
  const paths = ['/?', '/v1', '/v1/', '//v1/health', '/v1/health/', '/v1/../v1/health', '/%761/health', '/V1/health'];
  paths.push('/v1/jobs', '/v1/jobs/', '/v1/jobs/../../../../etc/passwd', '/v1/jobs/1/keys/', '/v1/jobs/1/keys/0.png');
  paths.push(
    '/v1/jobs/..%2f..%2fetc/keys/0.jpg',
    '/v1/jobs/1/keys/..jpg',
    '/index.html',
    '/.git/config',
    '/v1/socket',
    '*',
  );
  for (const target of paths) {
    const answer = await send({ ...surface, target }, [host(), bearer()]);
    expect([400, 404], target).toContain(answer.status);
    const stranger = await send({ ...surface, target }, [host()]);
    expect([400, 401], target).toContain(stranger.status);
  }
});

test('a preview of no sensible size is refused', async () => {
  const surface = { ...SURFACES.find(({ target }) => target.includes('/keys/'))!, body: '' };
  for (const query of ['?width=0', '?width=99999', '?width=-1', '?width=1e2000', '?width=x', '?width=', '?height=10']) {
    expect((await send({ ...surface, target: surface.target + query }, [host(), bearer()])).status, query).toBe(400);
  }
});

test('what is not HTTP, or too much of it, is closed', async () => {
  const { port } = bridge;
  const long: Header = ['X-Long', 'x'.repeat(20_000)];
  expect((await raw(port, requestText('GET', '/v1/health', [host(), bearer(), long])))?.status).toBe(400);
  expect((await raw(port, requestText('GET', `/v1/health?${'x'.repeat(20_000)}`, [host(), bearer()])))?.status).toBe(
    400,
  );
  expect((await raw(port, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'))?.status).toBe(400);
  expect(
    (await raw(port, 'CONNECT evil.example:80 HTTP/1.1\r\nHost: evil.example:80\r\n\r\n'))?.status ?? null,
  ).toBeNull();
  expect(
    (await raw(port, requestText('GET', '/v1/health', [host(), bearer(), ['Content-Length', '5']], '')))?.status,
  ).toBe(400);
  const upgrade = SURFACES.at(-1)!;
  for (const target of ['/', '/v1/socket/', '/v1/socket?token=x', '/socket', '/v1/health']) {
    expect((await send({ ...upgrade, target }, [host(), bearer()])).status, target).toBe(404);
  }
});

describe('the first message', () => {
  const socket = (): Promise<Client> => new Client(bridge.port).opened();

  test('is a hello with the token', async () => {
    const { token } = bridge;
    const hello = { type: 'hello', version: 1, token };
    const list = { type: 'list', id: '1', limit: 1, before: null };
    const tries: [unknown, string][] = [
      [{ ...hello, token: '0'.repeat(token.length) }, 'token-wrong'],
      [{ ...hello, token: token.slice(0, -1) }, 'token-wrong'],
      [{ ...hello, token: `${token}0` }, 'token-wrong'],
      [{ ...hello, token: flipCase(token) }, 'token-wrong'],
      [{ ...hello, version: 2, token: 'wrong' }, 'token-wrong'],
      [{ ...hello, version: 2 }, 'version-unsupported'],
      [{ ...hello, token: '' }, 'hello-expected'],
      [{ ...hello, token: null }, 'hello-expected'],
      [{ ...hello, extra: 1 }, 'hello-expected'],
      [{ type: 'hello', version: 1 }, 'hello-expected'],
      [{ type: 'hello', token }, 'hello-expected'],
      [[hello], 'hello-expected'],
      [list, 'hello-expected'],
      [{ type: 'subscribe', id: '1' }, 'hello-expected'],
      [{ type: 'heartbeat' }, 'hello-expected'],
      [{ type: 'pair', code: '00000000' }, 'pairing-refused'],
      ['', 'hello-expected'],
      ['{', 'hello-expected'],
      ['['.repeat(60_000), 'hello-expected'],
      [Buffer.from(JSON.stringify(hello)), 'message-binary'],
    ];
    for (const [message, reason] of tries) {
      const client = await socket();
      client.say(message);
      // Whoever goes on talking is still not heard.
      client.say(hello);
      client.say(list);
      expect((await client.closed).reason, JSON.stringify(message)?.slice(0, 100)).toBe(reason);
      expect(client.received).toEqual([]);
    }
  });

  test('that is too long closes the socket', async () => {
    const client = await socket();
    client.say({ type: 'hello', version: 1, token: 'x'.repeat(300_000) });
    expect((await client.closed).code).toBe(1009);
    expect(client.received).toEqual([]);
  });

  test('lets the client in when it is right', async () => {
    const client = await Client.hello(bridge.port, bridge.token);
    expect(client.received[0]).toMatchObject({ type: 'welcome', version: bridge.version, protocol: 1 });
    expect((await client.ask({ type: 'list', limit: 1, before: null })).type).toBe('jobs');
    await client.close();
  });
});

const flipCase = (text: string): string =>
  text.replace(/[a-z]/gi, (letter) => (letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase()));
