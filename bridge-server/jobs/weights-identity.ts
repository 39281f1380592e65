import { createHash } from 'node:crypto';
import { type FileHandle, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Model, Part } from '../weights/model.ts';
import { openSafetensors } from '../weights/safetensors.ts';

/** Bytes of each tensor that are looked at: enough that no two trainings agree in all of them. */
const SAMPLE = 256;
/** Reads under way at once. */
const READS = 32;

type Stored = {
  readonly path: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
};

/**
 * What weights are by content, wherever they lie, for cache keys: the name, type, shape and length of every tensor and a sample from
 * its middle. Whatever is trained, merged or converted changes every tensor that it touches throughout, so a sample tells; all of a
 * file's bytes would take as long to read as a picture to paint.
 */
async function identityOfTensors(tensors: Iterable<readonly [string, Stored]>): Promise<string> {
  const files = new Map<string, FileHandle>();
  try {
    const all = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [, { path }] of all) if (!files.has(path)) files.set(path, await open(path));
    const hash = createHash('sha256');
    for (let at = 0; at < all.length; at += READS) {
      const some = all.slice(at, at + READS);
      const samples = await Promise.all(some.map(([, stored]) => sampleOf(files.get(stored.path)!, stored)));
      for (const [i, [name, { dtype, shape, length }]] of some.entries()) {
        hash.update(JSON.stringify([name, dtype, shape, length])).update(samples[i]!);
      }
    }
    return hash.digest('hex');
  } finally {
    for (const file of files.values()) await file.close();
  }
}

async function sampleOf(file: FileHandle, { offset, length }: Stored): Promise<Uint8Array> {
  const bytes = Math.min(SAMPLE, length);
  const { buffer } = await file.read(new Uint8Array(bytes), 0, bytes, offset + Math.floor((length - bytes) / 2));
  return buffer;
}

/** Of one file with what it says of itself: a LoRA, an embedding. Failures: those of openSafetensors. */
export async function identityOfFile(path: string): Promise<string> {
  const { tensors, metadata } = await openSafetensors(path);
  const weights = await identityOfTensors([...tensors].map(([name, tensor]) => [name, { ...tensor, path }] as const));
  return JSON.stringify([weights, metadata]);
}

export async function identityOfPart({ kind, weights, config }: Part): Promise<string> {
  return JSON.stringify([kind, await identityOfTensors(weights), config]);
}

/** Of a whole model: its networks, their configurations, its scheduler's, and its tokenizer. */
export async function identityOfModel({ parts, scheduler, folder }: Model): Promise<string> {
  const networks: string[] = [];
  for (const part of Object.values(parts)) networks.push(await identityOfPart(part));
  const words = folder === null ? [] : await contentsOf(join(folder, 'tokenizer'));
  return JSON.stringify([networks.sort(), scheduler, words]);
}

async function contentsOf(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => /\.(json|txt)$/.test(name)).sort();
  return Promise.all(
    files.map(async (name) => {
      const bytes = await readFile(join(folder, name));
      return `${name} ${createHash('sha256').update(bytes).digest('hex')}`;
    }),
  );
}
