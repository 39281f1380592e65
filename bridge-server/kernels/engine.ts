import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { INITIAL_PAGES, MAXIMUM_PAGES, kernelsPath } from './build.ts';

/** Bytes at the bottom of the memory that belong to the module's own constants and to the team's barrier. */
const RESERVED_BYTES = INITIAL_PAGES * 65536;
const SYNC_POINTER = RESERVED_BYTES - 64;
const ALIGNMENT = 64;

/** A piece of the team's shared memory. `pointer` is what kernels take. Valid until freed. */
export type Block = { readonly pointer: number; readonly bytes: number };

export type WorkerStart = {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly worker: number;
  readonly workers: number;
  readonly sync: number;
};
export type WorkerCall = { readonly kernel: string; readonly args: readonly number[] };
export type WorkerReply = { readonly error: string | null };

/**
 * A team of worker threads that run the kernels of build/kernels.wasm on one shared memory. One kernel runs at a time, on all
 * workers together; results do not depend on how many there are.
 */
export class Engine {
  /** Hash of the compiled kernels: part of the cache key of every stage that runs them. */
  readonly codeHash: string;
  readonly workers: number;
  readonly #memory: WebAssembly.Memory;
  readonly #team: Worker[];
  #free: Block[] = [];
  #top = RESERVED_BYTES;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(codeHash: string, memory: WebAssembly.Memory, team: Worker[]) {
    this.codeHash = codeHash;
    this.workers = team.length;
    this.#memory = memory;
    this.#team = team;
  }

  static async start(workers = Math.min(16, availableParallelism())): Promise<Engine> {
    const bytes = await readFile(kernelsPath);
    const module = await WebAssembly.compile(bytes);
    const memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAXIMUM_PAGES, shared: true });
    const team = Array.from({ length: workers }, (_, worker) => {
      const workerData: WorkerStart = { module, memory, worker, workers, sync: SYNC_POINTER };
      const thread = new Worker(new URL('./worker.ts', import.meta.url), { workerData });
      thread.unref();
      return thread;
    });
    return new Engine(createHash('sha256').update(bytes).digest('hex'), memory, team);
  }

  /** Runs one kernel on the whole team, after whatever was asked before. Rejects when the kernel traps. */
  run(kernel: string, ...args: number[]): Promise<void> {
    const call: WorkerCall = { kernel, args };
    const result = this.#last
      .then(() => Promise.all(this.#team.map((thread) => ask(thread, call))))
      .then(() => undefined);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Memory is not cleared. Throws RangeError when 4 GiB are spent. */
  alloc(bytes: number): Block {
    const size = Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    const index = this.#free.findIndex((block) => block.bytes >= size);
    const hole = this.#free[index];
    if (hole) {
      if (hole.bytes === size) this.#free.splice(index, 1);
      else this.#free[index] = { pointer: hole.pointer + size, bytes: hole.bytes - size };
      return { pointer: hole.pointer, bytes: size };
    }
    const pointer = this.#top;
    const missing = pointer + size - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / 65536));
    this.#top = pointer + size;
    return { pointer, bytes: size };
  }

  free(...blocks: readonly Block[]): void {
    const all = [...this.#free, ...blocks].sort((a, b) => a.pointer - b.pointer);
    const merged: Block[] = [];
    for (const block of all) {
      const before = merged.at(-1);
      if (before && before.pointer + before.bytes === block.pointer) {
        merged[merged.length - 1] = { pointer: before.pointer, bytes: before.bytes + block.bytes };
      } else merged.push(block);
    }
    const end = merged.at(-1);
    if (end && end.pointer + end.bytes === this.#top) {
      this.#top = end.pointer;
      merged.pop();
    }
    this.#free = merged;
  }

  /** Views of a block. Take them again after an `alloc`: growing the memory does not lengthen older views. */
  u8 = (block: Block, length = block.bytes): Uint8Array => new Uint8Array(this.#memory.buffer, block.pointer, length);
  u16 = (block: Block, length = block.bytes >> 1): Uint16Array =>
    new Uint16Array(this.#memory.buffer, block.pointer, length);
  i16 = (block: Block, length = block.bytes >> 1): Int16Array =>
    new Int16Array(this.#memory.buffer, block.pointer, length);
  i32 = (block: Block, length = block.bytes >> 2): Int32Array =>
    new Int32Array(this.#memory.buffer, block.pointer, length);
  f32 = (block: Block, length = block.bytes >> 2): Float32Array =>
    new Float32Array(this.#memory.buffer, block.pointer, length);

  async close(): Promise<void> {
    await this.#last;
    await Promise.all(this.#team.map((thread) => thread.terminate()));
  }
}

function ask(thread: Worker, call: WorkerCall): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error: Error | null): void => {
      thread.off('message', onMessage).off('error', settle).unref();
      if (error) reject(error);
      else resolve();
    };
    const onMessage = ({ error }: WorkerReply): void =>
      settle(error === null ? null : new Error(`${call.kernel}: ${error}`));
    thread.ref();
    thread.on('message', onMessage).on('error', settle);
    thread.postMessage(call);
  });
}
