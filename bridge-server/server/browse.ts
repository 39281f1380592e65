import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Failure } from '../errors.ts';
import type { FolderView } from '../protocol/http.ts';
import { type Bounds, within } from './confine.ts';

const MOVIE = /\.(mov|mp4|m4v|mkv|avi|mxf|webm|mpe?g|ts|mts|m2ts)$/i;
const NUMBERED_IMAGE = /\d\D*\.(png|jpe?g|tiff?|webp)$/i;
const MOST = 1000;

/** What panels may paint in a folder, links left out; null: the allowed folders themselves. Failures: path-outside-roots. */
export async function browse(path: string | null, bounds: Pick<Bounds, 'roots' | 'closed'>): Promise<FolderView> {
  if (path === null) {
    const entries = bounds.roots.map((root) => ({ kind: 'folder', name: basename(root) || root, path: root }) as const);
    return { path: null, parent: null, images: false, entries };
  }
  const real = await realpath(path).catch(() => null);
  if (real === null || !within(bounds, real)) throw new Failure('path-outside-roots', { path });
  const found = await readdir(real, { withFileTypes: true }).catch(() => {
    throw new Failure('media-missing', { path });
  });
  const shown = found.map(async (entry): Promise<FolderView['entries']> => {
    const inside = { name: entry.name, path: join(real, entry.name) };
    if (entry.name.startsWith('.') || !within(bounds, inside.path)) return [];
    if (entry.isDirectory()) return [{ kind: 'folder', ...inside }];
    if (!entry.isFile() || !MOVIE.test(entry.name)) return [];
    const { size } = await stat(inside.path).catch(() => ({ size: 0 }));
    return [{ kind: 'movie', ...inside, bytes: size }];
  });
  const entries = (await Promise.all(shown)).flat();
  entries.sort((a, b) => a.kind.localeCompare(b.kind) || a.name.localeCompare(b.name, 'en', { numeric: true }));
  const parent = dirname(real);
  const images = found.filter((entry) => entry.isFile() && NUMBERED_IMAGE.test(entry.name)).length > 1;
  return { path: real, parent: within(bounds, parent) ? parent : null, images, entries: entries.slice(0, MOST) };
}
