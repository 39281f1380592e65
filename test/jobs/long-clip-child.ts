/**
 * A process that renders a clip with every so many frames a key, and prints what its JavaScript holds while it goes on: a line each, with the
 * stage, how many of its frames are done, and the bytes. Run with --expose-gc. Arguments: folder to work in, clip, frames from key to key.
 */
import { join } from 'node:path';
import { Jobs } from '../../bridge-server/jobs/queue.ts';
import { someRender } from './request.ts';

const [folder, path, step] = process.argv.slice(2) as [string, string, string];
const jobs = Jobs.open({ data: join(folder, 'data'), cache: join(folder, 'cache') }, 2);
const { id } = jobs.submit(
  someRender({
    source: { path, from: 0, to: null, rate: null, alpha: 'straight' },
    keys: { kind: 'every', step: Number(step) },
    output: { kind: 'movie', path: join(folder, 'result.mp4'), codec: 'h264', sound: false },
  }),
);
let last = { stage: '', done: 0 };
jobs.events.on('job', ({ job: { state } }) => {
  if (state.state !== 'running' || !state.progress) return;
  const { stage, done } = state.progress;
  if (stage === last.stage && done < last.done + 20) return;
  last = { stage, done };
  // Twice: what is let go of at the end of the first is taken away by the second.
  globalThis.gc!();
  globalThis.gc!();
  const { heapUsed, external } = process.memoryUsage();
  process.stdout.write(`${JSON.stringify({ stage, done, bytes: heapUsed + external })}\n`);
});
const { state } = await jobs.settled(id, new AbortController().signal);
if (state.state !== 'done') throw new Error(JSON.stringify(state));
await jobs.close();
