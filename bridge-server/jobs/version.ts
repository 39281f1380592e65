import type { RenderRequest } from '../protocol/request.ts';
import type { RenderJob } from './job.ts';

const PLACEHOLDER = /\{version\}/g;

/** `v001` for 1; more digits when it takes them. */
export const versionName = (version: number): string => `v${String(version).padStart(3, '0')}`;

/** A path with `{version}` in it filled in. */
export const filled = (path: string, version: number): string => path.replace(PLACEHOLDER, versionName(version));

/** The request of a job with `{version}` in its output's path filled in. */
export function versioned({ request, version }: RenderJob): RenderRequest {
  const { output } = request;
  return {
    ...request,
    output:
      output.kind === 'movie'
        ? { ...output, path: filled(output.path, version) }
        : { ...output, folder: filled(output.folder, version) },
  };
}

/** Where a request asks for its result. */
export const outputPath = ({ output }: RenderRequest): string =>
  output.kind === 'movie' ? output.path : output.folder;
