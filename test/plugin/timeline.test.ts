import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Connection } from '../../plugin/bridge/connection.ts';
import { afterEffectsHost } from '../../plugin/host/after-effects.ts';
import type { EditorHost, Memory } from '../../plugin/host/host.ts';
import { premiereHost } from '../../plugin/host/premiere.ts';
import { Renders, type Render } from '../../plugin/renders.ts';
import { requestOf, USUAL, type Choices } from '../../plugin/request.ts';
import { tinyFolder } from '../diffusion/model.ts';
import { SimAfterEffects } from '../hosts/after-effects.ts';
import { lent } from '../hosts/lent.ts';
import { SimPremiere } from '../hosts/premiere.ts';
import { newInstall, pentimento, removeInstall, serve, type Install, type Served } from '../server/bridge.ts';
import { FILM, FILM_TICKS, makeNumberedMovie, makeOwnKeys, onDisk, shownIn } from './numbered.ts';

/**
 * From the selection to the timeline, with a real clip on disk, the real bridge and real propagation: only the editor is
 * simulated. The artist's own keys are the source's own pictures, so that each result frame shows which source frame it is.
 */
const FRAMES = 60;

let install: Install;
let bridge: Served;
let source: string;
let checkpoint: string;
beforeAll(async () => {
  checkpoint = await tinyFolder('sd15');
  install = await newInstall();
  bridge = await serve(install);
  source = join(install.allowed, 'shot.mov');
  await makeNumberedMovie(source, FRAMES);
});
afterAll(async () => {
  await bridge.end('SIGKILL');
  await removeInstall(install);
});

const memory = (): Memory => {
  const held = new Map<string, string>();
  return { getItem: (name) => held.get(name) ?? null, setItem: (name, value) => void held.set(name, value) };
};

function panel(
  host: EditorHost,
  kept: Memory = memory(),
  port = bridge.port,
): { renders: Renders; connection: Connection; close: () => void } {
  const tokens = { read: () => Promise.resolve(bridge.token), keep: () => Promise.resolve() };
  const connection = new Connection({ ports: [port], tokens, retryMs: [50] });
  onTestFinished(() => connection.close());
  return { renders: new Renders(connection, host, kept), connection, close: () => connection.close() };
}

async function ownKeys(from: number, to: number): Promise<Partial<Choices>> {
  const folder = join(install.allowed, `keys-${from}-${to}`);
  await makeOwnKeys(folder, from, to);
  return { style: 'own', ownKeys: folder };
}

/** What the Paint button does. */
async function paint(host: EditorHost, renders: Renders, choices: Partial<Choices> = {}): Promise<void> {
  for (const clip of (await host.selection()).clips) {
    if (!clip.usable) throw clip.reason;
    renders.start(
      clip.name,
      requestOf(clip.shot, { ...USUAL, keys: { kind: 'every', step: 1 }, profile: 'fast', ...choices }),
      clip.shot.spot,
    );
  }
}

function ended(renders: Renders, count = 1): Promise<readonly Render[]> {
  return new Promise((resolve) => {
    const check = (): void => {
      if (renders.all.length < count || renders.all.some(({ end }) => end.kind === 'open')) return;
      stop();
      resolve(renders.all);
    };
    const stop = renders.onChange(check);
    check();
  });
}

function premiere() {
  const sim = new SimPremiere({ importDelay: 2 });
  const sequence = sim.addSequence('Cut 3', FILM_TICKS);
  const item = sim.addMedia(source, { frames: FRAMES, rate: FILM, sound: true });
  const host = premiereHost(sim.api, lent({ pause: sim.pause }));
  const select = (at: number, from: number, frames: number) => {
    const clip = sim.addClip(sequence, item, { at, frames, from: BigInt(from) * FILM_TICKS });
    sim.select(clip);
    return clip;
  };
  /** Imports look at the real disk just before they happen. */
  const seeing: EditorHost = {
    ...host,
    place: async (result, spot) => {
      sim.disk.set(result.path, await onDisk(result.path));
      return host.place(result, spot);
    },
  };
  return { sim, sequence, host: seeing, select };
}

test('Premiere: a selected clip is repainted and lies above itself, frame for frame, without sound', async () => {
  const { sim, sequence, host, select } = premiere();
  const below = structuredClone(select(100, 7, 20));
  const { renders } = panel(host);
  await paint(host, renders, await ownKeys(7, 27));
  const [render] = await ended(renders);
  expect(render!.end).toEqual({ kind: 'placed', where: 'V2' });
  const { video, audio } = sim.sequence(sequence.guid);
  expect(video[0]!.clips).toEqual([below]);
  expect(audio[0]!.clips).toHaveLength(1);
  const [result] = video[1]!.clips;
  expect([result!.start, result!.end, result!.in]).toEqual([below.start, below.end, 0n]);
  const { path } = sim.state.items.find(({ id }) => id === result!.item)!;
  expect(await onDisk(path)).toEqual({ frames: 20, sound: false, rate: FILM });
  expect(await shownIn(path)).toEqual(Array.from({ length: 20 }, (_, n) => n + 7));
});

test('After Effects: the same', async () => {
  const sim = new SimAfterEffects();
  const comp = sim.addComp('Comp 1', 24000 / 1001);
  const seconds = (frame: number): number => (frame * 1001) / 24000;
  const footage = sim.addFootage(source, { rate: 23.976, duration: seconds(FRAMES) });
  const times = { startTime: seconds(10), inPoint: seconds(22), outPoint: seconds(40) };
  const below = structuredClone(sim.addLayer(comp, footage.id, times));
  sim.selected.add(below.id);
  const plain = afterEffectsHost(sim.module(), lent());
  const host: EditorHost = {
    ...plain,
    place: async (result, spot) => {
      const { frames, rate } = await onDisk(result.path);
      sim.disk.set(result.path, { rate: rate.num / rate.den, duration: (frames * rate.den) / rate.num });
      return plain.place(result, spot);
    },
  };
  const { renders } = panel(host);
  await paint(host, renders, await ownKeys(12, 30));
  expect((await ended(renders))[0]!.end).toMatchObject({ kind: 'placed' });
  const [result, original] = sim.comp(comp.id).layers;
  expect(original).toEqual(below);
  expect(Math.round(result!.inPoint / seconds(1))).toBe(22);
  const { file } = sim.state.items.find(({ id }) => id === result!.source)!;
  expect(await shownIn(file!)).toEqual(Array.from({ length: 18 }, (_, n) => n + 12));
});

test('several selected clips are several jobs; a second version lies above the first', async () => {
  const { sim, sequence, host, select } = premiere();
  const [one, two] = [select(0, 0, 12), select(50, 30, 12)];
  sim.select(one, two);
  const { renders } = panel(host);
  await paint(host, renders, { style: 'poster' });
  await ended(renders, 2);
  await paint(host, renders, { style: 'poster' });
  const all = await ended(renders, 4);
  expect(all.map(({ end }) => end)).toEqual(
    [...Array<unknown>(4)].map((_, n) => ({ kind: 'placed', where: n < 2 ? 'V3' : 'V2' })),
  );
  const { video } = sim.sequence(sequence.guid);
  for (const track of [1, 2]) expect(video[track]!.clips.map(({ start }) => start)).toEqual([one.start, two.start]);
});

test('what a prompt describes is painted by an installed model, and shown while it comes', async () => {
  await pentimento(install, 'models', 'add', checkpoint);
  const { host, select } = premiere();
  select(40, 2, 10);
  const { renders, connection } = panel(host);
  await new Promise<void>((resolve) => {
    const stop = connection.onChange(() => {
      if (connection.state.kind !== 'connected') return;
      stop();
      resolve();
    });
  });
  const { models } = await connection.models();
  const name = basename(checkpoint);
  expect(models).toMatchObject([
    { path: checkpoint, name, kind: 'checkpoint', family: 'Stable Diffusion 1.5', steps: 20, guidance: 7.5 },
  ]);
  const previews: string[] = [];
  connection.onChange(() => {
    previews.push(...connection.previews.values());
    const failed = connection.jobs.find((job) => job.state.state === 'failed');
    if (failed?.state.state === 'failed') throw new Error(failed.state.error.message);
  });
  const prompt = 'a lighthouse at dusk';
  const look = { ...USUAL.look, model: models[0]!.path, prompt, steps: 4 };
  await paint(host, renders, { style: 'prompt', look, keys: { kind: 'every', step: 12 } });
  expect((await ended(renders))[0]!.end).toEqual({ kind: 'placed', where: 'V2' });
  expect(previews[0]).toMatch(/^data:image\/jpeg;base64,\/9j\//);
  // Nothing of them is kept once the job is done.
  expect(connection.previews.size).toBe(0);
});

test('a batch is remembered whole, however many clips it has', async () => {
  const { host, select } = premiere();
  select(0, 0, 12);
  const [kept, away] = [memory(), 1];
  const first = panel(host, kept, away);
  for (let n = 0; n < 80; n++) await paint(host, first.renders, { style: 'ink' });
  expect(first.renders.all).toHaveLength(80);
  expect(panel(host, kept, away).renders.all).toHaveLength(80);
});

test('a panel that closes while its shot is painted leaves the rest to the next one', async () => {
  const { sim, sequence, host, select } = premiere();
  select(10, 3, 15);
  const kept = memory();
  const first = panel(host, kept);
  await paint(host, first.renders, { style: 'ink' });
  first.close();
  const { renders } = panel(host, kept);
  expect((await ended(renders))[0]!.end).toEqual({ kind: 'placed', where: 'V2' });
  expect(sim.sequence(sequence.guid).video[1]!.clips).toHaveLength(1);
});

test('a bridge that is killed in the middle and started again: the clip arrives once', async () => {
  const { sim, sequence, host, select } = premiere();
  select(0, 0, FRAMES);
  const { renders } = panel(host);
  await paint(host, renders, { style: 'oil', codec: 'h264' });
  await new Promise<void>((resolve) => {
    const stop = renders.onChange(() => {
      if (renders.all[0]?.job === null) return;
      stop();
      resolve();
    });
  });
  const { port } = bridge;
  await bridge.end('SIGKILL');
  bridge = await serve(install, '--port', String(port));
  expect((await ended(renders))[0]!.end).toEqual({ kind: 'placed', where: 'V2' });
  expect(sim.sequence(sequence.guid).video[1]!.clips).toHaveLength(1);
});

test('what cannot be placed can be placed later', async () => {
  const { sim, sequence, host, select } = premiere();
  const clip = select(30, 5, 10);
  const { renders } = panel(host);
  const { clips } = sim.sequence(sequence.guid).video[0]!;
  await paint(host, renders, { style: 'ink' });
  sim.sequence(sequence.guid).video[0]!.clips = [];
  const [render] = await ended(renders);
  expect(render!.end).toMatchObject({ kind: 'stopped', sentence: expect.stringContaining('no longer') as string });
  sim.sequence(sequence.guid).video[0]!.clips = clips;
  renders.placeAgain(render!.key);
  expect((await ended(renders))[0]!.end).toEqual({ kind: 'placed', where: 'V2' });
  expect(sim.sequence(sequence.guid).video[1]!.clips[0]!.start).toBe(clip.start);
});
