import { CHUNK_LENGTH, CHUNK_ROOM, frameChunk, type ClipTokenizer } from './tokenizer.ts';

/** A run of text that is emphasised by one weight. 'break' ends the chunk. */
export type Piece = { readonly text: string; readonly weight: number } | 'break';

/** One pass of the text encoder: 77 ids, and the weight of each position (1 for start, end and padding). */
export type Chunk = { readonly ids: readonly number[]; readonly weights: readonly number[] };

/** A learned word (textual inversion): how many token positions it takes. */
export type LearnedWord = { readonly name: string; readonly vectors: number };

const SYNTAX = /\\[()[\]\\]|\(|\[|:\s*[+-]?(?:\d+\.?\d*|\.\d+)\s*\)|\)|\]|[^\\()[\]:]+|[:\\]/gu;
const BREAK = /\s*\bBREAK\b\s*/u;
const ROUND = 1.1;

/** A comma this near to the end of a full chunk is where the chunk is cut, so that a phrase is not torn in two. */
const COMMA_REACH = 20;

/**
 * Reads the emphasis syntax of the common web interfaces: (word) weighs 1.1, (word:1.3) weighs 1.3, [word] weighs 1/1.1, nested
 * brackets multiply, \( \) \[ \] \\ are plain characters, BREAK in capitals starts a new chunk. A bracket that is never closed
 * reaches to the end of the text. Neighbours of equal weight come back as one piece.
 */
export function parsePrompt(text: string): Piece[] {
  const pieces: { text: string; weight: number }[] = [];
  const breaks = new Set<number>();
  const round: number[] = [];
  const square: number[] = [];
  const weigh = (from: number, factor: number) => {
    for (const piece of pieces.slice(from)) piece.weight *= factor;
  };
  for (const [token] of text.matchAll(SYNTAX)) {
    if (token.length === 2 && token.startsWith('\\')) pieces.push({ text: token[1]!, weight: 1 });
    else if (token === '(') round.push(pieces.length);
    else if (token === '[') square.push(pieces.length);
    else if (token.startsWith(':') && token.endsWith(')') && round.length > 0)
      weigh(round.pop()!, Number(token.slice(1, -1)));
    else if (token === ')' && round.length > 0) weigh(round.pop()!, ROUND);
    else if (token === ']' && square.length > 0) weigh(square.pop()!, 1 / ROUND);
    else {
      for (const [i, part] of token.split(BREAK).entries()) {
        if (i > 0) breaks.add(pieces.length);
        pieces.push({ text: part, weight: 1 });
      }
    }
  }
  for (const from of round) weigh(from, ROUND);
  for (const from of square) weigh(from, 1 / ROUND);
  return joinEqual(pieces, breaks);
}

/**
 * A prompt as chunks of 77 ids, at least one. `padding` is the id after the end token (the end token itself for CLIP-L, 0 for
 * OpenCLIP). Learned words are found by their tokens; their vectors get the ids from `tokenizer.size` on, in the order of `learned`.
 */
export function chunkPrompt(
  text: string,
  tokenizer: ClipTokenizer,
  padding: number,
  learned: readonly LearnedWord[] = [],
): Chunk[] {
  const words = learnedWords(learned, tokenizer);
  const comma = tokenizer.encode(',')[0];
  const chunks: Chunk[] = [];
  let ids: number[] = [];
  let weights: number[] = [];
  let lastComma = -1;

  const close = (at = ids.length) => {
    const ones = new Array<number>(CHUNK_LENGTH - 1 - at).fill(1);
    chunks.push({
      ids: frameChunk(ids.slice(0, at), tokenizer.start, tokenizer.end, padding),
      weights: [1, ...weights.slice(0, at), ...ones],
    });
    ids = ids.slice(at);
    weights = weights.slice(at);
    lastComma = -1;
  };

  for (const piece of parsePrompt(text)) {
    if (piece === 'break') {
      close();
      continue;
    }
    const tokens = tokenizer.encode(piece.text);
    for (let i = 0; i < tokens.length;) {
      const word = words.find(({ tokens: name }) => name.every((id, k) => tokens[i + k] === id));
      const taken = word?.ids ?? [tokens[i]!];
      if (ids.length + taken.length > CHUNK_ROOM) {
        const nearComma = lastComma >= 0 && ids.length - lastComma <= COMMA_REACH && tokens[i] !== comma;
        close(nearComma ? lastComma + 1 : ids.length);
      }
      if (tokens[i] === comma && !word) lastComma = ids.length;
      for (const id of taken.slice(0, CHUNK_ROOM)) {
        ids.push(id);
        weights.push(piece.weight);
      }
      i += word?.tokens.length ?? 1;
    }
  }
  if (ids.length > 0 || chunks.length === 0) close();
  return chunks;
}

/** Name tokens and vector ids of each learned word, the longest name first, so that "a-style-2" is not read as "a-style". */
function learnedWords(learned: readonly LearnedWord[], tokenizer: ClipTokenizer) {
  let next = tokenizer.size;
  return learned
    .map(({ name, vectors }) => {
      const ids = Array.from({ length: vectors }, (_, i) => next + i);
      next += vectors;
      return { tokens: tokenizer.encode(name), ids };
    })
    .filter(({ tokens }) => tokens.length > 0)
    .sort((a, b) => b.tokens.length - a.tokens.length);
}

function joinEqual(pieces: readonly { text: string; weight: number }[], breaks: ReadonlySet<number>): Piece[] {
  const joined: Piece[] = [];
  for (const [i, { text, weight }] of pieces.entries()) {
    if (breaks.has(i)) joined.push('break');
    const last = joined.at(-1);
    if (last !== undefined && last !== 'break' && last.weight === weight) {
      joined[joined.length - 1] = { text: last.text + text, weight };
    } else if (text !== '') {
      joined.push({ text, weight });
    }
  }
  return joined;
}
