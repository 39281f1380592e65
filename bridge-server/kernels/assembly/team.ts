import { makeTaps } from './sample';

// A kernel is one program that every worker of the team runs in step (SPMD): the same control flow, each on its own band of
// rows, with barriers between phases. Bands only decide who computes a value, never which value: results are bit-equal for
// any number of workers. These globals belong to the instance, so each worker has its own.

export let worker: i32 = 0;
export let workers: i32 = 1;
let sync: usize = 0; // two i32 in shared memory: workers that have arrived, generation

export function join(worker_: i32, workers_: i32, sync_: usize): void {
  worker = worker_;
  workers = workers_;
  sync = sync_;
  makeTaps();
}

/** First row of this worker's band of `rows` rows. */
export function bandFrom(rows: i32): i32 {
  return <i32>((<i64>rows * worker) / workers);
}

/** One past the last row of this worker's band. */
export function bandTo(rows: i32): i32 {
  return <i32>((<i64>rows * (worker + 1)) / workers);
}

/** Rows of a strip. */
const STRIP: i32 = 8;

/** The first row of this worker where rows are dealt out in strips: for work that is much in some places and little in others. */
export function firstDealt(): i32 {
  return worker * STRIP;
}

/** The one after `y`. */
export function nextDealt(y: i32): i32 {
  return (y + 1) % STRIP == 0 ? y + 1 + (workers - 1) * STRIP : y + 1;
}

/** Waits until the whole team is here; what any worker wrote before is visible to all after. Spins shortly, then sleeps. */
export function barrier(): void {
  if (workers == 1) return;
  const generation = atomic.load<i32>(sync, 4);
  if (atomic.add<i32>(sync, 1) == workers - 1) {
    atomic.store<i32>(sync, 0);
    atomic.add<i32>(sync, 1, 4);
    atomic.notify(sync + 4, -1);
    return;
  }
  for (let spin = 0; spin < 4000; spin++) {
    if (atomic.load<i32>(sync, 4) != generation) return;
  }
  while (atomic.load<i32>(sync, 4) == generation) atomic.wait<i32>(sync + 4, generation, -1);
}
