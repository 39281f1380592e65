import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emphasise } from '../../bridge-server/diffusion/text/emphasis.ts';
import { chunkPrompt, parsePrompt } from '../../bridge-server/diffusion/text/prompt.ts';
import { ClipTokenizer, clipVocabulary, folderVocabulary } from '../../bridge-server/diffusion/text/tokenizer.ts';
import { Failure } from '../../bridge-server/errors.ts';

const tokenizer = new ClipTokenizer(await clipVocabulary());
const { start, end, size } = tokenizer;

describe('emphasis syntax', () => {
  it.each([
    ['a cat', [['a cat', 1]]],
    [
      'a (red) cat',
      [
        ['a ', 1],
        ['red', 1.1],
        [' cat', 1],
      ],
    ],
    [
      'a (red:1.3) cat',
      [
        ['a ', 1],
        ['red', 1.3],
        [' cat', 1],
      ],
    ],
    ['((x))', [['x', 1.1 * 1.1]]],
    ['[x]', [['x', 1 / 1.1]]],
    [
      '(a [b]:1.5)',
      [
        ['a ', 1.5],
        ['b', 1.5 / 1.1],
      ],
    ],
    [
      '(x:.5) (y:-1)',
      [
        ['x', 0.5],
        [' ', 1],
        ['y', -1],
      ],
    ],
    [String.raw`\(x\) \[y\] \\`, [[String.raw`(x) [y] \ `.trimEnd(), 1]]],
    ['a:b, 16:9 x]', [['a:b, 16:9 x]', 1]]],
    ['(a:b:2)', [['a:b', 2]]],
    [
      '(open [to the end',
      [
        ['open ', 1.1],
        ['to the end', 1.1 / 1.1],
      ],
    ],
    ['', []],
  ])('%s', (text, pieces) => {
    const found = parsePrompt(text).map((piece) => (piece === 'break' ? piece : [piece.text, piece.weight]));
    expect(found).toHaveLength(pieces.length);
    for (const [i, [words, weight]] of (pieces as [string, number][]).entries()) {
      expect(found[i]![0]).toBe(words);
      expect(found[i]![1]).toBeCloseTo(weight, 12);
    }
  });

  it('breaks at BREAK, and at no other word', () => {
    expect(parsePrompt('a BREAK (b BREAK c:2) BREAKING break')).toEqual([
      { text: 'a', weight: 1 },
      'break',
      { text: 'b', weight: 2 },
      'break',
      { text: 'c', weight: 2 },
      { text: ' BREAKING break', weight: 1 },
    ]);
  });

  it('keeps every character of a text without brackets, and never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const pieces = parsePrompt(text);
        if (!/[\\()[\]]|BREAK/.test(text)) {
          expect(pieces.map((piece) => (piece === 'break' ? '' : piece.text)).join('')).toBe(text);
        }
      }),
    );
  });
});

describe('chunks', () => {
  it('frames every chunk to 77 and loses no token', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('cat', 'dog,', '(sun:1.2)', '[sea]', 'BREAK', 'supercalifragilistic'), {
          maxLength: 200,
        }),
        (words) => {
          const text = words.join(' ');
          const chunks = chunkPrompt(text, tokenizer, 0);
          const inner: number[] = [];
          for (const { ids, weights } of chunks) {
            expect(ids).toHaveLength(77);
            expect(weights).toHaveLength(77);
            expect(ids[0]).toBe(start);
            const stop = ids.indexOf(end);
            expect(stop).toBeGreaterThan(0);
            expect(ids.slice(stop + 1).every((id) => id === 0)).toBe(true);
            expect(weights.slice(stop).every((weight) => weight === 1)).toBe(true);
            inner.push(...ids.slice(1, stop));
          }
          const expected = parsePrompt(text).flatMap((piece) =>
            piece === 'break' ? [] : tokenizer.encode(piece.text),
          );
          expect(inner).toEqual(expected);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('weighs the tokens of a bracket and no others', () => {
    const [chunk] = chunkPrompt('a (red:1.3) cat', tokenizer, end);
    expect(chunk!.weights.slice(0, 6)).toEqual([1, 1, 1.3, 1, 1, 1]);
  });

  it('cuts after a near comma rather than within a phrase', () => {
    const [comma] = tokenizer.encode(',');
    const [first, second] = chunkPrompt(`${'cat '.repeat(70)}, ${'dog '.repeat(10)}`, tokenizer, end);
    expect(first!.ids[71]).toBe(comma);
    expect(first!.ids[72]).toBe(end);
    expect(second!.ids.slice(1, 11)).toEqual(Array<number>(10).fill(tokenizer.encode('dog')[0]!));
  });

  it('has one chunk for an empty prompt, and one for each side of BREAK', () => {
    expect(chunkPrompt('', tokenizer, end)).toHaveLength(1);
    expect(chunkPrompt('a BREAK b', tokenizer, end)).toHaveLength(2);
  });

  it('puts vectors where learned words stand, the longest name first, never torn in two', () => {
    const learned = [
      { name: 'my-style', vectors: 2 },
      { name: 'my-style-two', vectors: 4 },
    ];
    const [chunk] = chunkPrompt('x my-style-two, my-style', tokenizer, end, learned);
    const ids = chunk!.ids.filter((id) => id >= size).map((id) => id - size);
    expect(ids).toEqual([2, 3, 4, 5, 0, 1]);
    const torn = chunkPrompt(`${'cat '.repeat(74)} my-style`, tokenizer, end, learned);
    expect(torn[0]!.ids[75]).toBe(end);
    expect(torn[1]!.ids.slice(1, 3)).toEqual([size, size + 1]);
  });
});

describe('emphasis', () => {
  it('multiplies and restores the mean', () => {
    const hidden = Float32Array.from([1, 2, 3, 4, 5, 7]);
    const result = emphasise(hidden, [1, 2, 1]);
    const sum = (values: Float32Array) => values.reduce((a, b) => a + b, 0);
    expect(sum(result)).toBeCloseTo(sum(hidden), 4);
    expect(result[2]! / result[0]!).toBeCloseTo((2 * 3) / 1, 5);
    expect(emphasise(hidden, [1, 1, 1])).toBe(hidden);
  });
});

describe("a model folder's vocabulary", () => {
  let folder: string;
  beforeAll(async () => void (folder = await mkdtemp(path.join(tmpdir(), 'vocabulary-'))));
  afterAll(() => rm(folder, { recursive: true }));

  it('is read, null when there is none, and refused when it is damaged', async () => {
    expect(await folderVocabulary(folder)).toBeNull();
    const tokens = ['a', 'b', 'a</w>', 'b</w>', 'ab</w>', '<|startoftext|>', '<|endoftext|>'];
    const vocab = JSON.stringify(Object.fromEntries(tokens.map((token, id) => [token, id])));
    await writeFile(path.join(folder, 'vocab.json'), vocab);
    await writeFile(path.join(folder, 'merges.txt'), '#version: 0.2\na b</w>\n');
    const own = new ClipTokenizer((await folderVocabulary(folder))!);
    expect(own.encode('AB  b')).toEqual([4, 3]);
    expect(() => own.encode('c')).toThrow(Failure);
    await writeFile(path.join(folder, 'vocab.json'), '{"a": "b"}');
    await expect(folderVocabulary(folder)).rejects.toMatchObject({ code: 'vocabulary-unusable' });
    await writeFile(path.join(folder, 'vocab.json'), '{');
    await expect(folderVocabulary(folder)).rejects.toMatchObject({ code: 'vocabulary-unusable' });
  });
});
