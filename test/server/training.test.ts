import { randomUUID } from 'node:crypto';
import { access, mkdir, readdir, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp, { type Metadata } from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { modelsSchema } from '../../bridge-server/protocol/http.ts';
import {
  trainingSchema,
  type JobView,
  type TrainingView,
  type TrainJobView,
} from '../../bridge-server/protocol/job.ts';
import {
  trainEstimateSchema,
  trainFramesAnswerSchema,
  type TrainFramesAnswer,
  type TrainRequest,
} from '../../bridge-server/protocol/train-request.ts';
import { sceneFolder } from '../cli/footage.ts';
import { tinyFolder } from '../diffusion/model.ts';
import { someDiffusion, someRequest } from '../jobs/request.ts';
import { someClip, someTraining } from '../jobs/train-request.ts';
import { weightsOf } from '../train/weights.ts';
import { safetensorsBytes, zeros } from '../weights/file.ts';
import { newInstall, pentimento, removeInstall, serve, type Install, type Served } from './bridge.ts';
import { Client } from './client.ts';

/** Training in the queue of a bridge in a process of its own. */
const STEPS = 24;

let install: Install;
let bridge: Served;
let tiny: string;
beforeAll(async () => {
  install = await newInstall();
  tiny = await realpath(await tinyFolder('sd15'));
  await sceneFolder(join(install.allowed, 'shot'), 6);
  await pentimento(install, 'models', 'add', tiny);
  bridge = await serve(install);
});
afterAll(async () => {
  await bridge.end('SIGKILL');
  await removeInstall(install);
});

const training = (output: TrainRequest['output'], changes: Partial<TrainRequest> = {}): TrainRequest => {
  const usual = someTraining();
  return {
    ...usual,
    clips: [{ source: someClip(join(install.allowed, 'shot')), subject: { kind: 'whole' } }],
    model: tiny,
    settings: { ...usual.settings, steps: STEPS },
    output,
    ...changes,
  };
};

const asked = (request: TrainRequest) => ({ type: 'train', key: randomUUID(), request });

async function watcher(): Promise<Client> {
  const client = await Client.hello(bridge.port, bridge.token);
  await client.ask({ type: 'subscribe' });
  return client;
}

function ask(path: string, body?: object): Promise<Response> {
  return fetch(`http://127.0.0.1:${bridge.port}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${bridge.token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
}

const report = async (id: string): Promise<TrainingView> =>
  trainingSchema.parse(await (await ask(`/v1/jobs/${id}/training`)).json());

async function picture(path: string): Promise<Metadata> {
  const answer = await ask(path);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/jpeg']);
  return sharp(await answer.bytes()).metadata();
}

const stepOf = (job: JobView): number =>
  job.kind === 'train' && job.state.state === 'running' && job.state.progress?.stage === 'train'
    ? job.state.progress.done
    : 0;

const reaches = (client: Client, id: string, step: number) =>
  client.next('job', ({ job }) => job.id === id && stepOf(job) >= step);

test('a training is paused, survives a kill, and makes the LoRA of an unbroken run; a render waits behind it', async () => {
  let client = await watcher();
  // Nothing is kept but what an open job needs, a paused one among them.
  await pentimento(install, 'settings', 'cache-budget', '0');
  const whole = await client.job(asked(training({ kind: 'file', path: join(install.allowed, 'whole.safetensors') })));
  expect(whole).toMatchObject({ kind: 'train', version: 1 });
  const broken = await client.job(
    asked(training({ kind: 'store', name: 'My face' }, { samples: { every: 21, prompt: 'blorp' } })),
  );
  const render = someRequest({
    source: someClip(join(install.allowed, 'shot')),
    output: { kind: 'images', folder: join(install.allowed, 'plain') },
  });
  const behind = await client.job({ type: 'submit', key: randomUUID(), request: render });
  expect([broken.state.state, broken.place, behind.place]).toEqual(['queued', 0, 1]);
  const { state } = await client.until<TrainJobView>(whole.id, 'done');
  expect(state).toMatchObject({ result: { output: join(install.allowed, 'whole.safetensors'), steps: STEPS } });

  await reaches(client, broken.id, 3);
  await client.job({ type: 'pause', job: broken.id });
  const paused = await client.until<TrainJobView>(broken.id, 'paused');
  const at = paused.state.state === 'paused' ? paused.state.progress : null;
  expect(at).toMatchObject({ stage: 'train', unit: 'steps', total: STEPS, loss: expect.any(Number) as number });
  // What comes next has its turn meanwhile.
  await client.until(behind.id, 'done');
  await pentimento(install, 'settings', 'cache-budget');

  expect((await report(broken.id)).losses).toHaveLength(at!.done);
  const resumed = reaches(client, broken.id, 1);
  await client.job({ type: 'resume', job: broken.id });
  // What it had learnt was kept at once.
  expect(stepOf((await resumed).job)).toBe(at!.done + 1);
  await reaches(client, broken.id, 21);
  await bridge.end('SIGKILL');
  bridge = await serve(install);
  client = await watcher();
  // It may be done before anybody looks.
  const taken = (await client.job({ type: 'resume', job: broken.id })) as TrainJobView;
  const done = taken.state.state === 'done' ? taken : await client.until<TrainJobView>(broken.id, 'done');
  if (done.state.state !== 'done') throw new Error('unreachable');
  const { output, examples } = done.state.result;
  expect(await weightsOf(output)).toEqual(await weightsOf(join(install.allowed, 'whole.safetensors')));

  const told = await report(broken.id);
  expect(told.losses.map(({ step }) => step)).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
  expect(told.samples).toEqual([{ step: 21 }, { step: STEPS }]);
  expect(told.examples).toHaveLength(examples);
  expect(told.examples[0]).toMatchObject({ clip: 0, caption: 'a photo of blorp' });
  const shape = { format: 'jpeg', width: told.size!.width };
  expect(await picture(`/v1/jobs/${broken.id}/training/examples/0.jpg?width=512`)).toMatchObject(shape);
  expect(await picture(`/v1/jobs/${broken.id}/training/samples/21.jpg?width=512`)).toMatchObject(shape);
  expect((await ask(`/v1/jobs/${broken.id}/training/samples/22.jpg`)).status).toBe(404);
  expect((await ask(`/v1/jobs/${broken.id}/training/examples/99.jpg`)).status).toBe(404);
  expect((await ask(`/v1/jobs/${behind.id}/training`)).status).toBe(404);
  expect((await ask(`/v1/jobs/${broken.id}/frames/0.jpg?of=source`)).status).toBe(404);

  // It is a model like any other: listed with its word, and painted with.
  const { models } = modelsSchema.parse(await (await ask('/v1/models')).json());
  const made = models.find(({ path }) => path === output);
  expect(made).toMatchObject({ kind: 'lora', trigger: 'blorp', name: 'My_face.safetensors' });
  const look = someDiffusion({
    model: tiny,
    steps: 2,
    area: 64 * 64,
    loras: [{ file: output, scale: 1, textScale: 1 }],
  });
  const painted = await client.job({ type: 'submit', key: randomUUID(), request: { ...render, look } });
  // What shows how it went is kept as long as there is room.
  const shown = join(install.home, 'data', 'trainings', broken.id);
  expect(await readdir(shown)).toContain('report.json');
  await pentimento(install, 'settings', 'cache-budget', '0');
  await client.until(painted.id, 'done');
  await expect.poll(() => readdir(shown).catch(() => null)).toBeNull();
  expect((await report(broken.id)).losses).toEqual([]);
  await pentimento(install, 'settings', 'cache-budget');

  const { stdout } = await pentimento(install, 'jobs');
  expect(stdout).toMatch(/done +shot -> the model My face {2}LoRA of blorp/);

  // Removing takes away what the install made itself.
  const removed = await ask('/v1/models/remove', { path: output });
  expect(await removed.json()).toEqual({ path: output, deleted: true });
  await expect(access(output)).rejects.toThrow();
  await client.close();
}, 300_000);

test('a training can be cancelled', async () => {
  const client = await watcher();
  const { id } = await client.job(asked(training({ kind: 'store', name: 'halted' })));
  await client.until(id, 'running');
  await client.job({ type: 'cancel', job: id });
  await client.until(id, 'cancelled');
  expect((await report(id)).losses).toEqual([]);
  await client.close();
});

test('what another training left is never gone on with', async () => {
  const client = await watcher();
  const left = safetensorsBytes(zeros({ losses: [3] }, 'float32'), { identity: 'other', step: '3' });
  // Beside a file it may be somebody's work.
  await mkdir(join(install.allowed, 'taken.training'));
  await writeFile(join(install.allowed, 'taken.training', 'state.safetensors'), left);
  const path = join(install.allowed, 'taken.safetensors');
  const refused = await client.job(asked(training({ kind: 'file', path })));
  const { state } = await client.until<TrainJobView>(refused.id, 'failed');
  expect(state).toMatchObject({ error: { code: 'train-other' } });
  // In the job's own folder it is of a clip that has changed since.
  const { id } = await client.job(asked(training({ kind: 'store', name: 'changed' })));
  await client.until(id, 'running');
  await client.job({ type: 'cancel', job: id });
  await client.until(id, 'cancelled');
  const folder = join(install.home, 'data', 'trainings', id);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'state.safetensors'), left);
  const encodes = client.next(
    'job',
    ({ job }) => job.id === id && job.state.state === 'running' && job.state.progress?.stage === 'encode',
  );
  await client.job({ type: 'resume', job: id });
  await encodes;
  await client.job({ type: 'cancel', job: id });
  await client.until(id, 'cancelled');
  expect(await readdir(folder)).not.toContain('state.safetensors');
  await client.close();
});

test('frames are chosen before there is a training', async () => {
  const { clips, model, area } = training({ kind: 'store', name: 'x' });
  let answer: TrainFramesAnswer;
  do
    answer = trainFramesAnswerSchema.parse(
      await (await ask('/v1/train/frames', { clips, model, area, count: 3 })).json(),
    );
  while ('looking' in answer);
  expect(answer.size).toEqual({ width: 64, height: 64 });
  expect(answer.examples.length).toBeGreaterThan(0);
  expect(answer.examples.length).toBeLessThanOrEqual(3);
  const outside = [{ ...clips[0]!, source: someClip(install.outside) }];
  expect((await ask('/v1/train/frames', { clips: outside, model, area, count: 3 })).status).toBe(403);
});

test('what a training takes is estimated before there is one', async () => {
  const request = training({ kind: 'store', name: 'x' });
  const { secondsPerStep, seconds, neededBytes } = trainEstimateSchema.parse(
    await (await ask('/v1/train/estimate', { request })).json(),
  );
  expect(seconds / secondsPerStep).toBeCloseTo(request.settings.steps);
  expect(neededBytes).toBeGreaterThan(0);
  // Also one that says much of every picture.
  const caption = 'blorp in the rain, '.repeat(20);
  const frames = Array.from({ length: 400 }, (_, frame) => ({ clip: 0, frame, caption }));
  const told = await ask('/v1/train/estimate', { request: { ...request, examples: { kind: 'chosen', frames } } });
  expect(told.status).toBe(200);
  const large = await ask('/v1/train/estimate', { request: { ...request, area: 2048 * 2048 } });
  expect(await large.json()).toMatchObject({ code: 'train-memory' });
  const outside = { ...request, model: install.outside };
  expect((await ask('/v1/train/estimate', { request: outside })).status).toBe(403);
});

test('images that are not there are refused before there is a training, and so is their estimate', async () => {
  const empty = join(install.allowed, 'empty');
  await mkdir(empty);
  const masked = (folder: string): Partial<TrainRequest> => ({
    clips: [
      {
        source: someClip(join(install.allowed, 'shot')),
        subject: { kind: 'mask', mask: { kind: 'images', folder, channel: 'grey', grow: 0, feather: 0 } },
      },
    ],
  });
  const client = await watcher();
  for (const [changes, code] of [
    [masked(join(install.allowed, 'no masks')), 'media-missing'],
    [masked(empty), 'masks-none'],
    [{ prior: { folder: join(install.allowed, 'nobody'), caption: '' } }, 'media-missing'],
    [{ prior: { folder: empty, caption: '' } }, 'images-none'],
  ] as const) {
    const request = training({ kind: 'store', name: 'x' }, changes);
    expect(await (await ask('/v1/train/estimate', { request })).json()).toMatchObject({ code });
    await expect(client.job(asked(request))).rejects.toThrow(code);
  }
  await client.close();
});

test('what cannot be trained is refused before it is a job', async () => {
  const client = await watcher();
  const refusal = async (request: TrainRequest): Promise<string> => {
    const answer = await client.ask(asked(request));
    return answer.type === 'refused' ? answer.error.code : answer.type;
  };
  const here = { kind: 'file', path: join(install.allowed, 'x.safetensors') } as const;
  expect(await refusal(training(here, { model: join(install.allowed, 'none.safetensors') }))).toBe('weights-missing');
  expect(await refusal(training(here, { model: join(install.outside, 'a.safetensors') }))).toBe('path-outside-roots');
  expect(await refusal(training({ kind: 'file', path: join(install.outside, 'x.safetensors') }))).toBe(
    'path-outside-roots',
  );
  expect(await refusal(training({ kind: 'file', path: join(install.allowed, 'x.mov') }))).toBe('message-malformed');
  expect(await refusal(training(here, { area: 2048 * 2048 }))).toBe('train-memory');
  expect(await readdir(install.allowed)).not.toContain('x.training');
  await client.close();
});
