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
