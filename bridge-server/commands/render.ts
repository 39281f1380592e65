import { extname, resolve, sep } from 'node:path';
import { Failure } from '../errors.ts';
import { folders } from '../folders.ts';
import { checkRequest } from '../jobs/check.ts';
import type { PreviewEvent } from '../jobs/job.ts';
import { Jobs } from '../jobs/queue.ts';
import { writeJpeg } from '../media/image.ts';
import type { Rational } from '../media/rational.ts';
import { type ChosenKeys, renderRequestSchema, type RenderRequest } from '../protocol/request.ts';
import { finish } from './finish.ts';
import { lookOf, type LookOptions } from './look.ts';

export type RenderOptions = LookOptions & {
  readonly out: string;
  readonly from?: number;
  readonly to?: number;
  readonly rate?: Rational;
  readonly alpha: 'straight' | 'premultiplied';
  readonly keys?: string;
  readonly key?: readonly KeyOption[];
  readonly reseed?: readonly SeedOption[];
  readonly every?: number;
  readonly keyBudget?: number;
  readonly everyFrame?: true;
  readonly mask?: string;
  readonly maskAlpha?: true;
  readonly grow?: number;
  readonly feather?: number;
  readonly profile: RenderRequest['profile'];
  /** A JPEG that shows what is being painted. */
  readonly preview?: string;
  readonly workers?: number;
  readonly json: boolean;
};

/** A key by hand: `image` null is painted. */
export type KeyOption = { readonly frame: number; readonly image: string | null };
export type SeedOption = { readonly frame: number; readonly seed: number };

/** Makes the clip, or goes on with it where the same command was interrupted, cancelled or failed before. */
export async function render(input: string, options: RenderOptions): Promise<void> {
  const request = await requestOf(input, options);
  await checkRequest(request, 0);
  const jobs = Jobs.open(folders(), options.workers);
  if (options.preview !== undefined) keepPreview(jobs, resolve(options.preview));
  await finish(jobs, () => jobs.goOnOrSubmit({ kind: 'render', request }), options.json);
}

/** Writes previews as they come; one that comes while another is written is left out, and so is one that cannot be written. */
function keepPreview(jobs: Jobs, path: string): void {
  let writing = false;
  jobs.events.on('preview', ({ picture }: PreviewEvent) => {
    if (writing) return;
    writing = true;
    void writeJpeg(path, picture, { width: null })
      .catch(() => undefined)
      .finally(() => (writing = false));
  });
}

export async function requestOf(input: string, options: RenderOptions): Promise<RenderRequest> {
  const { from = 0, to = null, rate = null, alpha, profile } = options;
  if (to !== null && from >= to) {
    throw new Failure('arguments-unusable', { reason: `There are no frames from ${from} to before ${to}.` });
  }
  return sound({
    version: 1,
    source: { path: resolve(input), from, to, rate, alpha },
    keys: keysOf(options),
    look: await lookOf(options),
    mask: maskFor(options),
    profile,
    output: outputOf(options.out),
  });
}

function maskFor({ mask, maskAlpha, grow = 0, feather = 0 }: RenderOptions): RenderRequest['mask'] {
  const shape = { grow, feather };
  if (mask !== undefined) {
    return { kind: 'images', folder: resolve(mask), channel: maskAlpha ? 'alpha' : 'grey', ...shape };
  }
  if (maskAlpha) return { kind: 'source', ...shape };
  if (grow === 0 && feather === 0) return null;
  throw new Failure('arguments-unusable', { reason: 'There is no mask to grow or feather.' });
}

/** The same rules as for requests that come over the wire. */
function sound(request: RenderRequest): RenderRequest {
  const { error } = renderRequestSchema.safeParse(request);
  if (!error) return request;
  const [issue] = error.issues;
  throw new Failure('arguments-unusable', { reason: `${issue!.message} (${issue!.path.join('.')}).` });
}

function keysOf({ keys, key, reseed, every, keyBudget, everyFrame }: RenderOptions): RenderRequest['keys'] {
  if (keys !== undefined) return { kind: 'images', folder: resolve(keys) };
  if (key !== undefined || reseed !== undefined) return { kind: 'chosen', keys: chosen(key ?? [], reseed ?? []) };
  if (everyFrame || every !== undefined) return { kind: 'every', step: every ?? 1 };
  return { kind: 'auto', budget: keyBudget ?? null };
}

/** A key that gets a seed need not be named as a key as well. */
function chosen(keys: readonly KeyOption[], seeds: readonly SeedOption[]): ChosenKeys {
  const named = keys.filter(({ frame, image }) => image !== null || !seeds.some((seeded) => seeded.frame === frame));
  const all: ChosenKeys = [
    ...named.map(({ frame, image }) => ({
      frame,
      picture: image === null ? ({ kind: 'painted' } as const) : ({ kind: 'image', path: resolve(image) } as const),
    })),
    ...seeds.map(({ frame, seed }) => ({ frame, picture: { kind: 'repainted', seed } as const })),
  ].sort((a, b) => a.frame - b.frame);
  const twice = all.find(({ frame }, i) => frame === all[i + 1]?.frame);
  if (twice) throw new Failure('arguments-unusable', { reason: `There are two keys for frame ${twice.frame}.` });
  return all;
}

function outputOf(out: string): RenderRequest['output'] {
  if (out.endsWith('/') || out.endsWith(sep)) return { kind: 'images', folder: resolve(out) };
  switch (extname(out).toLowerCase()) {
    case '.mov':
      return { kind: 'movie', path: resolve(out), codec: 'prores4444', sound: true };
    case '.mp4':
      return { kind: 'movie', path: resolve(out), codec: 'h264', sound: true };
    default:
      throw new Failure('output-unknown', { out });
  }
}
