import { z } from 'zod';
import { STAGES } from '../progress.ts';
import { renderRequestSchema } from './request.ts';
import { exampleSchema, sizeSchema, trainRequestSchema } from './train-request.ts';

/** A job as clients see it: the request, and how far it is. */
const count = z.int().nonnegative();

const progressSchema = z.object({
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
const adviceSchema = z.object({ worst: z.array(worstSchema), proposals: z.array(proposalSchema) });

/** How far a training is: `loss` is the last step's, null before the first. */
const trainProgressSchema = progressSchema.extend({ loss: z.number().nullable() });

/** The states of a job of either kind. */
const stateOf = <Progress extends z.ZodType, Result extends z.ZodType>(progress: Progress, result: Result) =>
  z.discriminatedUnion('state', [
    z.object({ state: z.literal('queued') }),
    z.object({ state: z.literal('running'), progress: progress.nullable() }),
    z.object({ state: z.literal('done'), result }),
    /** Stopped by the user, who means to go on: `resume`. `progress`: how far it was. */
    z.object({ state: z.literal('paused'), progress: progress.nullable() }),
    z.object({ state: z.literal('failed'), error: failureSchema }),
    z.object({ state: z.literal('cancelled') }),
    /** Its process ended; the next bridge, or `resume`, goes on from the last finished frame, or step. */
    z.object({ state: z.literal('interrupted') }),
  ]);

const renderResultSchema = z.object({
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
});

const trainResultSchema = z.object({
  /** The LoRA's file. */
  output: z.string(),
  /** How many pictures it was trained on. */
  examples: count,
  steps: count,
  seconds: z.number(),
  /** The mean of the last twentieth of the steps. */
  loss: z.number(),
  /** What the user should know about the clips and what was chosen of them. */
  notes: z.array(z.string()),
});

const common = {
  id: z.string(),
  /** ISO 8601. */
  createdAt: z.iso.datetime(),
  /** Counts the renders of the same source and output, and the trainings of the same output, from 1. */
  version: z.int().positive(),
  /** Of a queued job: how many run before it; null for all others. */
  place: count.nullable(),
};

export const jobSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('render'),
    ...common,
    request: renderRequestSchema,
    state: stateOf(progressSchema, renderResultSchema),
  }),
  z.object({
    kind: z.literal('train'),
    ...common,
    request: trainRequestSchema,
    state: stateOf(trainProgressSchema, trainResultSchema),
  }),
]);

/** Answer to GET /v1/jobs/ID/training: what is known of a training so far. */
export const trainingSchema = z.object({
  /** The curve: at most 500 points, each the mean of its stretch of steps and named by the last of them. */
  losses: z.array(z.object({ step: count, loss: z.number() })),
  /** What it is trained on; the picture of the K-th is at GET /v1/jobs/ID/training/examples/K.jpg. Boxes in pixels of the clip. */
  examples: z.array(exampleSchema.extend({ caption: z.string() })),
  /** Of the training pictures; null: not known yet. */
  size: sizeSchema.nullable(),
  notes: z.array(z.string()),
  /** After how many steps it was tried; the picture is at GET /v1/jobs/ID/training/samples/STEP.jpg. */
  samples: z.array(z.object({ step: count })),
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
export type TrainingView = z.infer<typeof trainingSchema>;
export type JobView = z.infer<typeof jobSchema>;
export type RenderJobView = Extract<JobView, { kind: 'render' }>;
export type TrainJobView = Extract<JobView, { kind: 'train' }>;
export type FailureView = z.infer<typeof failureSchema>;
