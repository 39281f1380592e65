import { z } from 'zod';

const share = z.number().min(0).max(1);

/** How a LoRA is trained: with the examples and the model, all that decides its weights. */
export const trainSettings = z.strictObject({
  rank: z.int().min(1).max(256),
  /** The LoRA's product is multiplied by alpha / rank. */
  alpha: z.number().positive(),
  /** Projections of attention; all of the transformers; or every layer but normalisations. */
  layers: z.enum(['attention', 'transformer', 'all']),
  steps: z.int().min(1).max(100_000),
  /** Examples that a step averages over. */
  accumulate: z.int().min(1).max(64),
  rate: z.number().positive(),
  schedule: z.enum(['constant', 'linear', 'cosine']),
  /** Steps over which the rate rises. */
  warmup: z.int().min(0),
  decay: z.number().min(0),
  /** The longest that all gradients together may be; null: any. */
  clip: z.number().positive().nullable(),
  /** Of min-SNR weighting; null: none. */
  snrGamma: z.number().positive().nullable(),
  /** The part of the ranks that is left out in each step, by chance. */
  rankDropout: z.number().min(0).max(0.9),
  /** The part of the examples that are shown without their caption. */
  captionDropout: share,
  /** How much examples of the class count, beside one of the subject. */
  priorWeight: z.number().min(0),
  seed: z.int().min(0),
});

export type TrainSettings = z.infer<typeof trainSettings>;
