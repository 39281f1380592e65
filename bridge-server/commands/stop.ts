import { folders } from '../folders.ts';
import { Jobs } from '../jobs/queue.ts';
import { isSettled, type JobRecord } from '../jobs/job.ts';

/** How long the process that runs a job may take to stop it. */
const PATIENCE_MS = 5000;

/** Stops a job for good and waits until it has stopped. One that is settled already stays as it is. */
export const cancel = (id: string): Promise<void> => stop(id, (jobs) => jobs.cancel(id));

/** The same until it is resumed. */
export const pause = (id: string): Promise<void> => stop(id, (jobs) => jobs.pause(id));

async function stop(id: string, ask: (jobs: Jobs) => JobRecord): Promise<void> {
  const jobs = Jobs.open(folders());
  try {
    const before = jobs.get(id);
    const after = ask(jobs);
    if (isSettled(before.state) && after.state.state === before.state.state) {
      process.stdout.write(`Job ${id} is not running: it is ${before.state.state}.\n`);
      return;
    }
    const { state } = await jobs.stopped(id, AbortSignal.timeout(PATIENCE_MS)).catch(() => jobs.get(id));
    const { state: word } = state;
    const stopped = word !== 'queued' && word !== 'running';
    process.stdout.write(stopped ? `Job ${id} is ${word}.\n` : `Job ${id} was told to stop.\n`);
  } finally {
    await jobs.close();
  }
}
