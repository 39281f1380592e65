import { z } from 'zod';

/** Smoothed along the motion over a window of frames, so that the map does not flicker; off, it is made from its frame alone. */
const steady = z.boolean();
const absolutePath = z.string().min(1).max(4096);

/** What a ControlNet is shown of a frame. Lengths are pixels of the map. */
export const controlMapSchema = z.discriminatedUnion('kind', [
  /** OpenCV's Canny of aperture 3 on the 8-bit colours. `gradient`: how its length is measured, |dx| + |dy| or the square root. */
  z.strictObject({
    kind: z.literal('canny'),
    low: z.number().nonnegative(),
    high: z.number().nonnegative(),
    gradient: z.enum(['l1', 'l2']),
    steady,
  }),
  z.strictObject({ kind: z.literal('softedge'), steady }),
  z.strictObject({ kind: z.literal('lineart'), steady }),
  z.strictObject({ kind: z.literal('scribble'), steady }),
  // These are as steady as the picture itself.
  z.strictObject({ kind: z.literal('luminance') }),
  /** The picture with nothing finer than `coarseness`; 1: as it is. */
  z.strictObject({ kind: z.literal('tile'), coarseness: z.number().min(1).max(64) }),
  /** `coarseness`: standard deviation of the Gaussian. */
  z.strictObject({ kind: z.literal('blur'), coarseness: z.number().positive().max(256) }),
  /** Squares with sides of `coarseness`, each in one colour. */
  z.strictObject({ kind: z.literal('colour'), coarseness: z.int().min(2).max(256) }),
  /** Made by a network of the user's: an .onnx file with its description beside it. */
  z.strictObject({ kind: z.literal('annotator'), file: absolutePath, steady }),
  /** Drawn by the user; the last run of digits in a name is the source frame number, an image holds until the next. */
  z.strictObject({ kind: z.literal('images'), folder: absolutePath }),
]);

export type ControlMap = z.infer<typeof controlMapSchema>;
