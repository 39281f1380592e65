import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { Correspondence } from '../../../bridge-server/diffusion/consistency/correspondence.ts';
import type { Consistency } from '../../../bridge-server/diffusion/consistency/settings.ts';
import {
  decisiveFor,
  openShot,
  type Shot,
  type ShotNoise,
  windowsOf,
} from '../../../bridge-server/diffusion/consistency/shot.ts';
import { statisticsOf } from '../../../bridge-server/diffusion/consistency/statistics.ts';
import { openPainter, type Painted, type PaintSettings } from '../../../bridge-server/diffusion/painter.ts';
import { planesOf } from '../../../bridge-server/diffusion/picture/planes.ts';
import { openRuntime } from '../../../bridge-server/diffusion/profile.ts';
import type { Frame } from '../../../bridge-server/media/frame.ts';
import { openModel, type Part } from '../../../bridge-server/weights/model.ts';
import { tinyMotion } from '../../networks/model.ts';
import { tinyFolder } from '../model.ts';

const { signal } = new AbortController();
const runtime = openRuntime('fast');
afterAll(() => runtime.close());
const model = await openModel(await tinyFolder('sd15'));
const size = { width: 320, height: 64 };
const area = size.width * size.height;

const ALONE: Consistency = { attention: 'own', window: 1, start: 0, shape: 0, tone: 0, colour: false };
const SETTINGS: Omit<PaintSettings, 'consistency'> = {
  negative: 'blur',
  steps: 4,
  guidance: 3,
  strength: 0.75,
  scheduler: 'dpmpp_2m',
  seed: 7,
  clipSkip: 1,
  area,
  secondPass: null,
  details: [],
};

/** A picture that goes on beyond its edges as it begins at the opposite ones, moved by whole pixels. */
function picture(right = 0, change: (value: number, channel: number) => number = (value) => value): Frame {
  const data = Uint16Array.from({ length: 3 * area }, (_, i) => {
    const p = Math.floor(i / 3);
    const [x, y] = [((p % size.width) - right) / size.width, Math.floor(p / size.width) / size.height];
    const waves = Math.sin(2 * Math.PI * (3 * x + 2 * y)) + Math.sin(2 * Math.PI * (5 * x - 4 * y + (i % 3) / 3));
    return change(32768 + 12000 * waves, i % 3);
  });
  return { ...size, channels: 3, data };
}

/** Everything is found `right` pixels to the right in the other picture, if it is there. */
function shift(right: number): Correspondence {
  const flow = new Float32Array(2 * area).fill(right, 0, area);
  const visible = Float32Array.from({ length: area }, (_, p) => {
    const x = (p % size.width) + right;
    return x >= 0 && x < size.width ? 1 : 0;
  });
  return { flow: { channels: 2, ...size, data: flow }, visible: { channels: 1, ...size, data: visible } };
}

type Look = {
  readonly noise?: ShotNoise;
  readonly settings?: Partial<PaintSettings>;
  readonly modules?: Part;
} & Partial<Consistency>;

/** Paints a shot of the given frames; `at` says how far right each has moved. */
async function paint(
  frames: readonly Frame[],
  { noise = 'still', settings = {}, modules, ...changes }: Look,
  { at = frames.map(() => 0), prompts = frames.map(() => 'a cat') }: { at?: number[]; prompts?: string[] } = {},
  kept = new Map<number, Painted>(),
): Promise<Frame[]> {
  const consistency = { ...ALONE, ...changes };
  const painter = await openPainter(model, {
    runtime,
    settings: { ...SETTINGS, ...settings, consistency },
    profile: 'fast',
    pictures: 100,
    size,
    ...(modules && { motion: modules }),
  });
  const motion = modules !== undefined;
  const shot: Shot = {
    seeds: new Map(),
    keys: frames.map((_, i) => 10 * i),
    job: (key) => {
      const [frame, prompt] = [frames[key / 10]!, prompts[key / 10]!];
      return Promise.resolve({ frame, prompt, fade: null, regions: [], size, mask: null, maps: [], details: [] });
    },
    motion: (key, other) => Promise.resolve(shift(at[other / 10]! - at[key / 10]!)),
    result: (key) => Promise.resolve(kept.get(key)!),
  };
  const brush = openShot(painter, { noise, consistency, motion }, shot);
  for (const window of windowsOf(shot.keys, { consistency, motion })) {
    if (window.every((key) => kept.has(key))) continue;
    const painted = await brush.paint(window, signal);
    for (const [i, key] of window.entries()) kept.set(key, painted[i]!);
  }
  return shot.keys.map((key) => kept.get(key)!.picture);
}

/** Root mean square difference in 8-bit levels, within `margin` pixels of the edges. */
function apart(a: Frame, b: Frame, margin = 0, right = 0): number {
  let [sum, count] = [0, 0];
  for (let y = margin; y < size.height - margin; y++) {
    for (let x = margin + right; x < size.width - margin; x++) {
      for (let c = 0; c < 3; c++) {
        const [p, q] = [y * size.width + x, y * size.width + x - right];
        sum += (a.data[3 * p + c]! - b.data[3 * q + c]!) ** 2;
        count++;
      }
    }
  }
  return Math.sqrt(sum / count) / 257;
}

const still = [picture(), picture(), picture()];
/** A level of 8 bits is 257 of 16: what rounding in the networks may do. */
const SAME = 0.1;

describe('identical frames', () => {
  it.each<Look>([
    {},
    { noise: 'carried' },
    { attention: 'anchored', window: 1 },
    { attention: 'anchored', window: 2 },
    { attention: 'joint', window: 2 },
    { tone: 0.5 },
    { colour: true },
    { attention: 'anchored', window: 2, tone: 0.5, colour: true, noise: 'carried' },
  ])('give identical keys: %j', async (look) => {
    const [first, second, third] = await paint(still, look);
    expect(apart(second!, first!)).toBeLessThan(SAME);
    expect(apart(third!, first!)).toBeLessThan(SAME);
  });

  it('do not, with noise of their own', async () => {
    const [first, second] = await paint(still.slice(1), { noise: 'own' });
    expect(apart(second!, first!)).toBeGreaterThan(1);
  });
});

/** By how much the second key differs from the first one moved, where both show the same and the edges are far. */
async function unlikeMoved(look: Look): Promise<number> {
  const at = [0, 64];
  const frames = at.map((right) => picture(right));
  const [first, second] = await paint(frames, look, { at });
  return apart(second!, first!, 16, 64);
}

describe('frames moved by whole cells of the latent', () => {
  it('give much more nearly moved keys when the noise is carried along', async () => {
    // Every pixel of this small network sees all others, and a fifth of them is new with new noise: it is not exact.
    expect(await unlikeMoved({ noise: 'carried' })).toBeLessThan((await unlikeMoved({ noise: 'still' })) / 2);
  });

  it('give the moved key when its shapes are those of the key before', async () => {
    // Through the VAE, which is no better at the edges.
    expect(await unlikeMoved({ noise: 'own', shape: 1 })).toBeLessThan(4);
    expect(await unlikeMoved({ noise: 'own' })).toBeGreaterThan(40);
  });

  it('are more like it the longer they are led, and the more they start from it', async () => {
    const [free, half] = [await unlikeMoved({ noise: 'own' }), await unlikeMoved({ noise: 'own', shape: 0.34 })];
    expect(half).toBeLessThan(0.9 * free);
    expect(await unlikeMoved({ noise: 'own', start: 1 })).toBeLessThan(0.9 * free);
  });

  it('are not led by what is not seen', async () => {
    const frames = [picture(), picture(64)];
    const [, free] = await paint(frames, { noise: 'own' });
    const [, led] = await paint(frames, { noise: 'own', shape: 1, start: 1 }, { at: [0, size.width] });
    expect(led!.data).toEqual(free!.data);
  });
});

describe('colours', () => {
  const prompts = ['a cat', 'the sun', 'the sea'];
  const statisticsOfPicture = (frame: Frame) => {
    const { mean, covariance } = statisticsOf(planesOf(frame))!;
    return [...mean, ...covariance.map((row, i) => row[i]!)];
  };

  it('have the first key’s mean and contrast, whatever the network makes of the same frame', async () => {
    const free = await paint(still, { noise: 'own' }, { prompts });
    const [first, ...others] = await paint(still, { noise: 'own', colour: true }, { prompts });
    expect(first!.data).toEqual(free[0]!.data);
    const wanted = statisticsOfPicture(first!);
    const off = (frame: Frame) => Math.max(...statisticsOfPicture(frame).map((v, i) => Math.abs(v - wanted[i]!)));
    // Of 2, from black to white; the rest is rounding, and what is cut off beyond them.
    for (const frame of others) expect(off(frame)).toBeLessThan(0.005);
    expect(Math.max(...free.map(off))).toBeGreaterThan(0.02);
  });
});

describe('a key that sees others', () => {
  const other = picture(24);
  const key = picture(40);

  it.each(['anchored', 'joint'] as const)('depends on the first key and the one before: %s', async (attention) => {
    const look = { noise: 'own', attention, window: 1 } as const;
    const painted = (await paint([picture(), other, key], look))[2]!;
    expect(apart((await paint([picture(7), other, key], look))[2]!, painted)).toBeGreaterThan(0.2);
    expect(apart((await paint([picture(), picture(33), key], look))[2]!, painted)).toBeGreaterThan(0.2);
    expect(apart((await paint([picture(), other, key], { noise: 'own' }))[2]!, painted)).toBeGreaterThan(0.2);
  });

  it('sees in joint sampling those after it, too, in its window', async () => {
    const look = { noise: 'own', attention: 'joint', window: 2 } as const;
    const [, second] = await paint([picture(), other, key], look);
    expect(apart((await paint([picture(), other, picture(9)], look))[1]!, second!)).toBeGreaterThan(0.2);
  });
});

describe('a shot', () => {
  const all: Look = {
    noise: 'carried',
    ...{ attention: 'anchored', window: 2, start: 0.3, shape: 0.4, tone: 0.4, colour: true },
  };
  const at = [0, 16, 24, 48, 56];
  const frames = at.map((right) => picture(right));

  it('is the same bit for bit when it is taken up again anywhere', async () => {
    const kept = new Map<number, Painted>();
    const whole = await paint(frames, all, { at }, kept);
    runtime.close();
    for (const lost of [
      [30, 40],
      [10, 20, 30, 40],
      [10, 20],
    ]) {
      const rest = new Map([...kept].filter(([key]) => !lost.includes(key)));
      const again = await paint(frames, all, { at }, rest);
      expect(again.map(({ data }) => data)).toEqual(whole.map(({ data }) => data));
    }
  });

  it('depends on the settings, each', async () => {
    const last = (await paint(frames, all, { at }))[4]!;
    for (const change of [
      { noise: 'still' },
      { attention: 'joint' },
      { window: 3 },
      { start: 0 },
      { shape: 0 },
      { tone: 0 },
      { colour: false },
    ] as const) {
      const other = (await paint(frames, { ...all, ...change }, { at }))[4]!;
      expect(apart(other, last), JSON.stringify(change)).toBeGreaterThan(0.02);
    }
  });

  it('goes in windows that cover it once, in order, no longer than is asked, the first key alone', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(500)), fc.integer({ min: 1, max: 9 }), fc.boolean(), (some, window, sees) => {
        const keys = some.sort((a, b) => a - b);
        const windows = windowsOf(keys, {
          consistency: { ...ALONE, attention: sees ? 'anchored' : 'own', window },
          motion: false,
        });
        expect(windows.flat()).toEqual(keys);
        expect(windows[0]?.length ?? 1).toBe(1);
        for (const one of windows) expect(one.length).toBeLessThanOrEqual(sees ? window : 1);
      }),
    );
  });

  it('says on which keys each window depends', () => {
    const keys = [3, 8, 12, 20];
    const decisive = (noise: ShotNoise, changes: Partial<Consistency> = {}) =>
      decisiveFor([12], keys, { noise, consistency: { ...ALONE, ...changes }, motion: false });
    expect(decisive('own')).toEqual([12]);
    expect(decisive('still')).toEqual([12]);
    expect(decisive('carried')).toEqual([3, 8, 12]);
    // What is brought into line with the first key depends on that alone.
    expect(decisive('own', { colour: true, tone: 0.5 })).toEqual([3, 12]);
    expect(decisive('own', { shape: 0.5 })).toEqual([3, 8, 12]);
    expect(decisive('own', { attention: 'anchored' })).toEqual([3, 8, 12]);
  });
});

describe('motion modules', () => {
  const frames = Array.from({ length: 30 }, (_, i) => picture(i));
  const settings = { steps: 2 };

  it('move windows of keys, each going on from what the last ones before it became', async () => {
    const modules = await tinyMotion();
    const kept = new Map<number, Painted>();
    const all = await paint(frames, { modules, settings }, {}, kept);
    const alone = await paint(frames.slice(0, 1), { settings });
    expect(apart(all[0]!, alone[0]!)).toBeGreaterThan(0.02);
    // As after an interruption between the two windows, and with another result of an earlier key.
    const after = async (changed: number | null) => {
      const first = new Map([...kept].slice(0, 28));
      if (changed !== null) first.set(10 * changed, { ...kept.get(10 * changed)!, picture: picture(9) });
      return (await paint(frames, { modules, settings }, {}, first)).slice(28);
    };
    expect(await after(null)).toEqual(all.slice(28));
    expect(await after(5)).toEqual(all.slice(28));
    const [next] = await after(27);
    expect(apart(next!, all[28]!)).toBeGreaterThan(0.02);
  });

  it('go in windows of their own length, and depend on all keys before', () => {
    const keys = Array.from({ length: 70 }, (_, i) => 3 * i);
    const both = { noise: 'own', consistency: ALONE, motion: true } as const;
    expect(windowsOf(keys, both).map(({ length }) => length)).toEqual([28, 28, 14]);
    expect(decisiveFor(keys.slice(28, 56), keys, both)).toEqual(keys.slice(0, 56));
  });
});
