import { z } from 'zod';
import { CONTROL_KINDS } from '../control/kinds.ts';
import { KIND_NAMES, type Kind } from '../weights/kind-names.ts';
import { controlMapSchema } from './control-map.ts';
import { areaSchema, plannedKeysSchema, rationalSchema, sourceSchema } from './request.ts';

/** What the bridge answers over HTTP. Every request carries `Authorization: Bearer <token>`; a refusal is a `failureSchema`. */
export const healthSchema = z.object({
  name: z.literal('pentimento'),
  version: z.string(),
  protocol: z.int(),
  /** Of the process that answers. */
  pid: z.int(),
});

/** Answer to POST /v1/pairing. `expiresAt` in milliseconds since 1970. */
export const pairingSchema = z.object({ code: z.string(), expiresAt: z.number() });

export type Health = z.infer<typeof healthSchema>;

const modelKind = z.enum(Object.keys(KIND_NAMES) as Kind[]);

/** Answer to GET /v1/models: what the user keeps, and what can be fetched by name. Families are named as people call them. */
export const modelsSchema = z.object({
  models: z.array(
    z.object({
      path: z.string(),
      name: z.string(),
      kind: modelKind,
      /** Null: nothing in the file tells, or it fits all. What has the same name goes together. */
      family: z.string().nullable(),
      bytes: z.number(),
      /** Of a checkpoint, what it samples well with (a distilled one takes few steps and hardly any guidance); null for all others. */
      steps: z.int().nullable(),
      guidance: z.number().nullable(),
      /** Of a ControlNet: the kind of map that it wants, going by its name; null: it does not tell. */
      control: z.enum(CONTROL_KINDS).nullable(),
      /** Of a LoRA, the word that calls up what it was trained on, where its file tells; null for all others. */
      trigger: z.string().nullable(),
    }),
  ),
  offered: z.array(
    z.object({
      name: z.string(),
      /** In a few words. */
      what: z.string(),
      kind: modelKind,
      family: z.string(),
      /** About. */
      bytes: z.number(),
      /** The page that it comes from. */
      source: z.string(),
    }),
  ),
});

/**
 * POST /v1/models: a path within the folders that the user allowed, an https address, a repository, or the name of one that is
 * offered. How far it is comes as `adding` messages with the `id` of the answer.
 */
export const addModelSchema = z.strictObject({ from: z.string().min(1).max(4096) });
export const addingModelSchema = z.object({ id: z.string() });

/** POST /v1/models/remove: a model of the list, by its path. */
export const removeModelSchema = z.strictObject({ path: z.string().min(1).max(4096) });

/** Answer to it: what was downloaded or trained is deleted, what the user keeps elsewhere is only forgotten. */
export const removedModelSchema = z.object({ path: z.string(), deleted: z.boolean() });

const frame = z.int().nonnegative();
/** Of a picture that is asked for, at most; never larger than the clip. */
const width = z.int().min(16).max(2048);

/** POST /v1/frame, answered by a JPEG: a frame of a source that no job has yet. */
export const frameQuestionSchema = z.strictObject({ source: sourceSchema, frame, width });

/** POST /v1/picture, answered by a JPEG: an image of the user's, such as one that is a key. */
export const pictureQuestionSchema = z.strictObject({ path: z.string().min(1).max(4096), width });

/** POST /v1/source: what a source is. */
export const sourceQuestionSchema = z.strictObject({ source: sourceSchema });

/** Answer to it: the frames [from, to) that are wanted of it, and how they are read. `notes`: what its owner should know of that. */
export const sourceFactsSchema = z.object({
  from: frame,
  to: frame,
  width: z.int().positive(),
  height: z.int().positive(),
  rate: rationalSchema,
  notes: z.array(z.string()),
});

/** POST /v1/control, answered by a JPEG: what a ControlNet would be shown of a frame. */
export const controlQuestionSchema = z.strictObject({
  source: sourceSchema,
  frame,
  map: controlMapSchema,
  /** Pixels that the look works at; null: what SD 1.5 was trained on. Without it as with null. */
  area: areaSchema.nullable().default(null),
  width,
});

/** POST /v1/keys: which keys a request with these would choose. */
export const keysQuestionSchema = z.strictObject({ source: sourceSchema, keys: plannedKeysSchema });

/** Answer to it: with status 200 the keys, and the frames that begin a shot; with 202 how far the analysis is: to be asked again. */
export const keysAnswerSchema = z.union([
  z.object({
    keys: z.array(z.object({ frame, reason: z.string(), explanation: z.string() })),
    cuts: z.array(frame),
  }),
  z.object({ analysing: z.object({ done: z.int().nonnegative(), total: z.int().nonnegative() }) }),
]);

/** Answer to GET /v1/folder?path=…: what may be painted there. Without a path: the folders that the user allowed. */
export const folderSchema = z.object({
  path: z.string().nullable(),
  /** Null: the allowed folders are above. */
  parent: z.string().nullable(),
  /** Whether it is itself a sequence of numbered images. */
  images: z.boolean(),
  entries: z.array(
    z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('folder'), name: z.string(), path: z.string() }),
      /** `bytes`: so far, while it is being written. */
      z.object({ kind: z.literal('movie'), name: z.string(), path: z.string(), bytes: z.number() }),
    ]),
  ),
});

export type ModelsView = z.infer<typeof modelsSchema>;
export type InstalledModel = z.infer<typeof modelsSchema>['models'][number];
export type OfferedModel = z.infer<typeof modelsSchema>['offered'][number];
export type FrameQuestion = z.infer<typeof frameQuestionSchema>;
export type ControlQuestion = z.infer<typeof controlQuestionSchema>;
export type KeysAnswer = z.infer<typeof keysAnswerSchema>;
export type SourceFacts = z.infer<typeof sourceFactsSchema>;
export type FolderView = z.infer<typeof folderSchema>;
