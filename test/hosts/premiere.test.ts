import { expect, test } from 'vitest';
import type { RenderRequest } from '../../bridge-server/protocol/request.ts';
import type { EditorHost, PremiereSpot, Result, SelectedClip, Shot } from '../../plugin/host/host.ts';
import { premiereHost } from '../../plugin/host/premiere.ts';
import { lent } from './lent.ts';
import { SimPremiere, TPS, type MediaFacts, type Mischief, type SimClip, type SimSequence } from './premiere.ts';

const NTSC_FILM = 10594584000n;
const PAL = 10160640000n;
const FILM = { num: 24000, den: 1001 };
const media = (changes: Partial<MediaFacts> = {}): MediaFacts => ({ frames: 500, rate: FILM, sound: true, ...changes });

function editor(mischief: Partial<Mischief> = {}, tracks = 1, ticksPerFrame = NTSC_FILM) {
  const sim = new SimPremiere(mischief);
  const sequence = sim.addSequence('Cut 3', ticksPerFrame, tracks);
  sim.presets.set('/presets/ProRes.epr', 'mov');
  const choose = { folder: () => Promise.resolve(null), file: () => Promise.resolve('/presets/ProRes.epr') };
  return { sim, sequence, host: premiereHost(sim.api, lent({ choose, pause: sim.pause, look: sim.look })) };
}

async function only(host: EditorHost, withEffects = false): Promise<SelectedClip> {
  const { clips } = await host.selection({ withEffects });
  expect(clips).toHaveLength(1);
  return clips[0]!;
}

async function shotOf(host: EditorHost, withEffects = false): Promise<Shot> {
  const clip = await only(host, withEffects);
  if (!clip.usable) throw clip.reason;
  return clip.shot;
}

/** The finished movie of a shot, on the simulated disk. */
function finish(sim: SimPremiere, shot: Shot, job = 'job-1', path = `/shots/Pentimento/${job}.mov`): Result {
  const { from, to } = shot.source;
  const rate = shot.rate ?? FILM;
  sim.disk.set(path, { frames: to! - from, rate, sound: false });
  const request = { version: 1, source: { ...shot.source, rate: null, alpha: 'straight' } } as RenderRequest;
  return { job, path, request };
}

const lying = (sequence: SimSequence, track: number) =>
  sequence.video[track]!.clips.map(({ start, end }) => [
    Number(start / sequence.ticksPerFrame),
    Number(end / sequence.ticksPerFrame),
  ]);

test('a selected clip is a shot, frame-exact, and its sound is ignored', async () => {
  const { sim, sequence, host } = editor();
  const item = sim.addMedia('/shots/a.mov', media());
  sim.select(sim.addClip(sequence, item, { at: 100, frames: 48, from: 37n * NTSC_FILM }));
  const { timeline, clips } = await host.selection();
  expect(timeline).toEqual({ name: 'Cut 3', rate: FILM, width: 1920, height: 1080, pixelAspect: 1 });
  expect(clips).toHaveLength(1);
  const shot = await shotOf(host);
  expect(shot.source).toEqual({ path: '/shots/a.mov', from: 37, to: 85 });
  expect(shot.rate).toEqual(FILM);
  expect(shot.notices).toEqual([]);
});

test('frames are exact far beyond where floating-point ticks are', async () => {
  const { sim, sequence, host } = editor();
  const far = 20 * 3600 * 24;
  const item = sim.addMedia('/shots/long.mov', media({ frames: far + 100 }));
  sim.select(sim.addClip(sequence, item, { at: 0, frames: 10, from: BigInt(far) * NTSC_FILM }));
  expect((await shotOf(host)).source).toEqual({ path: '/shots/long.mov', from: far, to: far + 10 });
});

test('a clip of another rate takes every source frame that it touches', async () => {
  const { sim, sequence, host } = editor({}, 1, PAL);
  const item = sim.addMedia('/shots/a.mov', media());
  // Frames 10 to 20 of 25 a second: from 0.4 s to 0.8 s, source frames 9.59 to 19.18.
  sim.select(sim.addClip(sequence, item, { at: 0, frames: 10, from: 10n * PAL }));
  const shot = await shotOf(host);
  expect(shot.source).toMatchObject({ from: 9, to: 20 });
  expect(shot.notices).toEqual([{ code: 'rate-differs', rate: FILM }]);
});

test('a numbered image sequence is its folder, counted as its names are', async () => {
  const { sim, sequence, host } = editor();
  const item = sim.addMedia('D:\\shots\\b\\b_v2_01001.exr', media({ sound: false }));
  sim.select(sim.addClip(sequence, item, { at: 0, frames: 10, from: 5n * NTSC_FILM }));
  expect((await shotOf(host)).source).toEqual({ path: 'D:\\shots\\b', from: 1006, to: 1016 });
});

test.each<[string, (sim: SimPremiere, sequence: SimSequence) => SimClip]>([
  ['adjustment-layer', (sim, s) => sim.addClip(s, sim.addItem('Adjustment', 'adjustment'), { at: 0, frames: 9 })],
  ['offline', (sim, s) => sim.addClip(s, sim.addMedia('/a.mov', media(), { offline: true }), { at: 0, frames: 9 })],
])('%s is refused in words', async (code, make) => {
  const { sim, sequence, host } = editor();
  sim.select(make(sim, sequence));
  const clip = await only(host);
  if (clip.usable) throw new Error('not refused');
  expect(clip.reason.code).toBe(code);
  expect(clip.reason.message).toMatch(/^[A-Z].*\.$/);
  expect(clip.reason.remedy).toMatch(/^[A-Z].*\.$/);
});

type Make = (sim: SimPremiere, sequence: SimSequence) => SimClip;
const HOW = { track: 1, at: 40, frames: 9, from: 12n * NTSC_FILM } as const;
const EXPORTED: [string, Make][] = [
  ['multicam', (sim, s) => sim.addClip(s, sim.addItem('Cams', 'multicam'), HOW)],
  ['nested', (sim, s) => sim.addClip(s, sim.addItem('Nest', 'sequence'), HOW)],
  ['generated', (sim, s) => sim.addClip(s, sim.addItem('Colour Matte', 'generated'), HOW)],
  ['still', (sim, s) => sim.addClip(s, sim.addMedia('/title.png', media()), HOW)],
  ['retimed', (sim, s) => sim.addClip(s, sim.addMedia('/a.mov', media()), { ...HOW, reversed: true })],
  ['retimed', (sim, s) => sim.addClip(s, sim.addMedia('/a.mov', media()), { ...HOW, speed: 2 })],
  ['retimed', (sim, s) => sim.addClip(s, sim.addMedia('/a.mov', media()), { ...HOW, out: 90n * NTSC_FILM })],
  ['effects', (sim, s) => sim.addClip(s, sim.addMedia('/a.mov', media()), { ...HOW, effects: ['AE.ADBE Lumetri'] })],
];

/** A clip between others, which an export must not show. */
function crowded(make: Make, mischief: Partial<Mischief> = {}) {
  const all = editor(mischief, 3);
  const { sim, sequence } = all;
  const other = sim.addMedia('/other.mov', media());
  for (const track of [0, 2]) sim.addClip(sequence, other, { track, at: 30, frames: 60 });
  sim.addClip(sequence, other, { track: 1, at: 49, frames: 20 });
  const clip = make(sim, sequence);
  sim.select(clip);
  return { ...all, clip };
}

const preparing = () => ({ signal: new AbortController().signal, onProgress: () => undefined });

test.each(EXPORTED)('%s: exported as the sequence shows it, alone, and the result lies above', async (why, make) => {
  const { sim, sequence, host, clip } = crowded(make);
  const before = structuredClone({ sequences: sim.state.sequences, items: sim.state.items });
  const shot = await shotOf(host, true);
  expect(shot).toMatchObject({ export: why, source: { path: '', from: 0, to: 9 }, rate: FILM });
  const bytes: number[] = [];
  const prepared = await host.prepare(shot, { ...preparing(), onProgress: (n) => bytes.push(n) });
  expect(prepared).toEqual({ ...shot, source: { ...shot.source, path: prepared.source.path }, export: null });
  expect(prepared.source.path).toMatch(/^\/projects\/Cut-3_V2_\d+_[0-9a-f]{8}\.mov$/);
  expect(bytes.length).toBeGreaterThan(0);
  const { frames } = sim.exported.get(prepared.source.path)!;
  expect(frames.map((layers) => layers.map(({ item, time }) => [item, time]))).toEqual(
    Array.from({ length: 9 }, (_, n) => [[clip.item, clip.in + BigInt(n) * NTSC_FILM]]),
  );
  // Nothing is left of the copy, and nothing was touched.
  expect({ sequences: sim.state.sequences, items: sim.state.items }).toEqual(before);

  expect(await host.place(finish(sim, prepared), prepared.spot!)).toEqual({ where: 'V4', already: false });
  const [result] = sim.sequence(sequence.guid).video[3]!.clips;
  expect([result!.start, result!.end, result!.in]).toEqual([clip.start, clip.end, 0n]);
});

test.each<[string, Partial<Mischief>]>([
  ['Premiere is long silent', { exportDelay: 700 }],
  ['copies come late and are opened', { copyDelay: 5, opensCopies: true }],
  ['Premiere answers at once, and no', { exportAnswer: { when: 'at once', what: false }, exportDelay: 200 }],
  ['Premiere throws when it is done', { exportAnswer: { when: 'when done', what: 'throw' } }],
  ['the out point is exported too', { outInclusive: true }],
  ['transactions deny what they did', { denies: true }],
])('exported all the same when %s', async (_, mischief) => {
  const { sim, sequence, host } = crowded(EXPORTED[1]![1], mischief);
  const { source } = await host.prepare(await shotOf(host), preparing());
  expect(source).toMatchObject({ from: 0, to: 9, path: expect.stringMatching(/\.mov$/) as string });
  expect(sim.active).toBe(sequence.guid);
});

test.each<[string, Partial<Mischief>]>([
  ['writes nothing', { exports: 'write nothing' }],
  ['writes nothing and says yes', { exports: 'write nothing', exportAnswer: { when: 'at once', what: true } }],
  ['stops in the middle', { exports: 'stop', exportAnswer: { when: 'at once', what: true } }],
  ['makes no copy', { transactionsLost: 1 }],
])('an export that %s is told, and leaves no copy', async (_, mischief) => {
  const { sim, host } = crowded(EXPORTED[1]![1], mischief);
  const before = structuredClone(sim.state);
  await expect(host.prepare(await shotOf(host), preparing())).rejects.toMatchObject({ code: 'export-failed' });
  expect(sim.state).toEqual(before);
});

test('an export that Premiere never answers: what it finished is taken; what it may still export is left', async () => {
  const never = { when: 'never', what: true } as const;
  const done = crowded(EXPORTED[1]![1], { exportAnswer: never });
  const { source } = await done.host.prepare(await shotOf(done.host), preparing());
  expect(source.path).toMatch(/\.mov$/);
  expect(done.sim.state.sequences.map(({ name }) => name)).toEqual(['Cut 3']);
  const { sim, host } = crowded(EXPORTED[1]![1], { exportAnswer: never, exports: 'stop', exportDelay: 4 });
  const abort = new AbortController();
  const waiting = host.prepare(await shotOf(host), { signal: abort.signal, onProgress: () => abort.abort() });
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  expect(sim.state.sequences.map(({ name }) => name)).toEqual(['Cut 3', 'Pentimento export of Cut 3 Copy']);
});

test('an export can be cancelled, and leaves no copy', async () => {
  const { sim, host } = crowded(EXPORTED[1]![1]);
  const before = structuredClone(sim.state);
  const abort = new AbortController();
  const waiting = host.prepare(await shotOf(host), { signal: abort.signal, onProgress: () => abort.abort() });
  // Premiere cannot be stopped: it ends by itself, and then the copy goes.
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  expect(sim.state).toEqual(before);
});

test('an export needs a saved project, a preset that writes a movie, and the clip as it was selected', async () => {
  const { sim, sequence, clip } = crowded(EXPORTED[1]![1]);
  let answers: (string | null)[] = [null, '/presets/Still.epr', '/presets/ProRes.epr'];
  sim.presets.set('/presets/Still.epr', 'png');
  const choose = { folder: () => Promise.resolve(null), file: () => Promise.resolve(answers.shift() ?? null) };
  const host = premiereHost(sim.api, lent({ choose, pause: sim.pause, look: sim.look }));
  const shot = await shotOf(host);
  const prepare = () => host.prepare(shot, preparing());
  await expect(prepare()).rejects.toMatchObject({ code: 'no-preset' });
  await expect(prepare()).rejects.toMatchObject({ code: 'preset-unfit' });
  await prepare();
  expect(host.preset!.current()).toBe('/presets/ProRes.epr');
  // It is asked for once.
  await prepare();
  sim.path = '';
  await expect(prepare()).rejects.toMatchObject({ code: 'project-unsaved' });
  sim.path = '/projects/Film.prproj';
  sim.sequence(sequence.guid).video[1]!.clips.find(({ id }) => id === clip.id)!.end -= NTSC_FILM;
  await expect(prepare()).rejects.toMatchObject({ code: 'clip-changed' });
  answers = [];
  expect(sim.state.sequences).toHaveLength(1);
});

test('a retimed clip that was trimmed meanwhile is not covered by what it does not show; moved it is found', async () => {
  const { sim, sequence, host, clip } = crowded(EXPORTED[5]![1]);
  const prepared = await host.prepare(await shotOf(host), preparing());
  const now = sim.sequence(sequence.guid).video[1]!.clips.find(({ id }) => id === clip.id)!;
  now.end -= NTSC_FILM;
  await expect(host.place(finish(sim, prepared), prepared.spot!)).rejects.toMatchObject({ code: 'clip-gone' });
  Object.assign(now, { end: now.end + NTSC_FILM, speed: 1 });
  await expect(host.place(finish(sim, prepared), prepared.spot!)).rejects.toMatchObject({ code: 'clip-gone' });
  const step = 500n * NTSC_FILM;
  Object.assign(now, { speed: 2, end: now.end - NTSC_FILM });
  Object.assign(now, { start: now.start + step, end: now.end + NTSC_FILM + step });
  await host.place(finish(sim, prepared), prepared.spot!);
  expect(lying(sim.sequence(sequence.guid), 2)).toContainEqual([540, 549]);
});

test('markers of the sequence and of the clip are frames of the source, and so is the playhead', async () => {
  const { sim, sequence, host, shot, clip } = await selectedShot();
  const frame = (n: number): bigint => BigInt(n) * NTSC_FILM;
  sim
    .sequence(sequence.guid)
    .markers.push(...[99, 100, 110, 147, 148].map((at) => ({ at: frame(at), name: `at ${at}` })));
  const item = sim.state.items.find(({ id }) => id === clip.item)!;
  item.markers.push({ at: frame(36), name: 'before' }, { at: frame(40) + 5n, name: 'blink' });
  expect((await shotOf(host)).markers).toEqual([
    { frame: 37, name: 'at 100' },
    { frame: 40, name: 'blink' },
    { frame: 47, name: 'at 110' },
    { frame: 84, name: 'at 147' },
  ]);
  const playhead = async (at: number) => {
    sim.sequence(sequence.guid).playhead = frame(at);
    return await host.playhead(shot);
  };
  expect([await playhead(99), await playhead(100), await playhead(147), await playhead(148)]).toEqual([
    null,
    37,
    84,
    null,
  ]);
});

test('markers of what is exported count its own frames', async () => {
  const { sim, sequence, host, clip } = crowded(EXPORTED[1]![1]);
  sim.sequence(sequence.guid).markers.push({ at: 43n * NTSC_FILM, name: 'turn' });
  sim.state.items.find(({ id }) => id === clip.item)!.markers.push({ at: 20n * NTSC_FILM, name: 'in the nest' });
  const shot = await shotOf(host);
  expect(shot.markers).toEqual([
    { frame: 3, name: 'turn' },
    { frame: 8, name: 'in the nest' },
  ]);
  sim.sequence(sequence.guid).playhead = 44n * NTSC_FILM;
  expect(await host.playhead(shot)).toBe(4);
});

test('the result has the Motion of its clip, the rate and the pixels that the user gave its source', async () => {
  const { sim, sequence, host } = editor({}, 1, PAL);
  const item = sim.addMedia('/shots/a.mov', media({ rate: { num: 24, den: 1 } }));
  item.interpretation = { rate: 25, pixelAspect: 1.4587 };
  const motion = [{ x: 0.25, y: 0.5 }, 60, 12] as [{ x: number; y: number }, number, number];
  sim.select(sim.addClip(sequence, item, { at: 10, frames: 30, from: 5n * PAL, motion }));
  const shot = await shotOf(host);
  expect(shot.rate).toEqual({ num: 25, den: 1 });
  const result = finish(sim, shot);
  sim.disk.set(result.path, { frames: 30, rate: { num: 24, den: 1 }, sound: false });
  await host.place(result, shot.spot!);
  const [laid] = sim.sequence(sequence.guid).video[1]!.clips;
  expect(laid).toMatchObject({ start: 10n * PAL, end: 40n * PAL, motion });
  const { interpretation } = sim.state.items.find(({ id }) => id === laid!.item)!;
  expect(interpretation).toEqual({ rate: 25, pixelAspect: 1.4587 });
});

test('animated Motion is told, and left', async () => {
  const { sim, sequence, host } = editor();
  const changes = { animated: true, motion: [{ x: 0, y: 0 }, 50, 0] as [{ x: number; y: number }, number, number] };
  sim.select(sim.addClip(sequence, sim.addMedia('/shots/a.mov', media()), { at: 0, frames: 9, ...changes }));
  const shot = await shotOf(host);
  expect(shot.notices).toEqual([{ code: 'motion' }]);
  await host.place(finish(sim, shot), shot.spot!);
  expect(sim.sequence(sequence.guid).video[1]!.clips[0]!.motion[1]).toBe(100);
});

test('effects, a proxy and a disabled clip are told', async () => {
  const { sim, sequence, host } = editor();
  const item = sim.addMedia('/shots/a.mov', media(), { proxy: '/shots/a.mov' });
  const changes = { effects: ['AE.ADBE Lumetri'], disabled: true };
  sim.select(sim.addClip(sequence, item, { at: 0, frames: 9, ...changes }));
  expect((await shotOf(host)).notices).toEqual([
    { code: 'effects', names: ['Lumetri'] },
    { code: 'proxy' },
    { code: 'disabled' },
  ]);
});

test('nothing open, nothing selected', async () => {
  const { sim, host } = editor();
  expect((await host.selection()).clips).toEqual([]);
  sim.active = null;
  expect(await host.selection()).toEqual({ timeline: null, clips: [] });
  sim.open = false;
  expect(await host.selection()).toEqual({ timeline: null, clips: [] });
});

async function selectedShot(mischief: Partial<Mischief> = {}, tracks = 1) {
  const all = editor(mischief, tracks);
  const { sim, sequence } = all;
  const clip = sim.addClip(sequence, sim.addMedia('/shots/a.mov', media()), {
    ...{ at: 100, frames: 48, from: 37n * NTSC_FILM },
  });
  sim.select(clip);
  const shot = await shotOf(all.host);
  const place = (result = finish(sim, shot)) => all.host.place(result, shot.spot!);
  return { ...all, clip, shot, place };
}

test('the result lies above its clip, on a new track, as one undo step beside the bin; all else stays', async () => {
  const { sim, sequence, place } = await selectedShot();
  const before = structuredClone(sim.sequence(sequence.guid));
  expect(await place()).toEqual({ where: 'V2', already: false });
  const after = sim.sequence(sequence.guid);
  expect(lying(after, 1)).toEqual([[100, 148]]);
  expect(after.video[0]).toEqual(before.video[0]);
  expect(after.audio).toEqual(before.audio);
  expect(sim.undoSteps.map(({ label }) => label)).toEqual(['Pentimento: make bin', 'Pentimento: place job-1.mov']);
  const bin = sim.state.items.find(({ name }) => name === 'Pentimento')!;
  expect(sim.state.items.filter(({ parent }) => parent === bin.id).map(({ path }) => path)).toEqual([
    '/shots/Pentimento/job-1.mov',
  ]);
});

test('tracks that are taken for a part of the range are passed over, and versions stack', async () => {
  const { sim, sequence, shot, host } = await selectedShot({}, 4);
  const other = sim.addMedia('/other.mov', media());
  sim.addClip(sequence, other, { track: 1, at: 140, frames: 50 });
  sim.addClip(sequence, other, { track: 2, at: 148, frames: 50 });
  expect((await host.place(finish(sim, shot, 'v1'), shot.spot!)).where).toBe('V3');
  expect((await host.place(finish(sim, shot, 'v2'), shot.spot!)).where).toBe('V4');
  expect((await host.place(finish(sim, shot, 'v3'), shot.spot!)).where).toBe('V5');
  expect(lying(sim.sequence(sequence.guid), 2)).toEqual([
    [148, 198],
    [100, 148],
  ]);
});

test('placing twice is placing once', async () => {
  const { sim, sequence, place } = await selectedShot();
  await place();
  expect(await place()).toEqual({ where: 'V2', already: true });
  expect(sim.sequence(sequence.guid).video[1]!.clips).toHaveLength(1);
  expect(sim.state.items.filter(({ path }) => path.endsWith('job-1.mov'))).toHaveLength(1);
});

test.each<[string, Partial<Mischief>]>([
  ['imports come late', { importDelay: 7 }],
  ['transactions deny what they did', { denies: true }],
  ['clips keep no properties', { keepsProperties: false }],
])('placed all the same when %s', async (_, mischief) => {
  const { sim, sequence, place } = await selectedShot(mischief);
  await place();
  expect(lying(sim.sequence(sequence.guid), 1)).toEqual([[100, 148]]);
});

test('a locked track claims to have taken the clip: the next one is tried', async () => {
  const { sim, sequence, place } = await selectedShot({}, 3);
  sim.sequence(sequence.guid).video[1]!.locked = true;
  expect((await place()).where).toBe('V3');
});

test('a clip that the user puts there at the last moment is not overwritten', async () => {
  const { sim, sequence, place } = await selectedShot({}, 2);
  const other = sim.addMedia('/other.mov', media({ sound: false }));
  sim.onLock = () => {
    if (!sim.state.items.some(({ path }) => path.endsWith('job-1.mov'))) return;
    sim.onLock = () => undefined;
    sim.addClip(sequence, other, { track: 1, at: 120, frames: 5 });
  };
  expect((await place()).where).toBe('V3');
  expect(lying(sim.sequence(sequence.guid), 1)).toEqual([[120, 125]]);
});

test('an import that never comes, and a bin that is never made, are told', async () => {
  const lost = await selectedShot({ importsLost: 1 });
  await expect(lost.place()).rejects.toMatchObject({ code: 'import-failed' });
  await lost.place();
  const none = await selectedShot({ transactionsLost: 1 });
  await expect(none.place()).rejects.toMatchObject({ code: 'bin-failed' });
});

test('a clip that was moved, trimmed or copied meanwhile is found; the result shows the same source frames as it', async () => {
  const { sim, sequence, clip, place } = await selectedShot({}, 2);
  const now = sim.sequence(sequence.guid);
  const moved = now.video[0]!.clips.find(({ id }) => id === clip.id)!;
  now.video[0]!.clips = [];
  // To the second track, 50 frames later, 5 frames off its head and 3 off its tail.
  const shift = 50n * NTSC_FILM;
  Object.assign(moved, {
    ...{ start: moved.start + shift + 5n * NTSC_FILM, end: moved.end + shift - 3n * NTSC_FILM },
    ...{ in: moved.in + 5n * NTSC_FILM, out: moved.out - 3n * NTSC_FILM },
  });
  now.video[1]!.clips.push(moved);
  expect((await place()).where).toBe('V3');
  const [result] = sim.sequence(sequence.guid).video[2]!.clips;
  expect([result!.start, result!.end, result!.in]).toEqual([moved.start, moved.end, 5n * NTSC_FILM]);
  expect(sim.state.items.find(({ path }) => path.endsWith('job-1.mov'))!.inOut).toBeNull();
});

test('a clip that is gone, or a sequence, or a project, leaves the result in the bin and says so', async () => {
  const gone = await selectedShot();
  gone.sim.sequence(gone.sequence.guid).video[0]!.clips = [];
  await expect(gone.place()).rejects.toMatchObject({ code: 'clip-gone' });
  expect(gone.sim.state.items.some(({ path }) => path.endsWith('job-1.mov'))).toBe(true);
  const without = await selectedShot();
  without.sim.state.sequences = [];
  await expect(without.place()).rejects.toMatchObject({ code: 'sequence-gone' });
  const closed = await selectedShot();
  closed.sim.open = false;
  await expect(closed.place()).rejects.toMatchObject({ code: 'project-closed' });
});

test('a result remembers what made it', async () => {
  const { sim, sequence, shot, host, place } = await selectedShot();
  await place();
  sim.select(sim.sequence(sequence.guid).video[1]!.clips[0]!);
  const version = await shotOf(host);
  expect(version.made).toMatchObject({ job: 'job-1', spot: shot.spot });
  expect(version.source).toEqual(shot.source);
});

async function placedVersions(mischief: Partial<Mischief> = {}) {
  const all = await selectedShot(mischief);
  const { sim, shot, host } = all;
  const [one, two] = ['v1', 'v2'].map((job) => ({ ...finish(sim, shot, job), spot: shot.spot! }));
  await host.place(one!, shot.spot!);
  const above = () => sim.sequence(all.sequence.guid).video[1]!.clips;
  const showing = (): (string | undefined)[] =>
    above().map((clip) => sim.state.items.find(({ id }) => id === clip.item)!.path.replace(/.*\//, ''));
  return { ...all, one: one!, two: two!, above, showing };
}

test('a version takes the place of another: same track, same range, one undo step', async () => {
  const { sim, sequence, host, shot, one, two, above, showing } = await placedVersions();
  const before = structuredClone(sim.sequence(sequence.guid));
  const steps = sim.undoSteps.length;
  expect(await host.swap(one, two)).toEqual({ where: 'V2', already: false });
  const { start, end, in: from } = before.video[1]!.clips[0]!;
  expect(above()).toMatchObject([{ start, end, in: from }]);
  expect(showing()).toEqual(['v2.mov']);
  expect(sim.sequence(sequence.guid).video[0]).toEqual(before.video[0]);
  expect(sim.undoSteps.slice(steps).map(({ label }) => label)).toEqual(['Pentimento: swap in v2.mov']);
  expect(await host.swap(one, two)).toEqual({ where: 'V2', already: true });
  expect((await host.versions(shot.spot!)).map(({ job, path, where }) => [job, path, where])).toEqual([
    ['v1', one.path, null],
    ['v2', two.path, 'V2'],
  ]);
  sim.undo();
  expect(showing()).toEqual(['v1.mov']);
  expect(sim.sequence(sequence.guid)).toEqual(before);
});

test('a version that was trimmed and moved is swapped where it is, as it is', async () => {
  const { sim, host, one, two, above, showing } = await placedVersions();
  const clip = above()[0]!;
  Object.assign(clip, {
    ...{ start: clip.start + 300n * NTSC_FILM, end: clip.end + 290n * NTSC_FILM },
    ...{ in: clip.in + 4n * NTSC_FILM, out: clip.out - 6n * NTSC_FILM, motion: [{ x: 0.5, y: 0.5 }, 130, 0] },
  });
  const { start, end, in: from, motion } = clip;
  await host.swap(one, two);
  expect(above()).toMatchObject([{ start, end, in: from, motion }]);
  expect(showing()).toEqual(['v2.mov']);
  expect(sim.state.items.find(({ path }) => path === two.path)!.inOut).toBeNull();
});

test('versions of which more or less was painted show the same frames when they are swapped', async () => {
  const { sim, host, clip, one, two, above } = await placedVersions();
  const spot = one.spot as PremiereSpot;
  const wide = { ...spot, paintedFrom: String(BigInt(spot.paintedFrom) - 7n * NTSC_FILM) };
  sim.disk.set(two.path, { frames: 48 + 7, rate: FILM, sound: false });
  await host.swap(one, { ...two, spot: wide });
  expect(above()).toMatchObject([{ start: clip.start, end: clip.end, in: 7n * NTSC_FILM }]);
  const narrow = { ...spot, paintedTo: String(BigInt(spot.paintedTo) - NTSC_FILM) };
  const three = { ...finish(sim, { source: { path: '', from: 0, to: 47 }, rate: FILM } as Shot, 'v3'), spot: narrow };
  await expect(host.swap({ ...two, spot: wide }, three)).rejects.toMatchObject({ code: 'versions-differ' });
});

test('what a swap would lose, or cannot find, is refused and left', async () => {
  const { sim, sequence, host, one, two, above } = await placedVersions();
  const expectRefused = async (code: string) => {
    const before = structuredClone(sim.sequence(sequence.guid));
    await expect(host.swap(one, two)).rejects.toMatchObject({ code });
    expect(sim.sequence(sequence.guid)).toEqual(before);
  };
  above()[0]!.effects = ['AE.ADBE Lumetri'];
  await expectRefused('version-changed');
  Object.assign(above()[0]!, { effects: [], speed: 0.5 });
  await expectRefused('version-changed');
  above()[0]!.speed = 1;
  sim.sequence(sequence.guid).video[1]!.locked = true;
  await expectRefused('placing-failed');
  sim.sequence(sequence.guid).video[1]!.locked = false;
  sim.sequence(sequence.guid).video[1]!.clips = [];
  await expectRefused('version-gone');
});

test('a second is 254016000000 ticks', () => {
  expect(TPS).toBe(25n * PAL);
});
