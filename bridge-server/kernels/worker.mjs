// One of the threads of engine.ts. In plain JavaScript, because a thread that takes types out first needs 12 MB for that alone.
import { parentPort, workerData } from 'node:worker_threads';

/** @type {import('./engine.ts').WorkerStart} */
const { module, memory, worker, workers, sync } = workerData;
const instance = await WebAssembly.instantiate(module, {
  env: {
    memory,
    abort: () => {
      throw new Error('kernel aborted');
    },
  },
});
const kernels = instance.exports;
kernels.join(worker, workers, sync);

parentPort.on('message', (call) => parentPort.postMessage(answer(call)));

/** @type {(call: import('./engine.ts').WorkerCall) => import('./engine.ts').WorkerReply} */
function answer({ kernel, args }) {
  try {
    const run = kernels[kernel];
    if (!run) return { error: 'there is no such kernel' };
    return { value: run(...args) ?? 0 };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
