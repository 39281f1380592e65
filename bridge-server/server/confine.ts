import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';
import { Failure } from '../errors.ts';
import type { RenderRequest } from '../protocol/request.ts';

/** Where a job that came over a socket may read and write. All real paths: absolute, no symbolic link on the way. */
export type Bounds = {
  /** What the user allowed. */
  readonly roots: readonly string[];
  /** The bridge's own folders, closed even when a root contains them. */
  readonly closed: readonly string[];
};

/**
 * The same request with real paths, or a Failure: every input and output must lie within the bounds once all links are followed,
 * and so must what the links inside an input folder point to.
 */
export async function confine(request: RenderRequest, bounds: Bounds): Promise<RenderRequest> {
  const { source, keys, mask, output } = request;
  return {
    ...request,
    source: { ...source, path: await input(source.path, ['file', 'folder'], bounds) },
    keys: keys.kind === 'images' ? { ...keys, folder: await input(keys.folder, ['folder'], bounds) } : keys,
    mask: mask && { folder: await input(mask.folder, ['folder'], bounds) },
    output:
      output.kind === 'movie'
        ? { ...output, path: await outputTo(output.path, 'file', bounds) }
        : { ...output, folder: await outputTo(output.folder, 'folder', bounds) },
  };
}

type Kind = 'file' | 'folder' | 'other';

async function input(path: string, kinds: readonly Kind[], bounds: Bounds): Promise<string> {
  const { real, kind } = await confinePath(path, bounds);
  if (kind === null) throw new Failure('media-missing', { path });
  if (!kinds.includes(kind)) throw new Failure('path-unusable', { path, reason: notA(kinds) });
  if (kind === 'folder') await confineLinks(path, real, bounds);
  return real;
}

async function outputTo(path: string, wanted: Kind, bounds: Bounds): Promise<string> {
  const { real, kind } = await confinePath(path, bounds);
  if (kind !== null && kind !== wanted) throw new Failure('path-unusable', { path, reason: notA([wanted]) });
  return real;
}

const notA = (kinds: readonly Kind[]): string => `it is not a ${kinds.join(' or ')}`;

/** The real path, and what is there (null: nothing yet). Tells of nothing outside the bounds, not even whether it is there. */
async function confinePath(path: string, bounds: Bounds): Promise<{ real: string; kind: Kind | null }> {
  if (!isAbsolute(path)) throw new Failure('path-unusable', { path, reason: 'it is not an absolute path' });
  // `..` after a link means another folder to the system than it does to us.
  if (
    path.includes('\0') ||
    path.split(/[\\/]/).includes('..') ||
    (process.platform === 'win32' && windowsTrap(path))
  ) {
    throw new Failure('path-unusable', { path, reason: 'it is not a plain path' });
  }
  const real = await realTarget(path);
  if (real === null || !within(bounds, real)) throw new Failure('path-outside-roots', { path });
  const there = await stat(real).catch(() => null);
  return { real, kind: there && (there.isFile() ? 'file' : there.isDirectory() ? 'folder' : 'other') };
}

/** The real path of the nearest ancestor that exists, and the rest as given; null where a link leads nowhere or in a circle. */
async function realTarget(path: string): Promise<string | null> {
  try {
    return await realpath(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') return null;
  }
  // A dangling link: writing to it would make what it points to.
  if (await lstat(path).catch(() => null)) return null;
  const parent = dirname(path);
  if (parent === path) return null;
  const real = await realTarget(parent);
  return real === null ? null : join(real, basename(path));
}

async function confineLinks(path: string, folder: string, bounds: Bounds): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isSymbolicLink()) continue;
    const target = await realpath(join(folder, entry.name)).catch(() => null);
    if (target === null || !within(bounds, target)) {
      throw new Failure('path-outside-roots', { path: join(path, entry.name) });
    }
  }
}

const within = ({ roots, closed }: Bounds, real: string): boolean =>
  roots.some((root) => contains(root, real)) && !closed.some((folder) => contains(folder, real));

/** Both real paths. A folder contains itself. */
export function contains(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/**
 * Whether Windows would take this for something other than the file of that name: a device, a stream of another file, a name
 * that loses its trailing dots and spaces, or a path that is passed through unparsed.
 */
export function windowsTrap(path: string): boolean {
  if (/^[\\/]{2}[?.]/.test(path)) return true;
  const [, ...names] = path.split(/[\\/]/);
  return names.some(
    (name) =>
      /[. ]$/.test(name) ||
      /[:<>"|?*]/.test(name) ||
      /^(con|prn|aux|nul|conin\$|conout\$|com[\d¹²³]|lpt[\d¹²³])(\..*)?$/i.test(name),
  );
}
