import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RenderRequest } from '../../bridge-server/protocol/request.ts';
import { afterEffectsHost } from '../../plugin/host/after-effects.ts';
import type { Result, Shot } from '../../plugin/host/host.ts';
import { HostProblem } from '../../plugin/host/problem.ts';
import { lent } from './lent.ts';
import { SimAfterEffects, type Build, type SimComp, type SimLayer } from './after-effects.ts';

const RATE = 23.976;
const FILM = { num: 24000, den: 1001 };
const REAL = 24000 / 1001;
const SHOT = { rate: RATE, duration: 240 / REAL };

function editor(build: Build = 'beside', rate = REAL) {
  const sim = new SimAfterEffects(build);
  const comp = sim.addComp('Komposition 1', rate);
  return { sim, comp, host: afterEffectsHost(sim.module(), lent()) };
}

async function shotOf(host: ReturnType<typeof afterEffectsHost>): Promise<Shot> {
  const { clips } = await host.selection();
  expect(clips).toHaveLength(1);
  const [clip] = clips;
  if (!clip!.usable) throw clip!.reason;
  return clip!.shot;
}

function finish(sim: SimAfterEffects, shot: Shot, job = 'job-1'): Result {
  const path = `/shots/${job}.mov`;
  const { from, to } = shot.source;
  sim.disk.set(path, { rate: RATE, duration: (to! - from) / REAL });
  return { job, path, request: { version: 1, source: { ...shot.source, rate: null } } as unknown as RenderRequest };
}

const select = (sim: SimAfterEffects, layer: SimLayer): void => {
  sim.selected.clear();
  sim.selected.add(layer.id);
};

const layersOf = (sim: SimAfterEffects, comp: SimComp): readonly SimLayer[] => sim.comp(comp.id).layers;

test('a selected layer is a shot, frame-exact, whatever floating point makes of its times', async () => {
  const { sim, comp, host } = editor();
  const footage = sim.addFootage('/shots/a.mov', SHOT);
  const changes = { startTime: 10 / REAL + 1e-5, inPoint: 34 / REAL - 1e-5, outPoint: 82 / REAL + 1e-5 };
  select(sim, sim.addLayer(comp, footage.id, changes));
  const { timeline } = await host.selection();
  expect(timeline).toEqual({ name: 'Komposition 1', rate: FILM, width: 1920, height: 1080 });
  const shot = await shotOf(host);
  expect(shot.source).toEqual({ path: '/shots/a.mov', from: 24, to: 72 });
  expect(shot.notices).toEqual([]);
});

test('only what the composition shows is painted', async () => {
  const { sim, comp, host } = editor();
  const footage = sim.addFootage('/shots/a.mov', SHOT);
  select(sim, sim.addLayer(comp, footage.id, { startTime: -48 / REAL, inPoint: -48 / REAL, outPoint: 100 / REAL }));
  expect((await shotOf(host)).source).toMatchObject({ from: 48, to: 148 });
});

test('the rate that the project gives the footage is the one that counts', async () => {
  const { sim, comp, host } = editor('beside', 25);
  const footage = sim.addFootage('/shots/a.mov', { rate: 50, duration: 8 }, { conform: 25, duration: 16 });
  select(sim, sim.addLayer(comp, footage.id, { outPoint: 2 }));
  const shot = await shotOf(host);
  expect([shot.source.from, shot.source.to, shot.rate]).toEqual([0, 50, { num: 25, den: 1 }]);
});

test.each<[string, (sim: SimAfterEffects, comp: SimComp) => SimLayer]>([
  ['adjustment-layer', (sim, comp) => sim.addLayer(comp, sim.addSolid().id, { adjustment: true })],
  ['no-picture', (sim, comp) => sim.addLayer(comp, sim.addSolid().id)],
  ['no-picture', (sim, comp) => sim.addLayer(comp, null)],
  ['precomp', (sim, comp) => sim.addLayer(comp, sim.addComp('Unterkomposition', 25).id)],
  ['offline', (sim, comp) => sim.addLayer(comp, sim.addFootage('/a.mov', SHOT, { missing: true }).id)],
  ['still', (sim, comp) => sim.addLayer(comp, sim.addFootage('/a.png', SHOT, { still: true }).id)],
  ['layer-retimed', (sim, comp) => sim.addLayer(comp, sim.addFootage('/a.mov', SHOT).id, { stretch: -100 })],
  ['layer-retimed', (sim, comp) => sim.addLayer(comp, sim.addFootage('/a.mov', SHOT).id, { remapped: true })],
])('%s is refused in words', async (code, make) => {
  const { sim, comp, host } = editor();
  select(sim, make(sim, comp));
  const { clips } = await host.selection();
  if (clips[0]!.usable) throw new Error('not refused');
  expect(clips[0]!.reason.code).toBe(code);
  expect(clips[0]!.reason.remedy).toMatch(/^[A-Z].*\.$/);
});

async function selectedShot(build: Build = 'beside') {
  const all = editor(build);
  const { sim, comp } = all;
  const footage = sim.addFootage('/shots/a.mov', SHOT);
  sim.addLayer(comp, sim.addSolid().id);
  const layer = sim.addLayer(comp, footage.id, { startTime: 10 / REAL, inPoint: 34 / REAL, outPoint: 82 / REAL });
  sim.addLayer(comp, sim.addSolid().id);
  select(sim, layer);
  const shot = await shotOf(all.host);
  return { ...all, layer, shot, place: () => all.host.place(finish(sim, shot), shot.spot!) };
}

test.each<Build>(['beside', 'within', 'global'])(
  'the result is the layer right above, in one undo step (%s)',
  async (build) => {
    const { sim, comp, layer, place } = await selectedShot(build);
    const before = structuredClone(sim.state);
    expect(await place()).toEqual({ where: 'job-1.mov', already: false });
    const layers = layersOf(sim, comp);
    const at = layers.findIndex(({ id }) => id === layer.id);
    const result = layers[at - 1]!;
    expect(result.name).toBe('job-1.mov');
    expect(Math.round(result.inPoint * REAL)).toBe(34);
    expect(Math.round(result.outPoint * REAL)).toBe(82);
    expect(result.startTime).toBeCloseTo(34 / REAL, 3);
    expect(layers.filter(({ id }) => id !== result.id)).toEqual(before.comps[0]!.layers);
    expect(sim.undoSteps.map(({ label }) => label)).toEqual(['Pentimento: place']);
    sim.undo();
    expect(sim.state).toEqual(before);
  },
);

test('placing twice is placing once; a second version stacks; a result remembers what made it', async () => {
  const { sim, comp, shot, host, place } = await selectedShot();
  await place();
  expect((await place()).already).toBe(true);
  await host.place(finish(sim, shot, 'job-2'), shot.spot!);
  const results = layersOf(sim, comp).filter(({ name }) => name.startsWith('job'));
  expect(results.map(({ name }) => name)).toEqual(['job-1.mov', 'job-2.mov']);
  select(sim, results[1]!);
  expect((await shotOf(host)).made).toMatchObject({ job: 'job-2', spot: shot.spot });
});

test('a layer, composition or project that is gone is told', async () => {
  const layer = await selectedShot();
  layer.sim.comp(layer.comp.id).layers = [];
  await expect(layer.place()).rejects.toMatchObject({ code: 'clip-gone' });
  const comp = await selectedShot();
  comp.sim.state.items = comp.sim.state.items.filter(({ id }) => id !== comp.comp.id);
  await expect(comp.place()).rejects.toMatchObject({ code: 'sequence-gone' });
  const project = await selectedShot();
  project.sim.open = false;
  await expect(project.place()).rejects.toMatchObject({ code: 'project-closed' });
  const file = await selectedShot();
  const result = { ...finish(file.sim, file.shot), path: '/nowhere.mov' };
  await expect(file.host.place(result, file.shot.spot!)).rejects.toMatchObject({ code: 'import-failed' });
});

const session = fc.record({
  start: fc.integer({ min: -60, max: 60 }),
  head: fc.integer({ min: 0, max: 80 }),
  length: fc.integer({ min: 2, max: 100 }),
  pal: fc.boolean(),
  playhead: fc.double({ min: 0, max: 9, noNaN: true }),
  moved: fc.integer({ min: -30, max: 90 }),
  trimmed: fc.integer({ min: 0, max: 40 }),
});

test('random layers, moved and trimmed meanwhile: the result shows the same source frames, nothing else changes', async () => {
  await fc.assert(
    fc.asyncProperty(session, async ({ start, head, length, pal, playhead, moved, trimmed }) => {
      const rate = pal ? 25 : REAL;
      const { sim, comp, host } = editor('beside', rate);
      sim.playhead = playhead;
      const footage = sim.addFootage('/shots/a.mov', SHOT);
      const startTime = start / rate;
      const changes = { startTime, inPoint: startTime + head / rate, outPoint: startTime + (head + length) / rate };
      const { id } = sim.addLayer(comp, footage.id, changes);
      select(sim, layersOf(sim, comp)[0]!);
      const { clips } = await host.selection();
      if (!clips[0]!.usable) return;
      const { shot } = clips[0]!;
      const layer = layersOf(sim, comp).find((one) => one.id === id)!;
      for (const name of ['startTime', 'inPoint', 'outPoint'] as const) layer[name] += moved / rate;
      layer.inPoint += trimmed / rate;
      const below = structuredClone(layer);
      const outcome = await host.place(finish(sim, shot), shot.spot!).catch((error: unknown) => error);
      expect(layersOf(sim, comp).find((one) => one.id === id)).toEqual(below);
      if (outcome instanceof HostProblem) {
        expect(outcome.code).toBe('clip-gone');
        expect(layersOf(sim, comp)).toHaveLength(1);
        return;
      }
      if (outcome instanceof Error) throw outcome;
      const [result] = layersOf(sim, comp);
      // Source frame n of the clip is frame n - from of the result, at the same moment.
      expect(result!.startTime).toBeCloseTo(below.startTime + shot.source.from / REAL, 3);
      expect(result!.inPoint).toBeGreaterThan(below.inPoint - 1e-3);
      expect(result!.outPoint).toBeLessThan(below.outPoint + 1e-3);
      expect(result!.inPoint).toBeGreaterThan(result!.startTime - 0.6 / rate);
    }),
    { numRuns: 200 },
  );
});
