import { parentPort, workerData } from 'node:worker_threads';
import type { WorkerCall, WorkerReply, WorkerStart } from './engine.ts';

const { module, memory, worker, workers, sync } = workerData as WorkerStart;
const instance = await WebAssembly.instantiate(module, {
  env: {
    memory,
    abort: () => {
      throw new Error('kernel aborted');
    },
  },
});
const kernels = instance.exports as Record<string, (...args: number[]) => number | undefined>;
kernels['join']!(worker, workers, sync);

parentPort!.on('message', ({ kernel, args }: WorkerCall) => parentPort!.postMessage(answer(kernel, args)));

function answer(kernel: string, args: readonly number[]): WorkerReply {
  try {
    const run = kernels[kernel];
    if (!run) return { error: 'there is no such kernel' };
    return { value: run(...args) ?? 0 };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
