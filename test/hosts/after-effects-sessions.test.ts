import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RenderRequest } from '../../bridge-server/protocol/request.ts';
import { afterEffectsHost } from '../../plugin/host/after-effects.ts';
import type { AfterEffectsSpot, Version } from '../../plugin/host/host.ts';
import { HostProblem } from '../../plugin/host/problem.ts';
import { SimAfterEffects, type SimLayer } from './after-effects.ts';
import { lent } from './lent.ts';

/**
 * Random sessions in After Effects: layers are rendered where they must be, painted, placed and swapped in any order, while the
 * user moves, trims, stretches, hides, deletes and undoes. Whatever happens: the user's layers are as the user left them; a placing
 * adds one layer right above its own, in one undo step, that shows the same moments; a swap changes what one layer shows, not when.
 * More seeds: PENTIMENTO_SEEDS=5000.
 */
const RUNS = Number(process.env['PENTIMENTO_SEEDS'] ?? 120);
const REAL = 24000 / 1001;

const user = fc.record({
  kind: fc.constantFrom('move', 'trim', 'stretch', 'hide', 'delete', 'undo'),
  by: fc.nat(40),
  at: fc.nat(9),
});
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('render' as const), at: fc.nat(9), meanwhile: user }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('swap' as const), at: fc.nat(9), other: fc.nat(9) }) },
  { weight: 3, arbitrary: user.map((edit) => ({ kind: 'edit' as const, edit })) },
);
const session = fc.record({
  layers: fc.array(
    fc.record({ start: fc.integer({ min: -30, max: 60 }), head: fc.nat(60), length: fc.integer({ min: 3, max: 90 }) }),
    { minLength: 1, maxLength: 3 },
  ),
  nested: fc.boolean(),
  pal: fc.boolean(),
  playhead: fc.double({ min: 0, max: 9, noNaN: true }),
  steps: fc.array(step, { minLength: 3, maxLength: 16 }),
});

test('random sessions lose and misplace nothing', { timeout: 10_000 + RUNS * 60 }, async () => {
  const seen = { placed: 0, swapped: 0, exported: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(session, async ({ layers, nested, pal, playhead, steps }) => {
      const rate = pal ? 25 : REAL;
      const sim = new SimAfterEffects();
      sim.playhead = playhead;
      const comp = sim.addComp('Komposition 1', rate);
      const facts = { rate: 23.976, duration: 240 / REAL };
      const footage = sim.addFootage('/shots/a.mov', facts).id;
      const inner = sim.addComp('Unterkomposition', rate).id;
      for (const [n, { start, head, length }] of layers.entries()) {
        const at = start / rate;
        const times = { startTime: at, inPoint: at + head / rate, outPoint: at + (head + length) / rate };
        sim.addLayer(comp, nested && n === 0 ? inner : footage, times);
      }
      const host = afterEffectsHost(sim.module(), lent({ pause: sim.pause, look: sim.look }));
      const versions: Version[] = [];
      const now = () => sim.comp(comp.id).layers;
      const isResult = ({ source }: SimLayer): boolean =>
        sim.state.items.find(({ id }) => id === source)?.file?.startsWith('/shots/job-') ?? false;
      const snapshot = () =>
        structuredClone({ users: now().filter((one) => !isResult(one)), results: now().filter(isResult) });

      const render = async (at: number, meanwhile: Edit): Promise<void> => {
        const own = now().filter((one) => !isResult(one));
        const layer = own[at % Math.max(1, own.length)];
        if (!layer) return;
        sim.selected.clear();
        sim.selected.add(layer.id);
        const [clip] = (await host.selection()).clips;
        // Wholly outside of the composition, for one.
        if (!clip?.usable) return;
        const untouched = snapshot();
        const queue = structuredClone(sim.queue);
        const preparing = { signal: new AbortController().signal, onProgress: () => undefined };
        const shot = await host.prepare(clip.shot, preparing);
        if (clip.shot.export !== null) seen.exported += 1;
        expect([snapshot(), sim.queue]).toEqual([untouched, queue]);
        doEdit(sim, comp.id, meanwhile);

        const job = `job-${versions.length}`;
        const path = `/shots/${job}.mov`;
        const { from, to } = shot.source;
        const { num, den } = shot.rate!;
        sim.disk.set(path, { rate: num / den, duration: ((to! - from) * den) / num });
        const request = { version: 1, source: { ...shot.source, rate: null, alpha: 'straight' } } as RenderRequest;
        const version = { job, path, request, spot: shot.spot! };
        versions.push(version);
        const before = snapshot();
        const undo = sim.undoSteps.length;
        const outcome = await host.place(version, version.spot).catch((error: unknown) => error);
        expect(snapshot().users).toEqual(before.users);
        if (outcome instanceof HostProblem) {
          expect(['clip-gone', 'project-closed']).toContain(outcome.code);
          expect(snapshot().results).toEqual(before.results);
          seen.refused += 1;
          return;
        }
        if (outcome instanceof Error) throw outcome;
        const added = now().filter((one) => isResult(one) && !before.results.some(({ id }) => id === one.id));
        expect([added.length, sim.undoSteps.length - undo]).toEqual([1, 1]);
        const spot = version.spot as AfterEffectsSpot;
        const below = now()[now().indexOf(added[0]!) + 1]!;
        expect([below.source, below.stretch]).toEqual([spot.source, spot.stretch]);
        const paintedFrom = (spot.paintedFrom * spot.rate.den) / spot.rate.num;
        expect(added[0]!.startTime).toBeCloseTo(below.startTime + paintedFrom, 3);
        expect(added[0]!.inPoint).toBeGreaterThan(below.inPoint - 1e-3);
        expect(added[0]!.outPoint).toBeLessThan(below.outPoint + 1e-3);
        seen.placed += 1;
      };

      const swap = async (at: number, other: number): Promise<void> => {
        const files = now().map(({ source }) => sim.state.items.find(({ id }) => id === source)?.file);
        const onTimeline = versions.filter(({ path }) => files.includes(path));
        const there = onTimeline[at % Math.max(1, onTimeline.length)];
        const others = versions.filter((one) => one !== there);
        const by = others[other % Math.max(1, others.length)];
        if (!there || !by) return;
        const before = snapshot();
        const outcome = await host.swap(there, by).catch((error: unknown) => error);
        const after = snapshot();
        expect(after.users).toEqual(before.users);
        if (outcome instanceof HostProblem) {
          expect(['version-gone', 'versions-differ', 'version-changed', 'project-closed']).toContain(outcome.code);
          expect(after.results).toEqual(before.results);
          seen.refused += 1;
          return;
        }
        if (outcome instanceof Error) throw outcome;
        if ((outcome as { already: boolean }).already) return expect(after).toEqual(before);
        const changed = after.results.filter((layer, n) => layer.source !== before.results[n]!.source);
        expect([changed.length, after.results.length]).toEqual([1, before.results.length]);
        const old = before.results.find(({ id }) => id === changed[0]!.id)!;
        const shift = (spot: AfterEffectsSpot) => (spot.paintedFrom * spot.rate.den) / spot.rate.num;
        const moved = shift(by.spot as AfterEffectsSpot) - shift(there.spot as AfterEffectsSpot);
        expect(changed[0]!.startTime).toBeCloseTo(old.startTime + moved, 3);
        expect(changed[0]!.inPoint).toBeCloseTo(old.inPoint, 3);
        expect(changed[0]!.outPoint).toBeCloseTo(old.outPoint, 3);
        seen.swapped += 1;
      };

      for (const one of steps) {
        if (one.kind === 'edit') doEdit(sim, comp.id, one.edit);
        else if (one.kind === 'swap') await swap(one.at, one.other);
        else await render(one.at, one.meanwhile);
      }
    }),
    { numRuns: RUNS },
  );
  // A session in which nothing happens proves nothing.
  for (const [name, count] of Object.entries(seen)) expect(count, name).toBeGreaterThan(0);
});

type Edit = { readonly kind: string; readonly by: number; readonly at: number };

function doEdit(sim: SimAfterEffects, comp: number, { kind, by, at }: Edit): void {
  const { layers, rate } = sim.comp(comp);
  if (kind === 'undo') {
    if (sim.undoSteps.length > 0) sim.undo();
    return;
  }
  const layer = layers[at % Math.max(1, layers.length)];
  if (!layer) return;
  sim.undoSteps.push({ label: kind, before: structuredClone(sim.state) });
  if (kind === 'move') for (const name of ['startTime', 'inPoint', 'outPoint'] as const) layer[name] += by / rate;
  if (kind === 'trim' && layer.outPoint - layer.inPoint > (by + 1) / rate) layer.inPoint += by / rate;
  if (kind === 'stretch') layer.stretch = by % 2 === 0 ? 100 : 50;
  if (kind === 'hide') layer.enabled = !layer.enabled;
  if (kind === 'delete') sim.comp(comp).layers = layers.filter((one) => one !== layer);
}
