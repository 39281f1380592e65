import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { JobEvent, JobRecord, RenderResult } from '../../bridge-server/jobs/job.ts';
import { Jobs } from '../../bridge-server/jobs/queue.ts';
import { readImage, writePng } from '../../bridge-server/media/image.ts';
import type { RenderRequest } from '../../bridge-server/protocol/request.ts';
import { hashOf } from '../cli/install.ts';
import { makeScene, type SceneOptions } from '../media/scene.ts';
import { difference } from '../propagate/run.ts';
import { newFolder } from './folder.ts';

/** What a job finds out in small before it makes anything: which keys are needed, and what the whole shot will look like. */

async function install(): Promise<{ jobs: Jobs; desk: string }> {
  const base = await newFolder();
  const jobs = Jobs.open({ data: join(base, 'data'), cache: join(base, 'cache') });
  onTestFinished(() => jobs.close());
  return { jobs, desk: base };
}

async function shot(folder: string, options: Omit<SceneOptions, 'width' | 'height'>): Promise<string> {
  const scene = await makeScene({ ...options, width: 352, height: 200 });
  await mkdir(folder);
  for (let n = 0; n < options.frames; n++) {
    await writePng(join(folder, `${String(n).padStart(6, '0')}.png`), scene.frame(n));
  }
  return folder;
}

const requestOf = (path: string, folder: string, keys: RenderRequest['keys']): RenderRequest => ({
  version: 1,
  source: { path, from: 0, to: null, rate: null, alpha: 'straight' },
  keys,
  look: { kind: 'none' },
  mask: null,
  profile: 'fast',
  output: { kind: 'images', folder },
});

async function done(jobs: Jobs, { id }: JobRecord): Promise<RenderResult> {
  await jobs.settled(id, new AbortController().signal);
  const { state } = jobs.render(id);
  if (state.state !== 'done') throw new Error(JSON.stringify(state));
  return state.result;
}

test('keys are added where much is expected to be wrong, as far as the budget goes, and less is wrong then', async () => {
  const { jobs, desk } = await install();
  const path = await shot(join(desk, 'shot'), { kind: 'arms', seed: 5, frames: 24 });
  const auto = async (budget: number | null): Promise<RenderResult> =>
    done(
      jobs,
      jobs.submit({ kind: 'render', request: requestOf(path, join(desk, `with ${budget}`), { kind: 'auto', budget }) }),
    );
  const free = await auto(null);
  const added = free.keys.filter(({ reason }) => reason === 'unsure').map(({ frame }) => frame);
  const content = free.keys.length - added.length;
  expect(added.length).toBeGreaterThan(0);
  expect(added.length).toBeLessThanOrEqual(content);
  const bound = await auto(content);
  expect(bound.keys.map(({ frame }) => frame)).toEqual(
    free.keys.map(({ frame }) => frame).filter((frame) => !added.includes(frame)),
  );

  const expected = ({ advice }: RenderResult): number => sum(advice!.expectedErrors);
  // The look leaves the keys as they are, so the source is the truth.
  const real = async ({ output }: RenderResult): Promise<number> => {
    const names = (await readdir(path)).sort();
    const pairs = names.map((name) => Promise.all([readImage(join(path, name)), readImage(join(output, name))]));
    return sum((await Promise.all(pairs)).map(([a, b]) => difference(a, b)));
  };
  expect(expected(free)).toBeLessThan(0.9 * expected(bound));
  expect(await real(free)).toBeLessThan(0.97 * (await real(bound)));
  const frames = free.advice!.expectedErrors;
  for (const { frame } of free.keys) expect(frames[frame]).toBe(0);
  expect(free.advice!.worst[0]!.error).toBe(Math.max(...frames));
});

test('whoever watches sees the whole shot in small before it is made, and the same result', async () => {
  const { jobs, desk } = await install();
  const path = await shot(join(desk, 'shot'), { kind: 'arms', seed: 7, frames: 8 });
  const keys: RenderRequest['keys'] = { kind: 'every', step: 7 };
  const plain = await done(jobs, jobs.submit({ kind: 'render', request: requestOf(path, join(desk, 'plain'), keys) }));
  expect(plain.stages).not.toHaveProperty('preview');
  await jobs.close();

  const other = await install();
  const seen: Promise<unknown>[] = [];
  const previews: number[] = [];
  other.jobs.events.on('preview', ({ frame }) => previews.push(frame));
  other.jobs.events.on('job', ({ job: { id, state } }: JobEvent) => {
    if (state.state !== 'running' || state.progress?.stage !== 'match' || seen.length > 0) return;
    seen.push(...[1, 3, 6].map((n) => other.jobs.madeFrame(id, n)));
  });
  const watched = await done(
    other.jobs,
    other.jobs.submit({ kind: 'render', request: requestOf(path, join(other.desk, 'watched'), keys) }),
  );
  expect(watched.stages).toMatchObject({ preview: { computed: 6 }, propagate: { computed: 6 } });
  expect(previews).toEqual([4]);
  for (const frame of await Promise.all(seen)) expect(frame).toMatchObject({ width: 176, height: 100 });
  expect(seen).toHaveLength(3);
  expect(await hashOf(join(other.desk, 'watched'))).toBe(await hashOf(join(desk, 'plain')));
});

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
