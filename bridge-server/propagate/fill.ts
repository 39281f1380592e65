import type { StageFolder } from '../jobs/stage-folder.ts';
import type { Device } from '../kernels/device.ts';
import type { Block } from '../kernels/heap.ts';
import { pack, unpack } from '../zstd.ts';
import type { Mixture } from './mixture.ts';

/** Mean squared residual (8-bit levels, blurred) from which on the maps have failed and patches are searched. */
const FAILED = 150;
/** The same for the mean over the 3x3 blocks of 8x8 pixels about it. */
const FAILED_AROUND = 150;
const BLOCK = 8;
/** Pixels of the picture on which the search is exhaustive, at most. */
const SEARCHED_PIXELS = 4000;
/** A picture must have room for patches at the smallest size. */
const SMALLEST_SIDE = 8;
const RADIUS = 2;
const HEADER_BYTES = 16;

/** The entry that says which patches of the keys fill in frame `n`. */
export const fillName = (n: number): string => `${String(n).padStart(6, '0')}.fill`;

/** How well the keys explain a frame by its source alone. Squared errors are means over colours, in squared 8-bit levels. */
export type Unsure = {
  /** Mean squared residual of the pixels that the maps explain; 0 where they explain none. */
  readonly residual: number;
  /** Share of the pixels, 0..1, that the maps fail on. */
  readonly failed: number;
  /** Mean squared distance of those from the patches that were found for them; what the maps leave where none were searched. */
  readonly filled: number;
};

type Level = {
  readonly width: number;
  readonly height: number;
  readonly atlas: number;
  readonly frame: number;
  readonly field: Block;
};

/** Finds patches of a span's keys for what the maps fail on (kernels/assembly/nnf.ts). */
export class PatchSearch {
  readonly #mixture: Mixture;
  readonly #levels: readonly Level[];
  readonly #keys: number;
  readonly #list: Block;
  readonly #errors: Block;
  readonly #scratch: Block;
  readonly #taken: Block;
  readonly #places: Block;
  readonly #sums: Block;
  #candidates = 0;

  private constructor(mixture: Mixture, scratchBytes: number) {
    const { sides, atlas, guide } = mixture;
    this.#mixture = mixture;
    this.#keys = sides.length;
    let { width, height } = mixture.source;
    const levels: Level[] = [];
    for (;;) {
      const first = levels.length === 0;
      levels.push({
        width,
        height,
        atlas: first ? atlas.pointer : mixture.alloc(this.#keys * width * height * 4).pointer,
        frame: first ? guide.pointer : mixture.alloc(width * height * 4).pointer,
        field: mixture.alloc(width * height * 4),
      });
      if (width * height <= SEARCHED_PIXELS) break;
      width = (width + 1) >> 1;
      height = (height + 1) >> 1;
    }
    this.#levels = levels;
    const all = this.#keys * width * height * 4;
    this.#places = mixture.alloc(all);
    this.#sums = mixture.alloc(all);
    this.#taken = mixture.alloc(all);
    const pixels = mixture.source.width * mixture.source.height;
    this.#list = mixture.alloc(pixels * 4);
    this.#errors = mixture.alloc(pixels * 4);
    this.#scratch = mixture.alloc(scratchBytes);
  }

  static async open(mixture: Mixture): Promise<PatchSearch> {
    const search = new PatchSearch(mixture, await mixture.device.run('nnfBytes'));
    await search.#index();
    return search;
  }

  /** Makes the smaller pictures of the keys, and the order of the smallest's patches by their sums. */
  async #index(): Promise<void> {
    const { device } = this.#mixture;
    await this.#halve((level, key) => level.atlas + key * level.width * level.height * 4, this.#keys);
    const { width, height, atlas } = this.#levels.at(-1)!;
    const pixels = width * height;
    for (let key = 0; key < this.#keys; key++) {
      await device.run('patchSums', atlas + key * pixels * 4, width, height, this.#sums.pointer + key * pixels * 4);
    }
    const known = new Int32Array(await device.read(this.#sums, this.#keys * pixels * 4));
    const places = Int32Array.from(known.keys()).filter((place) => known[place]! >= 0);
    places.sort((a, b) => known[a]! - known[b]! || a - b);
    await device.write(this.#places, places);
    await device.write(
      this.#sums,
      places.map((place) => known[place]!),
    );
    this.#candidates = places.length;
  }

  async #halve(addressOf: (level: Level, key: number) => number, keys: number): Promise<void> {
    for (const [i, level] of this.#levels.entries()) {
      const next = this.#levels[i + 1];
      if (!next) break;
      for (let key = 0; key < keys; key++) {
        const to = addressOf(next, key);
        await this.#mixture.device.run('guideHalf', addressOf(level, key), level.width, level.height, to);
      }
    }
  }

  /** Searches for the frame at hand of the mixture and writes the entry. */
  async fill(n: number, folder: StageFolder): Promise<void> {
    const { device, source, residual, planes } = this.#mixture;
    const { width, height } = source;
    const [plane, between] = planes;
    await device.run('doubt', residual.pointer, width, height, plane.pointer, between.pointer);
    await device.run('blockSums', plane.pointer, width, height, BLOCK, between.pointer);
    const blocks = blocksOf(width, height);
    const sums = new Float32Array(await device.read(between, 4 * blocks[0] * blocks[1]));
    const bad = failedBlocks(sums, width, height);
    // Most frames have none: then there is nothing to look at more closely.
    const doubts = new Float32Array(await device.read(plane, bad.includes(1) ? 4 * width * height : 0));
    const failed = doubts.length === 0 ? [] : failedPixels(doubts, bad, width);
    const sum = sums.reduce((a, b) => a + b, 0);
    const { width: w, height: h } = this.#levels.at(-1)!;
    const searched = Math.min(w, h) >= SMALLEST_SIDE && failed.length > 0 ? Int32Array.from(failed) : new Int32Array();
    if (searched.length > 0) await this.#search(searched);
    const found = searched.length > 0 ? 4 * doubts.length : 0;
    const field = new Int32Array(await device.read(this.#levels[0]!.field, found));
    const places = searched.map((p) => field[p]!);
    const errors = new Int32Array(await device.read(this.#errors, 4 * searched.length));
    const missed = failed.reduce((total, p) => total + doubts[p]!, 0);
    const unsure = {
      residual: Math.max(0, sum - missed) / Math.max(1, width * height - failed.length),
      failed: failed.length / (width * height),
      filled: (searched.length > 0 ? errors.reduce((a, b) => a + b, 0) / 100 : missed) / Math.max(1, failed.length),
    };
    await folder.write(fillName(n), await packFill(unsure, searched, places, errors));
  }

  /** Places of the listed pixels into the largest level's field, their distances into `errors`. */
  async #search(listed: Int32Array): Promise<void> {
    const { device } = this.#mixture;
    await this.#halve((level) => level.frame, 1);
    const lists = [listed];
    for (const { width } of this.#levels.slice(0, -1)) lists.push(parents(lists.at(-1), width));
    for (const { width, height, field } of this.#levels)
      await device.run('fillWords', field.pointer, width * height, -1);
    for (let i = this.#levels.length - 1; i >= 0; i--) {
      const { width, height, atlas, frame, field } = this.#levels[i]!;
      const list = lists[i]!;
      await device.write(this.#list, list);
      const asked = [this.#list.pointer, list.length] as const;
      if (i === this.#levels.length - 1) {
        const known = [this.#places.pointer, this.#sums.pointer, this.#candidates] as const;
        const found = [field.pointer, this.#scratch.pointer] as const;
        await device.run('nnfSearch', frame, atlas, width, height, ...asked, ...known, 0, ...found);
        await device.run('fillWords', this.#taken.pointer, this.#keys * width * height, 0);
        await device.run('nnfCount', ...asked, field.pointer, this.#taken.pointer);
        await device.run('nnfSearch', frame, atlas, width, height, ...asked, ...known, this.#taken.pointer, ...found);
      }
      const coarse = this.#levels[i + 1]?.field.pointer ?? 0;
      await device.run(
        'nnfRefine',
        ...[frame, atlas, width, height, this.#keys, ...asked, coarse, RADIUS],
        ...[field.pointer, this.#errors.pointer, this.#scratch.pointer],
      );
    }
  }
}

const blocksOf = (width: number, height: number): [number, number] => [
  Math.ceil(width / BLOCK),
  Math.ceil(height / BLOCK),
];

/** 1 for each block amid a neighbourhood that is badly matched; `sums` are those of the blocks. */
function failedBlocks(sums: Float32Array, width: number, height: number): Uint8Array {
  const [blocksX, blocksY] = blocksOf(width, height);
  // Mostly all are matched well, and so are their neighbourhoods.
  const least = (width - BLOCK * (blocksX - 1)) * (height - BLOCK * (blocksY - 1));
  if (sums.every((sum) => sum <= FAILED_AROUND * least)) return new Uint8Array(sums.length);
  return Uint8Array.from(sums, (_, block) => {
    const [bx, by] = [block % blocksX, Math.floor(block / blocksX)];
    let [sum, count] = [0, 0];
    for (let y = Math.max(0, by - 1); y <= Math.min(blocksY - 1, by + 1); y++) {
      for (let x = Math.max(0, bx - 1); x <= Math.min(blocksX - 1, bx + 1); x++) {
        sum += sums[y * blocksX + x]!;
        count += Math.min(BLOCK, width - x * BLOCK) * Math.min(BLOCK, height - y * BLOCK);
      }
    }
    return Number(sum > FAILED_AROUND * count);
  });
}

/**
 * The pixels that the maps fail on: badly matched, in a bad block. A lone thin line a little out of place is better off with its map.
 */
function failedPixels(doubts: Float32Array, bad: Uint8Array, width: number): number[] {
  const blocksX = Math.ceil(width / BLOCK);
  const failed: number[] = [];
  for (let p = 0, x = 0, y = 0; p < doubts.length; p++) {
    if (doubts[p]! > FAILED && bad[Math.floor(y / BLOCK) * blocksX + Math.floor(x / BLOCK)]) failed.push(p);
    if (++x === width) [x, y] = [0, y + 1];
  }
  return failed;
}

/** The pixels of the picture of half the size that hold the listed ones of the picture of this width, in order. */
function parents(list: Int32Array, width: number): Int32Array {
  const half = (width + 1) >> 1;
  const all = new Set<number>();
  for (const p of list) all.add((Math.floor(p / width) >> 1) * half + ((p % width) >> 1));
  return Int32Array.from(all).sort();
}

/** Three f32 (residual, failed, filled), the number of pixels (u32), then zstd of three i32 arrays: pixels less the one before, places, distances. */
async function packFill(
  unsure: Unsure,
  pixels: Int32Array,
  places: Int32Array,
  errors: Int32Array,
): Promise<Uint8Array> {
  const body = new Int32Array(3 * pixels.length);
  pixels.forEach((p, i) => (body[i] = p - (i === 0 ? 0 : pixels[i - 1]!)));
  body.set(places, pixels.length);
  body.set(errors, 2 * pixels.length);
  const packed = await pack(new Uint8Array(body.buffer));
  const bytes = new Uint8Array(HEADER_BYTES + packed.length);
  const header = new DataView(bytes.buffer);
  header.setFloat32(0, unsure.residual, true);
  header.setFloat32(4, unsure.failed, true);
  header.setFloat32(8, unsure.filled, true);
  header.setUint32(12, pixels.length, true);
  bytes.set(packed, HEADER_BYTES);
  return bytes;
}

/**
 * Reads an entry: the places of the pixels (i32, -1: none) into `field` and their squared distances a value (f32) into `errors`. Gives
 * how many pixels there are.
 */
export async function loadFill(
  device: Device,
  folder: StageFolder,
  n: number,
  field: Block,
  errors: Block,
): Promise<number> {
  const bytes = await folder.read(fillName(n));
  const count = new DataView(bytes.buffer, bytes.byteOffset).getUint32(12, true);
  if (count === 0) return 0;
  const body = await unpack(bytes.subarray(HEADER_BYTES), 12 * count);
  const values = new Int32Array(new Uint8Array(body).buffer);
  const places = new Int32Array(field.bytes >> 2).fill(-1);
  const distances = new Float32Array(errors.bytes >> 2);
  for (let i = 0, p = 0; i < count; i++) {
    p += values[i]!;
    places[p] = values[count + i]!;
    distances[p] = values[2 * count + i]! / 100;
  }
  await device.write(field, places);
  await device.write(errors, distances);
  return count;
}

/** How unsure frame `n` is, from its entry in the matches' folder. */
export async function unsureOf(folder: StageFolder, n: number): Promise<Unsure> {
  const bytes = await folder.read(fillName(n));
  const header = new DataView(bytes.buffer, bytes.byteOffset);
  const [residual, failed, filled] = [0, 4, 8].map((at) => header.getFloat32(at, true)) as [number, number, number];
  return { residual, failed, filled };
}
