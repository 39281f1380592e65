import type { TrainingView } from '../bridge-server/protocol/job.ts';
import type { TrainFramesAnswer, TrainRequest, TrainSubject } from '../bridge-server/protocol/train-request.ts';
import { captionOf } from '../bridge-server/train/captions.ts';
import { boxesWithin } from './box.ts';
import type { Shot } from './host/host.ts';
import { fitting, parsed, sourceOf, type Choices } from './request.ts';
import type { Column } from './versions.ts';

/** What is to be trained, as the panel holds it: everything but the clips. */
export type Training = Pick<TrainRequest, 'trigger' | 'caption' | 'model' | 'area' | 'settings'> & {
  /** Of the LoRA; '': as the word that calls it up. */
  readonly name: string;
  /** Frames that are chosen where none were picked. */
  readonly count: number;
  /** `folder` '': none. */
  readonly prior: { readonly folder: string; readonly caption: string };
  /** `every` 0: none; `prompt` '': the caption. */
  readonly samples: { readonly every: number; readonly prompt: string };
  /** Where the subject is in a source, the latest first. What is not in it is seen whole. */
  readonly subjects: readonly { readonly path: string; readonly subject: TrainSubject }[];
  /** The frames that were looked at. */
  readonly looked: Looked | null;
};

/** What the bridge would train on, with what the user changed of it. */
export type Looked = {
  /** What it was asked for. */
  readonly question: string;
  readonly examples: readonly LookedExample[];
  readonly size: TrainFrames['size'];
  readonly notes: readonly string[];
};

export type LookedExample = TrainFrames['examples'][number] & {
  /** Null: as the template says. */
  readonly caption: string | null;
  readonly dropped: boolean;
};

export type TrainFrames = Extract<TrainFramesAnswer, { examples: unknown }>;
export type TrainClips = TrainRequest['clips'];

/** How many frames, and for how many steps, the panel proposes. */
export const COUNTS = [10, 20, 40] as const;
export const LENGTHS = [200, 1000, 2500] as const;

export const USUAL_TRAINING: Training = {
  ...{ trigger: '', name: '', caption: 'a photo of {trigger}', model: '', area: null, count: 20 },
  ...{ prior: { folder: '', caption: '' }, samples: { every: 200, prompt: '' }, subjects: [], looked: null },
  settings: {
    ...{ rank: 8, alpha: 8, layers: 'attention', steps: 1000, accumulate: 1, rate: 1e-4, schedule: 'cosine' },
    ...{ warmup: 50, decay: 0.01, clip: 1, snrGamma: 5, rankDropout: 0, captionDropout: 0.05, priorWeight: 1, seed: 0 },
  },
};

/** Of how many sources it is remembered where the subject is. */
const KEPT = 50;

/** The clips of these shots; of a painted version, what that was painted from. */
export const clipsOf = (training: Training, shots: readonly Shot[]): TrainClips =>
  shots.map((shot) => ({ source: sourceOf(shot), subject: subjectIn(training, shot.source) }));

/** Where the subject is said to be in a part of a source. */
export function subjectIn({ subjects }: Training, { path, from, to }: Shot['source']): TrainSubject {
  const subject = subjects.find((one) => one.path === path)?.subject ?? WHOLE;
  if (subject.kind !== 'boxes') return subject;
  const boxes = boxesWithin(subject.boxes, from, to);
  return boxes.length > 0 ? { kind: 'boxes', boxes: [...boxes] } : WHOLE;
}

const WHOLE: TrainSubject = { kind: 'whole' };

/** With the subject there. Boxes outside that part of the source stay. */
export function withSubject(
  { subjects }: Training,
  { path, from, to }: Shot['source'],
  subject: TrainSubject,
): Pick<Training, 'subjects'> {
  const before = subjects.find((one) => one.path === path)?.subject;
  const own = before?.kind === 'boxes' && subject.kind === 'boxes' ? before.boxes : [];
  const inside = boxesWithin(own, from, to);
  const outside = own.filter((box) => !inside.includes(box));
  const next: TrainSubject =
    subject.kind === 'boxes'
      ? { kind: 'boxes', boxes: [...outside, ...subject.boxes].sort((a, b) => a.frame - b.frame) }
      : subject;
  return { subjects: [{ path, subject: next }, ...subjects.filter((one) => one.path !== path)].slice(0, KEPT) };
}

/** What decides which frames are chosen. */
export const framesQuestion = ({ count }: Training, clips: TrainClips): string => JSON.stringify([count, clips]);

/** The frames that were looked at, where they are still those of the clips. */
export const lookedAt = (training: Training, clips: TrainClips): Looked | null =>
  training.looked?.question === framesQuestion(training, clips) ? training.looked : null;

/** What was looked at with one example changed. */
export const withExample = (looked: Looked, at: number, changes: Partial<LookedExample>): Looked => ({
  ...looked,
  examples: looked.examples.map((example, n) => (n === at ? { ...example, ...changes } : example)),
});

/** For so many steps; what follows from their number follows. */
export const withSteps = ({ settings, samples }: Training, steps: number): Pick<Training, 'settings' | 'samples'> => ({
  settings: { ...settings, steps, warmup: Math.round(steps / 20) },
  samples: { ...samples, every: samples.every === 0 ? 0 : Math.max(1, Math.round(steps / 5)) },
});

/** What is still to be said before anything can be trained; null when nothing is. */
export function missingFor(
  training: Training,
  clips: TrainClips,
): 'model' | 'trigger' | 'mask' | 'frames' | 'prior' | null {
  const { trigger, model, prior } = training;
  if (model === '') return 'model';
  if (clips.some(({ subject }) => subject.kind === 'mask' && isUnnamed(subject.mask))) return 'mask';
  if (trigger.trim() === '') return 'trigger';
  if (lookedAt(training, clips)?.examples.every(({ dropped }) => dropped)) return 'frames';
  return prior.folder !== '' && prior.caption.trim() === '' ? 'prior' : null;
}

type Mask = Extract<TrainSubject, { kind: 'mask' }>['mask'];
const isUnnamed = (mask: Mask): boolean => mask.kind === 'images' && mask.folder === '';

/** The request for these clips, where nothing is missing. */
export function trainRequestOf(training: Training, clips: TrainClips): TrainRequest {
  const { model, caption, area, settings, prior, samples, name } = training;
  const trigger = training.trigger.trim();
  return {
    version: 1,
    ...{ clips, model, trigger, caption, area, settings },
    examples: examplesOf(training, clips),
    prior: prior.folder === '' ? null : prior,
    samples: samples.every === 0 ? null : { ...samples, prompt: samples.prompt || captionOf(caption, trigger) },
    output: { kind: 'store', name: name.trim() || trigger },
  };
}

/** What decides how long a training takes, and whether it can be: not its words. */
export const costsOf = ({ clips, model, area, settings, prior, examples }: TrainRequest): unknown => [
  clips,
  model,
  area,
  settings,
  prior?.folder,
  examples.kind === 'auto' ? examples.count : examples.frames.length,
];

function examplesOf(training: Training, clips: TrainClips): TrainRequest['examples'] {
  const looked = lookedAt(training, clips);
  if (!looked) return { kind: 'auto', count: training.count };
  const kept = looked.examples.filter(({ dropped }) => !dropped);
  return { kind: 'chosen', frames: kept.map(({ clip, frame, caption }) => ({ clip, frame, caption })) };
}

/** What made a request, as the panel holds it: its way back. `view`: what it was trained on, where that is known. */
export function trainingOf(request: TrainRequest, view: TrainingView | null, now: Training): Training {
  const { model, trigger, caption, area, settings, clips, examples, output } = request;
  const usual = captionOf(caption, trigger);
  const samples = request.samples ?? { every: 0, prompt: '' };
  const training: Training = {
    ...now,
    ...{ model, trigger, caption, area, settings },
    count: examples.kind === 'auto' ? examples.count : now.count,
    prior: request.prior ?? USUAL_TRAINING.prior,
    samples: { ...samples, prompt: samples.prompt === usual ? '' : samples.prompt },
    name: output.kind === 'store' && output.name !== trigger ? output.name : '',
    subjects: clips.reduce(
      (subjects, { source, subject }) => withSubject({ ...now, subjects }, source, subject).subjects,
      now.subjects,
    ),
    looked: null,
  };
  if (examples.kind === 'auto' || !view) return training;
  const own = ({ clip, frame, caption, box }: TrainingView['examples'][number]): LookedExample => ({
    ...{ clip, frame, box, dropped: false },
    caption: caption === usual ? null : caption,
  });
  const { size, notes } = view;
  if (!size) return training;
  const question = framesQuestion(training, clips);
  return { ...training, looked: { question, size, notes, examples: view.examples.map(own) } };
}

/** What a training made, in the look: the model that it was trained on, the LoRA, and its word in the prompt. */
export function withTrained(
  { look }: Choices,
  { model, trigger }: TrainRequest,
  lora: string,
): Pick<Choices, 'style' | 'look' | 'preset'> {
  const others = look.loras.filter(({ file }) => file !== lora);
  return {
    style: 'prompt',
    preset: null,
    look: {
      ...look,
      model,
      loras: [...others, { file: lora, scale: 1, textScale: 1 }],
      prompt: saysWord(look.prompt, trigger) ? look.prompt : captionOf(look.prompt, trigger),
    },
  };
}

const LETTER = /[\p{L}\p{N}]/u;

/** Whether a word stands in a text by itself, large or small. */
export function saysWord(text: string, word: string): boolean {
  const [all, one] = [text.toLowerCase(), word.toLowerCase()];
  for (let at = all.indexOf(one); at >= 0; at = all.indexOf(one, at + 1)) {
    const beside = [all[at - 1], all[at + one.length]];
    if (!beside.some((letter) => letter !== undefined && LETTER.test(letter))) return true;
  }
  return false;
}

/** Losses in at most `count` columns, each the mean of consecutive points. A point stands for the steps since the one before it. */
export function lossColumns(losses: TrainingView['losses'], count: number): readonly Column[] {
  const columns = Math.min(count, losses.length);
  return Array.from({ length: columns }, (_, n) => {
    const [first, end] = [n, n + 1].map((edge) => Math.floor((edge * losses.length) / columns)) as [number, number];
    return {
      from: (losses[first - 1]?.step ?? 0) + 1,
      to: losses[end - 1]!.step + 1,
      value: meanOf(losses.slice(first, end).map(({ loss }) => loss)),
    };
  });
}

/** Of each value and those before it, `count` at most: where the losses go, beneath the chance of single steps. */
export const trendOf = (values: readonly number[], count: number): readonly number[] =>
  values.map((_, n) => meanOf(values.slice(Math.max(0, n + 1 - count), n + 1)));

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** A stored value as it was; what it lacks, or no longer fits, is as usual. */
export function trainingFrom(text: string | null): Training {
  const given = fitting(USUAL_TRAINING, parsed(text));
  const { settings, prior, samples } = USUAL_TRAINING;
  return {
    ...given,
    settings: fitting(settings, given.settings),
    prior: fitting(prior, given.prior),
    samples: fitting(samples, given.samples),
    area: typeof given.area === 'number' ? given.area : null,
    subjects: given.subjects.filter((one) => typeof one?.path === 'string' && typeof one.subject?.kind === 'string'),
    looked: Array.isArray(given.looked?.examples) ? given.looked : null,
  };
}
