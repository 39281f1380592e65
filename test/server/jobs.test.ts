import { randomUUID } from 'node:crypto';
import { lstat, readdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openClip } from '../../bridge-server/media/clip.ts';
import { openMovie } from '../../bridge-server/media/encode.ts';
import type { JobView } from '../../bridge-server/protocol/job.ts';
import type { RenderRequest } from '../../bridge-server/protocol/request.ts';
import { makeClip, numbersOf } from '../media/clips.ts';
import { makeScene } from '../media/scene.ts';
import { newInstall, removeInstall, serve, type Install, type Served } from './bridge.ts';
import { Client } from './client.ts';

/** The main job over the socket, against a bridge in a process of its own, with real clips. */
const FRAMES = 12;
const LONG = 240;
const signal = new AbortController().signal;

let install: Install;
let bridge: Served;
beforeAll(async () => {
  install = await newInstall();
  const { allowed } = install;
  const scene = await makeScene({ kind: 'arms', seed: 7, width: 160, height: 96, frames: FRAMES });
  const colour = { matrix: 'bt709', range: 'limited', primaries: 'bt709', transfer: 'bt709' } as const;
  const movie = await openMovie(
    join(allowed, 'scene.mov'),
    {
      ...{ codec: 'prores4444', width: 160, height: 96, channels: 3, rate: { num: 24000, den: 1001 }, colour },
      ...{ pixelAspect: { num: 1, den: 1 }, alpha: 'straight', audio: null },
    },
    signal,
  );
  for (let n = 0; n < FRAMES; n++) await movie.write(n, scene.frame(n));
  await movie.finish();
  const long = {
    frames: LONG,
    rate: '25',
    width: 480,
    height: 320,
    options: ['-c:v', 'libx264', '-preset', 'ultrafast'],
  };
  await makeClip(join(allowed, 'long.mp4'), long);
  bridge = await serve(install);
});
afterAll(async () => {
  await bridge.end('SIGKILL');
  await removeInstall(install);
});

const poster = (output: string): RenderRequest => ({
  version: 1,
  source: { path: join(install.allowed, 'scene.mov'), from: 0, to: null, rate: null, alpha: 'straight' },
  keys: { kind: 'every', step: FRAMES - 1 },
  look: { kind: 'poster' },
  mask: null,
  profile: 'fast',
  output: { kind: 'movie', path: join(install.allowed, output), codec: 'prores4444', sound: true },
});

/** Takes long enough to be interfered with. */
const long = (output: string): RenderRequest => ({
  ...poster(output),
  source: { path: join(install.allowed, 'long.mp4'), from: 0, to: null, rate: null, alpha: 'straight' },
  keys: { kind: 'every', step: 1 },
  look: { kind: 'oil' },
});

const submit = (request: RenderRequest, key: string = randomUUID()) => ({ type: 'submit', key, request });

async function watcher(): Promise<Client> {
  const client = await Client.hello(bridge.port, bridge.token);
  expect((await client.ask({ type: 'subscribe' })).type).toBe('subscribed');
  return client;
}

async function framesOf(path: string): Promise<(number | null)[]> {
  const clip = await openClip({ path, from: 0, to: null, rate: null, alpha: 'straight' }, signal);
  return await numbersOf(clip.read(clip.range, signal));
}

const fetchPreview = (job: string, frame: number, query = ''): Promise<Response> =>
  fetch(`http://127.0.0.1:${bridge.port}/v1/jobs/${job}/keys/${frame}.jpg${query}`, {
    headers: { authorization: `Bearer ${bridge.token}` },
  });

test('a movie goes in and a repainted one, frame for frame, comes out, seen by every client', async () => {
  const [one, other] = [await watcher(), await watcher()];
  const request = poster('poster.mov');
  const job = await one.job(submit(request));
  expect(job).toMatchObject({ request, version: 1 });
  const done = await one.until(job.id, 'done');
  expect(await other.until(job.id, 'done')).toEqual(done);
  if (done.state.state !== 'done') throw new Error('unreachable');
  const { output, frames, keys } = done.state.result;
  expect({ output, frames }).toEqual({ output: join(install.allowed, 'poster.mov'), frames: FRAMES });
  expect(keys.map(({ frame }) => frame)).toEqual([0, FRAMES - 1]);
  expect(await framesOf(output)).toHaveLength(FRAMES);
  expect((await readdir(install.allowed)).filter((name) => name.includes('poster'))).toEqual(['poster.mov']);

  // Progress came to both, in order, and none after the end.
  for (const client of [one, other]) {
    const states = client.received.flatMap((message) => (message.type === 'job' ? [message.job.state.state] : []));
    expect(states).toContain('running');
    expect(states.indexOf('done')).toBe(states.length - 1);
  }

  const preview = await fetchPreview(job.id, 0, '?width=80');
  expect({ status: preview.status, type: preview.headers.get('content-type') }).toEqual({
    status: 200,
    type: 'image/jpeg',
  });
  // Three channels: the editors show no grey images.
  const meta = await sharp(await preview.bytes()).metadata();
  expect(meta).toMatchObject({ format: 'jpeg', width: 80, height: 48, channels: 3 });
  expect((await sharp(await (await fetchPreview(job.id, FRAMES - 1)).bytes()).metadata()).width).toBe(160);
  expect((await fetchPreview(job.id, 5)).status).toBe(404);
  expect((await fetchPreview('999999', 0)).status).toBe(404);
  await Promise.all([one.close(), other.close()]);
});

test('every frame arrives as itself', async () => {
  const client = await watcher();
  const request: RenderRequest = {
    ...poster('range.mov'),
    source: { path: join(install.allowed, 'long.mp4'), from: 17, to: 42, rate: null, alpha: 'straight' },
    keys: { kind: 'every', step: 1 },
    look: { kind: 'none' },
  };
  const job = await client.job(submit(request));
  await client.until(job.id, 'done');
  expect(await framesOf(join(install.allowed, 'range.mov'))).toEqual(Array.from({ length: 25 }, (_, n) => 17 + n));
  await client.close();
});

test('a client that drops and comes back finds its job, and asking again makes no second one', async () => {
  const dropping = await watcher();
  const question = submit(poster('dropped.mov'));
  const job = await dropping.job(question);
  dropping.socket.terminate();

  const back = await watcher();
  const again = await back.job(question);
  expect(again.id).toBe(job.id);
  // One key is one job, whoever asks and whatever for.
  expect((await back.job({ ...question, request: poster('other.mov') })).id).toBe(job.id);
  const listed = await back.ask({ type: 'list', limit: 50, before: null });
  if (listed.type !== 'jobs') throw new Error('unreachable');
  expect(listed.jobs.filter(({ id }) => id === job.id)).toHaveLength(1);
  if (again.state.state !== 'done') await back.until(job.id, 'done');
  expect(await framesOf(join(install.allowed, 'dropped.mov'))).toHaveLength(FRAMES);
  await back.close();
});

test('jobs are listed newest first, page by page', async () => {
  const client = await watcher();
  const ids: string[] = [];
  for (let n = 0; n < 3; n++) ids.unshift((await client.job(submit(poster(`listed-${n}.mov`)))).id);
  const pages: string[] = [];
  for (let before: string | null = null, more = true; more && pages.length < 50;) {
    const page = await client.ask({ type: 'list', limit: 2, before });
    if (page.type !== 'jobs') throw new Error('unreachable');
    pages.push(...page.jobs.map(({ id }) => id));
    ({ more } = page);
    before = pages.at(-1)!;
  }
  expect(pages.slice(0, 3)).toEqual(ids);
  expect(new Set(pages).size).toBe(pages.length);
  for (const id of ids) await client.job({ type: 'cancel', job: id });
  await client.close();
});

test('a job is cancelled by any client, leaves nothing behind, and can be resumed', async () => {
  const [one, other] = [await watcher(), await watcher()];
  const job = await one.job(submit(long('cancelled.mov')));
  await one.until(job.id, 'running');
  // Health answers while the job computes.
  const health = await fetch(`http://127.0.0.1:${bridge.port}/v1/health`, {
    headers: { authorization: `Bearer ${bridge.token}` },
  });
  expect(await health.json()).toMatchObject({ name: 'pentimento', version: bridge.version });
  await other.job({ type: 'cancel', job: job.id });
  expect((await one.until(job.id, 'cancelled')).state).toEqual({ state: 'cancelled' });
  await other.until(job.id, 'cancelled');
  expect((await readdir(install.allowed)).filter((name) => name.includes('cancelled'))).toEqual([]);
  // Cancelled again it stays what it is.
  expect((await other.job({ type: 'cancel', job: job.id })).state.state).toBe('cancelled');

  await other.job({ type: 'resume', job: job.id });
  await one.until(job.id, 'running');
  await other.job({ type: 'cancel', job: job.id });
  await one.until(job.id, 'cancelled');
  await Promise.all([one.close(), other.close()]);
});

/** The client hears that the job has that place, or has heard it last. */
async function placed(client: Client, id: string, place: number): Promise<void> {
  const last = client.received.findLast((message) => message.type === 'job' && message.job.id === id);
  if (last?.type === 'job' && last.job.place === place) return;
  await client.next('job', ({ job }) => job.id === id && job.place === place);
}

test('jobs are paused and put in another order, by any client, which the next bridge still knows', async () => {
  let one = await watcher();
  const jobs: string[] = [];
  for (const name of ['first', 'second', 'third', 'fourth']) {
    jobs.push((await one.job(submit(long(`order-${name}.mov`)))).id);
  }
  const [first, second, third, fourth] = jobs as [string, string, string, string];
  await one.until(first, 'running');
  await placed(one, fourth, 2);
  // The last goes before the others.
  expect((await one.job({ type: 'move', job: fourth, before: second })).place).toBe(0);
  await placed(one, third, 2);
  expect((await one.job({ type: 'move', job: second, before: null })).place).toBe(2);
  await expect(one.job({ type: 'move', job: first, before: third })).rejects.toThrow('job-not-queued');
  await expect(one.job({ type: 'move', job: third, before: first })).rejects.toThrow('job-not-queued');

  // What is paused steps aside, and the next one runs; one that waits can be paused too.
  await one.job({ type: 'pause', job: first });
  const paused = await one.until(first, 'paused');
  expect(paused.state).toMatchObject({ progress: { stage: expect.stringMatching(/\w/) as string } });
  await one.until(fourth, 'running');
  await one.job({ type: 'pause', job: third });
  expect(await one.until(third, 'paused')).toMatchObject({ state: { progress: null }, place: null });
  expect((await one.job({ type: 'pause', job: third })).state.state).toBe('paused');

  await bridge.end('SIGKILL');
  bridge = await serve(install);
  one = await watcher();
  // It goes on by itself with what nobody stopped, in the same order.
  await one.until(fourth, 'running');
  const states = async (): Promise<[string, string, number | null][]> => {
    const list = await one.ask({ type: 'list', limit: 4, before: null });
    if (list.type !== 'jobs') throw new Error('unreachable');
    return list.jobs.map(({ id, state, place }) => [id, state.state, place]);
  };
  expect(await states()).toEqual([
    [fourth, 'running', null],
    [third, 'paused', null],
    [second, 'queued', 0],
    [first, 'paused', null],
  ]);
  // Resumed in whatever order, they keep their own; a paused one runs before what was behind it.
  for (const job of [third, first]) await one.job({ type: 'resume', job });
  expect(await states()).toEqual([
    [fourth, 'running', null],
    [third, 'queued', 1],
    [second, 'queued', 2],
    [first, 'queued', 0],
  ]);
  for (const job of jobs) await one.job({ type: 'cancel', job });
  for (const job of jobs) await one.until(job, 'cancelled');
  await one.close();
});

test('a job that cannot be done says why, and the next one runs', async () => {
  const client = await watcher();
  const missing = {
    ...poster('missing.mov'),
    source: { ...poster('').source, path: join(install.allowed, 'missing.mov') },
  };
  const output = {
    kind: 'movie',
    path: join(install.allowed, 'from-missing.mov'),
    codec: 'prores4444',
    sound: true,
  } as const;
  const failing = await client.job(submit({ ...missing, output }));
  const failed = await client.until(failing.id, 'failed');
  expect(failed.state).toMatchObject({
    error: { code: 'media-missing', remedy: expect.stringMatching(/\w/) as string },
  });

  // Nor does a link that waits where the movie is written beside lead anywhere.
  const trap = join(install.outside, 'trap');
  await symlink(trap, join(install.allowed, 'next.mov.part'));
  const next = await client.job(submit(poster('next.mov')));
  await client.until(next.id, 'done');
  expect(await framesOf(join(install.allowed, 'next.mov'))).toHaveLength(FRAMES);
  expect(await lstat(trap).catch(() => null)).toBeNull();
  await client.close();
});

test.each(['SIGKILL', 'SIGTERM'] as const)('after %s the next bridge goes on with the job to the end', async (by) => {
  const first = await watcher();
  const output = `after-${by}.mov`;
  const request = { ...long(output), source: { ...long(output).source, to: 24 } };
  const job = await first.job(submit(request));
  await first.next('job', ({ job: { state } }) => state.state === 'running' && (state.progress?.done ?? 0) > 0);
  expect(await bridge.end(by)).toBe(by === 'SIGTERM' ? 0 : by);
  const { code, reason } = await first.closed;
  expect([code, reason]).toEqual(by === 'SIGTERM' ? [1001, 'shutting-down'] : [1006, '']);
  expect((await readdir(install.allowed)).filter((name) => name === output)).toEqual([]);

  bridge = await serve(install);
  const back = await watcher();
  // It may be done before anybody looks.
  const { jobs: listed } = (await back.ask({ type: 'list', limit: 1, before: null })) as { jobs: JobView[] };
  const done = listed[0]!.state.state === 'done' ? listed[0]! : await back.until(job.id, 'done');
  expect(done.state).toMatchObject({ result: { frames: 24 } });
  expect(await framesOf(join(install.allowed, output))).toHaveLength(24);
  await rm(join(install.allowed, output));
  await back.close();
});
