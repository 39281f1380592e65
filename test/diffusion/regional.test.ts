import { afterAll, describe, expect, it } from 'vitest';
import { openPainter, type PaintJob, type PaintSettings } from '../../bridge-server/diffusion/painter.ts';
import { openRuntime, type Profile } from '../../bridge-server/diffusion/profile.ts';
import type { Mask } from '../../bridge-server/masks/mask.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import { openModel } from '../../bridge-server/weights/model.ts';
import { tinyFolder, TINY_SETTINGS, waves } from './model.ts';

const { signal } = new AbortController();
const runtime = openRuntime('fast');
afterAll(() => runtime.close());
const sd15 = await tinyFolder('sd15');
const size = { width: 96, height: 64 };
const FRAME = waves(size, 3);
const SETTINGS: PaintSettings = { ...TINY_SETTINGS, steps: 3, strength: 0.8 };
const JOB: PaintJob = {
  ...{ frame: FRAME, prompt: 'a cat', fade: null, regions: [], size, mask: null, maps: [], details: [], noise: 0 },
};

async function paint(
  change: Partial<PaintJob>,
  settings: Partial<PaintSettings> = {},
  profile: Profile = 'fast',
  folder = sd15,
) {
  const options = { runtime, settings: { ...SETTINGS, ...settings }, profile, pictures: 1, size };
  const painter = await openPainter(await openModel(folder), options);
  const [painted] = await painter.paint({ jobs: [{ ...JOB, ...change }], earlier: null }, signal);
  return painted!.picture;
}

const mask = (weight: (x: number, y: number) => number): Mask => ({
  channels: 1,
  ...size,
  data: Float32Array.from({ length: size.width * size.height }, (_, i) =>
    weight(i % size.width, Math.floor(i / size.width)),
  ),
});
const left = mask((x) => Number(x < 48));
const right = mask((x) => Number(x >= 48));
const none = mask(() => 0);
const all = mask(() => 1);

/** Largest difference of the colours, of 65535. */
const apart = (a: Frame, b: Frame) =>
  a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - b.data[i]!)), 0);

describe('regions with prompts of their own', () => {
  it('are painted by them, mixed in one picture', async () => {
    const [cat, sea] = [await paint({}), await paint({ prompt: 'the sea' })];
    const both = await paint({ regions: [{ prompt: 'the sea', mask: right }] });
    expect(apart(both, cat)).toBeGreaterThan(200);
    expect(apart(both, sea)).toBeGreaterThan(200);
    // Everywhere it is that prompt's picture, and two that share the picture evenly are one.
    expect(await paint({ regions: [{ prompt: 'the sea', mask: all }] })).toEqual(sea);
    expect(apart(await paint({ regions: [left, right].map((own) => ({ prompt: 'the sea', mask: own })) }), sea)).toBe(
      0,
    );
  });

  it('change nothing when they are empty, or ask for what is asked for anyway', async () => {
    const plain = await paint({});
    expect(await paint({ regions: [{ prompt: 'the sea', mask: none }] })).toEqual(plain);
    const base = await paint({
      regions: [left, mask((x, y) => ((x * y) % 7) / 7)].map((own) => ({ prompt: 'a cat', mask: own })),
    });
    expect(apart(base, plain)).toBe(0);
  });

  it('are nearly the same when each side is called by itself, and need no guidance', async () => {
    const regions = [
      { prompt: 'the sea', mask: left },
      { prompt: `a long ${'of the sun '.repeat(40)}`, mask: right },
      { prompt: 'red', mask: mask((_, y) => Number(y < 20)) },
    ];
    const batched = await paint({ regions });
    expect(apart(await paint({ regions }, {}, 'small'), batched)).toBeLessThan(300);
    const unguided = await paint({ regions }, { guidance: 1 });
    expect(apart(unguided, await paint({}, { guidance: 1 }))).toBeGreaterThan(100);
  });

  it('read both text encoders of SDXL', async () => {
    const folder = await tinyFolder('sdxl');
    const regions = [{ prompt: 'the sea', mask: left }];
    expect(apart(await paint({ regions }, {}, 'fast', folder), await paint({}, {}, 'fast', folder))).toBeGreaterThan(
      20,
    );
  });
});

describe('a prompt on the way to another', () => {
  it('begins as the one, ends as the other, and is neither between', async () => {
    const [cat, sea] = [await paint({}), await paint({ prompt: 'the sea' })];
    const at = (weight: number) => paint({ fade: { prompt: 'the sea', weight } });
    const [early, half, late] = [await at(0.02), await at(0.5), await at(0.98)];
    expect(apart(early, cat)).toBeLessThan(apart(half, cat));
    expect(apart(late, sea)).toBeLessThan(apart(half, sea));
    expect(apart(half, cat)).toBeGreaterThan(100);
    expect(apart(half, sea)).toBeGreaterThan(100);
  });
});

describe('a soft mask', () => {
  it('repaints as strongly as it says, and nothing where it is 0', async () => {
    const ramp = mask((x) => Math.max(0, Math.min(1, (x - 24) / 48)));
    const painted = await paint({ mask: ramp }, { steps: 8 });
    const change = (from: number, to: number) => {
      let sum = 0;
      for (let y = 0; y < size.height; y++) {
        for (let x = from; x < to; x++) {
          const at = 3 * (y * size.width + x);
          for (let c = 0; c < 3; c++) sum += Math.abs(painted.data[at + c]! - FRAME.data[at + c]!);
        }
      }
      return sum / ((to - from) * size.height);
    };
    expect(change(0, 25)).toBe(0);
    expect(change(25, 40)).toBeGreaterThan(0);
    expect(change(80, 96)).toBeGreaterThan(change(28, 36));
  });
});
