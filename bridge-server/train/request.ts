import { z } from 'zod';
import { sourceSchema } from '../protocol/request.ts';
import { trainSettings } from './settings.ts';

const path = z.string().min(1).max(4096);
const text = z.string().max(8000);
const pixel = z.int().nonnegative();

/** A LoRA to be trained: one serialisable value that decides, with the files that it names, every weight. */
export const trainRequest = z.strictObject({
  version: z.literal(1),
  /** The shot that shows the subject. */
  source: sourceSchema,
  /** The base model: a .safetensors file, or a folder as diffusers lays them out. */
  model: path,
  /** The word that will call up the subject. */
  trigger: z.string().trim().min(1).max(100),
  /** What pictures are captioned with; {trigger} stands for that word. */
  caption: text,
  /** At most so many of the shot's frames. */
  frames: z.int().min(1).max(500),
  /** Pixels of a training picture; null: as many as the model was trained on. */
  area: z
    .int()
    .min(64 * 64)
    .max(2048 * 2048)
    .nullable(),
  /** Where the subject is, in frames in ascending order; it is followed from there. Empty: the whole picture. */
  boxes: z
    .array(z.strictObject({ frame: pixel, x: pixel, y: pixel, width: z.int().min(16), height: z.int().min(16) }))
    .max(64)
    .refine(
      (all) => all.every(({ frame }, i) => i === 0 || frame > all[i - 1]!.frame),
      'the frames of boxes must ascend',
    ),
  /** Numbered images of others of the subject's class, and their caption: what the model is to go on painting as it does. */
  prior: z.strictObject({ folder: path, caption: text }).nullable(),
  settings: trainSettings,
});

export type TrainRequest = z.infer<typeof trainRequest>;
