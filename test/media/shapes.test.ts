import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Clip } from '../../bridge-server/media/clip.ts';
import { openClip } from '../../bridge-server/media/clip.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import { pixelFormat, planesOf } from '../../bridge-server/media/pixel-format.ts';
import { HEIGHT, WIDTH, makeClip, numbersOf, readNumber } from './clips.ts';
import { encodeRaw, smoothPicture } from './raw-clip.ts';

const signal = new AbortController().signal;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pentimento-shapes-'));
});
afterAll(() => rm(folder, { recursive: true }));

const open = (path: string, alpha: 'straight' | 'premultiplied' = 'straight'): Promise<Clip> =>
  openClip({ path, from: 0, to: null, rate: null, alpha }, signal);

async function framesOf(clip: Clip): Promise<Frame[]> {
  const all: Frame[] = [];
  for await (const frame of clip.read(clip.range, signal)) all.push(frame);
  return all;
}

describe('a picture that is stored turned', () => {
  /** a b c d of the track's matrix (ISO/IEC 14496-12), and where the stored pixel (x, y) of a w x h picture is shown. */
  const turns: readonly (readonly [
    string,
    readonly number[],
    (x: number, y: number, w: number, h: number) => readonly number[],
  ])[] = [
    ['a quarter clockwise', [0, 1, -1, 0], (x, y, _w, h) => [h - 1 - y, x]],
    ['half around', [-1, 0, 0, -1], (x, y, w, h) => [w - 1 - x, h - 1 - y]],
    ['a quarter back', [0, -1, 1, 0], (x, y, w) => [y, w - 1 - x]],
    ['mirrored', [-1, 0, 0, 1], (x, y, w) => [w - 1 - x, y]],
    ['upside down', [1, 0, 0, -1], (x, y, _w, h) => [x, h - 1 - y]],
    ['mirrored on its diagonal', [0, 1, 1, 0], (x, y) => [y, x]],
  ];

  it.each(turns)('%s is shown upright', async (name, [a, b, c, d], shown) => {
    const path = await makeClip(join(folder, `turned ${name}.mp4`), {
      ...{ frames: 3, rate: '25' },
      options: ['-c:v', 'libx264', '-preset', 'ultrafast', '-aspect', '2:1'],
    });
    const stored = await open(path);
    const before = await framesOf(stored);
    const bytes = await readFile(path);
    const matrix = bytes.indexOf('tkhd') + 4 + 40;
    for (const [place, value] of [
      [0, a],
      [1, b],
      [3, c],
      [4, d],
    ] as const)
      bytes.writeInt32BE(value! * 65536, matrix + 4 * place);
    await writeFile(path, bytes);

    const clip = await open(path);
    const sideways = a === 0;
    expect([clip.width, clip.height]).toEqual(sideways ? [HEIGHT, WIDTH] : [WIDTH, HEIGHT]);
    expect(clip.notes).toEqual(['The source is stored turned; it was turned upright.']);
    const { num, den } = stored.info.pixelAspect;
    expect(clip.info.pixelAspect).toEqual(sideways ? { num: den, den: num } : { num, den });
    for (const [n, frame] of (await framesOf(clip)).entries()) {
      for (let y = 0; y < HEIGHT; y++) {
        for (let x = 0; x < WIDTH; x++) {
          const [left, top] = shown(x, y, WIDTH, HEIGHT) as [number, number];
          const at = (top * frame.width + left) * 3;
          const from = (y * WIDTH + x) * 3;
          if (frame.data[at] !== before[n]!.data[from])
            expect([x, y, frame.data[at]]).toEqual([x, y, before[n]!.data[from]]);
        }
      }
    }
  });
});

describe('an interlaced source', () => {
  const weave = ['-vf', 'tinterlace=interleave_top'];
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['mp4', ['-c:v', 'libx264', '-preset', 'ultrafast', '-x264-params', 'tff=1:keyint=8', '-flags', '+ildct+ilme']],
    [
      'ts',
      ['-c:v', 'libx264', '-preset', 'ultrafast', '-x264-params', 'tff=1:keyint=8:bframes=2', '-flags', '+ildct+ilme'],
    ],
    ['mpg', ['-c:v', 'mpeg2video', '-g', '8', '-bf', '2', '-flags', '+ildct+ilme', '-q:v', '2']],
    ['mov', ['-c:v', 'prores_ks', '-profile:v', '3', '-pix_fmt', 'yuv422p10le', '-flags', '+ildct']],
  ];

  it.each(cases)('in %s is deinterlaced, frame by frame, and said so', async (ending, encoder) => {
    // Two pictures a frame: even lines show n, odd lines, half a frame later, n + 1.
    const path = await makeClip(join(folder, `woven.${ending}`), {
      ...{ frames: 48, rate: '50', height: 96, show: (field: number) => (field + 1) >> 1 },
      options: [...weave, ...encoder],
    });
    const clip = await open(path);
    expect(clip.info.interlaced).toBe(true);
    expect(clip.notes).toEqual(['The source is interlaced; each frame was deinterlaced.']);
    expect(clip.rate).toEqual({ num: 25, den: 1 });
    expect(clip.range).toEqual({ from: 0, to: 24 });
    expect(await numbersOf(clip.read(clip.range, signal))).toEqual(Array.from({ length: 24 }, (_, n) => n));
    for (const from of [1, 7, 8, 20]) {
      const range = { from, to: from + 3 };
      expect(await numbersOf(clip.read(range, signal))).toEqual([from, from + 1, from + 2]);
    }
    // The picture of a range is the picture of the whole: no frame depends on where decoding began.
    const whole = await framesOf(clip);
    const [alone] = await framesOf({ ...clip, range: { from: 13, to: 14 } });
    expect(alone).toEqual(whole[13]);
    // No comb is left: neighbouring lines inside a cell are alike.
    const { width, data } = whole[13]!;
    for (let cell = 0; cell < 6; cell++) {
      const x = Math.floor(((cell + 0.5) * width) / 6);
      const column = Array.from({ length: 10 }, (_, i) => data[((7 + i) * width + x) * 3]!);
      expect(Math.max(...column) - Math.min(...column)).toBeLessThan(40 * 257);
    }
  });

  it('is left alone when it is not one', async () => {
    const path = await makeClip(join(folder, 'progressive.ts'), {
      ...{ frames: 10, rate: '25' },
      options: ['-c:v', 'libx264', '-preset', 'ultrafast'],
    });
    expect((await open(path)).notes).toEqual([]);
  });
});

describe('what codecs hold is what is read', () => {
  /** Lossless codecs in layouts of every kind; what comes must be what our own decoding of the raw picture gives. */
  const layouts: readonly (readonly [string, string, string, readonly string[]])[] = [
    ...['yuv420p', 'yuv422p10le', 'yuv444p12le', 'yuva420p', 'yuv411p', 'yuv410p', 'yuv440p', 'yuv444p16le'].map(
      (format) => [format, 'ffv1', 'mkv', ['-level', '3']] as const,
    ),
    ...['gray', 'gray16le', 'gbrp10le', 'gbrp16le'].map((format) => [format, 'ffv1', 'nut', ['-level', '3']] as const),
    ['rgb48be', 'png', 'mov', []],
    ['rgba64be', 'png', 'mov', []],
    ['argb', 'qtrle', 'mov', []],
    ['uyvy422', 'rawvideo', 'mov', []],
    ['yuv422p10le', 'v210', 'mov', []],
    ['rgb24', 'rawvideo', 'nut', []],
  ];
  it.each(layouts)('%s in %s', async (format, codec, ending, more) => {
    const [width, height] = [52, 40];
    const { bytes } = planesOf(pixelFormat(format)!, width, height);
    const layout = pixelFormat(format)!;
    const raw = Uint8Array.from({ length: bytes }, (_, i) => Math.imul(i + 3, 2654435761) >>> 24);
    if (layout.bits > 8 && layout.bits < 16) {
      const words = new Uint16Array(raw.buffer);
      // v210 has no room for the lowest and highest codes.
      for (const [i, word] of words.entries()) words[i] = 16 + (word % (2 ** layout.bits - 32));
    }
    const path = join(folder, `${codec}-${format}.${ending}`);
    await encodeRaw(path, [raw], { format, width, height }, ['-c:v', codec, ...more]);
    const clip = await open(path);
    expect([clip.width, clip.height, clip.channels]).toEqual([width, height, layout.alpha ? 4 : 3]);
    const [frame] = await framesOf(clip);
    const { pixelDecoder } = await import('../../bridge-server/media/decode-pixels.ts');
    const siting = { horizontal: 'left', vertical: 'centre' } as const;
    const expected = pixelDecoder(layout, width, height, clip.info.colour, siting).decode(raw);
    expect(frame!.data.findIndex((value, i) => value !== expected.data[i])).toBe(-1);
  });

  it('a palette becomes the colours in it', async () => {
    const path = await makeClip(join(folder, 'palette.gif'), {
      ...{ frames: 6, rate: '10' },
      options: ['-pix_fmt', 'rgb8', '-c:v', 'gif'],
    });
    const clip = await open(path);
    expect(await numbersOf(clip.read(clip.range, signal))).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('alpha in VP9 is not lost', async () => {
    const pictures = [0, 1, 2].map((n) => smoothPicture('yuva420p', 96, 64, 'limited', n));
    const path = join(folder, 'alpha.webm');
    await encodeRaw(path, pictures, { format: 'yuva420p', width: 96, height: 64 }, [
      ...['-c:v', 'libvpx-vp9', '-pix_fmt', 'yuva420p', '-lossless', '1', '-auto-alt-ref', '0'],
    ]);
    const clip = await open(path);
    expect(clip.channels).toBe(4);
    const [frame] = await framesOf(clip);
    const alpha = pictures[0]!.subarray(-96 * 64);
    expect(frame!.data[3]).toBe(alpha[0]! * 257);
    expect(frame!.data.at(-1)).toBe(alpha.at(-1) * 257);
  });

  it('a source is another when it is read otherwise, and the same wherever it lies', async () => {
    const recipe = { frames: 4, rate: '25', options: ['-c:v', 'ffv1'] };
    const path = await makeClip(join(folder, 'one.mkv'), recipe);
    const copy = join(folder, 'copy.mkv');
    await writeFile(copy, await readFile(path));
    const { identity } = await open(path);
    expect((await open(copy)).identity).toBe(identity);
    expect((await open(path, 'premultiplied')).identity).not.toBe(identity);
    const faster = { path, from: 0, to: null, rate: { num: 50, den: 1 }, alpha: 'straight' } as const;
    expect((await openClip(faster, signal)).identity).not.toBe(identity);
    const part = { path, from: 1, to: 3, rate: null, alpha: 'straight' } as const;
    expect((await openClip(part, signal)).identity).toBe(identity);
    expect(readNumber((await framesOf(await open(copy)))[3]!)).toBe(3);
  });
});
