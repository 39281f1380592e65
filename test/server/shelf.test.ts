import { randomUUID } from 'node:crypto';
import { cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  addingModelSchema,
  modelsSchema,
  removedModelSchema,
  type InstalledModel,
} from '../../bridge-server/protocol/http.ts';
import { failureSchema } from '../../bridge-server/protocol/job.ts';
import type { AddingView } from '../../bridge-server/protocol/messages.ts';
import { sceneFolder } from '../cli/footage.ts';
import { tinyFolder } from '../diffusion/model.ts';
import { someDiffusion, someRequest } from '../jobs/request.ts';
import { someClip } from '../jobs/train-request.ts';
import { newInstall, removeInstall, serve, type Install, type Served } from './bridge.ts';
import { Client } from './client.ts';

/** Models as a panel sees them and adds to them, from a bridge in a process of its own. */
const GOLDENS = join(import.meta.dirname, '..', 'goldens');

let install: Install;
let bridge: Served;
let client: Client;
beforeAll(async () => {
  install = await newInstall();
  bridge = await serve(install);
  client = await Client.hello(bridge.port, bridge.token);
  await client.ask({ type: 'subscribe' });
});
afterAll(async () => {
  await client.close();
  expect(await bridge.end()).toBe(0);
  await removeInstall(install);
});

function ask(body?: object, path = '/v1/models'): Promise<Response> {
  return fetch(`http://127.0.0.1:${bridge.port}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${bridge.token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
}

const models = async (): Promise<InstalledModel[]> => modelsSchema.parse(await (await ask()).json()).models;

/** Adds it and tells how that ended. */
async function added(from: string): Promise<Pick<AddingView, 'from' | 'state'> & { code: string | null }> {
  const response = await ask({ from });
  const answer: unknown = await response.json();
  if (!response.ok) throw new Error(failureSchema.parse(answer).code);
  const { id } = addingModelSchema.parse(answer);
  const ended = (message: AddingView): boolean => message.id === id && message.state !== 'running';
  const told = client.received.find((message) => message.type === 'adding' && ended(message));
  const news = told?.type === 'adding' ? told : await client.next('adding', ended);
  return { from: news.from, state: news.state, code: news.error?.code ?? null };
}

test('models of all kinds are added by where they are, and told apart', async () => {
  const { allowed } = install;
  await cp(await tinyFolder('sd15'), join(allowed, 'tiny'), { recursive: true });
  await cp(join(GOLDENS, 'tiny-lora', 'kohya-linear.safetensors'), join(allowed, 'style.safetensors'));
  await mkdir(join(allowed, 'nets'));
  await cp(join(GOLDENS, 'tiny-controlnet', 'diffusers-2'), join(allowed, 'nets', 'canny'), { recursive: true });
  for (const from of ['tiny', 'style.safetensors', 'nets'].map((name) => join(allowed, name))) {
    expect(await added(from)).toEqual({ from, state: 'done', code: null });
  }
  const all = await models();
  const family = 'Stable Diffusion 1.5';
  expect(all.find(({ kind }) => kind === 'checkpoint')).toMatchObject({
    family,
    steps: 20,
    guidance: 7.5,
    control: null,
  });
  expect(all.find(({ kind }) => kind === 'lora')).toMatchObject({ name: 'style.safetensors', steps: null });
  expect(all.find(({ kind }) => kind === 'controlnet')).toMatchObject({ control: 'canny', guidance: null });
  for (const { path, bytes } of all) expect([path.startsWith(allowed), bytes > 1000]).toEqual([true, true]);
});

test('a model is not removed from under a job that may go on', async () => {
  const { allowed } = install;
  await sceneFolder(join(allowed, 'shot'), 3);
  const all = await models();
  const lora = all.find(({ kind }) => kind === 'lora')!.path;
  const look = someDiffusion({
    model: all.find(({ kind }) => kind === 'checkpoint')!.path,
    loras: [{ file: lora, scale: 1, textScale: 1 }],
    area: 64 * 64,
  });
  const request = someRequest({
    ...{ source: someClip(join(allowed, 'shot')), look },
    output: { kind: 'images', folder: join(allowed, 'out') },
  });
  const { id } = await client.job({ type: 'submit', key: randomUUID(), request });
  await client.job({ type: 'pause', job: id });
  await client.until(id, 'paused');
  const remove = async (): Promise<unknown> => (await ask({ path: lora }, '/v1/models/remove')).json();
  expect(await remove()).toMatchObject({
    code: 'model-needed',
    message: expect.stringContaining(`Job ${id}`) as string,
  });
  expect((await models()).map(({ path }) => path)).toContain(lora);
  await client.job({ type: 'cancel', job: id });
  await client.until(id, 'cancelled');
  expect(removedModelSchema.parse(await remove())).toEqual({ path: lora, deleted: false });
});

test('what cannot be added says why', async () => {
  const { allowed, outside } = install;
  await writeFile(join(allowed, 'pickle.safetensors'), '\x80\x02not a model at all');
  expect(await added(join(allowed, 'pickle.safetensors'))).toMatchObject({
    state: 'failed',
    code: expect.stringMatching(/^weights-/) as string,
  });
  expect(await added(join(allowed, 'none.safetensors'))).toMatchObject({ state: 'failed' });
  // Not of the public internet, however it is written.
  for (const address of [
    'http://127.0.0.1/a.safetensors',
    `https://127.0.0.1:${bridge.port}/v1/health`,
    'https://[::1]/a',
    'file:///etc/passwd',
  ]) {
    expect(await added(address), address).toMatchObject({
      state: 'failed',
      code: expect.stringMatching(/^download-/) as string,
    });
  }
  // Never looked for where the bridge happens to have been started.
  expect(await added(basename(import.meta.dirname))).toMatchObject({ state: 'failed', code: 'model-source-unknown' });
  const before = await models();
  await symlink(outside, join(allowed, 'nets', 'way-out'));
  await cp(join(GOLDENS, 'tiny-lora', 'kohya-linear.safetensors'), join(outside, 'secret.safetensors'));
  await mkdir(join(allowed, 'deep', 'deeper'), { recursive: true });
  await symlink(outside, join(allowed, 'deep', 'deeper', 'way-out'));
  for (const from of [
    outside,
    join(outside, 'secret.safetensors'),
    join(allowed, 'deep'),
    `${allowed}/nets/way-out/secret.safetensors`,
    '/etc/passwd',
  ]) {
    await expect(added(from), from).rejects.toThrow('path-outside-roots');
  }
  await expect(added(`${allowed}/../outside/secret.safetensors`)).rejects.toThrow('path-unusable');
  await rm(join(allowed, 'nets', 'way-out'));
  expect((await models()).map(({ path }) => path)).toEqual(before.map(({ path }) => path));
  for (const body of [{}, { from: '' }, { from: 'x'.repeat(5000) }, { from: 'sd15', sha256: 'x' }]) {
    expect((await ask(body)).status).toBe(400);
  }
});
