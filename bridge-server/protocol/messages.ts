import { z } from 'zod';
import { failureSchema, jobSchema } from './job.ts';
import { renderRequestSchema } from './request.ts';
import { trainRequestSchema } from './train-request.ts';

const id = z.string().min(1).max(64);
const question = { id };
const job = z.string().min(1).max(64);
/** The client's own name for a job that it submits. */
const key = z.string().min(8).max(64);

/**
 * Every message between a panel and the bridge, as JSON text over one WebSocket. A client first says `hello` (or `pair`, once, to
 * get the token, and then `hello`); nothing else is answered before. Each question carries an `id` that its answer repeats as
 * `to`; `job`, `preview`, `adding` and `heartbeat` come unasked.
 */
export const clientMessageSchema = z.discriminatedUnion('type', [
  /** The code that `pentimento pair` shows. Answered by `paired`, or by closing. */
  z.strictObject({ type: z.literal('pair'), code: z.string().min(1).max(64) }),
  /** Answered by `welcome`, or by closing. `version` is the protocol's. */
  z.strictObject({ type: z.literal('hello'), version: z.int(), token: z.string().min(1).max(256) }),
  /** Answered by `accepted`. The same `key` again, from any client at any time, is the same job. */
  z.strictObject({ type: z.literal('submit'), ...question, key, request: renderRequestSchema }),
  /** The same, of a LoRA that is to be trained. */
  z.strictObject({ type: z.literal('train'), ...question, key, request: trainRequestSchema }),
  /** Answered by `jobs`: the newest `limit` jobs of this install, newest first, from the one before `before` on. */
  z.strictObject({ type: z.literal('list'), ...question, limit: z.int().min(1).max(50), before: job.nullable() }),
  /** Answered by `subscribed`; from then on a `job` message comes whenever a job changes, previews, and news of models. */
  z.strictObject({ type: z.literal('subscribe'), ...question }),
  /** Answered by `accepted`. */
  z.strictObject({ type: z.literal('cancel'), ...question, job }),
  /** Answered by `accepted`. What the job made is kept; `resume` goes on with it. */
  z.strictObject({ type: z.literal('pause'), ...question, job }),
  /** Answered by `accepted`. Of a paused, interrupted, cancelled or failed job; the last is so tried again. */
  z.strictObject({ type: z.literal('resume'), ...question, job }),
  /** Answered by `accepted`. Puts a queued job before another queued one; null: to the end of the queue. */
  z.strictObject({ type: z.literal('move'), ...question, job, before: job.nullable() }),
  /** A sign of life, for clients whose WebSocket shows them no pings. Not answered. */
  z.strictObject({ type: z.literal('heartbeat') }),
]);

const answer = { to: id };

/** What a key is becoming, while a model paints it: a small JPEG in base64, a few a second at most. */
const previewSchema = z.object({ job, frame: z.int().nonnegative(), jpeg: z.base64() });

/** How far the adding of a model is (POST /v1/models), in bytes; `total` null while nobody knows. */
const addingSchema = z.object({
  id,
  from: z.string(),
  done: z.int().nonnegative(),
  total: z.int().nonnegative().nullable(),
  state: z.enum(['running', 'done', 'failed']),
  error: failureSchema.nullable(),
});

export const bridgeMessageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('paired'), token: z.string() }),
  /** The bridge's own version; and how often it sends `heartbeat`, and closes when nothing at all came for `silenceMs`. */
  z.object({
    type: z.literal('welcome'),
    version: z.string(),
    protocol: z.int(),
    heartbeatMs: z.number(),
    silenceMs: z.number(),
  }),
  z.object({ type: z.literal('accepted'), ...answer, job: jobSchema }),
  z.object({ type: z.literal('jobs'), ...answer, jobs: z.array(jobSchema), more: z.boolean() }),
  z.object({ type: z.literal('subscribed'), ...answer }),
  /** `to` null: the message could not be read as a question. */
  z.object({ type: z.literal('refused'), to: id.nullable(), error: failureSchema }),
  /** A job as it is now. What happened between two of these may have been left out; the last state never is. */
  z.object({ type: z.literal('job'), job: jobSchema }),
  z.object({ type: z.literal('preview'), ...previewSchema.shape }),
  z.object({ type: z.literal('adding'), ...addingSchema.shape }),
  z.object({ type: z.literal('heartbeat') }),
]);

export type AddingView = z.infer<typeof addingSchema>;
export type PreviewView = z.infer<typeof previewSchema>;
export type ClientMessage = z.infer<typeof clientMessageSchema>;
export type BridgeMessage = z.infer<typeof bridgeMessageSchema>;
