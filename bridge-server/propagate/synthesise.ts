import { Failure } from '../errors.ts';
import { packedFrame, resultName } from '../jobs/frames.ts';
import type { StageFolder } from '../jobs/stage-folder.ts';
import type { Device } from '../kernels/device.ts';
import type { Block } from '../kernels/heap.ts';
import type { Frame } from '../media/frame.ts';
import type { Report } from '../progress.ts';
import { loadFill } from './fill.ts';
import { Mixture } from './mixture.ts';
import { loadPicture, pictureBytes } from './pictures.ts';
import type { Source } from './pictures.ts';
import { RELATION_BYTES, RELATION_NUMBERS, relationOf } from './relation.ts';
import type { Span } from './spans.ts';
import { Writes } from './writes.ts';

/** How far keys are moved against themselves, (dx, dy) in pixels: a little, as maps go astray, and as far as patches come from. */
const ASTRAY = [
  [1.5, 0.5],
  [-0.5, 1.5],
] as const;
const ELSEWHERE = [
  [40, 10],
  [-10, 40],
] as const;

/** The repainted key of a frame, of the source's size. */
export type KeyPictures = { get(n: number, signal: AbortSignal): Promise<Frame> };

/**
 * Makes the span's frames from its repainted keys along the matches of `matchSpan`, into entries `resultName(n)` of `results`; those
 * that are there are kept. Results have alpha when a key has. Throws Failure('key-size') for a key that is not of the source's size.
 */
export async function synthesiseSpan(
  device: Device,
  span: Span,
  { source, keys }: { readonly source: Source; readonly keys: KeyPictures },
  matches: StageFolder,
  results: StageFolder,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  const total = span.to - span.from;
  let done = 0;
  let painter: Painter | null = null;
  /** Frames are handed out, packed and written while the next is made. */
  const writes = new Writes();
  try {
    for (let n = span.from; n < span.to; n++) {
      signal.throwIfAborted();
      if (await results.has(resultName(n))) {
        report(++done, total);
        continue;
      }
      painter ??= await Painter.open(device, span, source, keys, matches, signal);
      const { packed } = await painter.paint(n, signal);
      const written = packed.then((pieces) => results.write(resultName(n), ...pieces));
      await writes.add(written.then(() => report(++done, total)));
    }
    await writes.done();
  } finally {
    await writes.ended();
    painter?.close();
  }
}

type Detail = {
  readonly apart: number;
  readonly sources: number;
  readonly painted: number;
  readonly source: number;
  readonly expected: number;
  readonly made: number;
};

/** What stays in memory while a span's frames are made. */
class Painter {
  readonly #mixture: Mixture;
  readonly #matches: StageFolder;
  /** The repainted keys, premultiplied, one below the other in the order of the mixture's sides. */
  readonly #pictures: Block;
  readonly #coarse: Block;
  /** For what maps leave, then for what patches leave (relation.ts). */
  readonly #relation: Block;
  readonly #beside: Block;
  readonly #filled: Block;
  readonly #votes: Block;
  readonly #plane: Block;
  /** Energies of detail (kernels/assembly/contrast.ts): of the keys' sources and pictures, then of the frame's source, of what is expected and what is there. */
  readonly #detail: Detail;
  #channels: 3 | 4 = 3;

  private constructor(mixture: Mixture, matches: StageFolder, coarseBytes: number, detailBytes: number) {
    const { width, height } = mixture.source;
    this.#mixture = mixture;
    this.#matches = matches;
    this.#pictures = mixture.alloc(mixture.sides.length * pictureBytes(width, height));
    this.#coarse = mixture.alloc(coarseBytes);
    this.#relation = mixture.alloc(2 * RELATION_BYTES);
    this.#beside = mixture.alloc(4 * width * height);
    this.#filled = mixture.alloc(4 * width * height);
    this.#votes = mixture.alloc(8 * width * height);
    this.#plane = mixture.alloc(4 * width * height);
    const energies = mixture.alloc(7 * detailBytes).pointer;
    this.#detail = {
      apart: detailBytes,
      sources: energies,
      painted: energies + 2 * detailBytes,
      source: energies + 4 * detailBytes,
      expected: energies + 5 * detailBytes,
      made: energies + 6 * detailBytes,
    };
  }

  static async open(
    device: Device,
    span: Span,
    source: Source,
    keys: KeyPictures,
    matches: StageFolder,
    signal: AbortSignal,
  ): Promise<Painter> {
    const mixture = await Mixture.open(device, span, source, matches, signal);
    try {
      const { width, height } = source;
      const coarseBytes = await device.run('coarseBytes', width, height);
      const painter = new Painter(mixture, matches, coarseBytes, await device.run('detailBytes', width, height));
      for (const i of mixture.sides.keys()) await painter.#loadKey(i, keys, signal);
      await painter.#relate();
      return painter;
    } catch (error) {
      mixture.close();
      throw error;
    }
  }

  close(): void {
    this.#mixture.close();
  }

  #picture(side: number): number {
    const { width, height } = this.#mixture.source;
    return this.#pictures.pointer + side * pictureBytes(width, height);
  }

  async #loadKey(side: number, keys: KeyPictures, signal: AbortSignal): Promise<void> {
    const { device, sides, source, staging } = this.#mixture;
    const { width, height } = source;
    const { key } = sides[side]!;
    const painted = await keys.get(key, signal);
    if (painted.width !== width || painted.height !== height) {
      const is = `${painted.width}x${painted.height}`;
      throw new Failure('key-size', { frame: key, is, wanted: `${width}x${height}` });
    }
    if (painted.channels === 4) this.#channels = 4;
    await loadPicture(device, painted, staging, this.#picture(side));
    const { sources, painted: drawn, apart } = this.#detail;
    await device.run('detail', sides[side]!.guide, 1, width, height, staging.pointer, sources + side * apart);
    await device.run('detail', this.#picture(side), 2, width, height, staging.pointer, drawn + side * apart);
  }

  /**
   * Learns from the keys how the repainting follows the source: what moving one picture onto another misses, in the sources and in the
   * repaintings. Maps miss what the keys miss of each other, or a lone key of itself a little astray; patches come from elsewhere.
   */
  async #relate(): Promise<void> {
    const { device, sides, source } = this.#mixture;
    const lines = (source.height + 1) >> 1;
    const rows = device.alloc(lines * RELATION_NUMBERS * 8);
    const compared = async (one: number, other: number): Promise<Float64Array> => {
      await this.#compareKeys(one, other, rows);
      return new Float64Array(await device.read(rows, lines * RELATION_NUMBERS * 8));
    };
    const moved = async (side: number, by: typeof ASTRAY | typeof ELSEWHERE): Promise<Float64Array[]> => {
      const sums: Float64Array[] = [];
      for (const vector of by) {
        await this.#moveBy(vector, sides[side]!.map);
        sums.push(await compared(side, side));
      }
      return sums;
    };
    const learn = async (sums: readonly Float64Array[], into: Block): Promise<void> => {
      const samples = sums.length * lines * ((source.width + 1) >> 1);
      await device.write(into, relationOf(sums, samples));
    };
    try {
      const elsewhere: Float64Array[] = [];
      for (const side of sides.keys()) elsewhere.push(...(await moved(side, ELSEWHERE)));
      const { pointer } = this.#relation;
      await learn(elsewhere, { pointer: pointer + RELATION_BYTES, bytes: RELATION_BYTES });
      const close: Float64Array[] = [];
      for (const one of sides.length === 2 ? [0, 1] : []) {
        await this.#mixture.loadMap(sides[one]!.key, sides[1 - one]!);
        close.push(await compared(one, 1 - one));
      }
      await learn(sides.length === 2 ? close : await moved(0, ASTRAY), { pointer, bytes: RELATION_BYTES });
    } finally {
      device.free(rows);
    }
  }

  /** A map that is the same everywhere: each copy doubles what is there of it. */
  async #moveBy(vector: readonly [number, number], map: Block): Promise<void> {
    const { device, source } = this.#mixture;
    const words = 2 * source.width * source.height;
    await device.write(map, Float32Array.from(vector));
    for (let there = 2; there < words; there *= 2) {
      await device.run('copyWords', map.pointer, map.pointer + 4 * there, Math.min(there, words - there));
    }
  }

  async #compareKeys(one: number, other: number, rows: Block): Promise<void> {
    const { device, sides, source, residual, spare } = this.#mixture;
    const { width, height } = source;
    const [a, b] = [sides[one]!, sides[other]!];
    await device.run('miss', a.guide, b.guide, b.map.pointer, width, height, residual.pointer);
    await this.#bands();
    await device.run(
      'relate',
      ...[residual.pointer, spare[0].pointer, this.#coarse.pointer, this.#picture(one), this.#picture(other)],
      ...[b.map.pointer, width, height, rows.pointer],
    );
  }

  #bands(): Promise<number> {
    const { device, source, residual, spare } = this.#mixture;
    const { width, height } = source;
    const [soft, between] = spare;
    return device.run('bands', residual.pointer, width, height, soft.pointer, between.pointer, this.#coarse.pointer);
  }

  /** Lets the patches found by the match stage vote on frame `n`, at hand. False where there are none. */
  async #fill(n: number): Promise<boolean> {
    const { device, source, atlas, guide, residual, planes, spare } = this.#mixture;
    const { width, height } = source;
    const [doubts, between, field, errors] = planes;
    if ((await loadFill(device, this.#matches, n, field, errors)) === 0) return false;
    await device.run('doubt', residual.pointer, width, height, doubts.pointer, between.pointer);
    await device.run(
      'vote',
      ...[guide.pointer, atlas.pointer, this.#pictures.pointer, width, height, field.pointer, errors.pointer],
      ...[doubts.pointer, residual.pointer, this.#filled.pointer, this.#votes.pointer],
      ...[spare[0].pointer, this.#plane.pointer, between.pointer],
    );
    return true;
  }

  /** Has frame `n` made; its entry comes when the device is done with it. */
  async paint(n: number, signal: AbortSignal): Promise<{ packed: Promise<readonly Uint8Array[]> }> {
    const { device, sides, source, guide, share, residual, spare, planes, staging } = this.#mixture;
    const { width, height } = source;
    const channels = this.#channels;
    await this.#mixture.load(n, signal);
    await this.#mixture.mixBeside(this.#beside);
    const filled = await this.#fill(n);
    const [a, b] = sides;
    const { sources, painted, apart, source: own, expected, made } = this.#detail;
    const [, , field] = planes;
    await device.run('detail', guide.pointer, 1, width, height, staging.pointer, own);
    await device.run(
      'detailExpected',
      ...[own, sources, painted, apart, a!.map.pointer, b?.map.pointer ?? 0, width, height],
      ...[share.pointer, filled ? this.#filled.pointer : 0, field.pointer, expected],
    );
    await this.#bands();
    const [soft, picture] = spare;
    await device.run(
      'compose',
      ...[this.#picture(0), a!.map.pointer, b ? this.#picture(1) : 0, b?.map.pointer ?? 0, width, height],
      ...[share.pointer, this.#beside.pointer, residual.pointer, soft.pointer, this.#coarse.pointer],
      ...[this.#relation.pointer, filled ? this.#filled.pointer : 0, this.#votes.pointer, picture.pointer],
    );
    await device.run('detail', picture.pointer, 2, width, height, soft.pointer, made);
    await device.run(
      'restore',
      ...[picture.pointer, width, height, soft.pointer, made, expected, channels, staging.pointer],
    );
    const samples = width * height * channels;
    await device.run('frameDifferences', staging.pointer, samples, channels, spare[0].pointer);
    const differences = device.readPacked(spare[0], 2 * samples);
    const shape = { width, height, channels };
    return { packed: differences.then((bytes) => packedFrame(shape, bytes)) };
  }
}
