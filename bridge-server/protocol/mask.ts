import { z } from 'zod';

const absolutePath = z.string().min(1).max(4096);

/** How a mask is changed before it is used, in pixels: edges moved out (or in, below 0), then softened to both sides. */
const shape = { grow: z.int().min(-512).max(512), feather: z.int().min(0).max(512) };

/** What a mask is made of, for every frame of a clip; white is 1, black 0. */
export const maskSchema = z.discriminatedUnion('kind', [
  /**
   * Images of the clip's size whose last run of digits is the source frame number; each holds until the next one. `channel`: their
   * grey where they are opaque, or their alpha alone (a layer that was rendered for itself).
   */
  z.strictObject({ kind: z.literal('images'), folder: absolutePath, channel: z.enum(['grey', 'alpha']), ...shape }),
  /** The source's own alpha. */
  z.strictObject({ kind: z.literal('source'), ...shape }),
]);

export type MaskRequest = z.infer<typeof maskSchema>;
