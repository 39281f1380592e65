import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import type { Device } from '../../kernels/device.ts';
import { Heap, type Block } from '../../kernels/heap.ts';
import { Shelf } from '../../kernels/shelf.ts';
import type { RawFrame } from '../../media/frame.ts';
import { Crash, SideProcess } from '../../side-process.ts';
import type { Ask, Card } from './messages.ts';
import { answerOf } from './passes.ts';

/** The memory grows by at least this share, so that it is seldom moved. */
const GROWTH = 1.25;
/** The part of what a card takes that is kept filled with what is wanted again; how much memory it really has, it does not tell. */
const SHELVED = 0.25;
/** The beginning of the memory is not given out: 0 means that something is not there. */
const BOTTOM = 256;

const ALWAYS = new AbortController().signal;

/** The card cannot do it, or not any more: why, in the driver's own words. */
export class CardLost extends Error {
  override readonly name = 'CardLost';
}

/**
 * The graphics card, from the bridge's side. Its driver lives in a process of its own. When that crashes, runs out of memory, or loses
 * the card, all that is asked from then on rejects with CardLost.
 */
export class Gpu {
  readonly name: string;
  /** Hash of the kernels, the card and its driver: another card's last bits differ. */
  readonly codeHash: string;
  readonly #process: SideProcess<Ask>;
  readonly #heap: Heap;
  readonly #room: number;

  private constructor(process: SideProcess<Ask>, card: Card, codeHash: string) {
    this.#process = process;
    this.name = card.name;
    this.codeHash = codeHash;
    this.#room = SHELVED * card.limit;
    let size = 0;
    this.#heap = new Heap(BOTTOM, (bytes) => {
      if (bytes > card.limit) throw new CardLost(`it takes ${card.limit} bytes in one piece`);
      if (bytes <= size) return;
      size = Math.min(card.limit, Math.ceil((bytes * GROWTH) / 4) * 4);
      this.#tell({ act: 'grow', bytes: size });
    });
  }

  /**
   * Opens the machine's graphics card. `software`: also one that only pretends, on the processor. Rejects with Refusal where there is none,
   * with Crash where its driver crashes.
   */
  static async open({ software }: { readonly software: boolean }, signal: AbortSignal): Promise<Gpu> {
    const process = new SideProcess<Ask>(new URL('./child.ts', import.meta.url));
    try {
      const card = (await process.ask({ act: 'open', software }, signal)) as Card;
      return new Gpu(process, card, await codeHashOf(card));
    } catch (error) {
      process.close();
      throw error;
    }
  }

  get ended(): boolean {
    return this.#process.ended;
  }

  /** The process, for tests that end it. */
  get pid(): number | null {
    return this.#process.pid;
  }

  get bytesInUse(): number {
    return this.#heap.bytesInUse;
  }

  /** The card as a device that obeys a signal: what is waited for when it is aborted comes within a second, or the process is killed. */
  under(signal: AbortSignal): Device {
    const memory: Pick<Device, 'alloc' | 'free' | 'run'> = {
      alloc: (bytes) => this.#heap.alloc(bytes),
      free: (...blocks) => this.#heap.free(...blocks),
      run: (kernel, ...args) => this.#run(kernel, args),
    };
    return {
      ...memory,
      codeHash: this.codeHash,
      shelf: new Shelf(memory, this.#room),
      write: (block, data) => this.#write(block, data, signal),
      writeFrame: (block, frame) => this.#writeFrame(block, frame, signal),
      // Of nothing there is no need to wait.
      read: async (block, bytes) =>
        bytes === 0 ? new ArrayBuffer(0) : (await this.#read(block, bytes, false, signal)).buffer,
      readPacked: (block, bytes) => this.#read(block, bytes, true, signal),
    };
  }

  // Async, so that what the process throws is a rejection.
  async #run(kernel: string, args: number[]): Promise<number> {
    const answer = answerOf(kernel, args);
    if (answer === null) this.#tell({ act: 'run', kernel, args });
    return Promise.resolve(answer ?? 0);
  }

  async #write(block: Block, data: ArrayBufferView, signal: AbortSignal): Promise<void> {
    const { pointer } = within(block, data.byteLength);
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (bytes.length === 0) return;
    this.#tell({ act: 'write', pointer, bytes: bytes.length });
    // A process that ends meanwhile says so at the next read.
    const sent = this.#process.bulk.send(bytes).catch(() => undefined);
    await this.#process.patiently(sent, signal);
  }

  /** As its decoder gave it a picture takes a quarter of the way and none of the bridge's time. */
  async #writeFrame(block: Block, picture: RawFrame, signal: AbortSignal): Promise<3 | 4> {
    if (!picture.yuv) {
      const { channels, data } = picture.frame();
      await this.#write(block, data, signal);
      return channels;
    }
    const { data, layout } = picture.yuv;
    const { width, height, offsets, strides, steps, word, shift, bits, shared, inset, middle, colours } = layout;
    const planes = this.#heap.alloc(data.length);
    try {
      await this.#write(planes, data, signal);
      await this.#run('yuvFrame', [
        ...[planes.pointer, width, height, within(block, 6 * width * height).pointer],
        ...[...offsets, ...strides, ...steps, word, shift, 2 ** bits - 1, ...shared, ...inset, middle],
        ...colours.flat(),
      ]);
    } finally {
      this.#heap.free(planes);
    }
    return 3;
  }

  async #read(block: Block, bytes: number, packed: boolean, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const { pointer } = within(block, bytes);
    signal.throwIfAborted();
    // Also taken when nobody waits for it any more: what comes after it is somebody else's.
    const answer = this.#process.ask({ act: 'read', pointer, bytes, packed }, ALWAYS);
    const data = answer.then((coming) => this.#process.bulk.take(coming as number));
    return this.#process.patiently(data, signal).catch(lost);
  }

  #tell(ask: Ask): void {
    try {
      this.#process.tell(ask);
    } catch (error) {
      lost(error);
    }
  }

  close(): void {
    this.#process.close();
  }
}

function lost(error: unknown): never {
  throw error instanceof Crash ? new CardLost(error.message, { cause: error }) : error;
}

function within(block: Block, bytes: number): Block {
  if (bytes > block.bytes) throw new RangeError(`${bytes} bytes do not fit a block of ${block.bytes}`);
  return block;
}

async function codeHashOf({ identity }: Card): Promise<string> {
  const hash = createHash('sha256').update(identity);
  const folder = new URL('./wgsl/', import.meta.url);
  for (const name of (await readdir(folder)).sort()) hash.update(await readFile(new URL(name, folder)));
  return hash.digest('hex');
}
