import path from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { blendContexts, contextsOf } from '../../bridge-server/diffusion/networks/contexts.ts';
import { acts, type Control, openControlNet, strengths } from '../../bridge-server/diffusion/networks/controlnet.ts';
import type { Conditioning } from '../../bridge-server/diffusion/networks/text.ts';
import { type GuidanceCalls, type Member, openUNet, type Sees } from '../../bridge-server/diffusion/networks/unet.ts';
import { openRuntime } from '../../bridge-server/diffusion/profile.ts';
import type { Storage } from '../../bridge-server/onnx/model.ts';
import { compare } from '../../bridge-server/parity/case.ts';
import { controlNets } from '../../bridge-server/parity/controlnets.ts';
import { tinyModel } from '../../bridge-server/parity/pipelines.ts';
import { type Part, requirePart } from '../../bridge-server/weights/model.ts';
import { noise, tinyMotion } from '../networks/model.ts';

const GOLDENS = path.join(import.meta.dirname, '..', 'goldens');
const { signal } = new AbortController();
const runtime = openRuntime('fast', 1);
afterAll(() => runtime.close());

const { model } = await tinyModel(path.join(GOLDENS, 'tiny-sd15'));
const unet = requirePart(model, 'unet');
const nets = await controlNets(path.join(GOLDENS, 'tiny-controlnet'));
const SHAPE = { channels: 4, height: 6, width: 10 };
const CELLS = 6 * 10;

/** Another order of summation; guidance multiplies it. */
const SAME = 1e-4;

const control = (net: 1 | 2, how: Partial<Control> = {}, storage: Storage = 'mapped'): Control => ({
  net: openControlNet(nets.find((layout) => layout.net === net)!.part, runtime, storage),
  ...{ weight: 1, start: 0, end: 1, guess: false, ...how },
});

const read = (seed: number): Conditioning => ({ context: noise([77, 32], seed).data, tokens: 77, pooled: null });
const map = (seed: number) => ({
  ...{ channels: 3, height: 48, width: 80 },
  data: noise([3, 48, 80], seed).data.map((value) => (value + 1) / 2),
});
const member = (seed: number, maps: readonly number[], scale = 5): Member => ({
  guidance: { positive: read(1), negative: read(2), regions: [], scale },
  extra: null,
  maps: maps.map((which) => map(seed * 10 + which)),
});

type Given = {
  readonly controls?: readonly Control[];
  readonly members?: readonly Member[];
  readonly calls?: GuidanceCalls;
  readonly storage?: Storage;
  readonly done?: number;
  readonly sees?: Sees;
  readonly motion?: Part;
};

async function predict(given: Given = {}): Promise<Float32Array> {
  const { controls = [], calls = 'batched', storage = 'mapped', done = 0, sees = null, motion = null } = given;
  const members = given.members ?? [
    member(
      3,
      controls.map((_, k) => k),
    ),
  ];
  const network = openUNet(unet, runtime, storage, calls, { controls, motion });
  const input = noise([members.length, 4, CELLS], 9).data;
  return network.predictor(SHAPE, members, sees)(input, { timestep: 400, done, total: 10 }, signal);
}

const plain = await predict();
const apart = (a: Float32Array, b: Float32Array) => compare(a, b).relativeL2;

describe('a ControlNet', () => {
  it('leads by its map, as strongly as its weight says; at 0 nothing changes at all', async () => {
    const full = await predict({ controls: [control(1)] });
    expect(apart(full, plain)).toBeGreaterThan(1e-2);
    expect(apart(await predict({ controls: [control(1, { weight: 0.5 })] }), full)).toBeGreaterThan(1e-2);
    expect(await predict({ controls: [control(1, { weight: 0 })] })).toEqual(plain);
  });

  it('acts in the calls that lie between its start and its end', async () => {
    const controls = [control(1, { start: 0.3, end: 0.6 })];
    for (const done of [0, 2, 6]) expect(await predict({ controls, done })).toEqual(await predict({ done }));
    for (const done of [3, 5]) expect(apart(await predict({ controls, done }), plain)).toBeGreaterThan(1e-2);
    // As upstream: call i of n acts unless i / n < start or (i + 1) / n > end.
    const when = (start: number, end: number) =>
      Array.from({ length: 20 }, (_, done) => done).filter((done) =>
        acts({ weight: 1, start, end, guess: false }, { done, total: 20 }),
      );
    expect(when(0, 1)).toHaveLength(20);
    expect(when(0.2, 0.5)).toEqual([4, 5, 6, 7, 8, 9]);
    expect(when(0.01, 1)).toHaveLength(19);
  });

  it('adds to the others: any number, in any order', async () => {
    const both = await predict({ controls: [control(1, { weight: 0.7 }), control(2, { weight: 0.4 })] });
    const [a, b] = member(3, [0, 1]).maps;
    const swapped = await predict({
      controls: [control(2, { weight: 0.4 }), control(1, { weight: 0.7 })],
      members: [{ ...member(3, []), maps: [b!, a!] }],
    });
    expect(apart(swapped, both)).toBeLessThan(SAME);
    const halves = await predict({
      controls: [control(1, { weight: 0.3 }), control(1, { weight: 0.4 }), control(2, { weight: 0.4 })],
      members: [{ ...member(3, []), maps: [a!, a!, b!] }],
    });
    expect(apart(halves, both)).toBeLessThan(SAME);
    expect(apart(both, await predict({ controls: [control(1, { weight: 0.7 })] }))).toBeGreaterThan(1e-2);
  });

  it('is the same with both sides of the guidance together or one after the other, and folded', async () => {
    for (const guess of [false, true]) {
      const batched = await predict({ controls: [control(1, { guess })] });
      expect(apart(await predict({ controls: [control(1, { guess })], calls: 'split' }), batched)).toBeLessThan(SAME);
      const folded = { controls: [control(1, { guess, end: 0.5 }, 'folded')], storage: 'folded' as const };
      expect(apart(await predict(folded), batched)).toBeLessThan(SAME);
      expect(apart(await predict({ ...folded, done: 9 }), plain)).toBeLessThan(SAME);
    }
  });

  it('in guess mode leads only what is wanted, more in depth than in detail', async () => {
    const avoiding = (controls: readonly Control[]) =>
      predict({
        controls,
        members: [
          member(
            3,
            controls.map((_, k) => k),
            0,
          ),
        ],
      });
    const avoided = await avoiding([]);
    expect(apart(await avoiding([control(1, { guess: true })]), avoided)).toBeLessThan(SAME);
    expect(apart(await avoiding([control(1)]), avoided)).toBeGreaterThan(1e-2);
    const thirteen = strengths(13, { weight: 2, byDepth: true });
    expect(thirteen[0]).toBeCloseTo(0.2);
    expect(thirteen[6]).toBeCloseTo(2 / Math.sqrt(10));
    expect(thirteen[12]).toBe(2);
    expect(strengths(3, { weight: 2, byDepth: false })).toEqual([2, 2, 2]);
  });

  it('that leads by its map as a whole does not depend on where things are in it', async () => {
    const { part } = nets.find(({ net }) => net === 1)!;
    const shuffle = { ...part, config: { ...part.config, global_pool_conditions: true } };
    const residuals = await openControlNet(shuffle, runtime, 'mapped').residuals(
      {
        sample: noise([1, 4, 6, 10]),
        timestep: noise([1]),
        context: noise([1, 77, 32]),
        map: { dtype: 'float32', shape: [1, 3, 48, 80], data: map(1).data },
      },
      signal,
    );
    const first = residuals.get('skip_0')!.data;
    expect(new Set(first.subarray(0, CELLS)).size).toBe(1);
    expect(first[CELLS]).not.toBe(first[0]);
  });
});

describe('a window of frames that see each other', () => {
  const two = [member(3, [0]), member(4, [0])];
  const controls = [control(1)];

  it('is predicted as each alone when they see only themselves', async () => {
    const alone = await predict({ members: two, controls });
    expect(apart(await predict({ members: two, controls, sees: [[0], [1]] }), alone)).toBeLessThan(SAME);
    expect(apart(await predict({ members: two, controls, sees: [[0], [1]], calls: 'split' }), alone)).toBeLessThan(
      SAME,
    );
  });

  it('depends on who sees whom, alike with both sides of the guidance together or not', async () => {
    const sees = [
      [0, 0],
      [1, 0],
    ];
    const alone = await predict({ members: two, controls });
    const seeing = await predict({ members: two, controls, sees });
    const half = alone.length / 2;
    expect(apart(seeing.subarray(0, half), alone.subarray(0, half))).toBeLessThan(SAME);
    expect(apart(seeing.subarray(half), alone.subarray(half))).toBeGreaterThan(1e-3);
    expect(apart(await predict({ members: two, controls, sees, calls: 'split' }), seeing)).toBeLessThan(SAME);
  });
});

describe('contexts of motion modules', () => {
  const cases = fc
    .record({ frames: fc.integer({ min: 1, max: 80 }), length: fc.integer({ min: 1, max: 24 }) })
    .chain(({ frames, length }) =>
      fc.record({
        frames: fc.constant(frames),
        length: fc.constant(length),
        overlap: fc.integer({ min: 0, max: length - 1 }),
      }),
    );

  it('cover all frames, share at least the overlap, and are never longer than the length', () => {
    fc.assert(
      fc.property(cases, ({ frames, length, overlap }) => {
        const contexts = contextsOf(frames, { length, overlap });
        expect(contexts[0]!.from).toBe(0);
        expect(contexts.at(-1).to).toBe(frames);
        for (const { from, to, weights } of contexts) {
          expect(to - from).toBe(Math.min(length, frames));
          expect(weights).toHaveLength(to - from);
          expect(Math.min(...weights)).toBeGreaterThan(0);
        }
        for (const [i, { from }] of contexts.slice(1).entries()) {
          expect(contexts[i]!.to - from).toBeGreaterThanOrEqual(overlap);
          expect(from).toBeGreaterThan(contexts[i]!.from);
        }
      }),
    );
  });

  it('that agree are blended to what they say', () => {
    fc.assert(
      fc.property(cases, ({ frames, length, overlap }) => {
        const whole = noise([frames, 3]).data;
        const contexts = contextsOf(frames, { length, overlap });
        const said = contexts.map(({ from, to }) => whole.subarray(3 * from, 3 * to));
        expect(compare(blendContexts(contexts, said, frames), whole).maxAbs).toBeLessThan(1e-5);
      }),
    );
  });
});

describe('motion modules', async () => {
  const motion = await tinyMotion();
  const another: Member = { ...member(99, [0]), guidance: { ...member(99, []).guidance, positive: read(50) } };
  const frames = Array.from({ length: 20 }, (_, i) => member(i, [0]));
  const controls = [control(1)];

  it('tie the frames of a clip together, with both sides of the guidance in one call or in two', async () => {
    const members = frames.slice(0, 3);
    const clip = await predict({ members, controls, motion });
    expect(apart(clip, await predict({ members, controls }))).toBeGreaterThan(1e-3);
    expect(apart(await predict({ members, controls, motion, calls: 'split' }), clip)).toBeLessThan(SAME);
    const other = await predict({ members: [...members.slice(0, 2), another], controls, motion });
    const first = clip.length / 3;
    expect(apart(other.subarray(0, first), clip.subarray(0, first))).toBeGreaterThan(1e-5);
  });

  it('see as many frames at a time as they were trained on: far frames do not matter to each other', async () => {
    const long = await predict({ members: frames, motion, controls });
    const changed = await predict({ members: [...frames.slice(0, 19), another], motion, controls });
    const each = long.length / 20;
    expect(changed.subarray(0, 4 * each)).toEqual(long.subarray(0, 4 * each));
    expect(apart(changed.subarray(10 * each, 11 * each), long.subarray(10 * each, 11 * each))).toBeGreaterThan(1e-6);
  });
});
