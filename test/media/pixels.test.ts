import fc from 'fast-check';
import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { ChromaSiting, Colour, Matrix } from '../../bridge-server/media/colour.ts';
import { pixelDecoder } from '../../bridge-server/media/decode-pixels.ts';
import { pixelEncoder } from '../../bridge-server/media/encode-pixels.ts';
import { ffmpeg } from '../../bridge-server/media/ffmpeg.ts';
import { pixelFormat, planesOf } from '../../bridge-server/media/pixel-format.ts';

const LEFT: ChromaSiting = { horizontal: 'left', vertical: 'centre' };
const colour = (matrix: Matrix, range: Colour['range']): Colour => ({
  ...{ matrix, range, primaries: 'unknown', transfer: 'unknown' },
});

/** Random samples of at most `bits` bits in words of one or two bytes. */
function noise(seed: number, samples: number, bits: number): Uint8Array {
  let state = seed | 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  if (bits === 8) return Uint8Array.from({ length: samples }, next);
  return new Uint8Array(Uint16Array.from({ length: samples }, () => next() % 2 ** bits).buffer);
}

describe('YUV to RGB', () => {
  const samplings = [
    ['420', 2, 2],
    ['422', 2, 1],
    ['444', 1, 1],
    ['411', 4, 1],
    ['410', 4, 4],
    ['440', 1, 2],
  ] as const;
  const sitings: ChromaSiting[] = [
    LEFT,
    { horizontal: 'centre', vertical: 'centre' },
    { horizontal: 'left', vertical: 'top' },
    { horizontal: 'left', vertical: 'bottom' },
  ];
  /** Kr and Kb as the standards print them. */
  const weights = { bt709: [0.2126, 0.0722], bt601: [0.299, 0.114], bt2020: [0.2627, 0.0593] } as const;

  it('agrees with the formulas of the standards, sample by sample', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...samplings),
        fc.constantFrom(8, 9, 10, 12, 14, 16),
        fc.constantFrom('bt709' as const, 'bt601' as const, 'bt2020' as const),
        fc.constantFrom('full' as const, 'limited' as const),
        fc.constantFrom(...sitings),
        fc.boolean(),
        fc.integer({ min: 1, max: 17 }),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(),
        ([sampling, cw, ch], bits, matrix, range, siting, alpha, width, height, seed) => {
          const name = `yuv${alpha ? 'a' : ''}${sampling}p${bits === 8 ? '' : `${bits}le`}`;
          const layout = pixelFormat(name)!;
          const [columns, rows] = [Math.ceil(width / cw), Math.ceil(height / ch)];
          const count = width * height * (alpha ? 2 : 1) + 2 * columns * rows;
          const raw = noise(seed, count, bits);
          const samples = bits === 8 ? raw : new Uint16Array(raw.buffer);
          const { decode, bytes } = pixelDecoder(layout, width, height, colour(matrix, range), siting);
          expect(bytes).toBe(raw.length);
          const { data, channels } = decode(raw);
          expect(channels).toBe(alpha ? 4 : 3);

          const inset = (size: number, place: string): number =>
            place === 'centre' ? (size - 1) / 2 : place === 'bottom' ? size - 1 : 0;
          const chroma = (plane: number, x: number, y: number): number => {
            const at = (i: number, j: number): number => {
              const column = Math.min(columns - 1, Math.max(0, i));
              const row = Math.min(rows - 1, Math.max(0, j));
              return samples[width * height + plane * columns * rows + row * columns + column]!;
            };
            const u = (x - inset(cw, siting.horizontal)) / cw;
            const v = (y - inset(ch, siting.vertical)) / ch;
            const [i, j] = [Math.floor(u), Math.floor(v)];
            const [fu, fv] = [u - i, v - j];
            return (
              (1 - fv) * ((1 - fu) * at(i, j) + fu * at(i + 1, j)) +
              fv * ((1 - fu) * at(i, j + 1) + fu * at(i + 1, j + 1))
            );
          };
          const unit = 2 ** (bits - 8);
          const [kr, kb] = weights[matrix];
          const peak = 2 ** bits - 1;
          for (let y = 0; y < height; y++) {
            for (let x = 0; x < width; x++) {
              const code = samples[y * width + x]!;
              const luma = range === 'full' ? code / peak : (code / unit - 16) / 219;
              const [cb, cr] = [0, 1].map((plane) => {
                const value = chroma(plane, x, y) - 128 * unit;
                return range === 'full' ? value / peak : value / unit / 224;
              }) as [number, number];
              const r = luma + 2 * (1 - kr) * cr;
              const b = luma + 2 * (1 - kb) * cb;
              const g = (luma - kr * r - kb * b) / (1 - kr - kb);
              const p = (y * width + x) * channels;
              for (const [c, value] of [r, g, b].entries()) {
                const wanted = Math.min(65535, Math.max(0, value * 65535));
                expect(Math.abs(data[p + c]! - wanted)).toBeLessThanOrEqual(0.501);
              }
              if (alpha) {
                const wanted = (samples[width * height + 2 * columns * rows + y * width + x]! / peak) * 65535;
                expect(Math.abs(data[p + 3]! - wanted)).toBeLessThanOrEqual(0.501);
              }
            }
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('gives grey for grey at every code', () => {
    for (const bits of [8, 10, 12]) {
      for (const range of ['full', 'limited'] as const) {
        for (const matrix of ['bt709', 'bt601', 'bt2020', 'smpte240m', 'fcc', 'ycgco'] as const) {
          const width = 2 ** bits;
          const middle = 2 ** (bits - 1);
          const samples = Array.from({ length: 3 * width }, (_, i) => (i < width ? i : middle));
          const raw = bits === 8 ? Uint8Array.from(samples) : new Uint8Array(Uint16Array.from(samples).buffer);
          const layout = pixelFormat(bits === 8 ? 'yuv444p' : `yuv444p${bits}le`)!;
          const { data } = pixelDecoder(layout, width, 1, colour(matrix, range), LEFT).decode(raw);
          for (let x = 0; x < width; x++)
            expect([data[3 * x + 1], data[3 * x + 2]]).toEqual([data[3 * x], data[3 * x]]);
          const black = range === 'full' ? 0 : 16 * 2 ** (bits - 8);
          const white = range === 'full' ? width - 1 : 235 * 2 ** (bits - 8);
          expect([data[3 * black], data[3 * white]]).toEqual([0, 65535]);
        }
      }
    }
  });
});

describe('RGB to YUV', () => {
  const matrices = ['bt709', 'bt601', 'bt2020', 'smpte240m', 'fcc'] as const;

  it.each(['yuv444p10le', 'yuva444p10le', 'yuv444p', 'yuv420p'] as const)(
    'gives back the very codes of %s that were decoded',
    (format) => {
      const bits = format.endsWith('10le') ? 10 : 8;
      fc.assert(
        fc.property(
          fc.constantFrom(...matrices),
          fc.constantFrom('full' as const, 'limited' as const),
          fc.integer({ min: 1, max: 12 }),
          fc.integer({ min: 1, max: 8 }),
          fc.nat(),
          (matrix, range, halfWidth, halfHeight, seed) => {
            const [width, height] = [2 * halfWidth, 2 * halfHeight];
            const layout = pixelFormat(format)!;
            const { planes, bytes } = planesOf(layout, width, height);
            const raw = noise(seed, bits === 8 ? bytes : bytes / 2, bits);
            const samples = bits === 8 ? raw : new Uint16Array(raw.buffer);
            // Colours that RGB can hold: codes near the middle; alpha may be anything.
            const size = bits === 8 ? 1 : 2;
            for (const plane of [0, 1, 2]) {
              const { offset, stride, rows } = planes[plane]!;
              for (let i = offset / size; i < (offset + stride * rows) / size; i++) {
                const spread = plane === 0 ? 2 ** (bits - 2) : 2 ** (bits - 4);
                samples[i] = 2 ** (bits - 1) - spread / 2 + (samples[i]! % spread);
              }
            }
            const description = colour(matrix, range);
            const frame = pixelDecoder(layout, width, height, description, LEFT).decode(raw);
            const encoder = pixelEncoder(format, width, height, description);
            expect(encoder.bytes).toBe(bytes);
            expect(Buffer.compare(encoder.encode(frame), raw)).toBe(0);
          },
        ),
        { numRuns: 60 },
      );
    },
  );
});

describe('every other layout', () => {
  /** Layouts and the plain one that ffmpeg can turn into them without loss. */
  const pairs: readonly (readonly [string, string])[] = [
    ...['yuyv422', 'uyvy422', 'yvyu422'].map((name) => [name, 'yuv422p'] as const),
    ...['nv12', 'nv21'].map((name) => [name, 'yuv420p'] as const),
    ['p010le', 'yuv420p10le'],
    ['yuv420p10be', 'yuv420p10le'],
    ['yuv444p16be', 'yuv444p16le'],
    ['ayuv64le', 'yuva444p16le'],
    ...['rgb24', 'bgr24', 'rgb0', 'bgr0', '0rgb', '0bgr'].map((name) => [name, 'gbrp'] as const),
    ...['rgba', 'bgra', 'argb', 'abgr'].map((name) => [name, 'gbrap'] as const),
    ...['rgb48le', 'rgb48be', 'bgr48le', 'gbrp16be'].map((name) => [name, 'gbrp16le'] as const),
    ...['rgba64le', 'rgba64be', 'bgra64le'].map((name) => [name, 'gbrap16le'] as const),
    ['gray16be', 'gray16le'],
    ['gray10be', 'gray10le'],
  ];

  it.each(pairs)('%s says the same as %s', async (name, plain) => {
    const [width, height] = [18, 6];
    const layout = pixelFormat(plain)!;
    const { bytes } = planesOf(layout, width, height);
    const raw = noise(77, layout.bits === 8 ? bytes : bytes / 2, layout.bits);
    const description = colour(layout.model === 'rgb' ? 'rgb' : 'bt709', layout.model === 'yuv' ? 'limited' : 'full');
    const repacked = await repack(raw, plain, name, width, height);
    const found = pixelDecoder(pixelFormat(name)!, width, height, description, LEFT);
    expect(found.bytes).toBe(repacked.length);
    expect(found.decode(repacked)).toEqual(pixelDecoder(layout, width, height, description, LEFT).decode(raw));
  });

  it('spreads short samples over the whole range', () => {
    // rrrrrggg gggbbbbb: red full, green 21 of 63, blue 0; and the reverse.
    const raw = new Uint8Array(Uint16Array.from([(31 << 11) | (21 << 5), (21 << 5) | 31]).buffer);
    const { data } = pixelDecoder(pixelFormat('rgb565le')!, 2, 1, colour('rgb', 'full'), LEFT).decode(raw);
    expect([...data]).toEqual([65535, 21845, 0, 0, 21845, 65535]);
    const bgr = pixelDecoder(pixelFormat('bgr555le')!, 1, 1, colour('rgb', 'full'), LEFT);
    expect([...bgr.decode(new Uint8Array(Uint16Array.from([31]).buffer)).data]).toEqual([65535, 0, 0]);
  });

  it('makes rows of a picture as it makes all of it', () => {
    const formats = ['yuv420p', 'yuv410p', 'yuv422p10le', 'yuva444p', 'nv12', 'p010le', 'rgb24', 'gray'];
    for (const name of formats) {
      const { bytes, decode } = pixelDecoder(pixelFormat(name)!, 11, 7, colour('bt709', 'limited'), LEFT);
      const raw = noise(5, bytes, 8);
      const { data, channels } = decode(raw);
      const row = (y: number): Uint16Array => data.subarray(y * 11 * channels, (y + 1) * 11 * channels);
      const rows = decode(raw, [5, 0, 6]);
      expect(rows).toEqual({ width: 11, height: 3, channels, data: Uint16Array.of(...row(5), ...row(0), ...row(6)) });
    }
  });

  it('knows grey with alpha, and refuses what it does not know', () => {
    const { data, channels } = pixelDecoder(pixelFormat('ya8')!, 1, 1, colour('bt709', 'full'), LEFT).decode(
      Uint8Array.from([51, 102]),
    );
    expect([channels, ...data]).toEqual([4, 51 * 257, 51 * 257, 51 * 257, 102 * 257]);
    for (const name of ['gbrpf32le', 'bayer_rggb8', 'vaapi', 'xyz12le']) expect(pixelFormat(name)).toBeNull();
  });
});

async function repack(raw: Uint8Array, from: string, to: string, width: number, height: number): Promise<Uint8Array> {
  const input = new PassThrough();
  const chunks: Buffer[] = [];
  const output = new Writable({
    emitClose: false,
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  const finished = new Promise((done) => output.on('finish', done));
  const source = ['-loglevel', 'error', '-f', 'rawvideo', '-pix_fmt', from, '-s', `${width}x${height}`];
  const running = await ffmpeg(
    { inputs: [{ options: source, source: input }], options: ['-f', 'rawvideo', '-pix_fmt', to], output },
    new AbortController().signal,
  );
  input.end(raw);
  await running.ended;
  await finished;
  return new Uint8Array(Buffer.concat(chunks));
}
