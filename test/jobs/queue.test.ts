import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Jobs } from '../../bridge-server/jobs/queue.ts';
import { sceneFolder } from '../cli/footage.ts';
import { newFolder } from './folder.ts';
import { someRequest } from './request.ts';

test('a job that is resumed in the moment in which it was cancelled or paused goes on to its end', async () => {
  const base = await newFolder();
  const path = await sceneFolder(join(base, 'shot'), 17);
  const jobs = Jobs.open({ data: join(base, 'data'), cache: join(base, 'cache') });
  onTestFinished(() => jobs.close());
  const request = someRequest({
    source: { path, from: 0, to: null, rate: null, alpha: 'straight' },
    keys: { kind: 'every', step: 8 },
    look: { kind: 'poster' },
    output: { kind: 'movie', path: join(base, 'a.mov'), codec: 'prores4444', sound: false },
  });
  const { id } = jobs.submit({ kind: 'render', request });
  const left: ('cancel' | 'pause')[] = ['cancel', 'pause'];
  jobs.events.on('job', ({ job: { state } }) => {
    if (state.state === 'cancelled' || state.state === 'paused') jobs.resume(id);
    const isAmid = state.state === 'running' && state.progress?.stage === 'propagate' && state.progress.done > 0;
    const how = isAmid ? left.shift() : undefined;
    if (how) jobs[how](id);
  });
  await new Promise<void>((resolve) =>
    jobs.events.on('job', ({ job: { state } }) => {
      if (state.state === 'done') resolve();
    }),
  );
  expect(left).toEqual([]);
  expect(jobs.get(id).state.state).toBe('done');
});
