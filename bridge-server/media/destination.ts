import { Failure } from '../errors.ts';

/** Runs something that writes to `path`, and words what the file system has against it. */
export async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw writeFailure(path, error) ?? error;
  }
}

/** Null when this is not the file system's error. Also understands what ffmpeg says of the same errors. */
export function writeFailure(path: string, error: unknown): Failure | null {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  const text = error instanceof Error ? error.message : '';
  const is = (name: string, words: string): boolean => code === name || (code === null && text.includes(words));
  if (is('ENOSPC', 'No space left on device') || is('EDQUOT', 'Disk quota exceeded')) {
    return new Failure('disk-full', { path }, error);
  }
  if (is('ENOENT', 'No such file or directory') || is('ENOTDIR', 'Not a directory')) {
    return new Failure('path-gone', { path }, error);
  }
  if (
    is('EACCES', 'Permission denied') ||
    is('EROFS', 'Read-only file system') ||
    is('EPERM', 'Operation not permitted')
  ) {
    return new Failure('path-refused', { path }, error);
  }
  if (is('EISDIR', 'Is a directory')) return new Failure('output-not-file', { path }, error);
  return null;
}
