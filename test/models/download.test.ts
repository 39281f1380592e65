import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { download, type DownloadProgress, type Means, type Wanted } from '../../bridge-server/models/download.ts';
import { internet } from '../../bridge-server/models/request.ts';
import { identify } from '../../bridge-server/weights/model.ts';
import { newFolder } from '../jobs/folder.ts';
import { safetensorsBytes, zeros } from '../weights/file.ts';
import { breakOff, PUBLIC, sendFile, serve, sha256 } from './server.ts';

const LORA = safetensorsBytes(zeros({ 'lora_unet_x.lora_down.weight': [8, 40_000] }));
const SUM = sha256(LORA);
const URL = 'https://models.example/lora.safetensors';

const served = await serve({
  'inner.example': ['10.0.0.7'],
  'both.example': [PUBLIC, '127.0.0.1'],
  'mapped.example': ['::ffff:10.0.0.7'],
  'nowhere.example': [],
});

let folder: string;
let target: string;
let arrived: number;
beforeEach(async () => {
  folder = await newFolder();
  target = join(folder, 'lora.safetensors');
  served.requests.length = 0;
  arrived = 0;
});

const get = (wanted: Partial<Wanted> = {}, means: Partial<Means> = {}): Promise<{ sha256: string; bytes: number }> =>
  download(
    { url: URL, target, sha256: null, bytes: null, accept: identify, ...wanted },
    {
      network: served.network,
      signal: new AbortController().signal,
      report: ({ doneBytes }) => (arrived = doneBytes),
      pauseMs: 1,
      silenceMs: 300,
      ...means,
    },
  );

const refusal = (code: string): unknown => expect.objectContaining({ name: 'Failure', code });
const left = async (): Promise<string[]> => (await readdir(folder)).sort();
const ranges = (): unknown[] => served.requests.map(({ headers }) => headers.range);

describe('a server that behaves', () => {
  it('gives the file, and nothing else is left', async () => {
    served.answer = sendFile(LORA);
    const told: DownloadProgress[] = [];
    const sum = await get({ sha256: SUM, bytes: LORA.length }, { report: (progress) => told.push(progress) });
    expect(sum).toEqual({ sha256: SUM, bytes: LORA.length });
    expect(await readFile(target)).toEqual(LORA);
    expect(await left()).toEqual(['lora.safetensors']);
    expect(told.at(-1)).toMatchObject({ doneBytes: LORA.length, totalBytes: LORA.length, secondsLeft: 0 });
    expect(told.every(({ bytesPerSecond }) => bytesPerSecond > 0)).toBe(true);
  });

  it('may redirect to another public host', async () => {
    served.answer = (request, reply) =>
      request.url === '/cdn?signature=x'
        ? sendFile(LORA)(request, reply)
        : reply.writeHead(302, { location: 'https://cdn.example/cdn?signature=x' }).end();
    expect((await get()).sha256).toBe(SUM);
  });
});

describe('a server that drops the connection', () => {
  it('is asked for the rest', async () => {
    served.answer = (request, reply) =>
      (served.requests.length === 1 ? breakOff(LORA, 100_000, () => arrived) : sendFile(LORA))(request, reply);
    expect((await get()).sha256).toBe(SUM);
    expect(ranges()).toEqual([undefined, 'bytes=100000-']);
  });

  it('is given up after a while; the next command goes on from what came', async () => {
    served.answer = (request, reply) => {
      if (served.requests.length === 1) breakOff(LORA, 100_000, () => arrived)(request, reply);
      else reply.destroy();
    };
    await expect(get()).rejects.toEqual(refusal('download-interrupted'));
    expect(await left()).toEqual(['lora.safetensors.part', 'lora.safetensors.part.json']);
    served.requests.length = 0;
    served.answer = sendFile(LORA);
    expect((await get()).sha256).toBe(SUM);
    expect(ranges()).toEqual(['bytes=100000-']);
  });

  it.each([
    ['has another version meanwhile', sendFile(LORA, '"two"')],
    ['ignores ranges', (_, reply) => reply.writeHead(200, { 'content-length': LORA.length }).end(LORA)],
  ])('and %s is read from the beginning', async (_, then) => {
    const old = Buffer.from(LORA).fill(1, 200);
    served.answer = (request, reply) =>
      (served.requests.length === 1 ? breakOff(old, 100_000, () => arrived) : then)(request, reply);
    expect((await get()).sha256).toBe(SUM);
    expect(ranges()).toEqual([undefined, 'bytes=100000-']);
  });

  it.each([
    ['with another ETag', { etag: '"two"', from: 100_000 }],
    ['from another place', { etag: '"one"', from: 50_000 }],
  ])('and goes on %s is not believed', async (_, { etag, from }) => {
    const old = Buffer.from(LORA).fill(1, 200);
    served.answer = (request, reply) => {
      if (served.requests.length === 1) return breakOff(old, 100_000, () => arrived)(request, reply);
      if (request.headers.range === undefined) return sendFile(LORA, '"two"')(request, reply);
      const range = `bytes ${from}-${LORA.length - 1}/${LORA.length}`;
      reply.writeHead(206, { 'content-range': range, etag }).end(LORA.subarray(from));
    };
    expect((await get()).sha256).toBe(SUM);
    expect(ranges()).toEqual([undefined, 'bytes=100000-', undefined]);
  });

  it('without an ETag is not trusted to have the same file', async () => {
    served.answer = (request, reply) => {
      if (served.requests.length > 1) return sendFile(LORA)(request, reply);
      breakOff(LORA, 100_000, () => arrived, {})(request, reply);
    };
    expect((await get()).sha256).toBe(SUM);
    expect(ranges()).toEqual([undefined, undefined]);
  });

  it('says nothing for too long: that is an interruption too', async () => {
    served.answer = (_, reply) =>
      void reply.writeHead(200, { 'content-length': LORA.length }).write(LORA.subarray(0, 99));
    await expect(get({}, { silenceMs: 60 })).rejects.toEqual(refusal('download-interrupted'));
  });
});

describe('what is refused, and leaves nothing behind', () => {
  it('a wrong checksum', async () => {
    served.answer = sendFile(LORA);
    await expect(get({ sha256: '0'.repeat(64) })).rejects.toEqual(refusal('model-hash'));
    expect(await left()).toEqual([]);
  });

  it.each([
    ['stated', { 'content-length': LORA.length }],
    ['found', {}],
  ])('a wrong length, %s', async (_, headers) => {
    served.answer = (_request, reply) => void reply.writeHead(200, headers).end(LORA);
    await expect(get({ bytes: LORA.length + 1 })).rejects.toEqual(refusal('download-length'));
    expect(await left()).toEqual([]);
  });

  it('an endless body', async () => {
    served.answer = (_, reply) => {
      reply.write(LORA.subarray(0, 20));
      const more = (): void => {
        if (!reply.destroyed) reply.write(Buffer.alloc(65536), more);
      };
      more();
    };
    await expect(get({}, { maximumBytes: 1e6 })).rejects.toEqual(refusal('download-too-large'));
    expect(await left()).toEqual([]);
  });

  it('a size that is too large, and one that the disk has no room for, before anything is read', async () => {
    const claim =
      (bytes: number): typeof served.answer =>
      (_, reply) =>
        void reply.writeHead(200, { 'content-length': bytes }).flushHeaders();
    served.answer = claim(60e9);
    await expect(get()).rejects.toEqual(refusal('download-too-large'));
    served.answer = claim(9e15);
    await expect(get({}, { maximumBytes: Infinity })).rejects.toEqual(refusal('download-disk-small'));
    expect(await left()).toEqual([]);
  });

  it('a pickle and a web page, as soon as they begin', async () => {
    const endless =
      (start: Buffer): typeof served.answer =>
      (_, reply) =>
        void reply.writeHead(200, { 'content-length': 1e6 }).write(start);
    served.answer = endless(Buffer.from('PK\x03\x04archive/data.pkl'));
    await expect(get()).rejects.toEqual(refusal('weights-pickle'));
    served.answer = endless(Buffer.from('<!DOCTYPE html><title>Sign in</title>'));
    await expect(get()).rejects.toEqual(refusal('weights-foreign'));
    expect(await left()).toEqual([]);
  });

  it('a .safetensors file that is cut short though all bytes came', async () => {
    served.answer = sendFile(LORA.subarray(0, 5000));
    await expect(get()).rejects.toEqual(refusal('weights-damaged'));
    expect(await left()).toEqual([]);
  });

  it.each([404, 403, 400])('the status %i, at once', async (status) => {
    served.answer = (_, reply) => void reply.writeHead(status).end('no');
    await expect(get()).rejects.toEqual(refusal('download-refused'));
    expect(served.requests).toHaveLength(1);
  });

  it('a compressed body', async () => {
    served.answer = (_, reply) => void reply.writeHead(200, { 'content-encoding': 'gzip' }).end(LORA);
    await expect(get()).rejects.toEqual(refusal('download-refused'));
  });
});

describe('where downloads may go', () => {
  const REFUSED = [
    ['file:///etc/passwd', 'download-insecure'],
    ['http://models.example/lora.safetensors', 'download-insecure'],
    ['ftp://models.example/lora.safetensors', 'download-insecure'],
    ['data:application/octet-stream,x', 'download-insecure'],
    ['https://user:secret@models.example/x', 'download-insecure'],
    ['https://127.0.0.1/x', 'download-private'],
    ['https://2130706433/x', 'download-private'],
    ['https://0x7f.1/x', 'download-private'],
    ['https://[::1]/x', 'download-private'],
    ['https://[::ffff:169.254.169.254]/x', 'download-private'],
    ['https://inner.example/x', 'download-private'],
    ['https://both.example/x', 'download-private'],
    ['https://mapped.example/x', 'download-private'],
  ] as const;

  it.each(REFUSED)('not to %s', async (url, code) => {
    await expect(get({ url })).rejects.toEqual(refusal(code));
    expect(served.requests).toHaveLength(0);
  });

  it.each(REFUSED)('not by a redirect to %s', async (location, code) => {
    served.answer = (_, reply) => void reply.writeHead(302, { location }).end();
    await expect(get()).rejects.toEqual(refusal(code));
    expect(served.requests).toHaveLength(1);
    expect(await left()).toEqual([]);
  });

  it('not around in a circle', async () => {
    served.answer = (_, reply) => void reply.writeHead(301, { location: '/again' }).end();
    await expect(get()).rejects.toEqual(refusal('download-refused'));
    expect(served.requests).toHaveLength(6);
  });

  it('only to the address that was checked, whatever the name means', async () => {
    const machine = createServer().listen(0, '127.0.0.1');
    await once(machine, 'listening');
    const connected = once(machine, 'connection');
    const { port } = machine.address() as AddressInfo;
    const url = globalThis.URL.parse(`https://name.invalid:${port}/`)!;
    const asked = internet.get(url, ['127.0.0.1'], {}, AbortSignal.timeout(5000));
    await expect(asked).rejects.toThrow();
    await connected;
    machine.close();
  });
});

it('stops when it is told to, and keeps what came', async () => {
  served.answer = (_, reply) =>
    void reply.writeHead(200, { 'content-length': LORA.length, etag: '"one"' }).write(LORA.subarray(0, 1000));
  const controller = new AbortController();
  const means = { signal: controller.signal, silenceMs: 60_000, report: () => controller.abort() };
  await expect(get({}, means)).rejects.toEqual(refusal('cancelled'));
  expect(await left()).toEqual(['lora.safetensors.part', 'lora.safetensors.part.json']);
});
