import { realpath } from 'node:fs/promises';
import { basename, resolve, sep } from 'node:path';
import { Failure } from '../errors.ts';
import type { JobRecord } from './job.ts';

/**
 * Refuses to take a model away that a job needs to go on. Failure: model-needed.
 *
 * @param path real path of a model, or of a folder with models
 * @param jobs those that may still go on
 */
export async function refuseNeeded(path: string, jobs: readonly JobRecord[]): Promise<void> {
  for (const job of jobs) {
    for (const named of modelsOf(job)) {
      // Jobs of the command line name models as the user did.
      const real = await realpath(named).catch(() => resolve(named));
      if (real === path || real.startsWith(path + sep))
        throw new Failure('model-needed', { path, job: job.id, work: workOf(job) });
    }
  }
}

/** The files and folders of weights that a job names. */
export function modelsOf(job: JobRecord): readonly string[] {
  if (job.kind === 'train') return [job.request.model];
  const { look } = job.request;
  if (look.kind !== 'diffusion') return [];
  const { model, vae, motion, embeddings, loras, controls } = look;
  return [
    ...[model, vae, motion].filter((path) => path !== null),
    ...embeddings,
    ...loras.map(({ file }) => file),
    ...controls.flatMap(({ file, map }) => (map.kind === 'annotator' ? [file, map.file] : [file])),
  ];
}

const workOf = (job: JobRecord): string =>
  job.kind === 'train' ? `learns “${job.request.trigger}”` : `paints ${basename(job.request.source.path)}`;
