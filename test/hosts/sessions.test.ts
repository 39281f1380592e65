import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RenderRequest } from '../../bridge-server/protocol/request.ts';
import type { EditorHost, PremiereSpot, Shot, Version } from '../../plugin/host/host.ts';
import { premiereHost } from '../../plugin/host/premiere.ts';
import { HostProblem } from '../../plugin/host/problem.ts';
import { lent } from './lent.ts';
import { SimPremiere, type SimClip, type SimSequence } from './premiere.ts';

/**
 * Random sessions in Premiere: clips are rendered, exported where they must be, placed and swapped in any order, while the user
 * moves, trims, splits, slips, retimes, deletes, adds and undoes, and closes the panel in the middle of anything. Whatever
 * happens: the user's clips and all sound are as the user left them; a placing adds one clip that shows exactly the source frames
 * of the clip below it; a swap exchanges one clip for another that shows the same frames; both all or nothing, once a panel had
 * the time to finish. More seeds: PENTIMENTO_SEEDS=5000.
 */
const RUNS = Number(process.env['PENTIMENTO_SEEDS'] ?? 120);
const FILM = { num: 24000, den: 1001 };
const NTSC_FILM = 10594584000n;
const PAL = 10160640000n;

const user = fc.record({
  kind: fc.constantFrom('move', 'trim', 'extend', 'slip', 'split', 'retime', 'delete', 'add', 'undo'),
  by: fc.nat(60),
  at: fc.nat(9),
});
/** `close`: after how many of the editor's answers the panel is closed; null: it stays open. */
const close = fc.option(fc.nat(400), { freq: 2 });
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('render' as const), at: fc.nat(9), meanwhile: user, close }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('swap' as const), at: fc.nat(9), other: fc.nat(9), close }) },
  { weight: 3, arbitrary: user.map((edit) => ({ ...edit, kind: 'edit' as const, edit })) },
);
const session = fc.record({
  tracks: fc.integer({ min: 1, max: 4 }),
  clips: fc.array(fc.record({ at: fc.nat(200), frames: fc.integer({ min: 2, max: 60 }), from: fc.nat(100) }), {
    ...{ minLength: 1, maxLength: 3 },
  }),
  steps: fc.array(step, { minLength: 3, maxLength: 16 }),
  importDelay: fc.nat(3),
  denies: fc.boolean(),
  opensCopies: fc.boolean(),
  keepsProperties: fc.boolean(),
  pal: fc.boolean(),
});

test('random sessions lose and misplace nothing', { timeout: 10_000 + RUNS * 60 }, async () => {
  const seen = { placed: 0, swapped: 0, exported: 0, closed: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(session, async ({ tracks, clips, steps, pal, ...mischief }) => {
      const ticksPerFrame = pal ? PAL : NTSC_FILM;
      const sim = new SimPremiere({ ...mischief, exportDelay: 2 });
      const sequence = sim.addSequence('Cut 3', ticksPerFrame, tracks);
      const item = sim.addMedia('/shots/a.mov', { frames: 500, rate: FILM, sound: true });
      for (const [n, { at, frames, from }] of clips.entries()) {
        sim.addClip(sequence, item, {
          track: n % tracks,
          at: at + n * 300,
          frames,
          from: BigInt(from) * ticksPerFrame,
        });
      }
      const user = new Session(sim, sequence, item.id);
      for (const one of steps) {
        sim.active = sequence.guid;
        if (one.kind === 'edit') doEdit(sim, sequence, one.edit, ticksPerFrame);
        else if (one.kind === 'swap') await user.swap(one);
        else await user.render(one, () => doEdit(sim, sequence, one.meanwhile, ticksPerFrame));
      }
      for (const name of Object.keys(seen) as (keyof typeof seen)[]) seen[name] += user.seen[name];
    }),
    { numRuns: RUNS },
  );
  // A session in which nothing happens proves nothing.
  for (const [name, count] of Object.entries(seen)) expect(count, name).toBeGreaterThan(0);
});

class Session {
  readonly seen = { placed: 0, swapped: 0, exported: 0, closed: 0, refused: 0 };
  readonly #sim: SimPremiere;
  readonly #sequence: SimSequence;
  readonly #item: string;
  #versions: Version[] = [];

  constructor(sim: SimPremiere, sequence: SimSequence, item: string) {
    this.#sim = sim;
    this.#sequence = sequence;
    this.#item = item;
    sim.presets.set('/presets/ProRes.epr', 'mov');
  }

  async render({ at, close }: { at: number; close: number | null }, meanwhile: () => void): Promise<void> {
    const own = this.#users().flat();
    const clip = own.filter(({ item }) => item === this.#item)[at % own.length];
    if (!clip) return;
    this.#sim.select(clip);
    const { clips } = await this.#panel().selection();
    if (!clips[0]?.usable) throw new Error('a clip with a file is refused');
    let { shot } = clips[0];
    if (shot.export !== null) {
      const before = this.#snapshot();
      const preparing = { signal: new AbortController().signal, onProgress: () => undefined };
      const prepared = await this.#closing(close, (host) => host.prepare(shot, preparing));
      expect(this.#snapshot()).toEqual(before);
      // What was closed is begun anew: nothing was painted yet.
      if (prepared === 'closed' || prepared instanceof HostProblem) return;
      this.seen.exported += 1;
      shot = prepared;
    }
    meanwhile();
    const version = this.#paint(shot);
    await this.#attempt(
      { close, again: true },
      (host) => host.place(version, version.spot),
      (before, after, already) => {
        const added = after.filter(({ id }) => !before.some((one) => one.id === id));
        expect([added.length, after.length]).toEqual([already ? 0 : 1, before.length + (already ? 0 : 1)]);
        if (added[0]) this.#expectAbove(added[0], version.spot as PremiereSpot);
        this.seen.placed += 1;
      },
    );
  }

  async swap({ at, other, close }: { at: number; other: number; close: number | null }): Promise<void> {
    const paths = this.#results().map(({ item }) => this.#sim.state.items.find(({ id }) => id === item)!.path);
    const onTimeline = this.#versions.filter(({ path }) => paths.includes(path));
    const there = onTimeline[at % Math.max(1, onTimeline.length)];
    const others = this.#versions.filter((one) => one !== there);
    const by = others[other % Math.max(1, others.length)];
    if (!there || !by) return;
    await this.#attempt(
      { close, again: false },
      (host) => host.swap(there, by),
      (before, after, already) => {
        const gone = before.filter(({ id }) => !after.some((one) => one.id === id));
        const come = after.filter(({ id }) => !before.some((one) => one.id === id));
        if (already) return expect([gone, come]).toEqual([[], []]);
        expect([gone.length, come.length]).toEqual([1, 1]);
        const [old, now] = [gone[0]!, come[0]!];
        expect([now.start, now.end, now.track]).toEqual([old.start, old.end, old.track]);
        const shows = (clip: SimClip, { spot }: Version) => clip.in + BigInt((spot as PremiereSpot).paintedFrom);
        expect(shows(now, by)).toBe(shows(old, there));
        this.seen.swapped += 1;
      },
    );
  }

  /**
   * Does something. `again`: a panel that is closed leaves it to the next one, which does what is missing; else what it did is all
   * or nothing. `expectDone`: what lies above, before and after, and whether it lay there already.
   */
  async #attempt(
    { close, again }: { readonly close: number | null; readonly again: boolean },
    action: (host: EditorHost) => Promise<{ readonly already: boolean }>,
    expectDone: (before: readonly Placed[], after: readonly Placed[], already: boolean) => void,
  ): Promise<void> {
    const before = this.#snapshot();
    const results = structuredClone(this.#results());
    const trims = this.#trims();
    let outcome = await this.#closing(close, action);
    const changed = (): boolean => this.#results().some(({ id }) => !results.some((one) => one.id === id));
    if (outcome === 'closed' && again) outcome = await this.#closing(null, action);
    expect(this.#snapshot()).toEqual(before);
    if (outcome === 'closed') return expectDone(results, this.#results(), !changed());
    if (outcome instanceof HostProblem) {
      expect(['clip-gone', 'version-gone', 'versions-differ', 'version-changed']).toContain(outcome.code);
      expect(this.#results()).toEqual(results);
      this.seen.refused += 1;
      return;
    }
    expectDone(results, this.#results(), outcome.already && !changed());
    // A trim that comes back with the user's undo is the user's.
    expect(trims).toEqual(expect.arrayContaining(this.#trims()));
  }

  async #closing<T>(
    close: number | null,
    action: (host: EditorHost) => Promise<T>,
  ): Promise<T | 'closed' | HostProblem> {
    const closed = close === null ? new Promise<never>(() => undefined) : this.#sim.closePanelAfter(close);
    const done = action(this.#panel()).catch((error: unknown) => {
      if (error instanceof HostProblem) return error;
      throw error;
    });
    const outcome = await Promise.race([done, closed]);
    this.#sim.keepPanel();
    if (outcome === 'closed') this.seen.closed += 1;
    return outcome;
  }

  #panel(): EditorHost {
    const choose = { folder: () => Promise.resolve(null), file: () => Promise.resolve('/presets/ProRes.epr') };
    return premiereHost(this.#sim.api, lent({ choose, pause: this.#sim.pause, look: this.#sim.look }));
  }

  #paint(shot: Shot): Version {
    const job = `job-${this.#versions.length}`;
    const path = `/shots/${job}.mov`;
    const { from, to } = shot.source;
    this.#sim.disk.set(path, { frames: to! - from, rate: shot.rate!, sound: false });
    const request = { version: 1, source: { ...shot.source, rate: null, alpha: 'straight' } } as RenderRequest;
    const version = { job, path, request, spot: shot.spot! };
    this.#versions = [...this.#versions, version];
    return version;
  }

  /** The same source frame at every moment as a clip of that source below it, and nothing that was not painted. */
  #expectAbove(added: Placed, spot: PremiereSpot): void {
    const { ticksPerFrame } = this.#sequence;
    const below = this.#users()
      .flat()
      .filter(({ item, track }) => item === this.#item && track < added.track)
      .some((one) => {
        const whole = one.start === added.start && one.end === added.end && added.in === 0n;
        if (spot.retimed) return whole && one.speed === 2 && one.in === BigInt(spot.sourceIn);
        const shift = one.in - one.start - (added.in + BigInt(spot.paintedFrom) - added.start);
        return one.speed === 1 && shift === 0n && one.start <= added.start && one.end >= added.end;
      });
    expect(below).toBe(true);
    expect(added.start % ticksPerFrame).toBe(0n);
    const length = BigInt(spot.paintedTo) - BigInt(spot.paintedFrom);
    expect(added.in >= 0n && added.out <= length).toBe(true);
  }

  #clips(): Placed[] {
    const { video } = this.#sim.sequence(this.#sequence.guid);
    return video.flatMap(({ clips }, track) => clips.map((clip) => ({ ...clip, track })));
  }

  #isResult = ({ item }: SimClip): boolean =>
    this.#sim.state.items.find(({ id }) => id === item)?.path.startsWith('/shots/job-') ?? false;

  #results = (): Placed[] => this.#clips().filter(this.#isResult);
  #users = (): Placed[] => this.#clips().filter((clip) => !this.#isResult(clip));

  #trims = (): string[] => this.#sim.state.items.filter(({ inOut }) => inOut !== null).map(({ id }) => id);

  /** What is the user's. */
  #snapshot() {
    const { audio, inOut, markers } = this.#sim.sequence(this.#sequence.guid);
    return structuredClone({ users: this.#users(), audio, inOut, markers });
  }
}

type Placed = SimClip & { readonly track: number };

type Edit = { readonly kind: string; readonly by: number; readonly at: number };

function doEdit(sim: SimPremiere, sequence: SimSequence, { kind, by, at }: Edit, ticksPerFrame: bigint): void {
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
    const lane = now.video[at % now.video.length]!;
    const start = BigInt(by * 12);
    if (lane.clips.every((one) => one.start >= (start + 40n) * ticksPerFrame || one.end <= start * ticksPerFrame)) {
      sim.addClip(sequence, other, { track: at % now.video.length, at: by * 12, frames: 40 });
    }
    return;
  }
  if (!clip || !track) return;
  sim.undoSteps.push({ label: kind, before });
  const step = BigInt(by) * ticksPerFrame;
  if (kind === 'delete') track.clips = track.clips.filter((one) => one !== clip);
  const free = (start: bigint, end: bigint): boolean =>
    start >= 0n && track.clips.every((one) => one === clip || one.end <= start || one.start >= end);
  if (kind === 'move') {
    const far = at % 2 === 0 ? step : step + 4000n * ticksPerFrame;
    if (free(clip.start + far, clip.end + far)) [clip.start, clip.end] = [clip.start + far, clip.end + far];
  }
  if (kind === 'trim' && clip.end - clip.start > step + ticksPerFrame) {
    [clip.start, clip.in] = [clip.start + step, clip.in + step];
  }
  if (kind === 'extend' && clip.in >= step && free(clip.start - step, clip.end)) {
    [clip.start, clip.in] = [clip.start - step, clip.in - step];
  }
  if (kind === 'slip') [clip.in, clip.out] = [clip.in + step, clip.out + step];
  if (kind === 'retime' && clip.speed === 1) Object.assign(clip, { speed: 2, out: clip.out + (clip.out - clip.in) });
  if (kind === 'split' && clip.speed === 1 && clip.end - clip.start > step + ticksPerFrame && step > 0n) {
    const cut = clip.start + step;
    track.clips.push({ ...clip, id: `${clip.id}|${by}`, start: cut, in: clip.in + step });
    [clip.end, clip.out] = [cut, clip.in + step];
  }
}
