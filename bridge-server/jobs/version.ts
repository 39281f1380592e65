import type { RenderRequest } from '../protocol/request.ts';
import type { JobRecord } from './job.ts';

const PLACEHOLDER = /\{version\}/g;

/** `v001` for 1; more digits when it takes them. */
export const versionName = (version: number): string => `v${String(version).padStart(3, '0')}`;

/** The request of a job with `{version}` in its output's path filled in. */
export function versioned({ request, version }: JobRecord): RenderRequest {
  const fill = (path: string): string => path.replace(PLACEHOLDER, versionName(version));
  const { output } = request;
  return {
    ...request,
    output:
      output.kind === 'movie' ? { ...output, path: fill(output.path) } : { ...output, folder: fill(output.folder) },
  };
}

/** Where a request asks for its result. */
export const outputPath = ({ output }: RenderRequest): string =>
  output.kind === 'movie' ? output.path : output.folder;
