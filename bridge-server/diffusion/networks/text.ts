import { join } from 'node:path';
import { Failure } from '../../errors.ts';
import { recordTextEncoder, textLayer } from '../../networks/text-encoder.ts';
import type { Tensors } from '../../onnx/session.ts';
import type { Model, Part } from '../../weights/model.ts';
import { requirePart } from '../../weights/model.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { emphasise } from '../text/emphasis.ts';
import { chunkPrompt } from '../text/prompt.ts';
import { CHUNK_LENGTH, ClipTokenizer, clipVocabulary, folderVocabulary } from '../text/tokenizer.ts';
import type { LearnedVectors } from './learned-words.ts';
import { bytesOf } from './memory.ts';
import { floats, floatsFrom, joined } from './tensors.ts';

/** What the UNet reads of a prompt. */
export type Conditioning = {
  /** [tokens, width], tokens a multiple of 77. */
  readonly context: Float32Array;
  readonly tokens: number;
  /** The whole text as one vector, where the family has it (SDXL). */
  readonly pooled: Float32Array | null;
};

export type EncodeText = (prompt: string, signal: AbortSignal) => Promise<Conditioning>;

/** `clipSkip` 1 is how the model was trained, 2 a layer earlier. */
export async function openTextEncoders(
  model: Model,
  runtime: Runtime,
  clipSkip: number,
  learned: readonly LearnedVectors[],
): Promise<EncodeText> {
  const family = model.identity.family ?? 'sd15';
  const parts = textParts(model);
  const tokenizer = await openTokenizer(model);
  const encoders = parts.map((part) => openEncoder(part));

  function openEncoder(part: Part) {
    const isOpenClip = part.kind === 'textEncoder2' || family === 'sd21';
    const vectors = learned.flatMap((word) => {
      const own = word.of(part);
      return own ? [{ name: word.name, ...own }] : [];
    });
    const rows = vectors.reduce((sum, { count }) => sum + count, 0);
    const network = runtime.network({
      name: part.kind === 'textEncoder2' ? 'second text encoder' : 'text encoder',
      bytes: bytesOf(part, 'mapped'),
      recording: recordTextEncoder(
        part,
        { batch: 'batch' },
        {
          ...textLayer(family, clipSkip),
          storage: 'mapped',
          pooled: part.kind === 'textEncoder2',
          ...(rows > 0 ? { inversions: 'rows' } : {}),
        },
      ),
    });
    const words = vectors.map(({ name, count }) => ({ name, vectors: count }));
    const values = joined(...vectors.map(({ values }) => values));
    return async (prompt: string, signal: AbortSignal) => {
      const chunks = chunkPrompt(prompt, tokenizer, isOpenClip ? 0 : tokenizer.end, words);
      const ids = BigInt64Array.from(chunks.flatMap((chunk) => chunk.ids).map(BigInt));
      const feeds: Tensors = {
        ids: { dtype: 'int64', shape: [chunks.length, CHUNK_LENGTH], data: ids },
        ...(rows > 0 ? { inversions: floats([rows, values.length / rows], values) } : {}),
      };
      const { hidden, pooled } = await network.run(feeds, signal);
      const states = floatsFrom(hidden!);
      const each = states.length / chunks.length;
      const context = chunks.map(({ weights }, i) => emphasise(states.subarray(i * each, (i + 1) * each), weights));
      return {
        context: joined(...context),
        tokens: chunks.length * CHUNK_LENGTH,
        // The whole text's vector is that of the first chunk.
        pooled: pooled ? floatsFrom(pooled).slice(0, pooled.shape[1]) : null,
      };
    };
  }

  return async (prompt, signal) => {
    const results: Conditioning[] = [];
    for (const encode of encoders) results.push(await encode(prompt, signal));
    return beside(results);
  };
}

/** The model's own vocabulary, else the one that nearly all models share. Failures: weights-part, vocabulary-unfit. */
export async function openTokenizer(model: Model): Promise<ClipTokenizer> {
  const own = model.folder ? await folderVocabulary(join(model.folder, 'tokenizer')) : null;
  const tokenizer = new ClipTokenizer(own ?? (await clipVocabulary()));
  for (const { path, weights } of textParts(model)) {
    const known = weights.get(WORDS)?.shape[0] ?? 0;
    if (known < tokenizer.size) throw new Failure('vocabulary-unfit', { path, known, words: tokenizer.size });
  }
  return tokenizer;
}

/** One row for each word of the vocabulary. */
const WORDS = 'text_model.embeddings.token_embedding.weight';

/** The text encoders that a family reads prompts with. Failure: weights-part. */
function textParts(model: Model): Part[] {
  const { family } = model.identity;
  return family === 'sdxl' || family === 'sdxl-refiner' ? sdxlParts(model) : [requirePart(model, 'textEncoder')];
}

/** SDXL reads both encoders; its refiner has only the second. */
function sdxlParts(model: Model): Part[] {
  const second = requirePart(model, 'textEncoder2');
  if (model.identity.family === 'sdxl-refiner') return [second];
  return [requirePart(model, 'textEncoder'), second];
}

/** The states of several encoders for the same tokens, side by side. */
function beside(results: readonly Conditioning[]): Conditioning {
  const tokens = results[0]!.tokens;
  const widths = results.map(({ context }) => context.length / tokens);
  const width = widths.reduce((sum, value) => sum + value, 0);
  const context = new Float32Array(tokens * width);
  let left = 0;
  for (const [i, result] of results.entries()) {
    const own = widths[i]!;
    for (let t = 0; t < tokens; t++) context.set(result.context.subarray(t * own, (t + 1) * own), t * width + left);
    left += own;
  }
  return { context, tokens, pooled: results.at(-1)!.pooled };
}

/** What SDXL was trained to read where nothing is asked to be avoided. */
export const nothing = ({ context, tokens, pooled }: Conditioning): Conditioning => ({
  context: new Float32Array(context.length),
  tokens,
  pooled: pooled && new Float32Array(pooled.length),
});

/**
 * Conditions repeated to one length, so that they fit a batch: attention to the same keys several times over is attention to them
 * once.
 */
export function sameLength(conditions: readonly Conditioning[]): Conditioning[] {
  const length = conditions.reduce((all, { tokens }) => (all * tokens) / greatestCommonDivisor(all, tokens), 1);
  return conditions.map((condition) => ({
    ...condition,
    tokens: length,
    context: joined(...Array.from({ length: length / condition.tokens }, () => condition.context)),
  }));
}

const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));
