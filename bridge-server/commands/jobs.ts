import { basename } from 'node:path';
import { folders } from '../folders.ts';
import type { JobRecord, JobState, RenderJob, TrainJob } from '../jobs/job.ts';
import { Jobs } from '../jobs/queue.ts';
import type { RenderRequest } from '../protocol/request.ts';
import { filled, outputPath, versioned, versionName } from '../jobs/version.ts';

/** Lists the jobs of this install, those of a running bridge included. */
export async function jobs({ limit, json }: { limit: number; json: boolean }): Promise<void> {
  const all = Jobs.open(folders());
  try {
    const list = all.list({ limit });
    if (json) process.stdout.write(`${JSON.stringify(list)}\n`);
    else if (list.length === 0) process.stdout.write('There are no jobs yet.\n');
    else process.stdout.write(list.map(line).join(''));
  } finally {
    await all.close();
  }
}

function line(job: JobRecord): string {
  const { id, createdAt, version, state, place } = job;
  const when = createdAt.slice(0, 16).replace('T', ' ');
  const now = state.state === 'queued' && place !== null ? inLine(place) : words(state);
  const what = job.kind === 'render' ? renderInWords(job) : trainingInWords(job);
  return `${id.padStart(4)}  ${when}  ${versionName(version)}  ${now.padEnd(24)}  ${what}\n`;
}

const renderInWords = (job: RenderJob): string =>
  `${basename(job.request.source.path)} -> ${outputPath(versioned(job))}  ${painted(job.request)}`;

function trainingInWords({ request: { clips, output, trigger }, version }: TrainJob): string {
  const from = clips.map(({ source }) => basename(source.path)).join(', ');
  const to = output.kind === 'file' ? filled(output.path, version) : `the model ${output.name}`;
  return `${from} -> ${to}  LoRA of ${trigger}`;
}

const inLine = (place: number): string => (place === 0 ? 'queued, next' : `queued, ${place} before it`);

/** What its keys are painted with. */
function painted({ keys, look }: RenderRequest): string {
  if (keys.kind === 'images') return 'own keys';
  return look.kind === 'diffusion' ? look.prompt.replace(/[\s\p{Cc}]+/gu, ' ').slice(0, 60) : look.kind;
}

function words(state: JobState): string {
  switch (state.state) {
    case 'running':
      return state.progress ? `${state.progress.stage} ${state.progress.done}/${state.progress.total}` : 'running';
    case 'failed':
      return `failed: ${state.error.code}`;
    case 'paused':
      return state.progress
        ? `paused: ${state.progress.stage} ${state.progress.done}/${state.progress.total}`
        : 'paused';
    case 'queued':
    case 'done':
    case 'cancelled':
    case 'interrupted':
      return state.state;
  }
}
