import { mkdir, readdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { Failure } from '../../bridge-server/errors.ts';
import { renderRequestSchema, type DiffusionLook, type RenderRequest } from '../../bridge-server/protocol/request.ts';
import { trainRequestSchema, type TrainRequest } from '../../bridge-server/protocol/train-request.ts';
import { confine, confineTraining, contains, windowsTrap, type Bounds } from '../../bridge-server/server/confine.ts';
import { allowRoot, allowedRoots } from '../../bridge-server/server/roots.ts';
import { someDiffusion } from '../jobs/request.ts';
import { someClip, someTraining } from '../jobs/train-request.ts';
import { newInstall, pentimento, removeInstall, serveForTest, type Install } from './bridge.ts';
import { Client } from './client.ts';

/** `allowed` with every kind of way out of it, and an `outside` to get to. */
let install: Install;
let bounds: Bounds;
const noModels = () => Promise.resolve([]);
beforeAll(async () => {
  install = await newInstall();
  const { allowed, outside, home } = install;
  bounds = { roots: [allowed], closed: [join(allowed, 'closed')], models: noModels };
  for (const folder of ['keys', 'frames', 'closed', 'sub/deep'])
    await mkdir(join(allowed, folder), { recursive: true });
  await mkdir(`${allowed}-evil`);
  await mkdir(home);
  for (const file of [join(allowed, 'clip.mov'), join(outside, 'secret.png'), join(allowed, 'closed', 'token')]) {
    await writeFile(file, '');
  }
  const links: [string, string][] = [
    ['out', outside],
    ['up', '..'],
    ['root', '/'],
    ['in', join(allowed, 'keys')],
    ['dangling', join(outside, 'new')],
    ['loop', 'loop'],
    ['frames/000001.png', join(outside, 'secret.png')],
    ['sub/deep/back', '../../..'],
    ['to-closed', 'closed'],
    ['shot_v003', outside],
    ['shot_v004.mov', join(outside, 'new.mov')],
  ];
  for (const [name, target] of links) await symlink(target, join(allowed, name));
});
afterAll(() => removeInstall(install));

const request = (change: Partial<RenderRequest> = {}): RenderRequest => ({
  version: 1,
  source: { path: join(install.allowed, 'clip.mov'), from: 0, to: null, rate: null, alpha: 'straight' },
  keys: { kind: 'every', step: 5 },
  look: { kind: 'none' },
  mask: null,
  profile: 'quality',
  output: { kind: 'movie', path: join(install.allowed, 'new.mov'), codec: 'prores4444', sound: true },
  ...change,
});

const diffusion = () => someDiffusion({ model: join(install.allowed, 'model.safetensors') });

const control = (change: Partial<DiffusionLook['controls'][number]>): RenderRequest => {
  const file = join(install.allowed, 'net.safetensors');
  const whole = { file, weight: 1, start: 0, end: 1, guess: false, map: { kind: 'luminance' } as const };
  return request({ look: { ...diffusion(), controls: [{ ...whole, ...change }] } });
};

const maskIn = (folder: string) => ({ kind: 'images', folder, channel: 'grey', grow: 0, feather: 0 }) as const;

/** Of something in the allowed folder. */
const training = (change: Partial<TrainRequest> = {}): TrainRequest => {
  const source = someClip(join(install.allowed, 'clip.mov'));
  const model = join(install.allowed, 'model.safetensors');
  return someTraining({ clips: [{ source, subject: { kind: 'whole' } }], model, ...change });
};

const clip = (change: Partial<TrainRequest['clips'][number]>): TrainRequest =>
  training({ clips: [{ ...training().clips[0]!, ...change }] });

const SLOTS: Record<string, (path: string) => RenderRequest | TrainRequest> = {
  source: (path) => request({ source: { ...request().source, path } }),
  keys: (folder) => request({ keys: { kind: 'images', folder } }),
  'chosen key': (path) => request({ keys: { kind: 'chosen', keys: [{ frame: 3, picture: { kind: 'image', path } }] } }),
  mask: (folder) => request({ mask: maskIn(folder) }),
  region: (folder) => request({ look: { ...diffusion(), regions: [{ mask: maskIn(folder), prompt: 'a cat' }] } }),
  model: (model) => request({ look: { ...diffusion(), model } }),
  vae: (vae) => request({ look: { ...diffusion(), vae } }),
  'motion modules': (motion) => request({ look: { ...diffusion(), motion } }),
  embedding: (path) => request({ look: { ...diffusion(), embeddings: [path] } }),
  lora: (file) => request({ look: { ...diffusion(), loras: [{ file, scale: 1, textScale: 1 }] } }),
  controlnet: (file) => control({ file, map: { kind: 'luminance' } }),
  'control maps': (folder) => control({ map: { kind: 'images', folder } }),
  annotator: (file) => control({ map: { kind: 'annotator', file, steady: true } }),
  movie: (path) => request({ output: { kind: 'movie', path, codec: 'h264', sound: true } }),
  images: (folder) => request({ output: { kind: 'images', folder } }),
  'a clip to learn from': (path) => clip({ source: someClip(path) }),
  'the mask of a subject': (folder) => clip({ subject: { kind: 'mask', mask: maskIn(folder) } }),
  'a base model': (model) => training({ model }),
  'images of the class': (folder) => training({ prior: { folder, caption: '' } }),
  'a LoRA': (path) => training({ output: { kind: 'file', path } }),
};

const confined = (asked: RenderRequest | TrainRequest, within = bounds): Promise<RenderRequest | TrainRequest> =>
  'clips' in asked ? confineTraining(asked, within) : confine(asked, within);

const refusal = async (asked: RenderRequest | TrainRequest, within = bounds): Promise<string> => {
  try {
    await confined(asked, within);
    return 'accepted';
  } catch (error) {
    return (error as Failure).code;
  }
};

/** Every text in what a schema takes: free text is a path unless proven otherwise. */
function textsIn(all: z.ZodType): string[] {
  const paths = new Set<string>();
  const visit = (schema: unknown, name: string): void => {
    if (typeof schema !== 'object' || schema === null) return;
    const { type, const: constant, enum: words, pattern, properties, ...rest } = schema as Record<string, unknown>;
    if (type === 'string' && constant === undefined && words === undefined && pattern === undefined) paths.add(name);
    for (const [key, value] of Object.entries(properties ?? {})) visit(value, name ? `${name}.${key}` : key);
    for (const value of Object.values(rest)) visit(value, name);
  };
  visit(z.toJSONSchema(all), '');
  return [...paths].sort();
}

test('every path that a request can hold is among those tried here', () => {
  const prose = ['caption', 'examples.frames.caption', 'output.name', 'prior.caption', 'samples.prompt', 'trigger'];
  expect(textsIn(trainRequestSchema)).toEqual(
    [...prose, 'clips.source.path', 'clips.subject.mask.folder', 'model', 'output.path', 'prior.folder'].sort(),
  );
  const texts = ['look.negative', 'look.prompt', 'look.prompts.prompt', 'look.regions.prompt', 'look.details.prompt'];
  expect(textsIn(renderRequestSchema)).toEqual(
    [
      ...texts,
      'keys.folder',
      'keys.keys.picture.path',
      'look.embeddings',
      'look.model',
      'look.vae',
      'look.motion',
      'mask.folder',
      'output.folder',
      'output.path',
    ]
      .concat(
        'source.path',
        'look.loras.file',
        'look.controls.file',
        'look.controls.map.file',
        'look.controls.map.folder',
        'look.regions.mask.folder',
      )
      .sort(),
  );
});

describe.each(Object.keys(SLOTS))('the path of %s', (slot) => {
  const at = SLOTS[slot]!;

  test('may not lead out of what the user allowed', async () => {
    const { allowed, outside } = install;
    const outOfIt = [
      outside,
      join(outside, 'secret.png'),
      join(outside, 'not', 'there'),
      `${allowed}-evil`,
      `${allowed}-evil/x`,
      `${allowed}x`,
      dirname(allowed),
      '/',
      '/etc/passwd',
      '/proc/self/environ',
      '/proc/self/root/etc/passwd',
      `/proc/self/root${outside}/secret.png`,
      '/dev/stdin',
      join(allowed, 'out'),
      join(allowed, 'out', 'secret.png'),
      join(allowed, 'out', 'not', 'there'),
      join(allowed, 'up'),
      join(allowed, 'up', 'outside', 'secret.png'),
      join(allowed, 'root', outside.slice(1), 'secret.png'),
      join(allowed, 'sub', 'deep', 'back'),
      join(allowed, 'dangling'),
      join(allowed, 'dangling', 'x'),
      join(allowed, 'loop'),
      join(allowed, 'loop', 'x'),
      join(allowed, 'closed'),
      join(allowed, 'closed', 'token'),
      join(allowed, 'closed', 'new'),
      join(allowed, 'to-closed', 'token'),
      // Another case is another name, except where the file system says otherwise; then it is inside.
      ...((await realpath(allowed.toUpperCase()).catch(() => null)) === null ? [allowed.toUpperCase()] : []),
    ];
    for (const path of outOfIt) expect(await refusal(at(path)), path).toBe('path-outside-roots');
    // Even a way back in is no plain path.
    const notPlain = [
      `${allowed}/../outside/secret.png`,
      `${allowed}/../allowed/clip.mov`,
      `${allowed}/out/../clip.mov`,
      `${allowed}/..`,
      `${allowed}/keys/..`,
      `${allowed}\\..\\outside`,
      `${allowed}/clip.mov\0.png`,
      'clip.mov',
      './clip.mov',
      '~/clip.mov',
      `file://${allowed}/clip.mov`,
      'concat:/etc/passwd',
    ];
    for (const path of notPlain) expect(await refusal(at(path)), path).toBe('path-unusable');
  });

  test('is the real one afterwards', async () => {
    const { allowed } = install;
    for (const [given, real] of [
      [join(allowed, 'keys'), 'keys'],
      [`${allowed}//keys/./`, 'keys'],
      [join(allowed, 'in'), 'keys'],
      [join(allowed, 'in', 'new'), 'keys/new'],
      [join(allowed, 'not', 'there'), 'not/there'],
      [join(allowed, '...'), '...'],
      [join(allowed, '..x'), '..x'],
      [allowed, ''],
    ] as const) {
      if (real === '' && !['movie', 'images'].includes(slot)) continue; // Its links lead out.
      const text = JSON.stringify(await confined(at(given)));
      expect(text).toContain(JSON.stringify(join(allowed, real)));
      expect(text).not.toContain('/in');
    }
  });

  test('is refused whole when nothing is allowed', async () => {
    expect(await refusal(at(join(install.allowed, 'keys')), { roots: [], closed: [], models: noModels })).toBe(
      'path-outside-roots',
    );
  });
});

test('whatever is accepted is inside when it is then written', async () => {
  const name = fc.constantFrom(
    '..',
    '.',
    '',
    'out',
    'in',
    'up',
    'keys',
    'sub',
    'deep',
    'back',
    'dangling',
    'loop',
    'fresh',
    'root',
    '... ',
    'closed',
  );
  await fc.assert(
    fc.asyncProperty(fc.array(name, { minLength: 1, maxLength: 6 }), async (names) => {
      const path = [install.allowed, ...names].join(sep);
      let asked: RenderRequest;
      try {
        asked = await confine(request({ output: { kind: 'images', folder: path } }), bounds);
      } catch (error) {
        expect(error).toBeInstanceOf(Failure);
        return;
      }
      const { folder } = asked.output as { folder: string };
      await mkdir(folder, { recursive: true });
      const real = await realpath(folder);
      expect(contains(install.allowed, real)).toBe(true);
      expect(contains(join(install.allowed, 'closed'), real)).toBe(false);
      expect(real).toBe(folder.length > 1 ? folder.replace(/\/$/, '') : folder);
      for (const made of ['fresh', '... ', 'keys/fresh', 'sub/fresh']) {
        await rm(join(install.allowed, made), { recursive: true, force: true });
      }
    }),
    { numRuns: 300 },
  );
  expect(await readdir(install.outside)).toEqual(['secret.png']);
});

test('links among the frames of an input folder are followed too', async () => {
  const frames = join(install.allowed, 'frames');
  for (const slot of [
    ...['source', 'keys', 'mask', 'region', 'model', 'vae', 'control maps'],
    ...['a clip to learn from', 'the mask of a subject', 'a base model', 'images of the class'],
  ])
    expect(await refusal(SLOTS[slot]!(frames))).toBe('path-outside-roots');
  expect(await refusal(SLOTS['keys']!(join(install.allowed, 'keys')))).toBe('accepted');
});

test('a LoRA is not trained where the folder that shows how it goes leads out', async () => {
  const { allowed, outside } = install;
  const at = (name: string): TrainRequest => training({ output: { kind: 'file', path: join(allowed, name) } });
  await symlink(outside, join(allowed, 'leaky.training'));
  await mkdir(join(allowed, 'holed.training'));
  await symlink(join(outside, 'secret.png'), join(allowed, 'holed.training', 'step-000001.png'));
  await symlink(outside, join(allowed, 'at_v002.training'));
  for (const name of ['leaky', 'holed', 'at_{version}']) {
    expect(await refusal(at(`${name}.safetensors`)), name).toBe('path-outside-roots');
  }
  for (const name of ['tight', 'tight_{version}']) expect(await refusal(at(`${name}.safetensors`))).toBe('accepted');
});

test('no version of an output is a link that leads out', async () => {
  const { allowed } = install;
  expect(await refusal(SLOTS['images']!(join(allowed, 'shot_{version}')))).toBe('path-outside-roots');
  expect(await refusal(SLOTS['movie']!(join(allowed, 'shot_{version}.mov')))).toBe('path-outside-roots');
  expect(await refusal(SLOTS['movie']!(join(allowed, 'other_{version}.mov')))).toBe('accepted');
  expect(await refusal(SLOTS['movie']!(join(allowed, 'x_{version}', 'shot.mov')))).toBe('path-unusable');
});

test('Windows has names that are not what they look like', () => {
  const traps = [
    'C:\\a\\con',
    'C:\\a\\NUL.mov',
    'C:\\a\\com1.txt',
    'C:\\a\\lpt9',
    'C:\\a\\b.',
    'C:\\a\\b \\c',
    'C:\\a\\...',
  ];
  traps.push(
    'C:\\a\\b.mov:stream',
    'C:\\a\\b.mov::$DATA',
    '\\\\?\\C:\\a',
    '\\\\.\\PhysicalDrive0',
    '//?/C:/a',
    'C:\\a\\*.mov',
    'C:\\a\\aux',
  );
  for (const path of traps) expect(windowsTrap(path), path).toBe(true);
  const plain = [
    'C:\\a\\b.mov',
    'C:/a/b c.mov',
    '\\\\server\\share\\a.mov',
    'C:\\console\\nullify.mov',
    'D:\\com10\\x',
    'C:\\a\\.hidden',
  ];
  for (const path of plain) expect(windowsTrap(path), path).toBe(false);
});

test('what the user allows is kept, once, as the real folder', async () => {
  const own = await newInstall();
  const config = join(own.home, 'config');
  expect(await allowedRoots(config)).toEqual([]);
  await symlink(own.allowed, join(own.outside, 'link'));
  await allowRoot(config, join(own.outside, 'link'));
  await allowRoot(config, own.allowed);
  expect(await allowedRoots(config)).toEqual([own.allowed]);
  await expect(allowRoot(config, join(own.outside, 'none'))).rejects.toMatchObject({ code: 'media-missing' });
  await writeFile(join(own.outside, 'file'), '');
  await expect(allowRoot(config, join(own.outside, 'file'))).rejects.toMatchObject({ code: 'path-unusable' });
  await writeFile(join(config, 'roots.json'), '{"roots":"/"}');
  await expect(allowedRoots(config)).rejects.toMatchObject({ code: 'roots-unreadable' });
  await removeInstall(own);
});

test('a running bridge takes up at once what the command line allows, and keeps its own folders closed', async () => {
  const bridge = await serveForTest();
  const { allowed, outside, home } = bridge;
  const client = await Client.hello(bridge.port, bridge.token);
  const submit = async (path: string): Promise<string> => {
    const asked = {
      ...request(),
      source: { ...request().source, path },
      output: { kind: 'images', folder: join(allowed, 'o') },
    };
    const answer = await client.ask({ type: 'submit', key: `key of ${path}`.slice(-60), request: asked });
    return answer.type === 'refused' ? answer.error.code : answer.type;
  };
  expect(await submit(join(allowed, 'clip.mov'))).toBe('accepted');
  expect(await submit(join(outside, 'clip.mov'))).toBe('path-outside-roots');

  const again = await pentimento(bridge, 'serve', '--allow', outside, '--allow', dirname(home));
  expect(again).toMatchObject({
    code: 0,
    stdout: `${JSON.stringify({ port: bridge.port, version: bridge.version })}\n`,
  });
  expect(await submit(join(outside, 'clip.mov'))).toBe('accepted');
  expect(await submit(join(home, 'config', 'token'))).toBe('path-outside-roots');
  expect(await submit(join(home, 'data', 'pentimento.sqlite'))).toBe('path-outside-roots');

  // What is allowed no longer is not resumed, nor shown.
  const list = await client.ask({ type: 'list', limit: 1, before: null });
  if (list.type !== 'jobs') throw new Error('unreachable');
  const { id } = list.jobs[0]!;
  const preview = async (): Promise<number> =>
    (
      await fetch(`http://127.0.0.1:${bridge.port}/v1/jobs/${id}/keys/0.jpg`, {
        headers: { authorization: `Bearer ${bridge.token}` },
      })
    ).status;
  expect(await preview()).not.toBe(403);
  await writeFile(join(home, 'config', 'roots.json'), JSON.stringify({ roots: [allowed] }));
  await expect(client.job({ type: 'resume', job: id })).rejects.toThrow('path-outside-roots');
  expect(await preview()).toBe(403);

  const elsewhere = await pentimento(bridge, 'serve', '--port', '1');
  expect(elsewhere.code).toBe(1);
  expect(elsewhere.stderr).toContain(String(bridge.port));
  await client.close();
});
