import { rm } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { Engine } from '../kernels/engine.ts';
import { ModelStore } from '../models/store.ts';
import type { TrainRequest } from '../protocol/train-request.ts';
import { maskFolders } from '../train/identity.ts';
import { openTrainable } from '../train/preflight.ts';
import { STATE_FILE, type TrainEvent, trainFromClips } from '../train/run.ts';
import type { Cache } from './cache.ts';
import { TRAININGS } from './eviction.ts';
import type { TrainJob, TrainProgress, TrainResult } from './job.ts';
import { refuseOutputAmong } from './output.ts';
import { filled } from './version.ts';

/** What a training is done with. */
export type Trainer = {
  readonly engine: Engine;
  readonly cache: Cache;
  /** The install's own folder, where trained models are kept. */
  readonly data: string;
  /** Ends the networks that stay loaded from job to job. Returns the bytes of memory that this gives back. */
  readonly letGo: () => number;
  readonly show: (progress: TrainProgress) => void;
  /** Takes what is to be done once it is recorded that the job is done. */
  readonly afterwards: (work: () => Promise<void>) => void;
  readonly signal: AbortSignal;
};

/** Trains what a job asks for, or goes on where it was left. Failures: those of trainFromClips, and of putting the LoRA where it belongs. */
export async function train(
  job: TrainJob,
  { engine, cache, data, letGo, show, afterwards, signal }: Trainer,
): Promise<TrainResult> {
  const started = performance.now();
  const { request } = job;
  await refuseOutput(request, job.version);
  const freeBytes = process.availableMemory() + letGo();
  const folder = workFolder(job, data);
  const { name, deliver } = destinationOf(job, data, folder);
  let chosen: Extract<TrainEvent, { stage: 'chosen' }> | null = null;
  const isOwn = request.output.kind === 'store';
  if (isOwn) cache.keeper.hold(nameAmongTrainings(job.id));
  const means = { engine, folder, isOwn, name, deliver, freeBytes, signal };
  for await (const event of trainFromClips(request, means)) {
    switch (event.stage) {
      case 'survey':
      case 'encode':
        show({ ...event, etaSeconds: null, loss: null });
        break;
      case 'train': {
        const { stage, done, total, unit, etaSeconds, loss } = event;
        show({ stage, done, total, unit, etaSeconds, loss });
        break;
      }
      case 'chosen':
        chosen = event;
        break;
      case 'sample':
        break;
      case 'done': {
        afterwards(() => rm(join(folder, STATE_FILE), { force: true }));
        const { lora: output, curve, loss } = event;
        const { examples, sheet, notes } = chosen!;
        const seconds = (performance.now() - started) / 1000;
        const { steps } = request.settings;
        return { output, examples: examples.length, sheet, curve, steps, loss, seconds, notes };
      }
    }
  }
  throw new Error('a training ended without its LoRA');
}

/**
 * Refuses, before a job is made of it, a training that could not be done. Failures: those of openTrainable and refuseOutputAmong.
 *
 * @param heldBytes memory that is taken now, and would be given back for it
 */
export async function checkTraining(request: TrainRequest, heldBytes: number): Promise<void> {
  await refuseOutput(request, 1);
  await openTrainable(request, process.availableMemory() + heldBytes);
}

/** What would be overwritten is refused; in the store nothing ever is. */
async function refuseOutput({ output, clips, model, prior }: TrainRequest, version: number): Promise<void> {
  if (output.kind === 'store') return;
  const sources = clips.map(({ source }) => source.path);
  const inputs = [...sources, ...maskFolders({ clips }), model, ...(prior ? [prior.folder] : [])];
  await refuseOutputAmong(inputs, filled(output.path, version), 'movie');
}

/**
 * Where a training keeps what it needs to go on, and what shows how it goes: beside the LoRA, where it stays, or among the install's own
 * data, where it is kept as the cache is.
 */
export function workFolder({ id, request: { output }, version }: TrainJob, data: string): string {
  return output.kind === 'file' ? workFolderBeside(filled(output.path, version)) : join(data, nameAmongTrainings(id));
}

/** What it is held by. */
const nameAmongTrainings = (id: string): string => `${TRAININGS}/${id}`;

export const workFolderBeside = (lora: string): string => join(dirname(lora), `${nameOf(lora)}.training`);

const nameOf = (lora: string): string => basename(lora, extname(lora));

type Destination = {
  readonly name: string;
  readonly deliver: (write: (path: string) => Promise<void>) => Promise<string>;
};

function destinationOf({ request: { output }, version }: TrainJob, data: string, folder: string): Destination {
  if (output.kind === 'file') {
    const path = filled(output.path, version);
    return {
      name: nameOf(path),
      deliver: async (write) => {
        await write(path);
        return path;
      },
    };
  }
  return {
    name: output.name,
    deliver: async (write) => {
      const made = join(folder, 'lora.safetensors');
      await write(made);
      const store = new ModelStore(data);
      try {
        return await store.keepTrained(made, output.name);
      } finally {
        store.close();
      }
    },
  };
}
