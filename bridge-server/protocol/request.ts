import { z } from 'zod';
import { SCHEDULERS } from '../diffusion/schedulers/kinds.ts';
import { controlMapSchema } from './control-map.ts';
import { maskSchema } from './mask.ts';

/** The request that panel, command line and farm all make: one serialisable value that decides every pixel of the result. */
const int = z.int().nonnegative();
const absolutePath = z.string().min(1).max(4096);

export const rationalSchema = z.strictObject({ num: z.int().positive(), den: z.int().positive() });

/** Long enough for every prompt that people write, short enough for a list of jobs. */
const text = z.string().max(8000);

const share = z.number().min(0).max(1);
const strength = z.number().gt(0).max(1);
const seed = int;

const isAscending = (all: readonly { readonly frame: number }[]): boolean =>
  all.every(({ frame }, i) => i === 0 || frame > all[i - 1]!.frame);

/** What to repaint. `rate` null: the source's own (for an image folder 25/1). */
export const sourceSchema = z.strictObject({
  path: absolutePath,
  /** Half-open, in the source's own frames in presentation order; null: to the end. */
  from: int,
  to: int.nullable(),
  rate: rationalSchema.nullable(),
  /** How the source's alpha is stored, when it has any. */
  alpha: z.enum(['straight', 'premultiplied']),
});

const everySchema = z.strictObject({ kind: z.literal('every'), step: z.int().positive() });
/** Chosen by content; `budget` null: as many as the shot needs. */
const autoSchema = z.strictObject({ kind: z.literal('auto'), budget: z.int().positive().nullable() });

/** Keys that follow from the source alone. */
export const plannedKeysSchema = z.discriminatedUnion('kind', [everySchema, autoSchema]);

/** What a key that was chosen by hand shows. */
const keyPictureSchema = z.discriminatedUnion('kind', [
  /** As the look paints it. */
  z.strictObject({ kind: z.literal('painted') }),
  /** As the look paints it with this seed instead of its own; for looks that have one. */
  z.strictObject({ kind: z.literal('repainted'), seed }),
  /** The artist's own image, of the clip's size. */
  z.strictObject({ kind: z.literal('image'), path: absolutePath }),
]);

/** Which frames are keys. */
const keysSchema = z.discriminatedUnion('kind', [
  /** The artist's own images; the last run of digits in a name is the source frame number. Those outside the range are left out. */
  z.strictObject({ kind: z.literal('images'), folder: absolutePath }),
  everySchema,
  autoSchema,
  /** These, in ascending order. */
  z.strictObject({
    kind: z.literal('chosen'),
    keys: z
      .array(z.strictObject({ frame: int, picture: keyPictureSchema }))
      .min(1)
      .max(4096)
      .refine(isAscending, 'the frames of keys must ascend'),
  }),
]);

const controlSchema = z
  .strictObject({
    /** The ControlNet. */
    file: absolutePath,
    map: controlMapSchema,
    /** How strongly it acts: 1 as trained. */
    weight: z.number().min(0).max(10),
    /** The part of the sampling in which it acts. */
    start: share,
    end: share,
    /** The net rather than the prompt leads. */
    guess: z.boolean(),
  })
  .refine(({ start, end }) => start < end, 'a control must start before it ends');

/** Something to be painted larger, such as a face. */
const detailSchema = z.strictObject({
  /** Where it is, whole pixels of frames in ascending order; in the frames between and around it is followed from there. */
  boxes: z
    .array(z.strictObject({ frame: int, x: int, y: int, width: z.int().min(8), height: z.int().min(8) }))
    .min(1)
    .max(64)
    .refine(isAscending, 'the frames of boxes must ascend'),
  /** Null: that of the frame. */
  prompt: text.nullable(),
  strength,
  /** Pixels over which it fades out around its box. */
  feather: z.int().min(0).max(512),
});

/** Pixels, width times height. */
export const areaSchema = z
  .int()
  .min(64 * 64)
  .max(4096 * 4096);

/** Stable Diffusion, from model files that lie where they lie: a .safetensors file, or a folder as diffusers lays them out. */
const diffusionSchema = z.strictObject({
  kind: z.literal('diffusion'),
  model: absolutePath,
  /** Instead of the model's own. */
  vae: absolutePath.nullable(),
  /** Learned words (textual inversions), each called like its file. */
  embeddings: z.array(absolutePath).max(64),
  prompt: text,
  /** Other prompts, each from its frame on; `then`: until the next one it holds, or fades into that one. */
  prompts: z
    .array(z.strictObject({ frame: int, prompt: text, then: z.enum(['hold', 'fade']) }))
    .max(256)
    .refine(isAscending, 'the frames of prompts must ascend'),
  /** Parts of the picture with prompts of their own, at any frame; what their masks leave is the prompt's. */
  regions: z.array(z.strictObject({ mask: maskSchema, prompt: text })).max(8),
  negative: text,
  steps: z.int().min(1).max(200),
  /** Of the prompt over the negative prompt; 1: the prompt alone. */
  guidance: z.number().min(0).max(50),
  /** How much of the picture is repainted. */
  strength,
  /** Null: what the model comes with, else DPM++ 2M with Karras' sigmas. */
  scheduler: z.enum(SCHEDULERS).nullable(),
  seed,
  /** Every key its own noise, all of them the same, or all of a shot that of its first key, carried along the motion. */
  noise: z.enum(['own', 'still', 'carried']),
  /** 1: as the model was trained; 2: a layer of the text encoder earlier. */
  clipSkip: z.int().min(1).max(12),
  /** Pixels (width times height) that are worked at; null: as many as the model was trained on. */
  area: areaSchema.nullable(),
  /** Painted once more, so many times as wide and high. */
  secondPass: z.strictObject({ scale: z.number().gt(1).max(4), strength }).nullable(),
  /** Added to the U-Net and the text encoders, each at a scale of its own: 1 is as trained, negative turns it around. */
  loras: z.array(z.strictObject({ file: absolutePath, scale: z.number(), textScale: z.number() })).max(32),
  /** AnimateDiff's motion modules, which move the keys of a shot together: for keys that are consecutive frames. */
  motion: absolutePath.nullable(),
  /** ControlNets, and what each is shown of a key. */
  controls: z.array(controlSchema).max(8),
  /** What keeps the keys of a shot alike; see Consistency. */
  consistency: z.strictObject({
    attention: z.enum(['own', 'anchored', 'joint']),
    window: z.int().min(1).max(16),
    start: share,
    shape: share,
    tone: share,
    colour: z.boolean(),
  }),
  /** Painted over once the key is finished, at as many pixels as the key. */
  details: z.array(detailSchema).max(8),
});

/** How a key is repainted; ignored for keys that are the artist's own images. */
const lookSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({ kind: z.literal('ink') }),
  z.strictObject({ kind: z.literal('oil') }),
  z.strictObject({ kind: z.literal('poster') }),
  diffusionSchema,
]);

const outputSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('movie'),
    path: absolutePath,
    codec: z.enum(['prores4444', 'h264']),
    /** Whether the source's sound goes with the pictures. An editor that lays it above the clip has it already. */
    sound: z.boolean(),
  }),
  /** 16-bit PNGs named by source frame number, six digits. */
  z.strictObject({ kind: z.literal('images'), folder: absolutePath }),
]);

export const renderRequestSchema = z.strictObject({
  version: z.literal(1),
  source: sourceSchema,
  keys: keysSchema,
  look: lookSchema,
  /** What is repainted: all of it where it is white; black keeps the source. */
  mask: maskSchema.nullable(),
  profile: z.enum(['fast', 'small', 'quality']),
  output: outputSchema,
});

export type RenderRequest = z.infer<typeof renderRequestSchema>;
export type PlannedKeys = z.infer<typeof plannedKeysSchema>;
export type ChosenKeys = Extract<RenderRequest['keys'], { kind: 'chosen' }>['keys'];
export type DiffusionLook = z.infer<typeof diffusionSchema>;
/** A look that needs no model. */
export type BuiltInLook = Exclude<RenderRequest['look']['kind'], 'diffusion'>;
