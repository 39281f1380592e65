import { z } from 'zod';
import { STAGES } from '../progress.ts';
import { renderRequestSchema } from './request.ts';

/** A job as clients see it: the request, and how far it is. */
const count = z.int().nonnegative();

export const progressSchema = z.object({
  stage: z.enum(STAGES),
  done: count,
  total: count,
  unit: z.enum(['frames', 'keys', 'steps', 'bytes']),
  etaSeconds: z.number().nonnegative().nullable(),
});

export const failureSchema = z.object({ code: z.string(), message: z.string(), remedy: z.string() });

export const jobStateSchema = z.discriminatedUnion('state', [
  z.object({ state: z.literal('queued') }),
  z.object({ state: z.literal('running'), progress: progressSchema.nullable() }),
  z.object({
    state: z.literal('done'),
    result: z.object({
      /** The finished movie, or the folder of images. */
      output: z.string(),
      /** How many were delivered. */
      frames: count,
      seconds: z.number(),
      keys: z.array(z.object({ frame: count, reason: z.string(), explanation: z.string() })),
      /** What the user should know about how the source was read. */
      notes: z.array(z.string()),
    }),
  }),
  z.object({ state: z.literal('failed'), error: failureSchema }),
  z.object({ state: z.literal('cancelled') }),
  /** The bridge ended while it ran; `resume` goes on from the last finished frame. */
  z.object({ state: z.literal('interrupted') }),
]);

export const jobSchema = z.object({
  id: z.string(),
  /** ISO 8601. */
  createdAt: z.iso.datetime(),
  request: renderRequestSchema,
  /** Counts the jobs of the same source and output, from 1. */
  version: z.int().positive(),
  state: jobStateSchema,
});

export type JobView = z.infer<typeof jobSchema>;
export type FailureView = z.infer<typeof failureSchema>;
