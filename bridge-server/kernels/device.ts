import type { RawFrame } from '../media/frame.ts';
import type { Block } from './heap.ts';
import type { Shelf } from './shelf.ts';

/**
 * A memory and kernels that work on it: the processor (engine.ts) or a graphics card (propagate/gpu). What is asked is done in the order
 * in which it was asked, without waiting for the answers in between. Everything rejects once the device has failed.
 */
export type Device = {
  /** Part of the cache key of every stage that runs here: names whatever decides the bits of a result. */
  readonly codeHash: string;
  /** For what takes longer to send or to make again than to keep here. Without room where nothing does. */
  readonly shelf: Shelf;
  /** Memory is not cleared. Throws RangeError when there is no more. */
  alloc(bytes: number): Block;
  free(...blocks: readonly Block[]): void;
  /** Resolves to what the kernel returns, 0 if nothing; on a graphics card this may be before it has run. */
  run(kernel: string, ...args: number[]): Promise<number>;
  /** Copies `data` to the beginning of the block. `data` may be used again once this resolves. */
  write(block: Block, data: ArrayBufferView): Promise<void>;
  /** Writes the picture in working form, three or four u16 a pixel, to the beginning of the block. Resolves to how many. */
  writeFrame(block: Block, frame: RawFrame): Promise<3 | 4>;
  /** A copy of the first `bytes` bytes of the block, in a buffer of its own. */
  read(block: Block, bytes: number): Promise<ArrayBuffer>;
  /** The same, packed (zstd.ts). */
  readPacked(block: Block, bytes: number): Promise<Uint8Array>;
};

/** Memory for as long as `work` takes: one block for each of the sizes (bytes). What `work` asked of the device last may still be to come. */
export async function withBlocks<T>(
  device: Pick<Device, 'alloc' | 'free'>,
  sizes: readonly number[],
  work: (...blocks: Block[]) => Promise<T>,
): Promise<T> {
  const blocks: Block[] = [];
  try {
    for (const bytes of sizes) blocks.push(device.alloc(bytes));
    return await work(...blocks);
  } finally {
    device.free(...blocks);
  }
}
