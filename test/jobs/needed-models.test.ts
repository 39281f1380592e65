import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { JobRecord, Task } from '../../bridge-server/jobs/job.ts';
import { modelsOf, refuseNeeded } from '../../bridge-server/jobs/needed-models.ts';
import { newFolder } from './folder.ts';
import { someDiffusion, someRender } from './request.ts';
import { someTraining } from './train-request.ts';

const job = (task: Task): JobRecord => ({
  ...task,
  id: '7',
  key: null,
  createdAt: '',
  version: 1,
  place: null,
  state: { state: 'queued' },
});

const painting = (model: string): JobRecord => job(someRender({ look: someDiffusion({ model }) }));

it('a job needs every file of weights that it names', () => {
  const look = someDiffusion({
    model: '/m/model',
    vae: '/m/vae',
    motion: '/m/motion',
    embeddings: ['/m/word'],
    loras: [{ file: '/m/lora', scale: 1, textScale: 1 }],
    controls: [
      { file: '/m/net', map: { kind: 'annotator', file: '/m/depth.onnx', steady: true } },
      { file: '/m/other-net', map: { kind: 'images', folder: '/maps' } },
    ].map((control) => ({ ...control, weight: 1, start: 0, end: 1, guess: false })) as never,
  });
  const named = ['model', 'vae', 'motion', 'word', 'lora', 'net', 'depth.onnx', 'other-net'].map(
    (name) => `/m/${name}`,
  );
  expect([...modelsOf(job(someRender({ look })))].sort()).toEqual(named.sort());
  expect(modelsOf(job(someRender()))).toEqual([]);
  expect(modelsOf(job({ kind: 'train', request: someTraining({ model: '/m/model' }) }))).toEqual(['/m/model']);
});

it('what holds one is refused by the name of the job, also where the job came to it by a link; what only begins like it is not', async () => {
  const folder = await newFolder();
  await mkdir(join(folder, 'models', 'a'), { recursive: true });
  await symlink(join(folder, 'models'), join(folder, 'link'));
  const needed = [painting(join(folder, 'link', 'a'))];
  for (const path of ['models', 'models/a']) {
    await expect(refuseNeeded(join(folder, path), needed)).rejects.toMatchObject({
      code: 'model-needed',
      message: `Job 7, which paints a.mov, still needs ${join(folder, path)}.`,
    });
  }
  await expect(refuseNeeded(join(folder, 'mod'), needed)).resolves.toBeUndefined();
  await expect(refuseNeeded(join(folder, 'models', 'a'), [painting('/models/a')])).resolves.toBeUndefined();
  // Gone already, it is still the one.
  await expect(refuseNeeded('/nowhere/a', [painting('/nowhere/a')])).rejects.toMatchObject({ code: 'model-needed' });
});
