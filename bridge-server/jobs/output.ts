import { access, constants, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { Failure } from '../errors.ts';
import { chosenImages } from './chosen.ts';
import { writeFailure } from '../media/destination.ts';
import type { RenderRequest } from '../protocol/request.ts';
import { outputPath } from './version.ts';

/** Throws a Failure when the result would land on or among what it is made from, or where it cannot be written. */
export async function refuseOutput(request: RenderRequest): Promise<void> {
  const { source, keys, look, mask, output } = request;
  const masks = [mask, ...(look.kind === 'diffusion' ? look.regions.map((region) => region.mask) : [])];
  const folders = [keys, ...masks].flatMap((from) => (from?.kind === 'images' ? [from.folder] : []));
  const inputs = [source.path, ...folders, ...chosenImages(keys).values()];
  await refuseOutputAmong(inputs, outputPath(request), output.kind);
}

/** The same for a result at `path`, an absolute one. */
export async function refuseOutputAmong(
  inputs: readonly string[],
  path: string,
  kind: RenderRequest['output']['kind'],
): Promise<void> {
  const target = await real(path);
  const there = await stat(target).catch(() => null);
  for (const input of await Promise.all(inputs.map(real))) {
    // Beside the clip is fine; inside a folder of frames it would become one of them. One file can have several names.
    const status = await stat(input).catch(() => null);
    const same = there !== null && status?.ino === there.ino && status.dev === there.dev;
    // Frames are moved into their folder one by one, over what has their names.
    const among = kind === 'images' && status?.isFile() && dirname(input) === target;
    if (same || among || target === input || target.startsWith(input + sep))
      throw new Failure('output-is-input', { path });
  }
  if (there && kind === 'images' && !there.isDirectory()) throw new Failure('output-not-folder', { path });
  if (there?.isDirectory() && kind === 'movie') throw new Failure('output-not-file', { path });
  if (kind === 'movie') {
    const folder = dirname(target);
    await access(folder, constants.W_OK).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT')
        throw new Failure('output-folder-missing', { path: folder }, error);
      throw writeFailure(folder, error) ?? error;
    });
  }
}

/** With every link that exists followed. */
async function real(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(await real(parent), basename(path));
  }
}
