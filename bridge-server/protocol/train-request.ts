import { z } from 'zod';
import { trainSettings } from '../train/settings.ts';
import { maskSchema } from './mask.ts';
import { sourceSchema } from './request.ts';

const path = z.string().min(1).max(4096);
const text = z.string().max(8000);
const int = z.int().nonnegative();

const isAscending = (all: readonly { readonly frame: number }[]): boolean =>
  all.every(({ frame }, i) => i === 0 || frame > all[i - 1]!.frame);

/** Where the subject is in a clip. */
const subjectSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('whole') }),
  /** Boxes in pixels, in frames in ascending order; it is followed from there. */
  z.strictObject({
    kind: z.literal('boxes'),
    boxes: z
      .array(z.strictObject({ frame: int, x: int, y: int, width: z.int().min(16), height: z.int().min(16) }))
      .min(1)
      .max(64)
      .refine(isAscending, 'the frames of boxes must ascend'),
  }),
  /** What is white is the subject: it is cut out by the box of that in each frame. */
  z.strictObject({ kind: z.literal('mask'), mask: maskSchema }),
]);

const count = z.int().min(1).max(500);

/** Which frames of the clips are trained on. */
const examplesSchema = z.discriminatedUnion('kind', [
  /** The sharpest and most different ones, at most so many. */
  z.strictObject({ kind: z.literal('auto'), count: count }),
  /** These, in the order of clips and frames. `clip` counts the request's clips from 0; `caption` null: the template's. */
  z.strictObject({
    kind: z.literal('chosen'),
    frames: z
      .array(z.strictObject({ clip: int, frame: int, caption: text.nullable() }))
      .min(1)
      .max(500)
      .refine(
        (all) =>
          all.every(({ clip, frame }, i) => {
            const before = all[i - 1];
            return !before || clip > before.clip || (clip === before.clip && frame > before.frame);
          }),
        'examples must be in the order of clips and frames',
      ),
  }),
]);

/** A picture that is trained on: a frame of the request's clip `clip`, cut out at a box in pixels of the clip. */
export const exampleSchema = z.object({
  clip: int,
  frame: int,
  box: z.object({ x: z.number(), y: z.number(), width: z.number(), height: z.number() }),
});

export const sizeSchema = z.object({ width: z.int().positive(), height: z.int().positive() });

/** Pixels of a training picture; null: as many as the model was trained on. */
const area = z
  .int()
  .min(64 * 64)
  .max(2048 * 2048)
  .nullable();

const clips = z
  .array(z.strictObject({ source: sourceSchema, subject: subjectSchema }))
  .min(1)
  .max(64);

const isLoraFile = (name: string): boolean => /[^\\/]\.safetensors$/i.test(name);

/** A LoRA to be trained: one serialisable value that decides, with the files that it names, every weight. */
export const trainRequestSchema = z.strictObject({
  version: z.literal(1),
  /** The clips that show the subject. */
  clips,
  /** The base model: a .safetensors file, or a folder as diffusers lays them out. */
  model: path,
  /** The word that will call up the subject. */
  trigger: z.string().trim().min(1).max(100),
  /** What pictures are captioned with; {trigger} stands for that word. */
  caption: text,
  examples: examplesSchema,
  area,
  /** Numbered images of others of the subject's class, and their caption: what the model is to go on painting as it does. */
  prior: z.strictObject({ folder: path, caption: text }).nullable(),
  settings: trainSettings,
  /** What the LoRA can do so far is painted every so many steps; it changes no weight. Null: never. */
  samples: z.strictObject({ every: z.int().min(1), prompt: text }).nullable(),
  /** Where the LoRA is to lie: in a .safetensors file, or by this name among the trained models of this install. */
  output: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('file'), path: path.refine(isLoraFile, 'it must end in .safetensors') }),
    z.strictObject({ kind: z.literal('store'), name: z.string().trim().min(1).max(100) }),
  ]),
});

/** POST /v1/train/frames: which frames a training of these would choose by itself. */
export const trainFramesQuestionSchema = z.strictObject({ clips, count, model: path, area });

/** Answer to it: with status 200 the examples, with 202 how far the search is: to be asked again. */
export const trainFramesAnswerSchema = z.union([
  z.object({ examples: z.array(exampleSchema), size: sizeSchema, notes: z.array(z.string()) }),
  z.object({ looking: z.object({ done: int, total: int }) }),
]);

/** POST /v1/train/estimate: what a training would take; what cannot be done is refused as when it is submitted. */
export const trainEstimateQuestionSchema = z.strictObject({ request: trainRequestSchema });

/** Answer to it, about. `seconds` of the whole training. */
export const trainEstimateSchema = z.object({
  secondsPerStep: z.number(),
  seconds: z.number(),
  neededBytes: z.number(),
  freeBytes: z.number(),
});

export type TrainFramesQuestion = z.infer<typeof trainFramesQuestionSchema>;
export type TrainFramesAnswer = z.infer<typeof trainFramesAnswerSchema>;
export type TrainEstimate = z.infer<typeof trainEstimateSchema>;
export type TrainRequest = z.infer<typeof trainRequestSchema>;
export type TrainSubject = z.infer<typeof subjectSchema>;
