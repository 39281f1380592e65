import { basename } from 'node:path';
import { Failure } from '../../errors.ts';
import type { Part } from '../../weights/model.ts';
import { openSafetensors, readFloats } from '../../weights/safetensors.ts';

/** A learned word (textual inversion, Gal et al. 2022): the vectors that stand in the prompt where its name stands. */
export type LearnedVectors = {
  readonly name: string;
  /** The vectors for one text encoder, row by row; null when the file has none of its width. */
  of(part: Part): { readonly count: number; readonly values: Float32Array } | null;
};

/** Reads a textual inversion; its name is the file's. For SDXL a file has vectors for both encoders. */
export async function openLearnedWord(path: string): Promise<LearnedVectors> {
  const file = await openSafetensors(path);
  const rows = new Map<number, { count: number; values: Float32Array }>();
  for (const tensor of file.tensors.values()) {
    const width = tensor.shape.at(-1);
    if (width === undefined || tensor.shape.length > 2) continue;
    rows.set(width, {
      count: tensor.shape.length === 2 ? tensor.shape[0]! : 1,
      values: await readFloats(path, tensor),
    });
  }
  if (rows.size === 0) throw new Failure('weights-unknown', { path, tensors: file.tensors.size });
  return {
    name: basename(path).replace(/\.[^.]+$/u, ''),
    of: (part) => rows.get(part.weights.get('text_model.embeddings.token_embedding.weight')?.shape[1] ?? 0) ?? null,
  };
}
