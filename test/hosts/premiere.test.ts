import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RenderRequest } from '../../bridge-server/protocol/request.ts';
import type { PremiereSpot, Result, SelectedClip, Shot } from '../../plugin/host/host.ts';
import { premiereHost } from '../../plugin/host/premiere.ts';
import { HostProblem } from '../../plugin/host/problem.ts';
import { lent } from './lent.ts';
import { SimPremiere, TPS, type MediaFacts, type Mischief, type SimClip, type SimSequence } from './premiere.ts';

const NTSC_FILM = 10594584000n;
const PAL = 10160640000n;
const FILM = { num: 24000, den: 1001 };
const media = (changes: Partial<MediaFacts> = {}): MediaFacts => ({ frames: 500, rate: FILM, sound: true, ...changes });

function editor(mischief: Partial<Mischief> = {}, tracks = 1, ticksPerFrame = NTSC_FILM) {
  const sim = new SimPremiere(mischief);
  const sequence = sim.addSequence('Cut 3', ticksPerFrame, tracks);
  return { sim, sequence, host: premiereHost(sim.api, lent({ pause: sim.pause })) };
}

async function only(host: ReturnType<typeof premiereHost>): Promise<SelectedClip> {
  const { clips } = await host.selection();
  expect(clips).toHaveLength(1);
  return clips[0]!;
}

async function shotOf(host: ReturnType<typeof premiereHost>): Promise<Shot> {
  const clip = await only(host);
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
  expect(timeline).toEqual({ name: 'Cut 3', rate: FILM, width: 1920, height: 1080 });
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
  ['multicam', (sim, s) => sim.addClip(s, sim.addItem('Cams', 'multicam'), { at: 0, frames: 9 })],
  ['nested', (sim, s) => sim.addClip(s, sim.addItem('Nest', 'sequence'), { at: 0, frames: 9 })],
  ['generated', (sim, s) => sim.addClip(s, sim.addItem('Colour Matte', 'generated'), { at: 0, frames: 9 })],
  ['offline', (sim, s) => sim.addClip(s, sim.addMedia('/a.mov', media(), { offline: true }), { at: 0, frames: 9 })],
  ['still', (sim, s) => sim.addClip(s, sim.addMedia('/title.png', media()), { at: 0, frames: 9 })],
  ['reversed', (sim, s) => sim.addClip(s, sim.addMedia('/a.mov', media()), { at: 0, frames: 9, reversed: true })],
  ['retimed', (sim, s) => sim.addClip(s, sim.addMedia('/a.mov', media()), { at: 0, frames: 9, speed: 2 })],
  ['retimed', (sim, s) => sim.addClip(s, sim.addMedia('/a.mov', media()), { at: 0, frames: 9, out: 50n * NTSC_FILM })],
])('%s is refused in words', async (code, make) => {
  const { sim, sequence, host } = editor();
  sim.select(make(sim, sequence));
  const clip = await only(host);
  if (clip.usable) throw new Error('not refused');
  expect(clip.reason.code).toBe(code);
  expect(clip.reason.message).toMatch(/^[A-Z].*\.$/);
  expect(clip.reason.remedy).toMatch(/^[A-Z].*\.$/);
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

/**
 * Random sessions: several clips, rendered and placed in any order while the user moves, trims, splits, deletes, adds and undoes.
 * Whatever happens, placing adds one clip that shows exactly the source frames of the clip below it, and changes nothing else.
 */
const edit = fc.record({
  kind: fc.constantFrom('move', 'trim', 'extend', 'slip', 'delete', 'add', 'undo'),
  by: fc.nat(60),
  at: fc.nat(9),
});
const session = fc.record({
  tracks: fc.integer({ min: 1, max: 4 }),
  clips: fc.array(fc.record({ at: fc.nat(200), frames: fc.integer({ min: 2, max: 60 }), from: fc.nat(100) }), {
    ...{ minLength: 1, maxLength: 4 },
  }),
  edits: fc.array(edit, { maxLength: 12 }),
  importDelay: fc.nat(3),
  denies: fc.boolean(),
  pal: fc.boolean(),
});

test('random sessions of editing and rendering lose and misplace nothing', async () => {
  await fc.assert(
    fc.asyncProperty(session, async ({ tracks, clips, edits, importDelay, denies, pal }) => {
      const tpf = pal ? PAL : NTSC_FILM;
      const { sim, sequence, host } = editor({ importDelay, denies }, tracks, tpf);
      const item = sim.addMedia('/shots/a.mov', media());
      const own = clips.map(({ at, frames, from }, n) => {
        const clear = at + n * 300;
        return sim.addClip(sequence, item, { track: n % tracks, at: clear, frames, from: BigInt(from) * tpf });
      });
      const ours = (clip: SimClip): boolean =>
        sim.state.items.find(({ id }) => id === clip.item)!.path.includes('job-');
      const users = () => sim.sequence(sequence.guid).video.map(({ clips: all }) => all.filter((clip) => !ours(clip)));
      const results = () => sim.sequence(sequence.guid).video.flatMap(({ clips: all }) => all.filter(ours));
      const pending = [...edits];
      const userEdits = (): void => {
        const next = pending.shift();
        if (next) doEdit(sim, sequence, next, tpf);
      };

      for (const [n, clip] of own.entries()) {
        if (
          !users()
            .flat()
            .some(({ id }) => id === clip.id)
        )
          continue;
        sim.select(clip);
        const { clips: selected } = await host.selection();
        if (!selected[0]?.usable) continue;
        const { shot } = selected[0];
        userEdits();
        userEdits();
        const placed = {
          users: users(),
          results: results(),
          audio: structuredClone(sim.sequence(sequence.guid).audio),
        };
        const snapshot = structuredClone(placed);
        const outcome = await host.place(finish(sim, shot, `job-${n}`), shot.spot!).catch((error: unknown) => error);
        expect(users().slice(0, snapshot.users.length)).toEqual(snapshot.users);
        expect(sim.sequence(sequence.guid).audio).toEqual(snapshot.audio);
        if (outcome instanceof HostProblem) {
          expect(outcome.code).toBe('clip-gone');
          expect(results()).toEqual(snapshot.results);
          continue;
        }
        if (outcome instanceof Error) throw outcome;
        const added = results().filter(({ id }) => !snapshot.results.some((one) => one.id === id));
        expect(added).toHaveLength(1);
        const spot = shot.spot as PremiereSpot;
        // Same source frame at every moment as a clip of that source below it.
        const below = users()
          .flat()
          .some((one) => {
            const shift = one.in - one.start - (added[0]!.in + BigInt(spot.paintedFrom) - added[0]!.start);
            return one.item === item.id && shift === 0n && one.start <= added[0]!.start && one.end >= added[0]!.end;
          });
        expect(below).toBe(true);
        expect(added[0]!.start % tpf).toBe(0n);
        // And nothing that was not painted.
        expect(added[0]!.in >= 0n && added[0]!.out <= BigInt(spot.paintedTo) - BigInt(spot.paintedFrom)).toBe(true);
      }
    }),
    { numRuns: 150 },
  );
});

type Edit = { readonly kind: string; readonly by: number; readonly at: number };

function doEdit(sim: SimPremiere, sequence: SimSequence, { kind, by, at }: Edit, tpf: bigint): void {
  const now = sim.sequence(sequence.guid);
  const tracks = now.video.filter(({ clips }) => clips.length > 0);
  const track = tracks[at % Math.max(1, tracks.length)];
  const clip = track?.clips[at % track.clips.length];
  const before = structuredClone(sim.state);
  if (kind === 'undo') {
    if (sim.undoSteps.length > 0) sim.undo();
    return;
  }
  if (kind === 'add') {
    const other = sim.addMedia(`/other-${by}-${at}.mov`, { frames: 500, rate: FILM, sound: false });
    const lane = sim.sequence(sequence.guid).video[at % now.video.length]!;
    const start = BigInt(by * 12);
    if (lane.clips.every((one) => one.start >= (start + 40n) * tpf || one.end <= start * tpf)) {
      sim.addClip(sequence, other, { track: at % now.video.length, at: by * 12, frames: 40 });
    }
    return;
  }
  if (!clip || !track) return;
  sim.undoSteps.push({ label: kind, before });
  const step = BigInt(by) * tpf;
  if (kind === 'delete') track.clips = track.clips.filter((one) => one !== clip);
  // Far away, where nothing else is.
  if (kind === 'move') [clip.start, clip.end] = [clip.start + step + 4000n * tpf, clip.end + step + 4000n * tpf];
  if (kind === 'trim' && clip.end - clip.start > step + tpf) {
    [clip.start, clip.in] = [clip.start + step, clip.in + step];
  }
  if (kind === 'extend' && clip.in >= step && clip.start >= step) {
    [clip.start, clip.in] = [clip.start - step, clip.in - step];
  }
  if (kind === 'slip') [clip.in, clip.out] = [clip.in + step, clip.out + step];
}

test('a second is 254016000000 ticks', () => {
  expect(TPS).toBe(25n * PAL);
});
