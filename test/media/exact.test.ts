import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Clip } from '../../bridge-server/media/clip.ts';
import { FrameWindow, openClip } from '../../bridge-server/media/clip.ts';
import type { FrameRange } from '../../bridge-server/media/frame.ts';
import type { Rational } from '../../bridge-server/media/rational.ts';
import { convert, makeClip, numbersOf, readNumber } from './clips.ts';

const signal = new AbortController().signal;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pentimento-exact-'));
});
afterAll(() => rm(folder, { recursive: true }));

const x264 = (parameters: string): string[] => [
  ...['-c:v', 'libx264', '-preset', 'ultrafast', '-x264-params', `scenecut=0:b-adapt=0:${parameters}`],
];
/** How pictures hang on each other. */
const GOPS = {
  closed: x264('keyint=12:min-keyint=12:bframes=3'),
  open: x264('keyint=12:min-keyint=12:bframes=3:open-gop=1'),
  pyramid: x264('keyint=10:min-keyint=10:bframes=5:b-pyramid=normal:open-gop=1'),
  'one key': x264('keyint=1000:bframes=3'),
  'no B': x264('keyint=7:bframes=0'),
  'HEVC open': [
    ...['-c:v', 'libx265', '-preset', 'ultrafast'],
    ...['-x265-params', 'keyint=12:min-keyint=12:bframes=4:open-gop=1:log-level=none'],
  ],
  'MPEG-2': ['-c:v', 'mpeg2video', '-g', '12', '-bf', '2', '-q:v', '3'],
  'MPEG-4': ['-c:v', 'mpeg4', '-g', '12', '-bf', '2', '-q:v', '3'],
  ProRes: ['-c:v', 'prores_ks', '-profile:v', '2', '-pix_fmt', 'yuv422p10le'],
  JPEG: ['-c:v', 'mjpeg', '-q:v', '3', '-pix_fmt', 'yuvj420p'],
  VP9: ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-g', '12', '-b:v', '300k'],
  VP8: ['-c:v', 'libvpx', '-deadline', 'realtime', '-auto-alt-ref', '1', '-lag-in-frames', '10', '-g', '12'],
  FFV1: ['-c:v', 'ffv1', '-g', '1'],
} as const;
type Gop = keyof typeof GOPS;

const FRAMES = 40;
const all = Array.from({ length: FRAMES }, (_, n) => n);

function open(path: string, range: Partial<FrameRange> = {}, rate: Rational | null = null): Promise<Clip> {
  return openClip({ path, from: range.from ?? 0, to: range.to ?? null, rate, alpha: 'straight' }, signal);
}

const numbers = (clip: Clip, range: FrameRange = clip.range): Promise<(number | null)[]> =>
  numbersOf(clip.read(range, signal));

/** The whole clip, and ranges about every kind of boundary; frame n must show `first + n`. */
async function expectExact(clip: Clip, first = 0): Promise<void> {
  const { from, to } = clip.range;
  const shown = (range: FrameRange): number[] =>
    Array.from({ length: range.to - range.from }, (_, i) => first + range.from + i);
  expect(await numbers(clip)).toEqual(shown(clip.range));
  const ranges = [
    [from, from + 1],
    [to - 1, to],
    [from + 11, from + 14],
    [from + 23, from + 26],
    [to - 5, to - 3],
  ].filter(([a, b]) => a! >= from && b! <= to);
  for (const [a, b] of ranges) {
    const range = { from: a!, to: b! };
    expect(await numbers(clip, range)).toEqual(shown(range));
  }
}

describe('the frames of [from, to) are those frames', () => {
  const rates = [...['24000/1001', '24/1', '25/1', '30000/1001', '30/1', '50/1', '60000/1001', '60/1', '120000/1001']];
  const byRate = rates.flatMap((rate) => (['mp4', 'mov', 'mkv', 'ts'] as const).map((ending) => ({ rate, ending })));
  it.concurrent.each(byRate)('at $rate in $ending', async ({ rate, ending }) => {
    const path = join(folder, `rate-${rate.replace('/', '-')}.${ending}`);
    const gop = ending === 'ts' || ending === 'mov' ? 'open' : 'pyramid';
    const clip = await open(await makeClip(path, { frames: FRAMES, rate, options: GOPS[gop] }));
    const [num, den] = rate.split('/').map(Number);
    expect(clip.rate).toEqual({ num, den });
    expect(clip.info.variable).toBe(false);
    expect(clip.notes).toEqual([]);
    expect(clip.range).toEqual({ from: 0, to: FRAMES });
    await expectExact(clip);
  });

  const byGop: readonly (readonly [Gop, readonly string[]])[] = [
    ['closed', ['mp4', 'mkv', 'ts', 'mov']],
    ['open', ['mp4', 'mkv']],
    ['pyramid', ['mov', 'ts']],
    ['one key', ['mp4', 'ts', 'mkv']],
    ['no B', ['mp4', 'ts', 'avi', 'flv']],
    ['HEVC open', ['mp4', 'mkv', 'ts']],
    ['MPEG-2', ['mpg', 'ts', 'mkv', 'mxf', 'avi']],
    ['MPEG-4', ['mp4', 'avi', 'mkv']],
    ['ProRes', ['mov', 'mkv']],
    ['JPEG', ['mov', 'avi']],
    ['VP9', ['webm']],
    ['VP8', ['webm']],
    ['FFV1', ['mkv', 'nut', 'avi']],
  ];
  const cases = byGop.flatMap(([gop, endings]) => endings.map((ending) => ({ gop, ending })));
  it.concurrent.each(cases)('$gop in $ending', async ({ gop, ending }) => {
    const path = join(folder, `${gop}.${ending}`);
    const clip = await open(await makeClip(path, { frames: FRAMES, rate: '25', options: GOPS[gop] }));
    expect(clip.range).toEqual({ from: 0, to: FRAMES });
    expect(clip.rate).toEqual({ num: 25, den: 1 });
    await expectExact(clip);
  });

  it.concurrent.each([
    ['mp4', 'open', '5.5'],
    ['mov', 'closed', '1000'],
    ['mkv', 'pyramid', '5.5'],
    ['ts', 'HEVC open', '5.5'],
    // Two seconds before the 33 bits of MPEG's clock run over.
    ['ts', 'open', '95441.7'],
    ['mp4', 'one key', '0.013'],
  ] as const)('in %s with %s GOPs when the first is shown at %s s', async (ending, gop, offset) => {
    const base = join(folder, `base-${gop}-${offset}-${ending}.mp4`);
    await makeClip(base, { frames: FRAMES, rate: '24000/1001', options: GOPS[gop] });
    const path = join(folder, `late-${gop}-${offset}.${ending}`);
    const clip = await open(await convert(base, ['-c', 'copy', '-output_ts_offset', offset], path));
    expect(clip.range).toEqual({ from: 0, to: FRAMES });
    await expectExact(clip);
  });

  // Cut without re-encoding at 0.63 s, in the middle of a GOP: an edit list hides what comes before frame 16.
  it.concurrent.each([
    ['mp4', 'closed'],
    ['mov', 'closed'],
    ['mp4', 'open'],
    ['mov', 'pyramid'],
    ['mp4', 'HEVC open'],
    ['mp4', 'one key'],
    ['mp4', 'MPEG-4'],
  ] as const)('in %s with %s GOPs behind an edit list', async (ending, gop) => {
    const base = join(folder, `whole-${gop}-${ending}.mp4`);
    await makeClip(base, { frames: FRAMES, rate: '24000/1001', options: GOPS[gop] });
    const path = join(folder, `edited-${gop}.${ending}`);
    const clip = await open(await convert(base, ['-c', 'copy'], path, ['-ss', '0.63']));
    expect(clip.range).toEqual({ from: 0, to: FRAMES - 16 });
    await expectExact(clip, 16);
  });

  it('in a range that was asked for, which reads nothing outside', async () => {
    const path = join(folder, 'range.mp4');
    await makeClip(path, { frames: FRAMES, rate: '25', options: GOPS.open });
    const clip = await open(path, { from: 7, to: 30 });
    expect(clip.range).toEqual({ from: 7, to: 30 });
    expect(await numbers(clip)).toEqual(all.slice(7, 30));
    await expect(numbers(clip, { from: 6, to: 8 })).rejects.toThrow(RangeError);
    await expect(open(path, { from: 30, to: 41 })).rejects.toMatchObject({ code: 'range-outside' });
    await expect(open(path, { from: 30, to: 30 })).rejects.toMatchObject({ code: 'range-outside' });
  });

  it('under any name', async () => {
    for (const name of [
      '-i.mp4',
      'with  spaces 🎞 é.mp4',
      '100%03d.mp4',
      'a:b|c,d;e.mp4',
      "it's [one] \\x.mp4",
      'http:x.mp4',
    ]) {
      const path = join(folder, name);
      const clip = await open(await makeClip(path, { frames: 4, rate: '25', options: GOPS.closed }));
      expect(await numbers(clip)).toEqual([0, 1, 2, 3]);
    }
  });
});

describe('a variable frame rate', () => {
  /** Shows frame n of `shown` at times[n] seconds/1000. */
  async function variable(name: string, drop: string): Promise<Clip> {
    const base = await makeClip(join(folder, `base-${name}`), { frames: FRAMES, rate: '25', options: GOPS.closed });
    const path = join(folder, name);
    await convert(base, ['-vf', drop, '-vsync', 'vfr', ...GOPS.open], path);
    return open(path);
  }

  it.each(['mp4', 'mkv'])('is conformed to the rate next to most of its frames, in %s, and said so', async (ending) => {
    // Frames 10 to 19 are not there: 9 stays until 20.
    const clip = await variable(`gap.${ending}`, 'select=lt(n\\,10)+gte(n\\,20)');
    expect(clip.info).toMatchObject({ variable: true, frames: 30, rate: { num: 25, den: 1 } });
    expect(clip.notes).toEqual([expect.stringMatching(/variable frame rate.*conformed to 25 frames/)]);
    expect(clip.range).toEqual({ from: 0, to: FRAMES });
    const shown = all.map((n) => (n >= 10 && n < 20 ? 9 : n));
    expect(await numbers(clip)).toEqual(shown);
    for (const range of [
      { from: 8, to: 13 },
      { from: 15, to: 18 },
      { from: 19, to: 22 },
      { from: 39, to: 40 },
    ]) {
      expect(await numbers(clip, range)).toEqual(shown.slice(range.from, range.to));
    }
  });

  it('is conformed to the rate asked for', async () => {
    const { info } = await variable('asked.mp4', 'select=lt(n\\,10)+gte(n\\,20)');
    const clip = await open(info.path, {}, { num: 50, den: 1 });
    expect(clip.rate).toEqual({ num: 50, den: 1 });
    expect(await numbers(clip)).toEqual(
      Array.from({ length: 2 * FRAMES }, (_, k) => (k >= 20 && k < 40 ? 9 : Math.floor(k / 2))),
    );
    // A range counts the source's own frames: its frame 10 is the picture 20, shown from tick 40 on.
    const part = await open(info.path, { from: 10, to: 12 }, { num: 50, den: 1 });
    expect(part.range).toEqual({ from: 40, to: 44 });
    expect(await numbers(part)).toEqual([20, 20, 21, 21]);
  });

  it('and a constant one is conformed too, when asked', async () => {
    const path = await makeClip(join(folder, 'to-30.mkv'), { frames: FRAMES, rate: '24', options: GOPS.open });
    const faster = await open(path, {}, { num: 30, den: 1 });
    expect(faster.notes).toEqual(['The source runs at 24 frames a second; it was conformed to 30.']);
    expect(await numbers(faster)).toEqual(Array.from({ length: 50 }, (_, k) => Math.floor((k * 24) / 30)));
    const slower = await open(path, {}, { num: 12, den: 1 });
    expect(await numbers(slower)).toEqual(Array.from({ length: 20 }, (_, k) => 2 * k));
    const same = await open(path, {}, { num: 24, den: 1 });
    expect(same.notes).toEqual([]);
    expect(await numbers(same)).toEqual(all);
  });
});

describe('a window on a clip', () => {
  it('gives any frame at any time, in as little memory as it is told', async () => {
    const path = await makeClip(join(folder, 'window.mp4'), { frames: FRAMES, rate: '25', options: GOPS.open });
    const clip = await open(path, { from: 3, to: 38 });
    // As 4:2:0 of 8 bits.
    const bytes = clip.width * clip.height * 1.5;
    const window = new FrameWindow(clip, 6 * bytes);
    const walks = [
      [3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
      [37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27],
      [12, 30, 3, 37, 20, 19, 21, 18, 22, 18],
      [5, 5, 6, 5, 4, 3],
    ];
    for (const n of walks.flat()) expect(readNumber(await window.get(n, signal))).toBe(n);
    const together = await Promise.all([20, 10, 30].map((n) => window.get(n, signal)));
    expect(together.map(readNumber)).toEqual([20, 10, 30]);
    await expect(window.get(2, signal)).rejects.toThrow(RangeError);
    await expect(window.get(38, signal)).rejects.toThrow(RangeError);
    await window.close();
  });

  it('decodes a few times for a whole walk backwards, not once a frame', async () => {
    const path = await makeClip(join(folder, 'backwards.mp4'), { frames: FRAMES, rate: '25', options: GOPS.closed });
    const clip = await open(path);
    let readings = 0;
    const counted: Clip = {
      ...clip,
      readRaw(range, abort) {
        readings++;
        return clip.readRaw(range, abort);
      },
    };
    const window = new FrameWindow(counted, 10 * clip.width * clip.height * 1.5);
    for (let n = FRAMES - 1; n >= 0; n--) expect(readNumber(await window.get(n, signal))).toBe(n);
    await window.close();
    expect(readings).toBeLessThanOrEqual(6);
  });

  it('still answers when it is closed, and leaves no decoder behind', async () => {
    const path = await makeClip(join(folder, 'closed.mp4'), { frames: FRAMES, rate: '25', options: GOPS.closed });
    const clip = await open(path);
    let reading = 0;
    const counted: Clip = {
      ...clip,
      async *readRaw(range, abort) {
        reading++;
        try {
          yield* clip.readRaw(range, abort);
        } finally {
          reading--;
        }
      },
    };
    const window = new FrameWindow(counted, 1);
    await window.get(4, signal);
    expect(reading).toBe(1);
    const late = [window.close(), window.get(7, signal), window.get(9, signal)] as const;
    const [, seven, nine] = await Promise.all(late);
    expect([seven, nine].map(readNumber)).toEqual([7, 9]);
    expect(reading).toBe(0);
  });

  it('goes on after one call was cancelled', async () => {
    const path = await makeClip(join(folder, 'cancelled.mp4'), { frames: FRAMES, rate: '25', options: GOPS.closed });
    const window = new FrameWindow(await open(path), 1);
    const abort = new AbortController();
    expect(readNumber(await window.get(4, abort.signal))).toBe(4);
    abort.abort(new Error('enough'));
    await expect(window.get(5, abort.signal)).rejects.toThrow('enough');
    expect(readNumber(await window.get(5, signal))).toBe(5);
    expect(readNumber(await window.get(6, signal))).toBe(6);
    await window.close();
  });
});

describe('cancelling', () => {
  it('ends a reading at once', async () => {
    const path = await makeClip(join(folder, 'cancel.mp4'), { frames: FRAMES, rate: '25', options: GOPS.closed });
    const clip = await open(path);
    const abort = new AbortController();
    const frames = clip.read(clip.range, abort.signal)[Symbol.asyncIterator]();
    await frames.next();
    abort.abort(new Error('enough'));
    await expect(frames.next()).rejects.toThrow('enough');
    await expect(openClip({ path, from: 0, to: null, rate: null, alpha: 'straight' }, abort.signal)).rejects.toThrow(
      'enough',
    );
  });
});
