import {
  appendFile,
  copyFile,
  mkdir,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { basename, join, sep } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { HUB } from '../../bridge-server/models/hub.ts';
import { type Adding, ModelStore } from '../../bridge-server/models/store.ts';
import { newFolder } from '../jobs/folder.ts';
import { safetensorsBytes, zeros } from '../weights/file.ts';
import { sendFile, serve, sha256 } from './server.ts';

const GOLDENS = join(import.meta.dirname, '..', 'goldens');
const CHECKPOINT = join(GOLDENS, 'tiny-sdxl', 'single-file', 'tiny-sdxl-fp16.safetensors');
const DIFFUSERS = join(GOLDENS, 'tiny-sd15', 'diffusers');
const LORA = safetensorsBytes(zeros({ 'lora_unet_x.lora_down.weight': [8, 400] }));

const served = await serve();
let base: string;
let store: ModelStore;
beforeEach(async () => {
  base = await newFolder();
  const opened = new ModelStore(join(base, 'data'));
  onTestFinished(() => opened.close());
  store = opened;
  served.requests.length = 0;
});

const adding = (more: Partial<Adding> = {}): Adding => ({
  network: served.network,
  hub: HUB,
  offline: false,
  sha256: null,
  signal: new AbortController().signal,
  report: () => undefined,
  pauseMs: 1,
  ...more,
});
const add = (source: string, more: Partial<Adding> = {}): Promise<string> => store.add(source, adding(more));
const verify = async (): Promise<string[]> =>
  (await store.verify([], new AbortController().signal, () => undefined)).map(({ state }) => state);
/** No job needs what is removed. */
const free = (): Promise<void> => Promise.resolve();
const refusal = (code: string): unknown => expect.objectContaining({ name: 'Failure', code });
const place = async (name: string, bytes: Uint8Array | string = LORA): Promise<string> => {
  await mkdir(join(base, name, '..'), { recursive: true });
  await writeFile(join(base, name), bytes);
  return join(base, name);
};

/** A hub with one repository. */
function offer(files: Readonly<Record<string, Buffer>>, lies: Readonly<Record<string, Buffer>> = {}): void {
  served.answer = (request, reply) => {
    const path = decodeURIComponent(request.url ?? '');
    if (path === '/api/models/some/thing/tree/main?recursive=true') {
      const rows = Object.entries(files).map(([name, bytes]) => ({
        type: 'file',
        path: name,
        size: bytes.length,
        ...(name.endsWith('.safetensors') ? { lfs: { oid: sha256(bytes) } } : {}),
      }));
      reply.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(rows));
      return;
    }
    const name = path.replace('/some/thing/resolve/main/', '');
    const bytes = lies[name] ?? files[name];
    if (bytes) sendFile(bytes)(request, reply);
    else reply.writeHead(404).end();
  };
}

describe('files and folders of the user', () => {
  it('are told apart by content, stay as they are, and are only forgotten', async () => {
    await place('webui/models/Lora/a.safetensors');
    await mkdir(join(base, 'webui/models/Stable-diffusion'));
    await copyFile(CHECKPOINT, join(base, 'webui/models/Stable-diffusion/b.safetensors'));
    await place('webui/models/Stable-diffusion/old.ckpt', 'PK\x03\x04');
    await place('webui/venv/lib/not-a-model.safetensors');
    await symlink(join(base, 'webui'), join(base, 'webui/models/circle'));
    const folder = await add(join(base, 'webui'));
    const before = await readdir(folder, { recursive: true });
    const found = await store.list();
    expect(found.map(({ name, origin, identity, refusal }) => [name, origin, identity?.kind ?? refusal?.code])).toEqual(
      [
        [join('models', 'Lora', 'a.safetensors'), 'folder', 'lora'],
        [join('models', 'Stable-diffusion', 'b.safetensors'), 'folder', 'checkpoint'],
        [join('models', 'Stable-diffusion', 'old.ckpt'), 'folder', 'weights-pickle'],
      ],
    );
    await expect(store.remove('a', free)).rejects.toEqual(refusal('model-not-ours'));
    expect(await store.remove(folder, free)).toEqual({ path: folder, deleted: false });
    expect(await store.list()).toEqual([]);
    expect(await readdir(folder, { recursive: true })).toEqual(before);
  });

  it('are known as folders in the layout of diffusers, too', async () => {
    await add(join(DIFFUSERS, '..'));
    expect((await store.list()).find(({ name }) => name === basename(DIFFUSERS))).toMatchObject({
      identity: { kind: 'checkpoint', family: 'sd15' },
    });
  });

  it('are looked at again when they have changed', async () => {
    const path = await add(await place('x.safetensors'));
    expect((await store.find('x')).identity?.kind).toBe('lora');
    await copyFile(CHECKPOINT, path);
    expect((await store.find('x')).identity?.kind).toBe('checkpoint');
  });

  it('are refused as pickles whatever they are called, and with another checksum', async () => {
    const pickle = await place('model.safetensors', Buffer.from('\x80\x02}q\x00.', 'latin1'));
    await expect(add(pickle)).rejects.toEqual(refusal('weights-pickle'));
    const lora = await place('lora.safetensors');
    await expect(add(lora, { sha256: '0'.repeat(64) })).rejects.toEqual(refusal('model-hash'));
    expect(await add(lora, { sha256: sha256(LORA) })).toBe(lora);
    expect(await verify()).toEqual(['unchanged']);
  });

  it('have to be named clearly', async () => {
    await place('one/same.safetensors');
    await place('two/same.safetensors');
    await add(base);
    await expect(store.find('same')).rejects.toEqual(refusal('model-ambiguous'));
    expect((await store.find('one/same')).path).toBe(join(base, 'one', 'same.safetensors'));
    await expect(store.find('other')).rejects.toEqual(refusal('model-unknown'));
  });
});

describe('verifying', () => {
  it.each([
    ['changed', async (path: string): Promise<void> => writeFile(path, Buffer.from(LORA).fill(7, LORA.length - 4))],
    ['changed', async (path: string): Promise<void> => appendFile(path, 'x')],
    ['truncated', async (path: string): Promise<void> => truncate(path, LORA.length - 1)],
    ['missing', async (path: string): Promise<void> => rm(path)],
  ])('tells a file that is %s', async (state, change) => {
    const path = await add(await place('x.safetensors'));
    expect(await verify()).toEqual(['recorded']);
    expect(await verify()).toEqual(['unchanged']);
    await change(path);
    expect(await verify()).toEqual([state]);
    expect(await store.remove(path, free)).toMatchObject({ deleted: false });
  });

  it('tells a file that was never sound', async () => {
    await place('all/x.safetensors', LORA.subarray(0, -1));
    await add(join(base, 'all'));
    expect(await verify()).toEqual(['damaged']);
  });
});

describe('LoRAs that were trained here', () => {
  const trained = async (name: string, rows: number): Promise<string> =>
    store.keepTrained(
      await place('made.safetensors', safetensorsBytes(zeros({ 'lora_unet_x.lora_down.weight': [rows, 400] }))),
      name,
    );

  it('are kept by name, over no other, and deleted when they are removed', async () => {
    const first = await trained('face', 8);
    expect(first).toBe(join(store.folder, 'trained', 'face.safetensors'));
    expect(await trained('face', 4)).toBe(join(store.folder, 'trained', 'face_v002.safetensors'));
    // The very same is the same.
    expect(await trained('face', 8)).toBe(first);
    expect(await readdir(base)).not.toContain('made.safetensors');
    const [one] = await store.list();
    expect(one).toMatchObject({
      name: 'face.safetensors',
      origin: 'trained',
      identity: { kind: 'lora' },
      trigger: null,
    });
    expect(await verify()).toEqual(['unchanged', 'unchanged']);
    expect(await store.remove('face', free)).toEqual({ path: first, deleted: true });
    expect(await readdir(join(store.folder, 'trained'))).toEqual(['face_v002.safetensors']);
  });

  it('stay in their folder, whatever they are called', async () => {
    for (const [i, name] of [
      '../../x',
      '/etc/passwd',
      '..',
      'a\0b',
      'C:\\x',
      'nul',
      ' . ',
      '%2e%2e%2fx',
      'ゼルダ',
    ].entries()) {
      const path = await trained(name, i + 1);
      expect(join(path, '..')).toBe(join(store.folder, 'trained'));
      expect(basename(path)).toMatch(/^[^.].*\.safetensors$/);
    }
    expect(basename(await trained('Zoë ゼルダ', 20))).toBe('Zoë_ゼルダ.safetensors');
    expect(Buffer.byteLength(basename(await trained('ゼ'.repeat(100), 21)))).toBeLessThan(255);
  });
});

describe('downloads', () => {
  it('come from an address, once, and are deleted with what is empty then', async () => {
    served.answer = sendFile(LORA);
    const path = await add('https://models.example/files/My%20LoRA.safetensors?download=true');
    expect(path).toBe(join(store.folder, 'models.example', 'My_LoRA.safetensors'));
    expect(await add('https://models.example/files/My%20LoRA.safetensors')).toBe(path);
    expect(served.requests).toHaveLength(1);
    await expect(add('https://models.example/other/My_LoRA.safetensors')).rejects.toEqual(refusal('model-there'));
    expect(await store.list()).toMatchObject([{ origin: 'download', identity: { kind: 'lora' } }]);
    expect(await verify()).toEqual(['unchanged']);
    expect(await store.remove('My_LoRA', free)).toEqual({ path, deleted: true });
    expect(await readdir(store.folder)).toEqual([]);
  });

  it.each(['..%2f..%2f..%2fevil', '%2e%2e', 'CON', '.hidden', 'a%5C..%5Cb%00'])(
    'never leave the folder: %s',
    async (name) => {
      served.answer = sendFile(LORA);
      const path = await add(`https://models.example/x/${name}`);
      expect(path.startsWith(store.folder + sep)).toBe(true);
      expect((await readFile(path)).equals(LORA)).toBe(true);
      expect(await readdir(join(base, 'data'))).not.toContain('evil.safetensors');
      expect(await store.list()).toHaveLength(1);
    },
  );

  it('are not tried offline', async () => {
    for (const source of ['https://models.example/x.safetensors', 'some/thing', 'sdxl']) {
      await expect(add(source, { offline: true })).rejects.toEqual(refusal('download-offline'));
    }
    expect(served.requests).toHaveLength(0);
    expect(await add(await place('x.safetensors'), { offline: true })).toMatch(/x\.safetensors$/);
  });

  it('come from a repository with one checkpoint, checked by the sum that the hub states', async () => {
    offer({ 'README.md': Buffer.from('x'), 'model.safetensors': LORA });
    const path = await add('some/thing');
    expect(path).toBe(join(store.folder, 'some', 'thing', 'model.safetensors'));
    await store.remove(path, free);
    offer({ 'model.safetensors': LORA }, { 'model.safetensors': Buffer.from(LORA).fill(7, LORA.length - 4) });
    await expect(add('some/thing')).rejects.toEqual(refusal('model-hash'));
    expect(await store.list()).toEqual([]);
  });

  it('come from a repository by the name of the file, when there are several', async () => {
    offer({ 'a.safetensors': LORA, 'b.safetensors': LORA, '../../evil.safetensors': LORA });
    await expect(add('some/thing')).rejects.toEqual(refusal('repository-ambiguous'));
    await expect(add('some/thing/../../evil.safetensors')).rejects.toEqual(refusal('repository-unreadable'));
    expect(await add('some/thing/b.safetensors')).toBe(join(store.folder, 'some', 'thing', 'b.safetensors'));
    expect(await add(`${HUB}/some/thing/blob/main/a.safetensors`)).toMatch(/a\.safetensors$/);
  });

  it('come as a folder, whole or not at all', async () => {
    const files: Record<string, Buffer> = {};
    for (const name of await readdir(DIFFUSERS, { recursive: true })) {
      const path = join(DIFFUSERS, name);
      if ((await stat(path)).isFile()) files[name.replaceAll('\\', '/')] = await readFile(path);
    }
    files['unet/diffusion_pytorch_model.bin'] = Buffer.from('PK\x03\x04');
    offer(files, { 'vae/diffusion_pytorch_model.safetensors': LORA });
    await expect(add('some/thing')).rejects.toThrow();
    expect(await store.list()).toEqual([]);
    offer(files);
    const path = await add('some/thing');
    expect(await store.list()).toMatchObject([{ path, identity: { kind: 'checkpoint', family: 'sd15' } }]);
    expect(await readdir(join(path, 'unet'))).not.toContain('diffusion_pytorch_model.bin');
    expect(await verify()).toEqual(['unchanged']);
    await rm(join(path, 'vae/diffusion_pytorch_model.safetensors'));
    expect(await verify()).toEqual(['missing']);
    expect(await store.remove('some/thing/diffusers', free)).toEqual({ path, deleted: true });
  });

  it('are refused from a repository of pickles, and from what is none', async () => {
    offer({ 'model.ckpt': LORA });
    await expect(add('some/thing')).rejects.toEqual(refusal('repository-without-weights'));
    await expect(add('other/thing')).rejects.toEqual(refusal('repository-unreadable'));
    await expect(add('nothing')).rejects.toEqual(refusal('model-source-unknown'));
    await expect(add('http://models.example/x.safetensors')).rejects.toEqual(refusal('download-insecure'));
  });
});
