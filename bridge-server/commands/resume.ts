import { folders } from '../folders.ts';
import { Jobs } from '../jobs/queue.ts';
import { finish } from './finish.ts';

/** Goes on with a job in this process, or, when another runs it, follows it. A finished one is told of again. */
export async function resume(id: string, { workers, json }: { workers?: number; json: boolean }): Promise<void> {
  const jobs = Jobs.open(folders(), workers);
  await finish(jobs, () => jobs.resume(id), json);
}
