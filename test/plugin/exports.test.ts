import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { Connection } from '../../plugin/bridge/connection.ts';
import { premiereHost } from '../../plugin/host/premiere.ts';
import { Renders } from '../../plugin/renders.ts';
import { requestOf, USUAL } from '../../plugin/request.ts';
import { lookingThrough } from '../../plugin/written.ts';
import { lent } from '../hosts/lent.ts';
import { SimPremiere } from '../hosts/premiere.ts';
import { newInstall, removeInstall, serve, type Install, type Served } from '../server/bridge.ts';
import { FILM_TICKS, makeNumberedMovie, makeOwnKeys, onDisk, shownIn } from './numbered.ts';

/** A clip without a file: the simulated editor writes a real movie, which the real bridge watches, paints and hands back. */
let install: Install;
let bridge: Served;
beforeAll(async () => {
  install = await newInstall();
  bridge = await serve(install);
});
afterAll(async () => {
  await bridge.end('SIGKILL');
  await removeInstall(install);
});

async function editor() {
  const tokens = { read: () => Promise.resolve(bridge.token), keep: () => Promise.resolve() };
  const connection = new Connection({ ports: [bridge.port], tokens });
  onTestFinished(() => connection.close());
  await expect.poll(() => connection.state.kind).toBe('connected');
  const sim = new SimPremiere();
  const sequence = sim.addSequence('Cut 3', FILM_TICKS);
  sim.select(sim.addClip(sequence, sim.addItem('Nest', 'sequence'), { at: 40, frames: 14, from: 5n * FILM_TICKS }));
  sim.presets.set('/presets/ProRes.epr', 'mov');
  const choose = { folder: () => Promise.resolve(null), file: () => Promise.resolve('/presets/ProRes.epr') };
  const looked: boolean[] = [];
  const look = lookingThrough(connection);
  const host = premiereHost(
    sim.api,
    lent({
      choose,
      pause: async (milliseconds) => {
        await sim.pause();
        await pause(milliseconds / 10);
      },
      look: async (path, frame) => {
        const seen = await look(path, frame);
        looked.push(seen?.readable ?? false);
        return seen;
      },
    }),
  );
  const { clips } = await host.selection();
  if (!clips[0]?.usable) throw new Error('not usable');
  const prepare = () => host.prepare(shot, { signal: new AbortController().signal, onProgress: () => undefined });
  const { shot } = clips[0];
  return { sim, sequence, connection, host, looked, shot, prepare };
}

test('a nested clip: exported beside the project, painted, and its result lies above it, frame for frame', async () => {
  const { sim, sequence, connection, host, looked, prepare } = await editor();
  sim.path = join(install.allowed, 'Film.prproj');
  sim.onWrite = (path, frames) => makeNumberedMovie(path, frames.length);
  const shot = await prepare();
  expect(looked).toEqual([...looked.slice(1).map(() => false), true]);

  const keys = join(install.allowed, 'keys');
  await makeOwnKeys(keys, 0, 14);
  const place: typeof host.place = async (result, spot) => {
    sim.disk.set(result.path, await onDisk(result.path));
    return host.place(result, spot);
  };
  const renders = new Renders(connection, { ...host, place }, lent().memory);
  renders.start('Nest', requestOf(shot, { ...USUAL, style: 'own', ownKeys: keys }), shot.spot);
  await expect.poll(() => renders.all[0]!.end, { timeout: 60_000 }).toEqual({ kind: 'placed', where: 'V2' });
  const [result] = sim.sequence(sequence.guid).video[1]!.clips;
  expect([result!.start, result!.end, result!.in]).toEqual([40n * FILM_TICKS, 54n * FILM_TICKS, 0n]);
  const { path } = sim.state.items.find(({ id }) => id === result!.item)!;
  expect(await shownIn(path)).toEqual(Array.from({ length: 14 }, (_, n) => n));
});

test('where the bridge may not look, nothing is exported', async () => {
  const { sim, prepare } = await editor();
  sim.path = join(install.allowed, '..', 'Film.prproj');
  await expect(prepare()).rejects.toMatchObject({ code: 'export-outside' });
  expect([sim.state.sequences.length, sim.exported.size, sim.undoSteps]).toEqual([1, 0, []]);
});
