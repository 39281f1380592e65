import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Failure } from '../../bridge-server/errors.ts';
import { Engine } from '../../bridge-server/kernels/engine.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import { loadMap, storeMap } from '../../bridge-server/propagate/maps.ts';
import { matchSpan } from '../../bridge-server/propagate/match.ts';
import { makeScene } from '../media/scene.ts';
import { type Channel, field, picture } from './layers.ts';
import { between, folders, never, propagate, psnr } from './run.ts';
import type { Folders, Shot } from './run.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start(2);
});
afterAll(() => engine.close());

const colours = [1, 2, 3].map(field);
const paints = [4, 5, 6].map(field);
const moved = (channels: readonly Channel[], dx: number, dy: number): Channel[] =>
  channels.map((channel) => (x, y) => channel(x - dx, y - dy));

/** A texture that moves by (dx, dy) pixels a frame, and another that moves with it as its repainting. */
function sliding(width: number, height: number, dx: number, dy: number, painted: readonly Channel[] = paints): Shot {
  return {
    width,
    height,
    frame: (n) => picture(width, height, moved(colours, dx * n, dy * n)),
    key: (n) => picture(width, height, moved(painted, dx * n, dy * n)),
  };
}

async function bytesOf({ matches, results }: Folders): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for (const folder of [matches, results]) {
    for (const name of await folder.names()) all.set(name, Buffer.from(await folder.read(name)).toString('base64'));
  }
  return all;
}

describe('what is exact', () => {
  test('a shot that stands still gives the key back', async () => {
    const shot = sliding(64, 48, 0, 0);
    for (const span of [between(3), { before: 0, after: null, from: 1, to: 3 }]) {
      for (const [n, frame] of await propagate(engine, shot, span)) {
        const key = shot.key(n);
        expect(frame.data.every((value, i) => Math.abs(value - key.data[i]!) <= 1)).toBe(true);
      }
    }
  });

  test('whole pixels of motion: the key, moved, but for the edges that came into sight', async () => {
    const shot = sliding(128, 96, 3, -2);
    for (const [n, frame] of await propagate(engine, shot, between(4))) {
      const inside = (p: number): boolean => p % 128 > 14 && p % 128 < 114 && p / 128 > 10 && p / 128 < 86;
      expect(psnr(frame, shot.key(n), inside)).toBeGreaterThan(48);
    }
  });

  test.each([
    [33, 17],
    [17, 33],
    [1, 1],
    [5, 240],
    [101, 77],
  ])('pictures of %i by %i', async (width, height) => {
    const shot = sliding(width, height, 0.5, 0.25);
    const made = await propagate(engine, shot, between(3));
    for (const [n, frame] of made) {
      expect([frame.width, frame.height, frame.channels]).toEqual([width, height, 3]);
      expect(psnr(frame, shot.key(n))).toBeGreaterThan(28);
    }
  });

  test('one key alone, behind or before', async () => {
    const shot = sliding(120, 80, 1.5, 0.5);
    const inside = (p: number): boolean => p % 120 > 14 && p % 120 < 106 && p / 120 > 10 && p / 120 < 70;
    for (const span of [
      { before: 0, after: null, from: 1, to: 4 },
      { before: null, after: 3, from: 0, to: 3 },
    ]) {
      const made = await propagate(engine, shot, span);
      expect([...made.keys()]).toEqual([span.from, span.from + 1, span.from + 2]);
      for (const [n, frame] of made) expect(psnr(frame, shot.key(n), inside)).toBeGreaterThan(36);
    }
  });

  test('maps are stored to a 64th of a pixel, or as finely as long vectors allow, and read back as they are used', async () => {
    const size = { width: 7, height: 5 };
    const { matches } = await folders();
    const map = engine.alloc(8 * 35);
    const scratch = engine.alloc(4 * 35);
    const vector = fc.float({ min: -3000, max: 3000, noNaN: true });
    const check = fc.asyncProperty(fc.array(vector, { minLength: 70, maxLength: 70 }), async (values) => {
      engine.f32(map, 70).set(values);
      await (
        await storeMap(engine, map, size, scratch, matches, 'x.map')
      ).written;
      const used = engine.f32(map, 70).slice();
      const step = Math.max(1 / 64, 2 ** Math.ceil(Math.log2(Math.max(...values.map(Math.abs)) / 32000)));
      used.forEach((value, i) => expect(Math.abs(value - values[i]!)).toBeLessThanOrEqual(step / 2));
      engine.f32(map).fill(0);
      await loadMap(engine, map, size, scratch, matches, 'x.map');
      expect(engine.f32(map, 70)).toEqual(used);
    });
    await fc.assert(check, { numRuns: 30 });
    engine.free(map, scratch);
  });
});

describe('alpha', () => {
  const disc: Channel = (x, y) => Math.max(0, Math.min(1, 20.5 - Math.hypot(x - 50, y - 40)));
  const shot = sliding(112, 80, 2, 1, [...paints, disc]);

  test('moves with the picture', async () => {
    for (const [n, frame] of await propagate(engine, shot, between(4))) {
      expect(frame.channels).toBe(4);
      const truth = shot.key(n);
      let wrong = 0;
      for (let i = 3; i < truth.data.length; i += 4) {
        if (Math.abs(frame.data[i]! - truth.data[i]!) > 3000) wrong++;
      }
      expect(wrong).toBeLessThan(20);
    }
  });

  test('what lies under transparent pixels never shows', async () => {
    const green = (n: number): Frame => {
      const key = shot.key(n);
      const data = key.data.map((value, i) => (key.data[i | 3] === 0 ? (i % 4 === 1 ? 65535 : 0) : value));
      return { ...key, data };
    };
    const plain = await propagate(engine, shot, between(2));
    const garish = await propagate(engine, { ...shot, key: green }, between(2));
    expect(garish.get(1)!.data).toEqual(plain.get(1)!.data);
  });

  test('one key with alpha and one without make frames with alpha', async () => {
    const opaque = sliding(112, 80, 2, 1);
    const mixed = { ...shot, key: (n: number) => (n === 0 ? shot.key(0) : opaque.key(n)) };
    const made = await propagate(engine, mixed, between(2));
    expect(made.get(1)!.channels).toBe(4);
  });
});

test('a moving mask guides where colours alone cannot tell', async () => {
  const grey: Channel = () => 0.5;
  const disc: Channel = (x, y) => Math.max(0, Math.min(1, 14.5 - Math.hypot(x - 40, y - 40)));
  const shot: Shot = {
    width: 112,
    height: 80,
    frame: () => picture(112, 80, [grey, grey, grey]),
    key: (n) => picture(112, 80, moved([disc, disc, disc], 6 * n, 0)),
  };
  const mask = (n: number): Frame => picture(112, 80, moved([disc, disc, disc], 6 * n, 0));
  const blind = await propagate(engine, shot, between(4));
  const guided = await propagate(engine, { ...shot, mask }, between(4));
  for (let n = 1; n < 4; n++) {
    expect(psnr(guided.get(n)!, shot.key(n))).toBeGreaterThan(psnr(blind.get(n)!, shot.key(n)) + 6);
  }
});

test('a key of another size is refused, and named', async () => {
  const shot = sliding(40, 30, 0, 0);
  const wrong = propagate(engine, { ...shot, key: () => sliding(41, 30, 0, 0).key(0) }, between(2));
  await expect(wrong).rejects.toThrow(Failure);
  await expect(wrong).rejects.toThrow('frame 0 is 41x30');
});

describe('the same result', () => {
  const last = 5;
  const span = between(last);
  let shot: Shot;
  let whole: Folders;
  let expected: Map<string, string>;
  beforeAll(async () => {
    const scene = await makeScene({ kind: 'occluder', seed: 2, width: 160, height: 90, frames: last + 1 });
    shot = { ...scene, key: scene.truth };
    whole = await folders();
    await propagate(engine, shot, span, whole);
    expected = await bytesOf(whole);
  });

  test('takes patches too', () => {
    const fills = [...expected].filter(([name]) => name.endsWith('.fill')).map(([, bytes]) => bytes.length);
    expect(Math.max(...fills)).toBeGreaterThan(200);
  });

  test.each([1, 3])('with %i workers', async (workers) => {
    const team = await Engine.start(workers);
    try {
      const into = await folders();
      await propagate(team, shot, span, into);
      expect(await bytesOf(into)).toEqual(expected);
    } finally {
      await team.close();
    }
  });

  test('when any entries are missing', async () => {
    const names = [...expected.keys()];
    const check = fc.asyncProperty(fc.subarray(names, { minLength: 1, maxLength: 6 }), async (missing) => {
      for (const name of missing) {
        const { path } = name.endsWith('.frame') ? whole.results : whole.matches;
        await rm(join(path, name));
      }
      await propagate(engine, shot, span, whole);
      expect(await bytesOf(whole)).toEqual(expected);
    });
    await fc.assert(check, { numRuns: 4 });
  });

  test('when cancelled over and over', async () => {
    const into = await folders();
    let frames = 0;
    let runs = 0;
    for (let finished = false; !finished; runs++) {
      const abort = new AbortController();
      let asked = 0;
      const watched = {
        ...shot,
        frame: (n: number) => {
          frames++;
          if (++asked === 10) abort.abort();
          return shot.frame(n);
        },
      };
      finished = await propagate(engine, watched, span, into, abort.signal).then(
        () => true,
        (error: unknown) => {
          expect((error as Error).name).toBe('AbortError');
          return false;
        },
      );
    }
    expect(runs).toBeGreaterThan(3);
    expect(frames).toBeLessThan(runs * 11 + 30);
    expect(await bytesOf(into)).toEqual(expected);
  });

  test('matching asks for no key picture, and what is matched serves any repainting', async () => {
    const { matches, results } = await folders();
    const source = { width: 160, height: 90, get: (n: number) => Promise.resolve(shot.frame(n)) };
    const done: number[] = [];
    await matchSpan(engine, span, source, matches, (count, total) => done.push(count / total), never);
    expect(done.at(-1)).toBe(1);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    const before = await bytesOf({ matches, results: matches });
    const negative = (n: number): Frame => ({ ...shot.key(n), data: shot.key(n).data.map((value) => 65535 - value) });
    await propagate(engine, { ...shot, key: negative }, span, { matches, results });
    expect(await bytesOf({ matches, results: matches })).toEqual(before);
  });

  test('and no memory stays behind', () => {
    const block = engine.alloc(64);
    engine.free(block);
    expect(block.pointer).toBe(floor);
  });
  let floor = 0;
  beforeAll(() => {
    const block = engine.alloc(64);
    floor = block.pointer;
    engine.free(block);
  });
});
