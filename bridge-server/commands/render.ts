import { extname, resolve, sep } from 'node:path';
import { Failure } from '../errors.ts';
import { folders } from '../folders.ts';
import { refuseOutput } from '../jobs/output.ts';
import { Jobs } from '../jobs/queue.ts';
import type { Rational } from '../media/rational.ts';
import type { RenderRequest } from '../protocol/request.ts';
import { finish } from './finish.ts';

export type RenderOptions = {
  readonly out: string;
  readonly from?: number;
  readonly to?: number;
  readonly rate?: Rational;
  readonly alpha: 'straight' | 'premultiplied';
  readonly keys?: string;
  readonly every?: number;
  readonly keyBudget?: number;
  readonly everyFrame?: true;
  readonly look?: RenderRequest['look']['kind'];
  readonly mask?: string;
  readonly profile: RenderRequest['profile'];
  readonly workers?: number;
  readonly json: boolean;
};

/** What keys are painted with when nobody said. */
const USUAL_LOOK = 'oil';

/** Makes the clip, or goes on with it where the same command was interrupted, cancelled or failed before. */
export async function render(input: string, options: RenderOptions): Promise<void> {
  const request = requestOf(input, options);
  await refuseOutput(request);
  const jobs = Jobs.open(folders(), options.workers);
  await finish(jobs, () => jobs.goOnOrSubmit(request), options.json);
}

export function requestOf(input: string, options: RenderOptions): RenderRequest {
  const { from = 0, to = null, rate = null, alpha, mask, profile } = options;
  if (to !== null && from >= to) {
    throw new Failure('arguments-unusable', { reason: `There are no frames from ${from} to before ${to}.` });
  }
  return {
    version: 1,
    source: { path: resolve(input), from, to, rate, alpha },
    keys: keysOf(options),
    look: { kind: options.look ?? (options.keys === undefined ? USUAL_LOOK : 'none') },
    mask: mask === undefined ? null : { folder: resolve(mask) },
    profile,
    output: outputOf(options.out),
  };
}

function keysOf({ keys, every, keyBudget, everyFrame }: RenderOptions): RenderRequest['keys'] {
  if (keys !== undefined) return { kind: 'images', folder: resolve(keys) };
  if (everyFrame || every !== undefined) return { kind: 'every', step: every ?? 1 };
  return { kind: 'auto', budget: keyBudget ?? null };
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
