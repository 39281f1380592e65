import { basename } from 'node:path';
import { EXIT, exitCodeOf } from '../exit.ts';
import { Failure } from '../errors.ts';
import type { JobEvent, JobRecord, RenderResult, TrainResult } from '../jobs/job.ts';
import type { Jobs } from '../jobs/queue.ts';
import type { TrainRequest } from '../protocol/train-request.ts';
import { adviceInWords } from '../propagate/advice.ts';
import { stabilityInWords } from '../measure/agreement.ts';
import { duration, progressTeller, sayFailure } from './say.ts';

/** Who asks to cancel is obeyed within a second, even where something hangs. */
const PATIENCE_MS = 500;

/**
 * Begins a job and stays with it until it is settled, in this process or another; says how far it is, and sets the exit code.
 * SIGINT and SIGTERM cancel it; SIGHUP (the terminal or the launcher is gone) interrupts it.
 */
export async function finish(jobs: Jobs, begin: () => JobRecord, json: boolean): Promise<void> {
  const teller = progressTeller(json);
  const hangup = new AbortController();
  let job: JobRecord | null = null;
  let asked = false;
  const cancel = (): void => {
    // Ctrl-C reaches this process twice: from the terminal and from the launcher.
    if (asked) return;
    asked = true;
    if (job) jobs.cancel(job.id);
    setTimeout(() => {
      teller.end();
      sayFailure(new Failure('cancelled', undefined), json);
      process.exit(EXIT.cancelled);
    }, PATIENCE_MS).unref();
  };
  const hang = (): void => hangup.abort();
  process.on('SIGINT', cancel).on('SIGTERM', cancel).on('SIGHUP', hang);
  jobs.events.on('job', ({ job: { id, state } }: JobEvent) => {
    if (id !== job?.id) return;
    if (state.state === 'running' && state.progress) teller.tell(state.progress);
    if (state.state === 'paused' && !json) {
      teller.end();
      process.stderr.write(`Paused. \`pentimento resume ${id}\` goes on.\n`);
    }
  });
  try {
    job = begin();
    let settled = await jobs.settled(job.id, hangup.signal);
    // Another process ran it, and is gone.
    while (settled.state.state === 'interrupted') {
      jobs.resume(job.id);
      settled = await jobs.settled(job.id, hangup.signal);
    }
    teller.end();
    process.exitCode = tell(settled, json);
  } catch (error) {
    teller.end();
    if (!hangup.signal.aborted || !job) throw error;
    throw new Failure('job-interrupted', { id: job.id }, error);
  } finally {
    await jobs.close();
    process.off('SIGINT', cancel).off('SIGTERM', cancel).off('SIGHUP', hang);
  }
}

/** Says how a job ended. Returns the exit code. */
function tell(job: JobRecord, json: boolean): number {
  const { id, version, state } = job;
  switch (state.state) {
    case 'done':
      if (json) process.stdout.write(`${JSON.stringify({ job: id, version, ...state.result })}\n`);
      else process.stdout.write(inWords(job));
      return EXIT.done;
    case 'failed':
      sayFailure(state.error, json);
      return exitCodeOf(state.error.code);
    case 'cancelled':
      sayFailure(new Failure('cancelled', undefined), json);
      return EXIT.cancelled;
    case 'interrupted':
    case 'queued':
    case 'running':
    case 'paused':
      throw new Error(`job ${id} is not settled`);
  }
}

function inWords({ kind, request, state }: JobRecord): string {
  if (state.state !== 'done') return '';
  return kind === 'render' ? renderInWords(state.result) : trainingInWords(state.result, request);
}

function trainingInWords(
  { output, steps, examples, seconds, loss, sheet, curve, notes }: TrainResult,
  { trigger, output: wanted }: TrainRequest,
): string {
  const name = wanted.kind === 'store' ? basename(output, '.safetensors') : output;
  const lines = [
    output,
    `${steps} steps on ${examples} frames in ${duration(seconds)}; mean loss at the end ${loss.toFixed(4)}.`,
    `Say "${trigger}" in the prompt, and give --lora ${JSON.stringify(name)}.`,
    `Examples: ${sheet}`,
    `Losses: ${curve}`,
    ...notes,
  ];
  return `${lines.join('\n')}\n`;
}

function renderInWords({ output, frames, keys, seconds, advice, stability, notes }: RenderResult): string {
  const shown = keys.slice(0, 12).map(({ frame }) => frame);
  const which = `${shown.join(', ')}${keys.length > shown.length ? ', …' : ''}`;
  const lines = [
    output,
    `${frames} frames from ${keys.length} ${keys.length === 1 ? 'key' : 'keys'} (${which}) in ${duration(seconds)}.`,
    ...(advice ? adviceInWords(advice) : []),
    ...stabilityInWords(stability),
    ...notes,
  ];
  return `${lines.join('\n')}\n`;
}
