import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RenderRequest } from '../../bridge-server/protocol/request.ts';
import { afterEffectsHost } from '../../plugin/host/after-effects.ts';
import type { AfterEffectsSpot, EditorHost, Result, Shot } from '../../plugin/host/host.ts';
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
  return { sim, comp, host: afterEffectsHost(sim.module(), lent({ pause: sim.pause, look: sim.look })) };
}

async function shotOf(host: EditorHost, withEffects = false): Promise<Shot> {
  const { clips } = await host.selection({ withEffects });
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
  expect(timeline).toEqual({ name: 'Komposition 1', rate: FILM, width: 1920, height: 1080, pixelAspect: 1 });
  const shot = await shotOf(host);
  expect(shot.source).toEqual({ path: '/shots/a.mov', from: 24, to: 72 });
  expect(shot.notices).toEqual([]);
});

test('a numbered image sequence is its folder, counted as its names are', async () => {
  const { sim, comp, host } = editor();
  const footage = sim.addFootage('/shots/b/b_v2_01001.exr', SHOT);
  select(sim, sim.addLayer(comp, footage.id, { inPoint: 5 / REAL, outPoint: 15 / REAL }));
  expect((await shotOf(host)).source).toEqual({ path: '/shots/b', from: 1006, to: 1016 });
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
  ['no-picture', (sim, comp) => sim.addLayer(comp, sim.addSolid().id, { isNull: true })],
  ['offline', (sim, comp) => sim.addLayer(comp, sim.addFootage('/a.mov', SHOT, { missing: true }).id)],
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

const seconds = (frame: number): number => frame / REAL;
const WHERE = { startTime: seconds(10) + 0.01, inPoint: seconds(34), outPoint: seconds(46) };
type Make = (sim: SimAfterEffects, comp: SimComp) => SimLayer;
const EXPORTED: [string, Make][] = [
  ['nested', (sim, comp) => sim.addLayer(comp, sim.addComp('Unterkomposition', 25).id, WHERE)],
  ['generated', (sim, comp) => sim.addLayer(comp, sim.addSolid().id, WHERE)],
  ['generated', (sim, comp) => sim.addLayer(comp, null, { ...WHERE, name: 'Titel' })],
  ['still', (sim, comp) => sim.addLayer(comp, sim.addFootage('/a.png', SHOT, { still: true }).id, WHERE)],
  ['retimed', (sim, comp) => sim.addLayer(comp, sim.addFootage('/a.mov', SHOT).id, { ...WHERE, stretch: 50 })],
  ['retimed', (sim, comp) => sim.addLayer(comp, sim.addFootage('/a.mov', SHOT).id, { ...WHERE, remapped: true })],
  [
    'effects',
    (sim, comp) => sim.addLayer(comp, sim.addFootage('/a.mov', SHOT).id, { ...WHERE, effects: ['Keylight'] }),
  ],
];

/** A layer between others, one of which the user looks at alone. */
function crowded(make: Make) {
  const all = editor();
  const { sim, comp } = all;
  const other = sim.addFootage('/other.mov', SHOT);
  sim.addLayer(comp, other.id, { solo: true, locked: true });
  const layer = make(sim, comp);
  sim.addLayer(comp, other.id);
  sim.addLayer(comp, other.id, { adjustment: true });
  select(sim, layer);
  return { ...all, layer };
}

const preparing = () => ({ signal: new AbortController().signal, onProgress: () => undefined });

test.each(EXPORTED)('%s: rendered as the composition shows it, alone, and the result lies above', async (why, make) => {
  const { sim, comp, host, layer } = crowded(make);
  sim.queue.push({ comp: comp.id, render: true, start: 0, duration: 1, file: '/theirs.mov', template: 'Verlustfrei' });
  const before = structuredClone({ state: sim.state, queue: sim.queue });
  const shot = await shotOf(host, true);
  expect(shot).toMatchObject({ export: why, rate: FILM, source: { path: '', from: 0, to: 12 } });
  const bytes: number[] = [];
  const prepared = await host.prepare(shot, { ...preparing(), onProgress: (n) => bytes.push(n) });
  expect(prepared).toEqual({ ...shot, source: { ...shot.source, path: prepared.source.path }, export: null });
  expect(bytes.length).toBeGreaterThan(0);
  expect([...sim.rendered.keys()]).toEqual([prepared.source.path]);
  const { frames } = sim.rendered.get(prepared.source.path)!;
  expect(frames).toHaveLength(12);
  for (const [n, frame] of frames.entries()) {
    expect(frame.map(({ shows }) => shows)).toEqual([layer.source ?? layer.name]);
    expect(frame[0]!.at).toBeCloseTo(((seconds(34 + n) - layer.startTime) * 100) / layer.stretch, 6);
  }
  // Nothing is left of the copy, and nothing was touched.
  expect({ state: sim.state, queue: sim.queue }).toEqual(before);

  await host.place(finish(sim, prepared), prepared.spot!);
  const [result] = layersOf(sim, comp).filter(({ name }) => name.startsWith('job'));
  expect(
    [result!.startTime, result!.inPoint, result!.outPoint].map((time) => Math.round(time * REAL * 50) / 50),
  ).toEqual([34, 34, 46]);
});

test.each(['written nothing', 'stopped'] as const)(
  'a render that ended (%s) is told, and leaves nothing',
  async (ends) => {
    const { sim, host } = crowded(EXPORTED[0]![1]);
    sim.render = { ...sim.render, ends };
    const before = structuredClone({ state: sim.state, queue: sim.queue });
    await expect(host.prepare(await shotOf(host), preparing())).rejects.toMatchObject({ code: 'export-failed' });
    expect({ state: sim.state, queue: sim.queue }).toEqual(before);
  },
);

test('a render can be cancelled; a queue that runs is left alone; images are no movie', async () => {
  const { sim, host } = crowded(EXPORTED[0]![1]);
  const before = structuredClone({ state: sim.state, queue: sim.queue });
  const shot = await shotOf(host);
  const abort = new AbortController();
  const cancelled = host.prepare(shot, { signal: abort.signal, onProgress: () => abort.abort() });
  await expect(cancelled).rejects.toMatchObject({ name: 'AbortError' });
  expect(sim.rendering).toBeNull();
  sim.render = { ...sim.render, ending: 'psd' };
  await expect(host.prepare(shot, preparing())).rejects.toMatchObject({ code: 'template-unfit' });
  sim.rendering = { pauses: 0, movies: [] };
  await expect(host.prepare(shot, preparing())).rejects.toMatchObject({ code: 'queue-busy' });
  sim.file = '';
  await expect(host.prepare(shot, preparing())).rejects.toMatchObject({ code: 'project-unsaved' });
  expect({ state: sim.state, queue: sim.queue }).toEqual(before);
});

test('markers of the composition and of the layer, and the playhead, are frames of the footage', async () => {
  const { sim, comp, layer, shot, host } = await selectedShot();
  const now = sim.comp(comp.id);
  now.markers.push(...[33, 34, 60, 82].map((at) => ({ at: seconds(at) + 1e-5, comment: `at ${at}` })));
  layersOf(sim, comp)
    .find(({ id }) => id === layer.id)!
    .markers.push({ at: seconds(50) - 1e-5, comment: 'turn' });
  expect((await shotOf(host)).markers).toEqual([
    { frame: 24, name: 'at 34' },
    { frame: 40, name: 'turn' },
    { frame: 50, name: 'at 60' },
  ]);
  const playhead = async (at: number) => {
    now.time = seconds(at) - 1e-6;
    return await host.playhead(shot);
  };
  expect([await playhead(33), await playhead(34), await playhead(81), await playhead(82)]).toEqual([
    null,
    24,
    71,
    null,
  ]);
});

test('the result has its layer’s place in the picture; where that is animated it is told', async () => {
  const { sim, comp, layer, place, host } = await selectedShot();
  const below = layersOf(sim, comp).find(({ id }) => id === layer.id)!;
  below.transform['ADBE Scale'] = [50, 50, 100];
  below.transform['ADBE Position'] = [300, 200, 0];
  await place();
  const result = layersOf(sim, comp).find(({ name }) => name === 'job-1.mov')!;
  expect(result.transform).toEqual(below.transform);
  below.animated = true;
  expect((await shotOf(host)).notices).toEqual([{ code: 'motion' }]);
  below.animated = false;
  below.parent = result.id;
  expect((await shotOf(host)).notices).toEqual([{ code: 'motion' }]);
});

async function placedVersions() {
  const all = await selectedShot();
  const { sim, comp, shot, host } = all;
  const spot = shot.spot as AfterEffectsSpot;
  const [one, two] = ['v1', 'v2'].map((job) => ({ ...finish(sim, shot, job), spot }));
  await host.place(one!, spot);
  const placed = (): SimLayer => {
    const ours = sim.state.items.filter(({ file }) => file?.startsWith('/shots/v')).map(({ id }) => id);
    const layers = layersOf(sim, comp).filter(({ source }) => source !== null && ours.includes(source));
    expect(layers).toHaveLength(1);
    return layers[0]!;
  };
  const shows = (): string | null => sim.state.items.find(({ id }) => id === placed().source)!.file;
  return { ...all, spot, one: one!, two: two!, placed, shows };
}

test('a version takes the place of another: the same layer, effects and all, in one undo step', async () => {
  const { sim, host, spot, one, two, placed, shows } = await placedVersions();
  placed().effects = ['Lumetri'];
  const before = structuredClone(placed());
  const steps = sim.undoSteps.length;
  await host.swap(one, two);
  expect(shows()).toBe(two.path);
  expect(placed()).toEqual({ ...before, source: placed().source });
  expect(sim.undoSteps.slice(steps).map(({ label }) => label)).toEqual(['Pentimento: swap']);
  expect((await host.swap(one, two)).already).toBe(true);
  expect((await host.versions(spot)).map(({ job, where }) => [job, where])).toEqual([
    ['v1', null],
    ['v2', 'v1.mov'],
  ]);
  sim.undo();
  expect(shows()).toBe(one.path);
});

test('versions of which more was painted show the same frames; of less they are refused, and so are locked layers', async () => {
  const { host, spot, one, two, placed, shows } = await placedVersions();
  const { startTime, inPoint, outPoint } = placed();
  await host.swap(one, { ...two, spot: { ...spot, paintedFrom: spot.paintedFrom - 7 } });
  expect(placed().startTime).toBeCloseTo(startTime - seconds(7), 3);
  expect([placed().inPoint, placed().outPoint]).toEqual([inPoint, outPoint]);
  const wide = { ...two, spot: { ...spot, paintedFrom: spot.paintedFrom - 7 } };
  const narrow = { ...one, spot: { ...spot, paintedTo: spot.paintedTo - 3 } };
  await expect(host.swap(wide, narrow)).rejects.toMatchObject({ code: 'versions-differ' });
  placed().locked = true;
  await expect(host.swap(wide, one)).rejects.toMatchObject({ code: 'placing-failed' });
  placed().locked = false;
  placed().stretch = 200;
  await expect(host.swap(wide, one)).rejects.toMatchObject({ code: 'version-changed' });
  expect(shows()).toBe(two.path);
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
