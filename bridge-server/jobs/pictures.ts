import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Failure } from '../errors.ts';
import type { Frame } from '../media/frame.ts';

/** Pictures by frame number, made or read when they are asked for. */
export type Pictures = {
  /** Ascending. */
  readonly frames: readonly number[];
  /** What decides every pixel of a picture, for cache keys. */
  identity(frame: number, signal: AbortSignal): Promise<string>;
  get(frame: number, signal: AbortSignal): Promise<Frame>;
};

type Seen = { readonly hash: string; readonly mark: string };

/**
 * Image files that a person may save over at any time: a picture is only handed out while its file is the one whose identity was
 * told. Throws Failure 'image-changed'.
 */
export class WatchedImages {
  readonly #seen = new Map<string, Promise<Seen>>();

  async identity(path: string, signal: AbortSignal): Promise<string> {
    let seen = this.#seen.get(path);
    if (!seen) this.#seen.set(path, (seen = look(path, signal)));
    return (await seen).hash;
  }

  async read(path: string, readImage: (path: string) => Promise<Frame>): Promise<Frame> {
    const before = (await this.#seen.get(path))?.mark ?? (await mark(path));
    const frame = await readImage(path);
    if ((await mark(path)) !== before) throw new Failure('image-changed', { path });
    return frame;
  }
}

async function look(path: string, signal: AbortSignal): Promise<Seen> {
  const before = await mark(path);
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash, { signal });
  if ((await mark(path)) !== before) throw new Failure('image-changed', { path });
  return { hash: hash.digest('hex'), mark: before };
}

async function mark(path: string): Promise<string> {
  const { ino, size, mtimeNs } = await stat(path, { bigint: true }).catch((error: unknown) => {
    throw new Failure('media-missing', { path }, error);
  });
  return `${ino} ${size} ${mtimeNs}`;
}
