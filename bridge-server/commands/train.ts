import { extname, resolve } from 'node:path';
import { Failure } from '../errors.ts';
import { EXIT } from '../exit.ts';
import { folders } from '../folders.ts';
import { refuseOutputAmong } from '../jobs/output.ts';
import { ModelStore } from '../models/store.ts';
import { captionOf } from '../train/captions.ts';
import { type TrainRequest, trainRequest } from '../train/request.ts';
import { type TrainEvent, trainFromShot } from '../train/run.ts';
import { type DetailOption, located } from './look.ts';
import { duration, sayFailure } from './say.ts';

export type TrainOptions = {
  readonly model: string;
  readonly out: string;
  readonly trigger: string;
  readonly caption: string;
  readonly from?: number;
  readonly to?: number;
  readonly frames: number;
  readonly subject: readonly DetailOption[];
  readonly size?: number;
  readonly prior?: string;
  readonly priorCaption?: string;
  readonly rank: number;
  readonly alpha?: number;
  readonly layers: TrainRequest['settings']['layers'];
  readonly steps: number;
  readonly accumulate: number;
  readonly rate: number;
  readonly schedule: TrainRequest['settings']['schedule'];
  readonly warmup?: number;
  readonly decay: number;
  /** 0: none. */
  readonly clip: number;
  readonly snrGamma: number;
  readonly rankDropout: number;
  readonly captionDropout: number;
  readonly priorWeight: number;
  readonly seed: number;
  readonly sampleEvery?: number;
  readonly sample?: string;
  readonly workers?: number;
  readonly json: boolean;
};

/** Trains a LoRA, or goes on where the same command was interrupted. */
export async function trainCommand(input: string, options: TrainOptions): Promise<void> {
  const { json, workers } = options;
  const out = resolve(options.out);
  if (extname(out).toLowerCase() !== '.safetensors') {
    throw new Failure('arguments-unusable', { reason: '--out must be a file that ends in .safetensors.' });
  }
  const request = await requestOf(input, options);
  const prompt = options.sample ?? captionOf(request.caption, request.trigger);
  const samples = options.sampleEvery === undefined ? null : { every: options.sampleEvery, prompt };
  await refuseOutputAmong([request.source.path, request.model], out, 'movie');
  const started = performance.now();
  const stop = new AbortController();
  const cancel = (): void => stop.abort(new Failure('cancelled', undefined));
  process.on('SIGINT', cancel).on('SIGTERM', cancel).on('SIGHUP', cancel);
  const teller = tellerOf(json);
  try {
    let chosen: (TrainEvent & { stage: 'chosen' }) | null = null;
    for await (const event of trainFromShot(request, out, stop.signal, { samples, workers })) {
      teller.tell(event);
      if (event.stage === 'chosen') chosen = event;
      if (event.stage !== 'done') continue;
      teller.end();
      const seconds = (performance.now() - started) / 1000;
      const { frames, sheet, notes } = chosen!;
      const { lora, curve, loss } = event;
      process.stdout.write(
        json
          ? `${JSON.stringify({ output: lora, frames, steps: options.steps, loss, sheet, curve, seconds, notes })}\n`
          : [
              lora,
              `${options.steps} steps on ${frames.length} frames in ${duration(seconds)}; mean loss at the end ${loss.toFixed(4)}.`,
              `Say "${request.trigger}" in the prompt, and give --lora ${JSON.stringify(lora)}.`,
              `Examples: ${sheet}`,
              `Losses: ${curve}`,
              '',
            ].join('\n'),
      );
    }
  } catch (error) {
    teller.end();
    if (!stop.signal.aborted) throw error;
    sayFailure(new Failure('cancelled', undefined), json);
    process.exitCode = EXIT.cancelled;
  } finally {
    process.off('SIGINT', cancel).off('SIGTERM', cancel).off('SIGHUP', cancel);
  }
}

/** Failures: arguments-unusable, and those of finding the model. */
async function requestOf(input: string, options: TrainOptions): Promise<TrainRequest> {
  const { from = 0, to = null, size = null, subject, prior, priorCaption, rank, clip, snrGamma } = options;
  if ((prior === undefined) !== (priorCaption === undefined)) {
    throw new Failure('arguments-unusable', { reason: '--prior and --prior-caption go together.' });
  }
  if (subject.length > 1) {
    throw new Failure('arguments-unusable', { reason: '--subject is given once; join several boxes of it by +.' });
  }
  const store = new ModelStore(folders().data);
  try {
    const read = trainRequest.safeParse({
      version: 1,
      source: { path: resolve(input), from, to, rate: null, alpha: 'straight' },
      model: await located(options.model, store),
      trigger: options.trigger,
      caption: options.caption,
      frames: options.frames,
      area: size,
      boxes: subject[0] ?? [],
      prior: prior === undefined ? null : { folder: resolve(prior), caption: priorCaption! },
      settings: {
        rank,
        alpha: options.alpha ?? rank,
        layers: options.layers,
        steps: options.steps,
        accumulate: options.accumulate,
        rate: options.rate,
        schedule: options.schedule,
        warmup: options.warmup ?? Math.round(options.steps / 20),
        decay: options.decay,
        clip: clip === 0 ? null : clip,
        snrGamma: snrGamma === 0 ? null : snrGamma,
        rankDropout: options.rankDropout,
        captionDropout: options.captionDropout,
        priorWeight: options.priorWeight,
        seed: options.seed,
      },
    });
    if (read.success) return read.data;
    const [issue] = read.error.issues;
    throw new Failure('arguments-unusable', { reason: `${issue?.path.at(-1)?.toString()}: ${issue?.message}.` });
  } finally {
    store.close();
  }
}

/** Without a terminal to update a line on: how often it says something. */
const SPARSE_MS = 10_000;

function tellerOf(json: boolean): { tell(event: TrainEvent): void; end(): void } {
  const isTerminal = process.stderr.isTTY && !json;
  let saidAt = 0;
  return {
    tell(event) {
      if (json) {
        process.stderr.write(`${JSON.stringify(event)}\n`);
      } else if (event.stage === 'chosen') {
        if (isTerminal) process.stderr.write('\r\x1b[K');
        process.stderr.write([`${event.frames.length} examples: ${event.sheet}`, ...event.notes, ''].join('\n'));
      } else if (isTerminal) {
        process.stderr.write(`\r\x1b[K${line(event).slice(0, process.stderr.columns - 1)}`);
      } else if (performance.now() - saidAt >= SPARSE_MS) {
        saidAt = performance.now();
        process.stderr.write(`${line(event)}\n`);
      }
    },
    end: () => void (isTerminal && process.stderr.write('\r\x1b[K')),
  };
}

function line(event: TrainEvent): string {
  switch (event.stage) {
    case 'survey':
      return `Looking at the shot: ${event.done} of ${event.total} frames`;
    case 'encode':
      return `Encoding examples: ${event.done} of ${event.total}`;
    case 'train': {
      const { done, total, loss, etaSeconds } = event;
      const left = etaSeconds === null ? '' : `, ${duration(etaSeconds)} left`;
      return `Training: ${done} of ${total} steps, loss ${loss.toFixed(4)}${left}`;
    }
    case 'sample':
      return `Painted ${event.picture}`;
    case 'chosen':
    case 'done':
      return '';
  }
}
