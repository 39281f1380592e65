import { z } from 'zod';

/** The request that panel, command line and farm all make: one serialisable value that decides every pixel of the result. */
const int = z.int().nonnegative();
const absolutePath = z.string().min(1).max(4096);

export const rationalSchema = z.strictObject({ num: z.int().positive(), den: z.int().positive() });

/** What to repaint. `rate` null: the source's own (for an image folder 25/1). */
const sourceSchema = z.strictObject({
  path: absolutePath,
  /** Half-open, in the source's own frames in presentation order; null: to the end. */
  from: int,
  to: int.nullable(),
  rate: rationalSchema.nullable(),
  /** How the source's alpha is stored, when it has any. */
  alpha: z.enum(['straight', 'premultiplied']),
});

/** Which frames are keys. */
const keysSchema = z.discriminatedUnion('kind', [
  /** The artist's own images; the last run of digits in a name is the source frame number. */
  z.strictObject({ kind: z.literal('images'), folder: absolutePath }),
  z.strictObject({ kind: z.literal('every'), step: z.int().positive() }),
  /** Chosen by content; `budget` null: as many as the shot needs. */
  z.strictObject({ kind: z.literal('auto'), budget: z.int().positive().nullable() }),
]);

/** How a key is repainted; ignored for keys that are the artist's own images. */
const lookSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({ kind: z.literal('ink') }),
  z.strictObject({ kind: z.literal('oil') }),
  z.strictObject({ kind: z.literal('poster') }),
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
  /** Images whose last run of digits is the source frame number; white is repainted, black keeps the source. */
  mask: z.strictObject({ folder: absolutePath }).nullable(),
  profile: z.enum(['fast', 'small', 'quality']),
  output: outputSchema,
});

export type RenderRequest = z.infer<typeof renderRequestSchema>;
