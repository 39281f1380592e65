import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RenderJobView } from '../../bridge-server/protocol/job.ts';
import { renderRequestSchema, type RenderRequest } from '../../bridge-server/protocol/request.ts';
import { around, columnsOf, flickerOf, keyToAdd, versionsOf, withKey, type DoneJob } from '../../plugin/versions.ts';

const request: RenderRequest = {
  version: 1,
  source: { path: '/a.mov', from: 10, to: 40, rate: null, alpha: 'straight' },
  keys: { kind: 'auto', budget: null },
  look: { kind: 'ink' },
  mask: null,
  profile: 'fast',
  output: { kind: 'movie', path: '/a_{version}.mov', codec: 'h264', sound: false },
};

function done(id: string, keys: readonly number[] = [10, 39], changes: Partial<RenderRequest> = {}): DoneJob {
  const result = {
    ...{ output: '/a_v001.mov', frames: 30, seconds: 1, notes: [], advice: null },
    keys: keys.map((frame) => ({ frame, reason: 'first', explanation: '' })),
  };
  const common = { kind: 'render', id, createdAt: '2026-01-01T00:00:00Z', version: 1, place: null } as const;
  return { ...common, request: { ...request, ...changes }, state: { state: 'done', result } };
}

test('versions are the finished jobs of the same frames, oldest first', () => {
  const other = done('c', [10], { source: { ...request.source, to: 20 } });
  const waiting = { ...done('d'), state: { state: 'queued' } } as RenderJobView;
  const jobs = [done('e'), waiting, other, done('a')];
  expect(versionsOf(waiting, jobs).map(({ id }) => id)).toEqual(['a', 'e']);
});

test('columns hold every frame once, and the highest value of each', () => {
  const values = fc.array(fc.float({ min: 0, max: 255, noNaN: true }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(values, fc.nat(1000), fc.integer({ min: 1, max: 120 }), (errors, first, count) => {
      const columns = columnsOf(errors, first, count);
      expect(columns.length).toBe(Math.min(count, errors.length));
      expect(columns[0]!.from).toBe(first);
      expect(columns.at(-1)!.to).toBe(first + errors.length);
      for (const [n, { from, to, value }] of columns.entries()) {
        expect(to).toBe(columns[n + 1]?.from ?? to);
        expect(value).toBe(Math.max(...errors.slice(from - first, to - first)));
      }
    }),
  );
  expect(columnsOf([], 0, 50)).toEqual([]);
});

test('flicker is one value a frame, whatever was measured of the shots within', () => {
  const agreement = (series: readonly { frame: number; result: number; source: number }[]) => {
    const beside = { result: 0, source: 0 };
    return { count: 0, warpError: null, worst: null, colourDrift: beside, series: [...series] };
  };
  const shot = (from: number, to: number, frames: readonly { frame: number; result: number; source: number }[]) => ({
    ...{ from, to, keys: agreement([]), frames: agreement(frames) },
  });
  const stability = [
    shot(10, 12, [{ frame: 11, result: 3, source: 2 }]),
    shot(12, 14, [{ frame: 13, result: 1, source: 1 }]),
  ];
  expect(flickerOf({ from: 10, to: 14, stability }).map(({ result }) => result)).toEqual([0, 3, 0, 1]);
  expect(flickerOf({ from: 10, to: 14, stability: [] })).toEqual([]);
});

test('steps to the next stop on either side', () => {
  expect(around([10, 20, 39], 20)).toEqual({ before: 10, after: 39 });
  expect(around([10, 20, 39], 9)).toEqual({ before: null, after: 10 });
  expect(around([], 3)).toEqual({ before: null, after: null });
});

test('a key is proposed where it helps most in the weak span, and where the user is outside of one', () => {
  const worst = [
    { from: 14, to: 20, peak: 17, error: 9 },
    { from: 30, to: 33, peak: 31, error: 5 },
  ];
  const proposals = [
    { frame: 18, error: 60 },
    { frame: 16, error: 70 },
    { frame: 25, error: 99 },
  ];
  expect(keyToAdd({ worst, proposals }, 15)).toBe(16);
  expect(keyToAdd({ worst, proposals }, 32)).toBe(31);
  expect(keyToAdd({ worst, proposals }, 20)).toBe(20);
});

test('one more key: a request that the bridge can read, with all other keys as they are', () => {
  const next = withKey(done('a', [10, 24, 39]), 17)!;
  expect(renderRequestSchema.parse(next)).toEqual(next);
  expect(next).toEqual({
    ...request,
    keys: { kind: 'chosen', keys: [10, 17, 24, 39].map((frame) => ({ frame, picture: { kind: 'painted' } })) },
  });
  const chosen = {
    kind: 'chosen' as const,
    keys: [
      { frame: 10, picture: { kind: 'image' as const, path: '/k.png' } },
      { frame: 39, picture: { kind: 'repainted' as const, seed: 4 } },
    ],
  };
  const again = withKey(done('a', [10, 39], { keys: chosen }), 12)!.keys;
  expect(again).toMatchObject({ keys: [chosen.keys[0], { frame: 12 }, chosen.keys[1]] });
});

test.each([
  [{ kind: 'movie', path: '/a.b/c.mov', codec: 'h264', sound: true } as const, { path: '/a.b/c_{version}.mov' }],
  [{ kind: 'images', folder: '/a.b/c/' } as const, { folder: '/a.b/c_{version}' }],
])('the result of %s does not lie where the first one lies', (output, expected) => {
  expect(withKey(done('a', [10], { output }), 12)!.output).toMatchObject(expected);
});

test('own images stay the artist’s, and a key is added once', () => {
  expect(withKey(done('a', [10], { keys: { kind: 'images', folder: '/k' } }), 12)).toBeNull();
  expect(withKey(done('a', [10, 39]), 39)).toBeNull();
});
