import type { StageFolder } from '../jobs/stage-folder.ts';
import type { Device } from '../kernels/device.ts';
import type { Block } from '../kernels/heap.ts';
import { loadMap, mapName } from './maps.ts';
import { guideBytes, loadGuide, stagingBytes } from './pictures.ts';
import type { Source } from './pictures.ts';
import type { Span } from './spans.ts';

/** One key of a span in the device's memory. */
export type Side = {
  readonly key: number;
  /** Address of its source's guide. */
  readonly guide: number;
  /** Where each pixel of the frame at hand is in this key. */
  readonly map: Block;
};

/**
 * How a span's keys make up its frames, as far as the sources tell: the guides of the keys, and for the frame at hand the share of each
 * and the residual that they leave (kernels/assembly/blend.ts).
 */
export class Mixture {
  readonly device: Device;
  readonly source: Source;
  readonly sides: readonly Side[];
  /** The guides of the keys' sources, one below the other in the order of `sides`. */
  readonly atlas: Block;
  readonly guide: Block;
  readonly residual: Block;
  readonly share: Block;
  /** width*height*8 bytes each, free between calls. */
  readonly staging: Block;
  readonly spare: readonly [Block, Block];
  /** width*height*4 bytes each, free between calls: the halves of `staging`, then those of `spare[1]`. */
  readonly planes: readonly [Block, Block, Block, Block];
  readonly #matches: StageFolder;
  readonly #blocks: Block[] = [];

  private constructor(device: Device, span: Span, source: Source, matches: StageFolder) {
    const { width, height } = source;
    const pixels = width * height;
    this.device = device;
    this.source = source;
    this.#matches = matches;
    const keys = [span.before, span.after].filter((key) => key !== null);
    this.atlas = this.alloc(keys.length * guideBytes(width, height));
    this.sides = keys.map((key, i) => ({
      key,
      guide: this.atlas.pointer + i * guideBytes(width, height),
      map: this.alloc(8 * pixels),
    }));
    this.guide = this.alloc(guideBytes(width, height));
    this.residual = this.alloc(8 * pixels);
    this.share = this.alloc(4 * pixels);
    this.staging = this.alloc(stagingBytes(width, height));
    this.spare = [this.alloc(8 * pixels), this.alloc(8 * pixels)];
    this.planes = [...halvesOf(this.staging), ...halvesOf(this.spare[1])];
  }

  static async open(
    device: Device,
    span: Span,
    source: Source,
    matches: StageFolder,
    signal: AbortSignal,
  ): Promise<Mixture> {
    const mixture = new Mixture(device, span, source, matches);
    try {
      for (const { key, guide } of mixture.sides) await mixture.#loadGuide(key, guide, signal);
      return mixture;
    } catch (error) {
      mixture.close();
      throw error;
    }
  }

  /** Memory that lasts until `close`. */
  alloc(bytes: number): Block {
    const block = this.device.alloc(bytes);
    this.#blocks.push(block);
    return block;
  }

  close(): void {
    this.device.free(...this.#blocks);
  }

  /** Makes `n` the frame at hand. */
  async load(n: number, signal: AbortSignal): Promise<void> {
    const { device, guide, residual, share, spare, planes } = this;
    const { width, height } = this.source;
    await this.#loadGuide(n, guide.pointer, signal);
    for (const side of this.sides) await this.loadMap(n, side);
    const [a, b] = this.sides as [Side, Side | undefined];
    if (!b) {
      await device.run('miss', guide.pointer, a.guide, a.map.pointer, width, height, residual.pointer);
      return;
    }
    const nearness = (b.key - n) / (b.key - a.key);
    await device.run(
      'mix',
      ...[guide.pointer, a.guide, a.map.pointer, b.guide, b.map.pointer, width, height, nearness],
      ...[residual.pointer, spare[0].pointer, share.pointer, ...planes.map(({ pointer }) => pointer)],
    );
  }

  /** Mixes in what the motions beside would show (kernels/assembly/beside.ts): their shares into `beside` (u32), what is missed then into `residual`. */
  async mixBeside(beside: Block): Promise<void> {
    const { device, guide, residual, share } = this;
    const { width, height } = this.source;
    const [a, b] = this.sides;
    await device.run(
      'mixBeside',
      ...[guide.pointer, a!.guide, a!.map.pointer, b?.guide ?? 0, b?.map.pointer ?? 0, width, height],
      ...[share.pointer, residual.pointer, beside.pointer],
    );
  }

  loadMap(n: number, { key, map }: Side): Promise<void> {
    return loadMap(this.device, map, this.source, this.staging, this.#matches, mapName(n, key));
  }

  async #loadGuide(n: number, into: number, signal: AbortSignal): Promise<void> {
    await loadGuide(this.device, this.source, n, this.staging, this.spare[0], into, 0, signal);
  }
}

function halvesOf({ pointer, bytes }: Block): [Block, Block] {
  const half = bytes >> 1;
  return [
    { pointer, bytes: half },
    { pointer: pointer + half, bytes: half },
  ];
}
