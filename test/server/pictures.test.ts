import { randomUUID } from 'node:crypto';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readImage } from '../../bridge-server/media/image.ts';
import { keysAnswerSchema, sourceFactsSchema, type KeysAnswer } from '../../bridge-server/protocol/http.ts';
import { reportSchema } from '../../bridge-server/protocol/job.ts';
import type { RenderRequest } from '../../bridge-server/protocol/request.ts';
import { sceneMovie } from '../cli/footage.ts';
import { someRequest } from '../jobs/request.ts';
import { makeClip, readNumber } from '../media/clips.ts';
import { newInstall, pentimento, removeInstall, serve, type Install, type Served } from './bridge.ts';
import { Client } from './client.ts';

/** What a panel is shown of sources and results while it works on a request, from a bridge in a process of its own. */
const FRAMES = 60;

let install: Install;
let bridge: Served;
let client: Client;
beforeAll(async () => {
  install = await newInstall();
  // Frames far from the last one that stands alone, with others that show later than they are stored.
  const options = ['-c:v', 'libx264', '-g', '25', '-bf', '2', '-qp', '8'];
  await makeClip(join(install.allowed, 'numbers.mp4'), { frames: FRAMES, rate: '25', options });
  await makeClip(join(install.outside, 'private.mp4'), { frames: 5, rate: '25', options });
  await sceneMovie(join(install.allowed, 'scene.mov'), 12);
  bridge = await serve(install);
  client = await Client.hello(bridge.port, bridge.token);
  await client.ask({ type: 'subscribe' });
});
afterAll(async () => {
  await client.close();
  expect(await bridge.end()).toBe(0);
  expect(bridge.log()).toBe('');
  await removeInstall(install);
});

const source = (name: string, range: Partial<RenderRequest['source']> = {}): RenderRequest['source'] => ({
  ...{ path: join(install.allowed, name), from: 0, to: null, rate: null, alpha: 'straight' },
  ...range,
});

function ask(path: string, body?: object, signal?: AbortSignal): Promise<Response> {
  return fetch(`http://127.0.0.1:${bridge.port}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${bridge.token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  });
}

async function refusal(response: Response): Promise<string> {
  expect(response.ok).toBe(false);
  return ((await response.json()) as { code: string }).code;
}

/** The number that stands in a picture. */
async function numberIn(response: Response): Promise<number | null> {
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
  const path = join(install.home, `${randomUUID()}.jpg`);
  await writeFile(path, await response.bytes());
  return readNumber(await readImage(path));
}

async function done(request: RenderRequest): Promise<string> {
  const job = await client.job({ type: 'submit', key: randomUUID(), request });
  await client.until(job.id, 'done');
  return job.id;
}

test('a source is told of, and shown frame by frame, whichever way one goes', async () => {
  const asked = source('numbers.mp4', { from: 10, to: 50 });
  const facts = sourceFactsSchema.parse(await (await ask('/v1/source', { source: asked })).json());
  expect(facts).toMatchObject({ from: 10, to: 50, width: 96, height: 64, rate: { num: 25, den: 1 } });
  const frame = (n: number): Promise<Response> => ask('/v1/frame', { source: asked, frame: n, width: 96 });
  for (const n of [10, 11, 12, 49, 30, 29, 28, 31, 10, 49]) expect(await numberIn(await frame(n)), `${n}`).toBe(n);
  // All at once, as fast as a hand moves.
  const numbers = Array.from({ length: 30 }, (_, i) => 12 + i);
  expect(await Promise.all(numbers.map(async (n) => numberIn(await frame(n))))).toEqual(numbers);
  for (const n of [9, 50, 1e6]) expect(await refusal(await frame(n))).toBe('frame-outside');
  // Written anew, it is another clip.
  const options = ['-c:v', 'libx264', '-qp', '8'];
  await makeClip(join(install.allowed, 'numbers.mp4'), { frames: FRAMES, rate: '25', options });
  expect(await numberIn(await frame(20))).toBe(20);
});

test('pictures are as small as they are asked for, and never larger than the clip', async () => {
  for (const [width, is] of [
    [48, 48],
    [2000, 96],
  ] as const) {
    const response = await ask('/v1/frame', { source: source('numbers.mp4'), frame: 3, width });
    expect((await sharp(await response.bytes()).metadata()).width).toBe(is);
  }
  for (const width of [0, 15, 2049, 1.5]) {
    const response = await ask('/v1/frame', { source: source('numbers.mp4'), frame: 3, width });
    expect(await refusal(response)).toBe('message-malformed');
  }
});

test('an image of the user is shown as it is now', async () => {
  const path = join(install.allowed, 'mine.png');
  const write = (background: string): Promise<unknown> =>
    sharp({ create: { width: 120, height: 80, channels: 3, background } })
      .png()
      .toFile(path);
  const shown = async (width: number): Promise<[number, number]> => {
    const image = sharp(await (await ask('/v1/picture', { path, width })).bytes());
    return [(await image.metadata()).width, Math.round((await image.stats()).channels[0]!.mean)];
  };
  await write('#c80000');
  expect([await shown(60), await shown(60), await shown(2000)]).toEqual([
    [60, 200],
    [60, 200],
    [120, 200],
  ]);
  await write('#640000');
  expect(await shown(60)).toEqual([60, 100]);
  for (const [name, code] of [
    ['none.png', 'media-missing'],
    ['numbers.mp4', 'image-unreadable'],
    ['.', 'image-unreadable'],
  ] as const) {
    expect(await refusal(await ask('/v1/picture', { path: join(install.allowed, name), width: 60 }))).toBe(code);
  }
  // What would draw, and may name other files, is no picture of ours.
  await writeFile(join(install.allowed, 'drawn.png'), '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
  const drawn = await ask('/v1/picture', { path: join(install.allowed, 'drawn.png'), width: 60 });
  expect(await refusal(drawn)).toBe('image-unreadable');
});

test('who asks and leaves is not waited for, and the next is served', async () => {
  const stop = new AbortController();
  const left = Array.from({ length: 40 }, (_, i) =>
    ask('/v1/frame', { source: source('numbers.mp4', { to: 59 }), frame: 58 - i, width: 64 }, stop.signal),
  );
  setTimeout(() => stop.abort(), 30);
  const outcomes = await Promise.allSettled(left);
  expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true);
  expect(await numberIn(await ask('/v1/frame', { source: source('numbers.mp4'), frame: 7, width: 96 }))).toBe(7);
});

describe('the frames of a job', () => {
  const request = (output: RenderRequest['output']): RenderRequest =>
    someRequest({ source: source('numbers.mp4', { from: 10, to: 30 }), profile: 'fast', output });

  test.each(['movie', 'images'] as const)('are those of its source and of its result: %s', async (kind) => {
    const path = join(install.allowed, `result of ${kind}`);
    const output: RenderRequest['output'] =
      kind === 'movie' ? { kind, path: `${path}.mov`, codec: 'prores4444', sound: false } : { kind, folder: path };
    const id = await done(request(output));
    for (const of of ['source', 'result']) {
      const frame = (n: number): Promise<Response> => ask(`/v1/jobs/${id}/frames/${n}.jpg?of=${of}&width=96`);
      for (const n of [10, 29, 17, 18]) expect(await numberIn(await frame(n)), `${of} ${n}`).toBe(n);
      expect(await refusal(await frame(9))).toBe('frame-outside');
      expect(await refusal(await frame(30))).toBe('frame-outside');
    }
    const report = reportSchema.parse(await (await ask(`/v1/jobs/${id}/report`)).json());
    expect(report).toMatchObject({ from: 10, to: 30, stability: [] });
    // What became of it is gone.
    await rm(kind === 'movie' ? `${path}.mov` : path, { recursive: true });
    expect(await refusal(await ask(`/v1/jobs/${id}/frames/10.jpg?of=result&width=90`))).toBe('media-missing');
  });

  test('that is not done are what is made of it', async () => {
    const oil = {
      ...request({ kind: 'images', folder: join(install.allowed, 'oil') }),
      look: { kind: 'oil' },
    } as const;
    const long = { ...oil, source: source('long.mp4') };
    const options = ['-c:v', 'libx264', '-preset', 'ultrafast'];
    await makeClip(join(install.allowed, 'long.mp4'), { frames: 200, rate: '25', width: 480, height: 320, options });
    const job = await client.job({ type: 'submit', key: randomUUID(), request: long });
    await client.next('job', ({ job: { id, state } }) => {
      return id === job.id && state.state === 'running' && state.progress?.stage === 'look' && state.progress.done > 1;
    });
    expect(await refusal(await ask(`/v1/jobs/${job.id}/report`))).toBe('report-missing');
    await client.job({ type: 'pause', job: job.id });
    await client.until(job.id, 'paused');
    const first = await ask(`/v1/jobs/${job.id}/frames/0.jpg?of=result&width=160`);
    expect((await sharp(await first.bytes()).metadata()).width).toBe(160);
    expect(await refusal(await ask(`/v1/jobs/${job.id}/frames/199.jpg?of=result`))).toBe('frame-missing');
    await client.job({ type: 'cancel', job: job.id });
    await client.until(job.id, 'cancelled');
  });

  test('are asked for in the form that the bridge knows', async () => {
    for (const query of ['', '?of=both', '?of=source&width=5', '?of=source&x=1', '?width=100']) {
      expect((await ask(`/v1/jobs/1/frames/0.jpg${query}`)).status, query).toBe(400);
    }
    expect(await refusal(await ask('/v1/jobs/999999/frames/0.jpg?of=source'))).toBe('job-unknown');
    expect(await refusal(await ask('/v1/jobs/999999/report'))).toBe('job-unknown');
  });
});

test('a control map is what a ControlNet is shown', async () => {
  const map = { kind: 'canny', low: 40, high: 90, gradient: 'l2', steady: true } as const;
  const response = await ask('/v1/control', {
    source: source('scene.mov', { from: 2, to: 9 }),
    frame: 5,
    map,
    width: 2048,
  });
  const shown = await sharp(await response.bytes())
    .greyscale()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const out = join(install.allowed, 'maps');
  const options = ['--low', '40', '--high', '90', '--gradient', 'l2', '--size', '512x512', '--from', '5', '--to', '6'];
  const ran = await pentimento(install, 'control', 'canny', source('scene.mov').path, '--out', out, ...options);
  expect(ran.code, ran.stderr).toBe(0);
  const truth = await sharp(join(out, '000005.png'))
    .toColourspace('srgb')
    .greyscale()
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect([shown.info.width, shown.info.height]).toEqual([truth.info.width, truth.info.height]);
  const off = shown.data.reduce((sum, value, i) => sum + Math.abs(value - truth.data[i]!), 0) / shown.data.length;
  // What JPEG changes of black and white; another frame's edges are elsewhere.
  expect(off).toBeLessThan(6);
  expect(truth.data.some((value) => value > 200)).toBe(true);
  const annotator = { kind: 'annotator', file: join(install.outside, 'depth.onnx'), steady: true };
  const foreign = await ask('/v1/control', { source: source('scene.mov'), frame: 5, map: annotator, width: 100 });
  expect(await refusal(foreign)).toBe('path-outside-roots');
});

test('keys are planned before there is a job, as the job then chooses them', async () => {
  const planned = async (keys: RenderRequest['keys']): Promise<Extract<KeysAnswer, { keys: unknown }>> => {
    for (;;) {
      const response = await ask('/v1/keys', { source: source('scene.mov'), keys });
      const answer = keysAnswerSchema.parse(await response.json());
      expect(response.status).toBe('keys' in answer ? 200 : 202);
      if ('keys' in answer) return answer;
      expect(answer.analysing.total).toBe(12);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  const every = await planned({ kind: 'every', step: 5 });
  expect(every).toMatchObject({ keys: [{ frame: 0 }, { frame: 5 }, { frame: 10 }], cuts: [] });
  expect((await planned({ kind: 'every', step: 1 })).keys).toHaveLength(12);
  const keys = { kind: 'auto', budget: 2 } as const;
  const chosen = (await planned(keys)).keys;
  expect(chosen.every(({ explanation }) => /\w/.test(explanation))).toBe(true);
  const output = { kind: 'images', folder: join(install.allowed, 'planned') } as const;
  const id = await done(someRequest({ source: source('scene.mov'), keys, profile: 'fast', output }));
  const list = await client.ask({ type: 'list', limit: 1, before: null });
  const [job] = list.type === 'jobs' ? list.jobs : [];
  if (job?.id !== id || job.kind !== 'render' || job.state.state !== 'done') throw new Error('unreachable');
  expect(job.state.result.keys.map(({ frame }) => frame)).toEqual(chosen.map(({ frame }) => frame));
  const own = await ask('/v1/keys', { source: source('scene.mov'), keys: { kind: 'images', folder: install.allowed } });
  expect(await refusal(own)).toBe('message-malformed');
});

test('nothing outside the allowed folders is shown or told of', async () => {
  await symlink(join(install.outside, 'private.mp4'), join(install.allowed, 'way-out.mp4'));
  await mkdir(join(install.allowed, 'linked'));
  await symlink(join(install.outside, 'private.mp4'), join(install.allowed, 'linked', '1.png'));
  for (const path of [
    join(install.outside, 'private.mp4'),
    join(install.outside, 'none.mp4'),
    join(install.allowed, 'way-out.mp4'),
    join(install.allowed, 'linked'),
    join(install.home, 'config', 'token'),
    '/etc/passwd',
  ]) {
    expect(await refusal(await ask('/v1/picture', { path, width: 100 })), path).toBe('path-outside-roots');
    const asked = { source: source('', { path }) };
    for (const [route, more] of [
      ['source', {}],
      ['frame', { frame: 0, width: 100 }],
      ['control', { frame: 0, width: 100, map: { kind: 'luminance' } }],
      ['keys', { keys: { kind: 'auto', budget: null } }],
    ] as const) {
      expect(await refusal(await ask(`/v1/${route}`, { ...asked, ...more })), `${route} ${path}`).toBe(
        'path-outside-roots',
      );
    }
  }
});
