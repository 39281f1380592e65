import type { Lent, Preparing } from './host.ts';
import { HostProblem } from './problem.ts';

/** How often the movie is looked at, and after how many looks without a change it is given up. */
const LOOK_MS = 500;
const PATIENCE = 60;

const MOVIES = ['mov', 'mp4', 'm4v', 'mxf', 'avi'];

export const isMovieEnding = (ending: string): boolean => MOVIES.includes(ending.toLowerCase());

/** Beside the project, without an ending, under a new name each time: what a file of the same name shows is not known. */
export function exportPath(project: string, names: readonly (string | number)[]): string {
  const [, folder] = /^(.*[\\/])[^\\/]+$/.exec(project) ?? [];
  if (folder === undefined) throw new HostProblem('project-unsaved');
  const plain = names.map((name) =>
    String(name)
      .normalize('NFC')
      .replaceAll(/[^\p{L}\p{N}._-]+/gu, '-')
      .slice(0, 60),
  );
  return `${folder}${plain.join('_')}_${crypto.randomUUID().slice(0, 8)}`;
}

/**
 * Waits until the last frame of a movie can be read, which it can when it is finished: what editors answer about exports proves
 * nothing, and they tell of success only. `busy`: whether the editor may still be at it, or preparing.
 */
export async function written(
  movie: { readonly path: string; readonly lastFrame: number; readonly busy: () => boolean },
  { look, pause }: Lent,
  { signal, onProgress }: Preparing,
): Promise<void> {
  let bytes = 0;
  for (let quiet = 0; quiet < PATIENCE; quiet++) {
    signal.throwIfAborted();
    const seen = await look(movie.path, movie.lastFrame);
    if (seen?.readable) return;
    if (movie.busy()) quiet = 0;
    if (seen && seen.bytes !== bytes) {
      [quiet, bytes] = [0, seen.bytes];
      onProgress(bytes);
    }
    await pause(LOOK_MS);
  }
  throw new HostProblem('export-failed');
}

/** Whether an editor that is done with a movie, or was told to be, comes to rest soon. */
export async function becomesIdle(busy: () => boolean, { pause }: Lent): Promise<boolean> {
  for (let tries = 0; busy() && tries < PATIENCE; tries++) await pause(LOOK_MS);
  return !busy();
}
