import { folders } from '../folders.ts';
import { Jobs } from '../jobs/queue.ts';
import { isSettled } from '../jobs/job.ts';

/** How long the process that runs a job may take to stop it. */
const PATIENCE_MS = 5000;

/** Stops a job and waits until it has stopped. One that is settled already stays as it is. */
export async function cancel(id: string): Promise<void> {
  const jobs = Jobs.open(folders());
  try {
    const before = jobs.get(id);
    if (isSettled(before.state)) {
      process.stdout.write(`Job ${id} is not running: it is ${before.state.state}.\n`);
      return;
    }
    jobs.cancel(id);
    const { state } = await jobs.settled(id, AbortSignal.timeout(PATIENCE_MS)).catch(() => jobs.get(id));
    process.stdout.write(isSettled(state) ? `Job ${id} is ${state.state}.\n` : `Job ${id} was told to stop.\n`);
  } finally {
    await jobs.close();
  }
}
