import { z } from 'zod';

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

/** Answer to GET /v1/models: the checkpoints that can paint. */
export const modelsSchema = z.object({
  models: z.array(
    z.object({
      path: z.string(),
      name: z.string(),
      family: z.string(),
      /** What it samples well with: a distilled model takes few steps and hardly any guidance. */
      steps: z.int(),
      guidance: z.number(),
    }),
  ),
});

/** Answer to GET /v1/folder?path=…: what may be painted there. Without a path: the folders that the user allowed. */
export const folderSchema = z.object({
  path: z.string().nullable(),
  /** Null: the allowed folders are above. */
  parent: z.string().nullable(),
  /** Whether it is itself a sequence of numbered images. */
  images: z.boolean(),
  entries: z.array(z.object({ kind: z.enum(['folder', 'movie']), name: z.string(), path: z.string() })),
});

export type InstalledModel = z.infer<typeof modelsSchema>['models'][number];
export type FolderView = z.infer<typeof folderSchema>;
