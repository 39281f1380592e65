import { resolve } from 'node:path';
import { bytesInWords, Failure } from '../errors.ts';
import { folders } from '../folders.ts';
import { checkTraining } from '../jobs/training.ts';
import { Jobs } from '../jobs/queue.ts';
import { ModelStore } from '../models/store.ts';
import { type TrainRequest, trainRequestSchema, type TrainSubject } from '../protocol/train-request.ts';
import { captionOf } from '../train/captions.ts';
import { estimateOf } from '../train/estimate.ts';
import { readExampleList } from '../train/example-list.ts';
import { finish } from './finish.ts';
import { type DetailOption, located } from './look.ts';
import { duration } from './say.ts';

/** Where the subject is in a clip; clips are counted from 1. */
export type SubjectOption = { readonly clip: number; readonly boxes: DetailOption };
export type SubjectMaskOption = { readonly clip: number; readonly folder: string };

export type TrainOptions = {
  readonly model: string;
  /** A file; without it the LoRA is kept in the model store as `name`, or else by its trigger word. */
  readonly out?: string;
  readonly name?: string;
  readonly trigger: string;
  readonly caption: string;
  readonly from?: number;
  readonly to?: number;
  readonly frames: number;
  /** A list of frames and captions, as a training writes it beside its contact sheet. */
  readonly examples?: string;
  readonly subject: readonly SubjectOption[];
  readonly subjectMask: readonly SubjectMaskOption[];
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

/** Trains a LoRA, or goes on with it where the same command was interrupted, cancelled or failed before. */
export async function trainCommand(clips: readonly string[], options: TrainOptions): Promise<void> {
  const { json, workers } = options;
  const request = await requestOf(clips, options);
  await checkTraining(request, 0);
  if (!json) await sayEstimate(request);
  const places = folders();
  const jobs = Jobs.open(places, workers);
  const begin = () => {
    const job = jobs.goOnOrSubmit({ kind: 'train', request });
    const { folder } = jobs.training(job.id);
    if (!json) process.stderr.write(`How it goes is shown in ${folder}\n`);
    return job;
  };
  await finish(jobs, begin, json);
}

async function sayEstimate(request: TrainRequest): Promise<void> {
  const { signal } = new AbortController();
  const { secondsPerStep, seconds, neededBytes } = await estimateOf(request, process.availableMemory(), signal);
  const perStep = secondsPerStep < 10 ? secondsPerStep.toFixed(1) : secondsPerStep.toFixed(0);
  process.stderr.write(
    `About ${perStep} s a step, ${duration(seconds)} for all, and ${bytesInWords(neededBytes)} of memory.\n`,
  );
}

/** Failures: arguments-unusable, and those of finding the model. */
async function requestOf(clips: readonly string[], options: TrainOptions): Promise<TrainRequest> {
  const { from = 0, to = null, size = null, prior, priorCaption, rank, clip, snrGamma, caption, trigger } = options;
  if ((prior === undefined) !== (priorCaption === undefined)) {
    throw new Failure('arguments-unusable', { reason: '--prior and --prior-caption go together.' });
  }
  if (clips.length > 1 && (options.from !== undefined || options.to !== undefined)) {
    throw new Failure('arguments-unusable', { reason: '--from and --to are of one clip, and there are several.' });
  }
  const subjects = subjectsOf(clips.length, options);
  const store = new ModelStore(folders().data);
  try {
    const read = trainRequestSchema.safeParse({
      version: 1,
      clips: clips.map((path, i) => ({
        source: { path: resolve(path), from, to, rate: null, alpha: 'straight' },
        subject: subjects[i],
      })),
      model: await located(options.model, store),
      trigger,
      caption,
      examples: options.examples ? await readExampleList(options.examples) : { kind: 'auto', count: options.frames },
      area: size,
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
      samples:
        options.sampleEvery === undefined
          ? null
          : { every: options.sampleEvery, prompt: options.sample ?? captionOf(caption, trigger) },
      output: outputOf(options),
    });
    if (read.success) return read.data;
    const [issue] = read.error.issues;
    throw new Failure('arguments-unusable', { reason: `${issue?.path.at(-1)?.toString()}: ${issue?.message}.` });
  } finally {
    store.close();
  }
}

function outputOf({ out, name, trigger }: TrainOptions): TrainRequest['output'] {
  if (out === undefined) return { kind: 'store', name: name ?? trigger };
  return { kind: 'file', path: resolve(out) };
}

/** Of each clip. */
function subjectsOf(clips: number, { subject, subjectMask }: TrainOptions): TrainSubject[] {
  const subjects: (TrainSubject | null)[] = Array.from({ length: clips }, () => null);
  const say = (clip: number, said: TrainSubject): void => {
    if (clip < 1 || clip > clips) {
      throw new Failure('arguments-unusable', { reason: `There is no clip ${clip} whose subject could be shown.` });
    }
    if (subjects[clip - 1]) {
      const reason = `The subject of clip ${clip} is given twice; join several boxes of it by +.`;
      throw new Failure('arguments-unusable', { reason });
    }
    subjects[clip - 1] = said;
  };
  for (const { clip, boxes } of subject) {
    say(clip, { kind: 'boxes', boxes: [...boxes].sort((a, b) => a.frame - b.frame) });
  }
  for (const { clip, folder } of subjectMask) {
    const mask = { kind: 'images', folder: resolve(folder), channel: 'grey', grow: 0, feather: 0 } as const;
    say(clip, { kind: 'mask', mask });
  }
  return subjects.map((said) => said ?? { kind: 'whole' });
}
