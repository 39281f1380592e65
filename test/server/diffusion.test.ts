import { randomUUID } from 'node:crypto';
import { cp, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ffprobe } from '../../bridge-server/media/ffmpeg.ts';
import { reportSchema } from '../../bridge-server/protocol/job.ts';
import type { ChosenKeys, RenderRequest } from '../../bridge-server/protocol/request.ts';
import { sceneMovie } from '../cli/footage.ts';
import { tinyFolder } from '../diffusion/model.ts';
import { someDiffusion, someRequest } from '../jobs/request.ts';
import { newInstall, pentimento, removeInstall, serve, type Install, type Served } from './bridge.ts';
import { Client } from './client.ts';

/** Painting by a model over the socket, in a bridge of its own process. */
const FRAMES = 9;
const never = new AbortController().signal;

let install: Install;
let bridge: Served;
let tiny: string;
beforeAll(async () => {
  install = await newInstall();
  tiny = await realpath(await tinyFolder('sd15'));
  await sceneMovie(join(install.allowed, 'shot.mov'), FRAMES);
  await pentimento(install, 'models', 'add', tiny);
  bridge = await serve(install);
});
afterAll(async () => {
  await bridge.end('SIGKILL');
  await removeInstall(install);
});

const painting = (output: string, look: Parameters<typeof someDiffusion>[0] = {}): RenderRequest =>
  someRequest({
    source: { path: join(install.allowed, 'shot.mov'), from: 0, to: null, rate: null, alpha: 'straight' },
    keys: { kind: 'every', step: 4 },
    look: someDiffusion({ model: tiny, steps: 12, area: 64 * 96, ...look }),
    output: { kind: 'movie', path: join(install.allowed, output), codec: 'h264', sound: true },
  });

const submit = (request: RenderRequest) => ({ type: 'submit', key: randomUUID(), request });

async function watcher(): Promise<Client> {
  const client = await Client.hello(bridge.port, bridge.token);
  expect((await client.ask({ type: 'subscribe' })).type).toBe('subscribed');
  return client;
}

test('keys are painted, and seen while they are', async () => {
  const client = await watcher();
  const preview = client.next('preview');
  const job = await client.job(submit(painting('painted.mp4')));
  const { job: about, frame, jpeg } = await preview;
  expect({ about, frame }).toEqual({ about: job.id, frame: 0 });
  const image = await sharp(Buffer.from(jpeg, 'base64')).metadata();
  expect(image).toMatchObject({ format: 'jpeg', channels: 3 });

  const done = await client.until(job.id, 'done');
  if (done.state.state !== 'done') throw new Error('unreachable');
  expect(done.state.result).toMatchObject({ frames: FRAMES, keys: [{ frame: 0 }, { frame: 4 }, { frame: 8 }] });
  const units = client.received.flatMap((message) =>
    message.type === 'job' && message.job.state.state === 'running' && message.job.state.progress?.stage === 'look'
      ? [message.job.state.progress]
      : [],
  );
  expect(new Set(units.map(({ unit }) => unit))).toEqual(new Set(['steps']));
  let frames = '';
  const count = ['-count_frames', '-select_streams', 'v', '-show_entries', 'stream=nb_read_frames', '-of', 'csv=p=0'];
  for await (const line of ffprobe([...count, done.state.result.output], never)) frames += line;
  expect(frames).toBe(String(FRAMES));

  const key = await fetch(`http://127.0.0.1:${bridge.port}/v1/jobs/${job.id}/keys/4.jpg`, {
    headers: { authorization: `Bearer ${bridge.token}` },
  });
  expect((await sharp(await key.bytes()).metadata()).width).toBe(160);

  const answer = await fetch(`http://127.0.0.1:${bridge.port}/v1/jobs/${job.id}/report`, {
    headers: { authorization: `Bearer ${bridge.token}` },
  });
  const { from, to, expectedErrors, worst, proposals, stability } = reportSchema.parse(await answer.json());
  expect({ from, to, expected: expectedErrors.length }).toEqual({ from: 0, to: FRAMES, expected: FRAMES });
  // Expected of the motion, whatever the keys look like: none is wrong at itself.
  for (const n of [0, 4, 8]) expect(expectedErrors[n]).toBe(0);
  expect(done.state.result.advice).toEqual({ worst, proposals });
  const [shot] = stability;
  expect(shot).toMatchObject({ from: 0, to: FRAMES, keys: { count: 3 }, frames: { count: FRAMES } });
  expect(shot!.frames.series.map(({ frame: at }) => at)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  await client.close();
});

test('a key is painted again with another seed, alone, and the others stay', async () => {
  const client = await watcher();
  const keys = (...pictures: ChosenKeys[number]['picture'][]): RenderRequest['keys'] => ({
    kind: 'chosen',
    keys: pictures.map((picture, i) => ({ frame: 4 * i, picture })),
  });
  const shown = async (id: string): Promise<string[]> => {
    const jpegs: string[] = [];
    for (const frame of [0, 4, 8]) {
      const response = await fetch(`http://127.0.0.1:${bridge.port}/v1/jobs/${id}/keys/${frame}.jpg`, {
        headers: { authorization: `Bearer ${bridge.token}` },
      });
      expect(response.status).toBe(200);
      jpegs.push(Buffer.from(await response.bytes()).toString('base64'));
    }
    return jpegs;
  };
  const painted = { kind: 'painted' } as const;
  const all: string[][] = [];
  for (const [name, chosen] of [
    ['three', keys(painted, painted, painted)],
    ['reseeded', keys(painted, { kind: 'repainted', seed: 99 }, painted)],
    ['own', keys(painted, painted, { kind: 'image', path: join(install.allowed, 'shot.mov frames', '000000.png') })],
  ] as const) {
    const job = await client.job(submit({ ...painting(`${name}.mp4`), keys: chosen }));
    await client.until(job.id, 'done');
    all.push(await shown(job.id));
  }
  const [three, reseeded, own] = all as [string[], string[], string[]];
  expect(reseeded.map((jpeg, i) => jpeg === three[i])).toEqual([true, false, true]);
  expect(own.map((jpeg, i) => jpeg === three[i])).toEqual([true, true, false]);
  const chosen = keys(painted, { kind: 'repainted', seed: 1 });
  const oil = await client.ask(submit({ ...painting('oil.mp4'), look: { kind: 'oil' }, keys: chosen }));
  expect(oil).toMatchObject({ type: 'refused', error: { code: 'key-seed' } });
  const late = await client.ask(
    submit({ ...painting('late.mp4'), source: { ...painting('').source, to: 4 }, keys: chosen }),
  );
  expect(late).toMatchObject({ type: 'refused', error: { code: 'key-frame' } });
  await client.close();
});

test('the models stay loaded for the next job, which another seed changes', async () => {
  const client = await watcher();
  const hashes = new Set<string>();
  for (const seed of [1, 2]) {
    const job = await client.job(submit(painting(`seed ${seed}.mp4`, { seed })));
    await client.until(job.id, 'done');
    const key = await fetch(`http://127.0.0.1:${bridge.port}/v1/jobs/${job.id}/keys/0.jpg`, {
      headers: { authorization: `Bearer ${bridge.token}` },
    });
    hashes.add(Buffer.from(await key.bytes()).toString('base64'));
  }
  expect(hashes.size).toBe(2);
  await client.close();
});

test('cancelling stops between steps, and resuming goes on', async () => {
  const client = await watcher();
  const request = painting('cancelled.mp4', { seed: 5, steps: 60 });
  const job = await client.job(submit({ ...request, keys: { kind: 'every', step: 1 } }));
  await client.next('job', ({ job: { id, state } }) => {
    return id === job.id && state.state === 'running' && state.progress?.stage === 'look' && state.progress.done > 70;
  });
  await client.job({ type: 'cancel', job: job.id });
  await client.until(job.id, 'cancelled');
  // The first key is there, with all its steps: half of those asked for, at that strength.
  const looking = client.next('job', ({ job: { id, state } }) => {
    return id === job.id && state.state === 'running' && state.progress?.stage === 'look';
  });
  await client.job({ type: 'resume', job: job.id });
  const { state } = (await looking).job;
  expect(state.state === 'running' && state.progress?.done).toBeGreaterThanOrEqual(30);
  await client.next('job', ({ job: { id, state: now } }) => id === job.id && now.state === 'done');
  await client.close();
});

test('a model is read where the user keeps it or allowed it, and nowhere else', async () => {
  const client = await watcher();
  const refusal = async (request: RenderRequest): Promise<string> => {
    const answer = await client.ask(submit(request));
    return answer.type === 'refused' ? answer.error.code : answer.type;
  };
  const { allowed, outside } = install;
  await cp(tiny, join(outside, 'model'), { recursive: true });
  await cp(tiny, join(allowed, 'model'), { recursive: true });
  expect(await refusal(painting('a.mp4', { model: join(outside, 'model') }))).toBe('path-outside-roots');
  expect(await refusal(painting('a.mp4', { model: join(tiny, 'unet') }))).toBe('path-outside-roots');
  expect(await refusal(painting('a.mp4', { vae: join(outside, 'model', 'vae') }))).toBe('path-outside-roots');
  expect(await refusal(painting('a.mp4', { model: join(allowed, 'none') }))).toBe('weights-missing');
  expect(await refusal(painting('a.mp4', { model: join(allowed, 'shot.mov') }))).toMatch(/^weights-/);
  expect(await refusal(painting('a.mp4', { prompt: 'a <lora:nobody:0.5> cat' }))).toBe('model-unknown');
  expect(await refusal(painting('a.mp4', { model: join(allowed, 'model') }))).toBe('accepted');
  await client.close();
});
