import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { INITIAL_PAGES, MAXIMUM_PAGES, kernelsPath } from './build.ts';
import type { Device } from './device.ts';
import type { RawFrame } from '../media/frame.ts';
import { Heap, type Block } from './heap.ts';
import { Shelf } from './shelf.ts';
import { pack } from '../zstd.ts';

export type { Block } from './heap.ts';

/** Each takes 10 MB, most of it Node's own; with more of them pictures of 1920x1080 would take more than the 600 MB that are promised. */
const MOST_WORKERS = 8;
/** A thread holds next to nothing of its own. Told so, V8 does without a copy of its built-in code for each: 1.8 MB. */
const LITTLE = { maxOldGenerationSizeMb: 32 };

/** Bytes at the bottom of the memory that belong to the module's own constants and to the team's barrier. */
const RESERVED_BYTES = INITIAL_PAGES * 65536;
const SYNC_POINTER = RESERVED_BYTES - 64;

export type WorkerStart = {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly worker: number;
  readonly workers: number;
  readonly sync: number;
};
export type WorkerCall = { readonly kernel: string; readonly args: readonly number[] };
export type WorkerReply = { readonly value: number } | { readonly error: string };

/**
 * A team of worker threads that run the kernels of build/kernels.wasm on one shared memory. One kernel runs at a time, on all
 * workers together; results do not depend on how many there are.
 *
 * A kernel that traps leaves the others waiting at a barrier, and the memory in an unknown state: the whole team is ended,
 * and that run and every later one reject with what happened. The process lives on, and may start another engine.
 */
export class Engine implements Device {
  /** Hash of the compiled kernels: part of the cache key of every stage that runs them. */
  readonly codeHash: string;
  readonly shelf = new Shelf(this, 0);
  readonly workers: number;
  readonly #memory: WebAssembly.Memory;
  readonly #team: readonly Worker[];
  readonly #heap: Heap;
  #last: Promise<unknown> = Promise.resolve();
  #ended: Error | null = null;
  #running: {
    answers: number;
    value: number;
    resolve: (value: number) => void;
    reject: (error: Error) => void;
  } | null = null;

  private constructor(codeHash: string, module: WebAssembly.Module, workers: number) {
    this.codeHash = codeHash;
    this.workers = workers;
    this.#memory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAXIMUM_PAGES, shared: true });
    this.#heap = new Heap(RESERVED_BYTES, (bytes) => this.#growTo(bytes));
    this.#team = Array.from({ length: workers }, (_, worker) => {
      const workerData: WorkerStart = { module, memory: this.#memory, worker, workers, sync: SYNC_POINTER };
      const thread = new Worker(new URL('./worker.mjs', import.meta.url), { workerData, resourceLimits: LITTLE });
      thread.on('message', (reply: WorkerReply) => this.#answered(worker, reply));
      thread.on('error', (error) => this.#end(error as Error));
      thread.on('exit', () => this.#end(new Error('a worker thread ended')));
      // An idle team does not keep the process alive; a running one does.
      thread.unref();
      return thread;
    });
  }

  static async start(workers = Math.min(MOST_WORKERS, availableParallelism())): Promise<Engine> {
    const bytes = await readFile(kernelsPath);
    const codeHash = createHash('sha256').update(bytes).digest('hex');
    return new Engine(codeHash, await WebAssembly.compile(bytes), workers);
  }

  /** Runs one kernel on the whole team, after whatever was asked before. Resolves to what the kernel returns, 0 if nothing. */
  run(kernel: string, ...args: number[]): Promise<number> {
    return this.#inTurn(() => this.#call({ kernel, args }));
  }

  write(block: Block, data: ArrayBufferView): Promise<void> {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return this.#inTurn(() => this.u8(block).set(bytes));
  }

  async writeFrame(block: Block, frame: RawFrame): Promise<3 | 4> {
    const { channels, data } = frame.frame();
    await this.write(block, data);
    return channels;
  }

  read(block: Block, bytes: number): Promise<ArrayBuffer> {
    return this.#inTurn(() => new Uint8Array(this.u8(block, bytes)).buffer);
  }

  async readPacked(block: Block, bytes: number): Promise<Uint8Array> {
    const copy = await this.read(block, bytes);
    const packed = await pack(new Uint8Array(copy));
    // Given back now; V8 would wait until there is much of it.
    copy.transfer(0);
    return packed;
  }

  #inTurn<T>(act: () => T | Promise<T>): Promise<T> {
    const result = this.#last.then(act);
    this.#last = result.catch(() => undefined);
    return result;
  }

  #call(call: WorkerCall): Promise<number> {
    if (this.#ended) return Promise.reject(new Error(`${call.kernel}: ${this.#ended.message}`, { cause: this.#ended }));
    return new Promise<number>((resolve, reject) => {
      this.#running = {
        answers: 0,
        value: 0,
        resolve,
        reject: (error) => reject(new Error(`${call.kernel}: ${error.message}`, { cause: error })),
      };
      for (const thread of this.#team) {
        thread.ref();
        thread.postMessage(call);
      }
    });
  }

  #answered(worker: number, reply: WorkerReply): void {
    if ('error' in reply) {
      this.#end(new Error(reply.error));
      return;
    }
    const running = this.#running;
    if (!running) return;
    if (worker === 0) running.value = reply.value;
    running.answers++;
    if (running.answers < this.workers) return;
    this.#running = null;
    for (const thread of this.#team) thread.unref();
    running.resolve(running.value);
  }

  /** The first reason stays the reason. */
  #end(reason: Error): void {
    if (this.#ended) return;
    this.#ended = reason;
    this.#running?.reject(reason);
    this.#running = null;
    for (const thread of this.#team) void thread.terminate();
  }

  /** Memory is not cleared. Throws RangeError when 4 GiB are spent. */
  alloc(bytes: number): Block {
    return this.#heap.alloc(bytes);
  }

  free(...blocks: readonly Block[]): void {
    this.#heap.free(...blocks);
  }

  /** Bytes of blocks in use: 0 when everything was freed. */
  get bytesInUse(): number {
    return this.#heap.bytesInUse;
  }

  #growTo(bytes: number): void {
    const missing = bytes - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / 65536));
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

  /** Waits for what was asked, then ends the team. Later runs reject. */
  async close(): Promise<void> {
    await this.#last;
    this.#ended ??= new Error('the engine is closed');
    await Promise.all(this.#team.map((thread) => thread.terminate()));
  }
}
