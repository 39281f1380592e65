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

/** A stretch of frames [from, to) that the keys are expected to serve worst; `error` in 8-bit levels, highest at `peak`. */
const worstSchema = z.object({ from: count, to: count, peak: count, error: z.number() });
/** A frame that would help most as a key, and by how much (8-bit levels, summed over the frames). */
const proposalSchema = z.object({ frame: count, error: z.number() });

/** Where the result is weak, and what would help. */
export const adviceSchema = z.object({ worst: z.array(worstSchema), proposals: z.array(proposalSchema) });

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
      /** Null where nothing lies between keys; the whole of it is at GET /v1/jobs/ID/report. */
      advice: adviceSchema.nullable(),
    }),
  }),
  /** Stopped by the user, who means to go on: `resume`. `progress`: how far it was. */
  z.object({ state: z.literal('paused'), progress: progressSchema.nullable() }),
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
  /** Of a queued job: how many run before it; null for all others. */
  place: count.nullable(),
});

/** Of the result and the source, in 8-bit levels. */
const besideSchema = z.object({ result: z.number(), source: z.number() });
const agreementSchema = z.object({
  count,
  warpError: besideSchema.nullable(),
  worst: count.nullable(),
  colourDrift: besideSchema,
  /** Each frame's warp error against the one before it, where any of it could be followed. */
  series: z.array(besideSchema.extend({ frame: count })),
});

/** Answer to GET /v1/jobs/ID/report: what is known of a finished result, frame by frame. */
export const reportSchema = z.object({
  from: count,
  to: count,
  /** One a frame, in 8-bit levels: how far it is expected to be off; 0 at keys. Empty where nothing lies between keys. */
  expectedErrors: z.array(z.number()),
  ...adviceSchema.shape,
  /** How the keys and the frames of each shot [from, to) hold together; empty unless a model painted the keys. */
  stability: z.array(z.object({ from: count, to: count, keys: agreementSchema, frames: agreementSchema })),
});

export type ReportView = z.infer<typeof reportSchema>;
export type JobView = z.infer<typeof jobSchema>;
export type FailureView = z.infer<typeof failureSchema>;
