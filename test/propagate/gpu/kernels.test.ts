import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../../bridge-server/kernels/device.ts';
import { Engine } from '../../../bridge-server/kernels/engine.ts';
import { pixelDecoder } from '../../../bridge-server/media/decode-pixels.ts';
import { pixelFormat } from '../../../bridge-server/media/pixel-format.ts';
import type { Gpu } from '../../../bridge-server/propagate/gpu/gpu.ts';
import { unpack } from '../../../bridge-server/zstd.ts';
import { texture } from '../../shot/texture.ts';
import { never } from '../run.ts';
import { openSoftware, reason } from './card.ts';

// Odd on purpose: nothing is a multiple of a group, of a word, or of a cell.
const WIDTH = 101;
const HEIGHT = 67;
const PIXELS = WIDTH * HEIGHT;
const SIZE = [WIDTH, HEIGHT] as const;

type Values = Uint8Array | Uint16Array | Int16Array | Int32Array | Float32Array | Float64Array;

/** What one run is: blocks by name, of which some are filled before, and the kernels to run on them, by address. */
type Run = {
  readonly given?: Record<string, Values>;
  /** Bytes of what is there to be written. */
  readonly room: Record<string, number>;
  readonly kernels: (at: Record<string, number>) => readonly (readonly [string, ...number[]])[];
  /** The blocks that are looked at in the end. */
  readonly made: Record<string, (buffer: ArrayBuffer) => Values>;
};

async function runOn(device: Device, { given = {}, room, kernels, made }: Run): Promise<Record<string, Values>> {
  const blocks = new Map([
    ...Object.entries(given).map(([name, values]) => [name, device.alloc(values.byteLength)] as const),
    ...Object.entries(room).map(([name, bytes]) => [name, device.alloc(bytes)] as const),
  ]);
  for (const [name, bytes] of Object.entries(room)) await device.write(blocks.get(name)!, new Uint8Array(bytes));
  for (const [name, values] of Object.entries(given)) await device.write(blocks.get(name)!, values);
  const at = Object.fromEntries([...blocks].map(([name, { pointer }]) => [name, pointer]));
  for (const [kernel, ...args] of kernels(at)) await device.run(kernel, ...args);
  const results: Record<string, Values> = {};
  for (const [name, view] of Object.entries(made)) {
    results[name] = view(await device.read(blocks.get(name)!, given[name]?.byteLength ?? room[name]!));
  }
  device.free(...blocks.values());
  return results;
}

const u8 = (buffer: ArrayBuffer): Values => new Uint8Array(buffer);
const u16 = (buffer: ArrayBuffer): Values => new Uint16Array(buffer);
const i16 = (buffer: ArrayBuffer): Values => new Int16Array(buffer);
const i32 = (buffer: ArrayBuffer): Values => new Int32Array(buffer);
const f32 = (buffer: ArrayBuffer): Values => new Float32Array(buffer);
const f64 = (buffer: ArrayBuffer): Values => new Float64Array(buffer);

/** A frame of u16: a moving texture with a square that moves otherwise, and alpha where there are four channels. */
function picture(shift: number, channels: 3 | 4): Uint16Array {
  const fields = [texture(1), texture(2), texture(3), texture(4)];
  const data = new Uint16Array(PIXELS * channels);
  for (let p = 0; p < PIXELS; p++) {
    const [x, y] = [p % WIDTH, Math.floor(p / WIDTH)];
    const square = x > 30 + 4 * shift && x < 60 + 4 * shift && y > 20 && y < 50;
    for (let c = 0; c < channels; c++) {
      const level = square ? fields[c]!(300 + x - 4 * shift, y) : fields[c]!(x + shift * 0.7, y - shift * 0.4);
      data[p * channels + c] = Math.max(0, Math.min(65535, Math.round(level * 257)));
    }
  }
  return data;
}

const noise = (count: number, seed: number, scale: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => {
    const h = Math.imul(Math.imul(i + 1, 0x9e3779b1) ^ seed, 0x85ebca6b);
    return scale * (((h ^ (h >>> 13)) >>> 0) / 2 ** 31 - 1);
  });

/** Four u8 a pixel of the picture; those near its border, 0. */
const inner = (values: Float32Array, of: (value: number) => number): Uint8Array =>
  Uint8Array.from({ length: 4 * PIXELS }, (_, i) => {
    const [x, y] = [(i >> 2) % WIDTH, Math.floor((i >> 2) / WIDTH)];
    return x < 3 || y < 3 || x >= WIDTH - 3 || y >= HEIGHT - 3 ? 0 : of(values[i >> 2]! * ((i & 3) === 0 ? 1 : -1));
  });

describe.skipIf(reason !== null)(`the graphics card's kernels${reason ? ` (skipped: ${reason})` : ''}`, () => {
  let engine: Engine;
  let gpu: Gpu;
  let card: Device;
  /** Two frames, as guides and as lumas, and where the pixels of the first are in the second, roughly. */
  let [guideA, guideB, lumaA, lumaB]: Uint8Array[] = [];
  let map: Float32Array;

  beforeAll(async () => {
    engine = await Engine.start(2);
    gpu = await openSoftware();
    card = gpu.under(never);
    const prepared = async (shift: number): Promise<Uint8Array[]> => {
      const { guide, luma } = await runOn(engine, guideRun(picture(shift, 3), 3, null));
      return [guide as Uint8Array, luma as Uint8Array];
    };
    [guideA, lumaA] = (await prepared(0)) as [Uint8Array, Uint8Array];
    [guideB, lumaB] = (await prepared(2)) as [Uint8Array, Uint8Array];
    map = (await runOn(engine, flowRun(0, 0)))['out'] as Float32Array;
  });
  afterAll(async () => {
    gpu.close();
    await engine.close();
  });

  /** Runs on both; gives for each thing made the values of the processor and those of the card. */
  async function both(run: Run): Promise<(readonly [string, Values, Values])[]> {
    const [mine, theirs] = [await runOn(engine, run), await runOn(card, run)];
    return Object.keys(run.made).map((name) => [name, mine[name]!, theirs[name]!]);
  }

  async function expectSame(run: Run): Promise<void> {
    for (const [name, mine, theirs] of await both(run)) {
      const off = mine.findIndex((value, i) => value !== theirs[i]);
      expect(off, `${name}: ${mine[off]} and ${theirs[off]}`).toBe(-1);
      expect(
        mine.some((value) => value !== mine[0]),
        `${name} is all the same`,
      ).toBe(true);
    }
  }

  /**
   * The card divides, takes roots and fuses sums a little differently: values are `close`, relative to the larger of 1 and their size,
   * but for a `share` of them, where a decision that hung by a hair fell the other way.
   */
  async function expectClose(run: Run, close: number, share = 0): Promise<void> {
    for (const [name, mine, theirs] of await both(run)) {
      let far = 0;
      mine.forEach((value, i) => {
        if (!(Math.abs(value - theirs[i]!) <= close * Math.max(1, Math.abs(value)))) far++;
      });
      expect(far / mine.length, `${name}: share of values that differ`).toBeLessThanOrEqual(share);
      expect(
        mine.some((value) => value !== mine[0]),
        `${name} is all the same`,
      ).toBe(true);
    }
  }

  const guideRun = (pixels: Uint16Array, channels: number, mask: Uint8Array | null): Run => ({
    given: { pixels, ...(mask && { mask }) },
    room: { scratch: 4 * PIXELS, guide: 4 * PIXELS, luma: PIXELS },
    kernels: ({ pixels, mask, scratch, guide, luma }) => [
      ['guide', pixels!, ...SIZE, channels, mask ?? 0, scratch! + 2 * PIXELS, scratch!, guide!],
      ['luma', pixels!, ...SIZE, channels, luma!],
      ...(mask === undefined ? [] : [['maskLuma', mask, ...SIZE, luma!] as const]),
    ],
    made: { guide: u8, luma: u8 },
  });

  test.each([
    ['yuv420p', 'left', 'centre', 'bt709', 'limited'],
    ['yuv410p', 'centre', 'bottom', 'bt601', 'full'],
    ['yuv422p10le', 'left', 'top', 'bt2020', 'limited'],
    ['yuv444p16le', 'left', 'centre', 'ycgco', 'full'],
    ['nv21', 'centre', 'top', 'smpte240m', 'limited'],
    ['p010le', 'left', 'bottom', 'bt709', 'limited'],
    ['uyvy422', 'left', 'centre', 'rgb', 'full'],
  ] as const)(
    'frames are made of %s as the processor makes them',
    async (name, horizontal, vertical, matrix, range) => {
      const colour = { matrix, range, primaries: 'unknown', transfer: 'unknown' };
      const { bytes, decode, yuv } = pixelDecoder(pixelFormat(name)!, ...SIZE, colour, { horizontal, vertical });
      const { word, shift, bits } = yuv!;
      const data = Uint8Array.from(noise(bytes, 3, 127), (value) => value + 128);
      if (word === 2) for (let i = 1; i < bytes; i += 2) data[i]! &= (2 ** (shift + bits) - 1) >> 8;
      const picture = { data, layout: yuv!, rows: (numbers: readonly number[]) => decode(data, numbers) };
      const block = card.alloc(8 * PIXELS);
      // What it is made of is all that it may be made of here.
      const frame = (): never => expect.unreachable('made on the processor');
      expect(await card.writeFrame(block, { bytes, frame, yuv: picture })).toBe(3);
      const made = new Uint16Array(await card.read(block, 6 * PIXELS));
      card.free(block);
      // Single precision falls on the other side of a whole number now and then.
      const off = decode(data).data.map((value, i) => Math.abs(value - made[i]!));
      expect(Math.max(...off)).toBeLessThanOrEqual(1);
      expect(off.filter((value) => value === 1).length / off.length).toBeLessThan(0.03);
    },
  );

  test('what is read packed is what is read', async () => {
    const given = new Uint8Array(2 ** 21).map((_, i) => (i * i) >> 7);
    const block = card.alloc(given.length);
    await card.write(block, given);
    // At once, of several sizes, so that some overtake others: each gets its own.
    const sizes = [given.length, 5, 0, 70_000, given.length - 3, 17];
    const read = await Promise.all(sizes.flatMap((size) => [card.readPacked(block, size), card.read(block, size)]));
    for (const [i, size] of sizes.entries()) {
      const wanted = given.subarray(0, size);
      expect(Buffer.compare(await unpack(read[2 * i] as Uint8Array, size), wanted)).toBe(0);
      expect(Buffer.compare(new Uint8Array(read[2 * i + 1] as ArrayBuffer), wanted)).toBe(0);
    }
    card.free(block);
  });

  const LEVELS = 3;
  /** Flow from B to A; `finest` is the level that it ends at, `given` whether there is one to start from. */
  const flowRun = (finest: number, given: 0 | 1): Run => ({
    given: { a: lumaB!, b: lumaA!, given: new Float32Array(2 * PIXELS).fill(1.5) },
    room: { pa: 40000, pb: 40000, scratch: 64 * 16 * PIXELS, out: 8 * PIXELS },
    kernels: ({ a, b, pa, pb, scratch, out, given: at }) => [
      ['buildPyramid', a!, ...SIZE, LEVELS, pa!],
      ['buildPyramid', b!, ...SIZE, LEVELS, pb!],
      [
        'flow',
        pa!,
        pb!,
        ...SIZE,
        LEVELS,
        finest,
        finest,
        4,
        8,
        3,
        finest === 0 ? 3 : 0,
        5,
        given * at!,
        out!,
        scratch!,
      ],
    ],
    made: { out: f32 },
  });

  test.each([
    [3, false],
    [4, false],
    [3, true],
    [4, true],
  ] as const)('guides and lumas of %i channels, masked: %s, are the same', async (channels, masked) => {
    const mask = masked ? Uint8Array.from(noise(PIXELS, 3, 127), (value) => value + 128) : null;
    await expectSame(guideRun(picture(1, channels), channels, mask));
  });

  test('premultiplied pictures, halved guides, pyramids and frames for the cache are the same', async () => {
    await expectSame({
      given: { pixels: picture(1, 4), guide: guideA!, luma: lumaA! },
      room: { out: 8 * PIXELS, half: 4 * 51 * 34, pyramid: 40000, differences: 6 * PIXELS },
      kernels: ({ pixels, guide, luma, out, half, pyramid, differences }) => [
        ['frameDifferences', pixels!, 3 * PIXELS, 3, differences!],
        ['premultiply', pixels!, ...SIZE, 4, out!],
        ['guideHalf', guide!, ...SIZE, half!],
        ['buildPyramid', luma!, ...SIZE, LEVELS, pyramid!],
      ],
      made: { out: u16, half: u8, pyramid: u8, differences: u8 },
    });
  });

  test.each([
    [0, 0],
    [0, 1],
    [1, 0],
  ] as const)('flow that ends at level %i, with one given: %i, is close', async (finest, given) => {
    // The search is the same; the robust weights of the refinement feed its last bits back, up to a thousandth of a pixel or two.
    await expectClose(flowRun(finest, given), 0.01, 0.01);
  });

  const SCALE = 64;
  test('maps carried along, their extents, packed, rounded, and unpacked, are close', async () => {
    await expectClose(
      {
        given: { step: map, known: noise(2 * PIXELS, 7, 30) },
        room: { out: 8 * PIXELS },
        kernels: ({ step, known, out }) => [['mapAlong', step!, known!, ...SIZE, out!]],
        made: { out: f32 },
      },
      1e-5,
    );
    await expectSame({
      given: { map: noise(2 * PIXELS, 9, 400) },
      room: { rows: 4 * HEIGHT, packed: 4 * PIXELS, unpacked: 8 * PIXELS },
      kernels: ({ map, rows, packed, unpacked }) => [
        ['mapExtent', map!, ...SIZE, rows!],
        ['mapPack', map!, ...SIZE, SCALE, packed!],
        ['mapUnpack', packed!, ...SIZE, SCALE, unpacked!],
      ],
      made: { map: f32, rows: f32, packed: u8, unpacked: f32 },
    });
  });

  /** The map with a part of it astray. */
  const astray = (): Float32Array => {
    const vectors = Float32Array.from(map);
    for (let p = 0; p < PIXELS; p++) if (p % WIDTH > 60) vectors[2 * p]! += 6;
    return vectors;
  };

  test('maps borrow the same motions from their neighbours', async () => {
    await expectClose(
      {
        given: { frame: guideB!, key: guideA!, map: astray() },
        room: { out: 8 * PIXELS },
        kernels: ({ frame, key, map, out }) => [['mapBorrow', frame!, key!, ...SIZE, map!, out!]],
        made: { out: f32 },
      },
      1e-5,
      0.001,
    );
  });

  test('the better of two maps is the same', async () => {
    await expectClose(
      {
        given: { frame: guideB!, key: guideA!, map: astray(), other: map },
        room: { plane: 4 * PIXELS, between: 4 * PIXELS },
        kernels: ({ frame, key, map, other, plane, between }) => [
          ['mapBetter', frame!, key!, ...SIZE, map!, other!, plane!, between!],
        ],
        made: { map: f32 },
      },
      1e-5,
      0.002,
    );
  });

  test.each([1, 3])('maps refined in %i steps are close', async (steps) => {
    await expectClose(
      {
        given: { frame: guideB!, key: guideA!, map: astray() },
        room: { scratch: 8 * PIXELS + 16 * 4 * 51 * 34 + 2048 },
        kernels: ({ frame, key, map, scratch }) => [['mapRefine', frame!, key!, ...SIZE, map!, steps, scratch!]],
        made: { map: f32 },
      },
      1e-3,
      0.002,
    );
  });

  test('shares and residuals are close', async () => {
    await expectClose(
      {
        given: { frame: guideB!, a: guideA!, mapA: map, b: guideB!, mapB: noise(2 * PIXELS, 4, 1) },
        room: {
          ...{ residual: 8 * PIXELS, samples: 8 * PIXELS, share: 4 * PIXELS, errorB: 4 * PIXELS, cross: 4 * PIXELS },
          ...{ square: 4 * PIXELS, between: 4 * PIXELS, missed: 8 * PIXELS },
        },
        kernels: (at) => {
          const { frame, a, mapA, b, mapB, residual, samples, share, errorB, cross, square, between } = at;
          return [
            [
              'mix',
              frame!,
              a!,
              mapA!,
              b!,
              mapB!,
              ...SIZE,
              0.3,
              residual!,
              samples!,
              share!,
              errorB!,
              cross!,
              square!,
              between!,
            ],
            ['miss', frame!, a!, mapA!, ...SIZE, at['missed']!],
          ];
        },
        made: { share: f32, residual: i16, missed: i16 },
      },
      // One step of the residual, an eighth of a level, is rounded the other way here and there.
      1e-4,
      0.002,
    );
  });

  test.each([2, 1])('what the motions beside take of a mix of %i keys is close', async (keys) => {
    await expectClose(
      {
        given: {
          ...{ frame: guideB!, a: guideA!, mapA: map, b: guideA!, mapB: noise(2 * PIXELS, 4, 3) },
          share: noise(PIXELS, 2, 1).map((value) => Math.max(0, Math.min(1, value + 0.5))),
          residual: Int16Array.from(noise(4 * PIXELS, 6, 90)),
        },
        room: { beside: 4 * PIXELS },
        kernels: ({ frame, a, mapA, b, mapB, share, residual, beside }) => [
          [
            ...(['mixBeside', frame!, a!, mapA!, ...(keys === 2 ? [b!, mapB!] : [0, 0]), ...SIZE, share!] as const),
            ...[residual!, beside!],
          ],
        ],
        made: { beside: u8, residual: i16 },
      },
      // A part of 255, an eighth of a level.
      1e-4,
      0.003,
    );
  });

  test('bands of a residual, its doubts, and their sums over blocks are close', async () => {
    await expectClose(
      {
        given: { residual: Int16Array.from(noise(4 * PIXELS, 12, 900)) },
        room: {
          ...{ soft: 8 * PIXELS, spare: 8 * PIXELS, coarse: 32 * 26 * 17 },
          ...{ doubts: 4 * PIXELS, between: 4 * PIXELS, sums: 4 * 13 * 9 },
        },
        kernels: ({ residual, soft, spare, coarse, doubts, between, sums }) => [
          ['bands', residual!, ...SIZE, soft!, spare!, coarse!],
          ['doubt', residual!, ...SIZE, doubts!, between!],
          ['blockSums', doubts!, ...SIZE, 8, sums!],
        ],
        made: { soft: i16, coarse: f32, doubts: f32, sums: f32 },
      },
      1e-5,
    );
  });

  test('the sums that the relation is learned from are close', async () => {
    const words = (seed: number): Int16Array => Int16Array.from(noise(4 * PIXELS, seed, 300));
    await expectClose(
      {
        given: {
          ...{ residual: words(1), soft: words(2), coarse: noise(4 * 26 * 17, 3, 100) },
          ...{ painted: picture(0, 4), other: picture(1, 4), map },
        },
        room: { rows: 72 * 8 * 34 },
        kernels: ({ residual, soft, coarse, painted, other, map, rows }) => [
          ['relate', residual!, soft!, coarse!, painted!, other!, map!, ...SIZE, rows!],
        ],
        made: { rows: f64 },
      },
      // Sums of numbers of both signs: what is left of them is smaller than they are.
      2e-3,
    );
  });

  test.each([
    [true, true],
    [false, false],
  ] as const)('frames, filled: %s, of two keys: %s, are the same within a level', async (filled, two) => {
    await expectClose(
      {
        given: {
          ...{ a: picture(0, 4), mapA: map, b: picture(2, 4), mapB: noise(2 * PIXELS, 4, 1) },
          share: noise(PIXELS, 2, 1).map((value) => Math.max(0, Math.min(1, value + 0.5))),
          beside: inner(noise(PIXELS, 13, 1), (value) => Math.max(0, Math.round(255 * value) - 200)),
          residual: Int16Array.from(noise(4 * PIXELS, 6, 90)),
          soft: Int16Array.from(noise(4 * PIXELS, 7, 90)),
          coarse: noise(4 * 26 * 17, 8, 60),
          relation: noise(72, 9, 40),
          filled: noise(PIXELS, 10, 1).map((value) => Math.max(0, value)),
          votes: picture(1, 4),
        },
        room: { out: 8 * PIXELS },
        kernels: (at) => {
          const { a, mapA, b, mapB, share, beside, residual, soft, coarse, relation, votes, out } = at;
          const other = two ? [b!, mapB!] : [0, 0];
          const patches = filled ? at['filled']! : 0;
          return [
            [
              ...(['compose', a!, mapA!, ...other, ...SIZE, share!, beside!, residual!, soft!, coarse!] as const),
              ...[relation!, patches, votes!, out!],
            ],
          ];
        },
        made: { out: u16 },
      },
      // Levels of 65535.
      1e-4,
    );
  });

  /** A field for every other row of the left half: the place itself, moved. */
  const field = (): Int32Array =>
    Int32Array.from({ length: PIXELS }, (_, p) =>
      p % WIDTH < 50 && p % WIDTH > 4 && Math.floor(p / WIDTH) % 2 === 1 && p > 5 * WIDTH && p < PIXELS - 6 * WIDTH
        ? p + 2 + (p % 7 === 0 ? PIXELS : 0)
        : -1,
    );

  test.each([
    [3, true, true],
    [4, true, true],
    [4, false, false],
  ] as const)(
    'detail given back in %i channels, filled: %s, of two keys: %s, is the same within a level',
    async (channels, filled, two) => {
      const [energies, cells] = [8 * 26 * 17, 4 * 26 * 17];
      await expectClose(
        {
          given: {
            ...{ guideA: guideA!, guideB: guideB!, a: picture(0, 4), b: picture(2, 4), made: picture(1, 4) },
            ...{ mapA: map, mapB: noise(2 * PIXELS, 4, 1), field: field() },
            share: noise(PIXELS, 2, 1).map((value) => Math.max(0, Math.min(1, value + 0.5))),
            filled: noise(PIXELS, 10, 1).map((value) => Math.max(0, value)),
          },
          room: {
            ...{ plane: 4 * PIXELS, source: energies, sources: 2 * energies, painted: 2 * energies },
            ...{ there: energies, expected: energies, wanted: cells, out: 8 * PIXELS },
          },
          kernels: (at) => {
            const { guideA, guideB, a, b, made, mapA, mapB, share, plane, out } = at;
            const { source, sources, painted, there, expected, wanted } = at;
            const blur = (picture: number, bytes: number, into: number) =>
              ['detail', picture, bytes, ...SIZE, plane!, into] as const;
            return [
              ...[blur(guideA!, 1, sources!), blur(guideB!, 1, sources! + energies), blur(guideB!, 1, source!)],
              ...[blur(a!, 2, painted!), blur(b!, 2, painted! + energies), blur(made!, 2, there!)],
              [
                ...(['detailExpected', source!, sources!, painted!, energies, mapA!, two ? mapB! : 0] as const),
                ...[...SIZE, share!, filled ? at['filled']! : 0, at['field']!, expected!],
              ],
              ['copyWords', expected!, wanted!, cells / 4],
              ['restore', made!, ...SIZE, plane!, there!, expected!, channels, out!],
            ];
          },
          made: { source: f32, painted: f32, wanted: f32, out: u16 },
        },
        // Levels of 65535; straight colours under little alpha are far multiples of it.
        1e-4,
        channels === 4 ? 0.005 : 0,
      );
    },
  );

  test('votes are close', async () => {
    const atlas = new Uint8Array([...guideA!, ...guideB!]);
    await expectClose(
      {
        given: {
          ...{ frame: guideB!, atlas, pictures: new Uint16Array([...picture(0, 4), ...picture(2, 4)]), field: field() },
          errors: noise(PIXELS, 2, 200).map(Math.abs),
          doubts: noise(PIXELS, 3, 3000).map(Math.abs),
          residual: Int16Array.from(noise(4 * PIXELS, 4, 900)),
        },
        room: { filled: 4 * PIXELS, votes: 8 * PIXELS, misses: 8 * PIXELS, plane: 4 * PIXELS, between: 4 * PIXELS },
        kernels: (at) => {
          const { frame, atlas, pictures, field, errors, doubts, residual, filled, votes, misses, plane, between } = at;
          return [
            [
              ...(['vote', frame!, atlas!, pictures!, ...SIZE, field!, errors!, doubts!, residual!, filled!] as const),
              ...[votes!, misses!, plane!, between!],
            ],
          ];
        },
        made: { filled: f32, votes: u16, residual: i16 },
      },
      1e-3,
      0.002,
    );
  });

  test('patches are found in the same places', async () => {
    const [w, h] = [51, 34];
    const list = Int32Array.from({ length: 200 }, (_, i) => 8 * i + 7);
    const halves = await runOn(engine, {
      given: { a: guideA!, b: guideB! },
      room: { a2: 4 * w * h, b2: 4 * w * h },
      kernels: ({ a, b, a2, b2 }) => [
        ['guideHalf', a!, ...SIZE, a2!],
        ['guideHalf', b!, ...SIZE, b2!],
      ],
      made: { a2: u8, b2: u8 },
    });
    const atlas = new Uint8Array([...halves['a2']!, ...halves['a2']!.map((value) => 255 - value)]);
    const whole = new Uint8Array([...guideA!, ...guideA!.map((value) => 255 - value)]);
    const known = await runOn(engine, {
      given: { atlas },
      room: { sums: 8 * w * h },
      kernels: ({ atlas, sums }) => [
        ['patchSums', atlas!, w, h, sums!],
        ['patchSums', atlas! + 4 * w * h, w, h, sums! + 4 * w * h],
      ],
      made: { sums: i32 },
    });
    const sums = known['sums'] as Int32Array;
    const places = Int32Array.from(sums.keys()).filter((place) => sums[place]! >= 0);
    places.sort((a, b) => sums[a]! - sums[b]! || a - b);
    const sorted = places.map((place) => sums[place]!);
    const finer = Int32Array.from(list, (p) => 2 * Math.floor(p / w) * WIDTH + 2 * (p % w));
    await expectSame({
      given: {
        ...{ frame: halves['b2']!, atlas, list, places, sorted, field: new Int32Array(w * h).fill(-1), finer },
        ...{ large: guideB!, whole, wholeField: new Int32Array(PIXELS).fill(-1) },
      },
      room: {
        mySums: 4 * w * h,
        taken: 8 * w * h,
        errors: 4 * list.length,
        finerErrors: 4 * list.length,
        scratch: 4096,
      },
      kernels: (at) => {
        const { frame, list: listed, places: all, sorted: inOrder, taken, field, errors, scratch } = at;
        const asked = [listed!, list.length] as const;
        const search = [frame!, at['atlas']!, w, h, ...asked, all!, inOrder!, places.length] as const;
        return [
          ['patchSums', frame!, w, h, at['mySums']!],
          ['nnfSearch', ...search, 0, field!, scratch!],
          ['nnfCount', ...asked, field!, taken!],
          ['nnfSearch', ...search, taken!, field!, scratch!],
          ['nnfRefine', frame!, at['atlas']!, w, h, 2, ...asked, 0, 2, field!, errors!, scratch!],
          [
            ...(['nnfRefine', at['large']!, at['whole']!, ...SIZE, 2, at['finer']!, list.length, field!, 2] as const),
            ...[at['wholeField']!, at['finerErrors']!, scratch!],
          ],
        ];
      },
      made: { mySums: i32, taken: i32, field: i32, errors: i32, wholeField: i32, finerErrors: i32 },
    });
  });
});
