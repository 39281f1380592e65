import { basename } from 'node:path';
import type { RenderRequest } from '../protocol/request.ts';
import { VERSION } from '../version.ts';

/**
 * How a clip was made, as one line of JSON to embed in it: everything of the request that decides its pixels. Of files only the
 * names: a finished clip goes to other people, and tells them nothing of this machine's folders.
 */
export function settingsText({ source, keys, look, mask, profile }: RenderRequest): string {
  const { path, ...range } = source;
  return JSON.stringify(
    { pentimento: VERSION, source: { ...range, path }, keys, look, mask, profile },
    (name, value: unknown) => (PATHS.has(name) ? named(value) : value),
  );
}

const PATHS: ReadonlySet<string> = new Set(['path', 'folder', 'file', 'model', 'vae', 'motion', 'embeddings']);

const named = (value: unknown): unknown =>
  typeof value === 'string' ? basename(value) : Array.isArray(value) ? value.map(named) : value;
