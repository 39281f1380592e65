import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtInMap, controlKindOf, isNetFor } from '../../bridge-server/control/kinds.ts';
import { openControlMaps } from '../../bridge-server/control/maps.ts';
import type { ControlMeans } from '../../bridge-server/control/maps.ts';
import { Surroundings } from '../../bridge-server/control/surroundings.ts';
import type { Planes } from '../../bridge-server/diffusion/picture/planes.ts';
import { Engine } from '../../bridge-server/kernels/engine.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import { writePng } from '../../bridge-server/media/image.ts';
import type { ControlMap } from '../../bridge-server/protocol/control-map.ts';
import { newFolder } from '../jobs/folder.ts';
import { makeScene } from '../media/scene.ts';
import { blinkingOf, flickerOf } from './flicker.ts';
import { frameWith, meansFor } from './means.ts';

const { signal } = new AbortController();
const WIDTH = 192;
const HEIGHT = 128;
const size = { width: WIDTH, height: HEIGHT };

const CANNY = { kind: 'canny', low: 100, high: 200, gradient: 'l1', steady: true } as const;
const STEADY: readonly ControlMap[] = [
  CANNY,
  { kind: 'softedge', steady: true },
  { kind: 'lineart', steady: true },
  { kind: 'scribble', steady: true },
];
const FRAME_BY_FRAME: readonly ControlMap[] = [
  ...STEADY.map((map) => ({ ...map, steady: false }) as ControlMap),
  { kind: 'luminance' },
  { kind: 'tile', coarseness: 4 },
  { kind: 'blur', coarseness: 3 },
  { kind: 'colour', coarseness: 16 },
];

async function framesOf(options: { kind: 'arms' | 'pan' | 'occluder'; seed: number; grain?: number }, count = 9) {
  const scene = await makeScene({ ...size, frames: 24, ...options });
  return Array.from({ length: count }, (_, n) => scene.frame(n));
}

async function mapOf(map: ControlMap, means: ControlMeans, frame: number, at = size): Promise<Planes> {
  return (await openControlMaps(map, means, signal)).mapAt(frame, at, signal);
}

/** For comparing bits; a difference of arrays would be long. */
const bitsOf = ({ data }: Planes): string => createHash('sha256').update(data).digest('hex');

const firstPlane = ({ data }: Planes): Float32Array => data.subarray(0, data.length / 3);

describe('a map', () => {
  it.each([...STEADY, ...FRAME_BY_FRAME])(
    'is three planes in [0, 1] of the size that was asked: $kind',
    async (map) => {
      const [frame] = await framesOf({ kind: 'arms', seed: 1 }, 1);
      const planes = await mapOf(map, meansFor([frame!]), 0, { width: 120, height: 80 });
      expect([planes.channels, planes.width, planes.height]).toEqual([3, 120, 80]);
      expect(planes.data).toHaveLength(3 * 120 * 80);
      expect(planes.data.every((value) => value >= 0 && value <= 1)).toBe(true);
      expect(planes.data.some((value) => value > 0.2)).toBe(true);
    },
  );

  it.each(STEADY)('is empty for a picture in one colour: $kind', async (map) => {
    const grey = frameWith(WIDTH, HEIGHT, () => [90, 140, 30]);
    const { data } = await mapOf(map, meansFor([grey, grey, grey]), 1);
    expect(Math.max(...data)).toBeLessThan(1e-6);
  });

  it.each(FRAME_BY_FRAME.filter(({ kind }) => kind !== 'colour' && kind !== 'canny'))(
    'moves with the picture by whole pixels, away from the borders: $kind',
    async (map) => {
      const [scene] = await framesOf({ kind: 'arms', seed: 5 }, 1);
      const shifted = (dx: number, dy: number): Frame =>
        frameWith(WIDTH, HEIGHT, (x, y) => {
          const [sx, sy] = [Math.min(Math.max(x - dx, 0), WIDTH - 1), Math.min(Math.max(y - dy, 0), HEIGHT - 1)];
          return [0, 1, 2].map((c) => scene!.data[3 * (sy * WIDTH + sx) + c]! / 257);
        });
      // By what tile's blocks are wide: they do not move by less.
      const [dx, dy] = [12, -8];
      const moved = shifted(dx, dy);
      const still = await mapOf(map, meansFor([shifted(0, 0)]), 0);
      const there = await mapOf(map, meansFor([moved]), 0);
      let most = 0;
      // The widest surroundings that any of them looks at.
      for (let y = 44; y < HEIGHT - 44; y++) {
        for (let x = 48; x < WIDTH - 48; x++) {
          const difference = there.data[y * WIDTH + x]! - still.data[(y - dy) * WIDTH + x - dx]!;
          most = Math.max(most, Math.abs(difference));
        }
      }
      // Running sums round differently where they began elsewhere.
      expect(most).toBeLessThan(1e-5);
    },
  );

  it('of colour is blocks in their mean colour', async () => {
    const picture = frameWith(40, 20, (x, y) => [x, y, (x + y) % 2 ? 255 : 0]);
    const { data } = await mapOf({ kind: 'colour', coarseness: 10 }, meansFor([picture]), 0, { width: 40, height: 20 });
    expect(data[5 * 40 + 25]).toBeCloseTo(24.5 / 255, 5);
    expect(data[800 + 15 * 40 + 3]).toBeCloseTo(14.5 / 255, 5);
    expect(data[1600 + 15 * 40 + 39]).toBeCloseTo(0.5, 5);
  });

  it('of a cut-out shows nothing of what its alpha hides', async () => {
    const [frame] = await framesOf({ kind: 'arms', seed: 2 }, 1);
    const data = new Uint16Array(4 * WIDTH * HEIGHT);
    for (let p = 0; p < WIDTH * HEIGHT; p++) data.set(frame!.data.subarray(3 * p, 3 * p + 3), 4 * p);
    const hidden: Frame = { width: WIDTH, height: HEIGHT, channels: 4, data };
    const planes = await mapOf({ ...CANNY, steady: false }, meansFor([hidden]), 0);
    expect(planes.data.every((value) => value === 0)).toBe(true);
  });
});

describe('a steady map', () => {
  it.each(STEADY)('flickers less than the maps of single frames: $kind', async (map) => {
    const frames = await framesOf({ kind: 'arms', seed: 11, grain: 5 });
    const means = meansFor(frames);
    const measure = map.kind === 'canny' || map.kind === 'scribble' ? blinkingOf : flickerOf;
    const figures: number[] = [];
    for (const steady of [true, false]) {
      const maps = await openControlMaps({ ...map, steady } as ControlMap, means, signal);
      let sum = 0;
      for (const n of [3, 4, 5]) {
        const around = [];
        for (const near of await means.surroundings.neighbours(n, size, signal)) {
          if (Math.abs(near.distance) > 1) continue;
          around.push({ ...near, map: await maps.mapAt(near.frame, size, signal) });
        }
        expect(around).toHaveLength(2);
        sum += measure(await maps.mapAt(n, size, signal), around);
      }
      figures.push(sum);
    }
    expect(figures[0]).toBeLessThan(0.75 * figures[1]!);
  });

  it('of edges has none that are not ridges of this very frame', async () => {
    const means = meansFor(await framesOf({ kind: 'occluder', seed: 4 }));
    const weak: ControlMap = { kind: 'canny', low: 50, high: 50, gradient: 'l1', steady: false };
    for (const n of [2, 4, 6]) {
      const edges = await mapOf(CANNY, means, n);
      const ridges = await mapOf(weak, means, n);
      expect(edges.data.every((edge, p) => edge <= ridges.data[p]!)).toBe(true);
      expect(bitsOf(edges)).not.toBe(bitsOf(await mapOf({ ...CANNY, steady: false }, means, n)));
    }
  });

  it.each(['softedge', 'lineart'] as const)('has no ghosts of what was elsewhere: %s', async (kind) => {
    // Balls fly by in front of a wall: what they uncover has no counterpart before, and what they cover none after.
    const flight = (n: number): Frame =>
      frameWith(WIDTH, HEIGHT, (x, y) => {
        const near = (cx: number, cy: number): boolean => Math.hypot(x - cx, y - cy) < 14;
        if (near(30 + 17 * n, 40)) return [250, 240, 90];
        if (near(150 - 11 * n, 90)) return [20, 10, 30];
        const brick = 14 * Math.sin(x * 0.35) * Math.cos(y * 0.27) + 6 * Math.sin(x * 0.11 + y * 0.2);
        return [120 + brick, 110 + brick, 100 + brick];
      });
    const means = meansFor([0, 1, 2, 3, 4, 5, 6].map(flight));
    for (const n of [2, 3, 4]) {
      const steady = firstPlane(await mapOf({ kind, steady: true }, means, n));
      const own = firstPlane(await mapOf({ kind, steady: false }, means, n));
      let excess = 0;
      for (let y = 3; y < HEIGHT - 3; y++) {
        for (let x = 3; x < WIDTH - 3; x++) {
          let nearest = 0;
          for (let q = (y - 3) * WIDTH + x; q <= (y + 3) * WIDTH + x; q += WIDTH) {
            for (let dx = -3; dx <= 3; dx++) nearest = Math.max(nearest, own[q + dx]!);
          }
          excess += Math.max(0, steady[y * WIDTH + x]! - nearest);
        }
      }
      const share = excess / own.reduce((sum, value) => sum + value, 0);
      expect(share).toBeLessThan(0.005);
    }
  });

  it.each(STEADY)(
    'is the same bits in whichever order, from wherever, with any number of workers: $kind',
    async (map) => {
      const frames = await framesOf({ kind: 'pan', seed: 8 });
      const alone = bitsOf(await mapOf(map, meansFor(frames), 5));
      const walking = await openControlMaps(map, meansFor(frames), signal);
      for (const n of [8, 0, 1, 2, 3, 4, 6]) await walking.mapAt(n, n === 2 ? { width: 64, height: 48 } : size, signal);
      expect(bitsOf(await walking.mapAt(5, size, signal))).toBe(alone);
      const one = await Engine.start(1);
      try {
        const range = { from: 3, to: 9 };
        const surroundings = new Surroundings(one, range, (n) => Promise.resolve(frames[n]!));
        const means = { ...meansFor(frames), surroundings };
        expect(bitsOf(await mapOf(map, means, 5))).toBe(alone);
      } finally {
        await one.close();
      }
    },
  );

  it('reads two frames to either side and no others', async () => {
    const frames = await framesOf({ kind: 'pan', seed: 8 });
    const read: number[] = [];
    await mapOf(CANNY, meansFor(frames, 100, read), 104);
    expect(read).toEqual([102, 103, 104, 105, 106]);
  });

  it.each(STEADY)('does not look across a cut: $kind', async (map) => {
    const before = await framesOf({ kind: 'arms', seed: 1 }, 4);
    const after = await framesOf({ kind: 'pan', seed: 77 }, 4);
    const cut = bitsOf(await mapOf(map, meansFor([...before, ...after]), 3));
    expect(cut).toBe(bitsOf(await mapOf(map, meansFor(before), 3)));
  });
});

describe('a map drawn by the user', () => {
  const paint = async (sizes: Record<string, { width: number; height: number; grey: number }>): Promise<string> => {
    const folder = join(await newFolder(), 'drawn maps');
    await mkdir(folder);
    for (const [name, { width, height, grey }] of Object.entries(sizes)) {
      await writePng(
        join(folder, name),
        frameWith(width, height, () => [grey, grey, grey]),
      );
    }
    return folder;
  };
  const means = meansFor(
    Array.from({ length: 10 }, () => frameWith(WIDTH, HEIGHT, () => [0, 0, 0])),
    10,
  );

  it('is found by its number, holds until the next, and is scaled', async () => {
    const folder = await paint({
      'pose v2 0012.png': { width: WIDTH, height: HEIGHT, grey: 50 },
      'pose v2 0016.png': { width: WIDTH / 2, height: HEIGHT / 2, grey: 250 },
    });
    const maps = await openControlMaps({ kind: 'images', folder }, means, signal);
    for (const [frame, grey] of [
      [10, 50],
      [12, 50],
      [15, 50],
      [16, 250],
      [19, 250],
    ] as const) {
      const { width, height, data } = await maps.mapAt(frame, { width: 80, height: 64 }, signal);
      expect([width, height]).toEqual([80, 64]);
      expect(data[80 * 64 + 123]).toBeCloseTo(grey / 255, 4);
    }
    expect(maps.notes).toEqual(['8 of 10 frames have no control map of their own; the map before them holds.']);
    expect(await maps.identity(12, signal)).toBe(await maps.identity(15, signal));
    expect(await maps.identity(12, signal)).not.toBe(await maps.identity(16, signal));
  });

  it('is refused in another shape, and when there is none', async () => {
    const folder = await paint({
      '12.png': { width: WIDTH, height: HEIGHT, grey: 0 },
      '13.png': { width: WIDTH, height: HEIGHT + 3, grey: 0 },
    });
    await expect(openControlMaps({ kind: 'images', folder }, means, signal)).rejects.toMatchObject({
      code: 'control-map-shape',
      message: expect.stringContaining(`13.png is ${WIDTH}x${HEIGHT + 3}`) as string,
    });
    const empty = openControlMaps({ kind: 'images', folder: await paint({}) }, means, signal);
    await expect(empty).rejects.toMatchObject({ code: 'control-maps-none' });
  });
});

describe('the names of kinds', () => {
  it.each([
    ['HED', 'softedge'],
    ['soft-edge', 'softedge'],
    ['openpose', 'pose'],
    ['seg', 'segmentation'],
    ['normalbae', 'normal'],
    ['Line Art', 'lineart'],
    ['shuffle', 'colour'],
    ['recolor', 'luminance'],
    ['depth', 'depth'],
    ['fog', null],
  ])('%s is %s', (word, kind) => expect(controlKindOf(word)).toBe(kind));

  it.each([
    ['canny', 'control_v11p_sd15_canny_fp16.safetensors'],
    ['canny', 'diffusers/controlnet-canny-sdxl-1.0'],
    ['softedge', 'control_v11p_sd15_softedge'],
    ['softedge', 'sd-controlnet-hed'],
    ['lineart', 'control_v11p_sd15s2_lineart_anime'],
    ['scribble', 'control-scribble-sdxl'],
    ['tile', 'control_v11f1e_sd15_tile'],
    ['colour', 'control_v11e_sd15_shuffle'],
    ['luminance', 'control_v1p_sd15_brightness'],
    ['depth', 'control_v11f1p_sd15_depth'],
    ['normal', 'control_v11p_sd15_normalbae'],
    ['pose', 'control_v11p_sd15_openpose'],
    ['segmentation', 'control_v11p_sd15_seg'],
  ] as const)('a net for %s is called %s', (kind, name) => {
    expect(isNetFor(kind, name)).toBe(true);
    expect(isNetFor(kind === 'canny' ? 'depth' : 'canny', name)).toBe(false);
  });

  it('the last four need an annotator', () => {
    expect(['depth', 'normal', 'pose', 'segmentation'].map((kind) => builtInMap(kind as 'depth'))).toEqual(
      Array(4).fill(null),
    );
    expect(builtInMap('canny')).toEqual(CANNY);
  });
});
