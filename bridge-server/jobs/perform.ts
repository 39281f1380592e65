import type { Progress } from '../progress.ts';
import type { JobRecord, JobState, TrainProgress } from './job.ts';
import { render, type Tools } from './run.ts';
import { train, type Trainer } from './training.ts';
import { versioned } from './version.ts';

/** What the one job that runs has for itself. */
export type Means = Tools & Trainer & { readonly show: (progress: Progress | TrainProgress) => void };

/** Does a job of either kind. Failures: those of render and train. */
export async function perform(job: JobRecord, means: Means): Promise<Extract<JobState, { state: 'done' }>> {
  switch (job.kind) {
    case 'render':
      return { state: 'done', result: await render(versioned(job), means) };
    case 'train':
      return { state: 'done', result: await train(job, means) };
  }
}
