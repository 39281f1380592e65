import { mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { modelsSchema, type FolderView } from '../../bridge-server/protocol/http.ts';
import { serveForTest } from './bridge.ts';

/** What the panel in a browser chooses from: the allowed folders and nothing else. */
async function opened() {
  const bridge = await serveForTest();
  const { allowed, outside } = bridge;
  const shots = join(allowed, 'shots');
  await Promise.all([mkdir(shots), mkdir(join(allowed, '.hidden')), mkdir(join(outside, 'private'))]);
  const files = ['b10.mov', 'b9.MP4', 'notes.txt', '.secret.mov', 'frame_01.png', 'frame_02.png'];
  await Promise.all(files.map((name) => writeFile(join(shots, name), 'x')));
  await writeFile(join(outside, 'private', 'a.mov'), 'x');
  await symlink(join(outside, 'private'), join(shots, 'way-out'));
  await symlink(join(outside, 'private', 'a.mov'), join(shots, 'way-out.mov'));
  const folder = async (path: string | null) => {
    const query = path === null ? '' : `?path=${encodeURIComponent(path)}`;
    const response = await fetch(`http://127.0.0.1:${bridge.port}/v1/folder${query}`, {
      headers: { authorization: `Bearer ${bridge.token}` },
    });
    return { status: response.status, view: (await response.json()) as FolderView };
  };
  return { ...bridge, shots, folder };
}

test('begins with the allowed folders, goes down and up within them, and shows movies as people count', async () => {
  const { allowed, shots, folder } = await opened();
  expect((await folder(null)).view).toEqual({
    ...{ path: null, parent: null, images: false },
    entries: [{ kind: 'folder', name: 'allowed', path: allowed }],
  });
  const top = (await folder(allowed)).view;
  expect(top).toMatchObject({ path: allowed, parent: null, images: false });
  expect(top.entries).toEqual([{ kind: 'folder', name: 'shots', path: shots }]);
  const inside = (await folder(shots)).view;
  expect(inside).toMatchObject({ path: shots, parent: allowed, images: true });
  expect(inside.entries.map(({ name }) => name)).toEqual(['b9.MP4', 'b10.mov']);
});

test('opens nothing outside, by whatever way, and does not tell what is there', async () => {
  const { home, outside, shots, folder } = await opened();
  const ways = [
    outside,
    join(outside, 'private'),
    join(shots, 'way-out'),
    join(outside, 'nothing'),
    '/',
    '.',
    '..',
    home,
  ];
  ways.push(`${shots}/../../outside`, join(home, 'config'));
  for (const way of ways) {
    const { status, view } = await folder(way);
    expect(status, way).toBe(403);
    expect(view).toMatchObject({ code: 'path-outside-roots' });
  }
  expect(await realpath(join(shots, 'way-out'))).toBe(join(outside, 'private'));
});

test('lists the models that are installed, none here, and those that can be fetched', async () => {
  const { port, token } = await opened();
  const response = await fetch(`http://127.0.0.1:${port}/v1/models`, { headers: { authorization: `Bearer ${token}` } });
  const { models, offered } = modelsSchema.parse(await response.json());
  expect(models).toEqual([]);
  expect(offered.find(({ name }) => name === 'sd15')).toMatchObject({
    kind: 'checkpoint',
    family: 'Stable Diffusion 1.5',
  });
});
