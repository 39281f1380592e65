import { basename } from 'node:path';
import type { RenderRequest } from '../protocol/request.ts';
import { VERSION } from '../version.ts';

/**
 * How a clip was made, as one line of JSON to embed in it: everything of the request that decides its pixels. Of files only the
 * names: a finished clip goes to other people, and tells them nothing of this machine's folders. Where that would be too long, long
 * lists and texts are cut, and say so.
 */
export function settingsText({ source, keys, look, mask, profile }: RenderRequest): string {
  const { path, ...range } = source;
  const settings = { pentimento: VERSION, source: { ...range, path }, keys, look, mask, profile };
  const inWords = (shown: (value: unknown) => unknown): string =>
    JSON.stringify(settings, (name, value: unknown) => shown(PATHS.has(name) ? named(value) : value));
  const whole = inWords((value) => value);
  return whole.length <= LONGEST ? whole : inWords(shortened);
}

/** It is an argument of a command, which on Windows has 32767 characters for all of them, each quotation mark counting twice. */
const LONGEST = 12_000;
const LONGEST_LIST = 20;
const LONGEST_TEXT = 300;

function shortened(value: unknown): unknown {
  if (typeof value === 'string' && value.length > LONGEST_TEXT) return `${value.slice(0, LONGEST_TEXT)}…`;
  if (!Array.isArray(value) || value.length <= LONGEST_LIST) return value;
  return [...(value as unknown[]).slice(0, LONGEST_LIST), `… ${value.length} in all`];
}

const PATHS: ReadonlySet<string> = new Set(['path', 'folder', 'file', 'model', 'vae', 'motion', 'embeddings']);

const named = (value: unknown): unknown =>
  typeof value === 'string' ? basename(value) : Array.isArray(value) ? value.map(named) : value;
