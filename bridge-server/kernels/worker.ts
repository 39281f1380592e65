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
const kernels = instance.exports as Record<string, (...args: number[]) => void>;
kernels['join']!(worker, workers, sync);

parentPort!.on('message', ({ kernel, args }: WorkerCall) => {
  let reply: WorkerReply = { error: null };
  try {
    const run = kernels[kernel];
    if (!run) throw new Error('there is no such kernel');
    run(...args);
  } catch (error) {
    // A trap leaves the others waiting at a barrier: the engine is not usable after this, and says so.
    reply = { error: error instanceof Error ? error.message : String(error) };
  }
  parentPort!.postMessage(reply);
});
