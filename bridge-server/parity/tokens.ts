import path from 'node:path';
import { z } from 'zod';
import { ClipTokenizer, clipVocabulary, frameChunk } from '../diffusion/text/tokenizer.ts';
import { compare, type ParityCase } from './case.ts';
import { readJson } from './golden.ts';

const tokenCase = z.object({
  text: z.string(),
  tokens: z.array(z.int()).optional(),
  ids77_pad_eot: z.array(z.int()).optional(),
  ids77_pad_0: z.array(z.int()).optional(),
  tokens_nfc_lower_only: z.array(z.int()).optional(),
});

/** The tokenizer: ids must be the same, so the tolerance is 0. */
export async function clipTokenizer(folder: string): Promise<ParityCase[]> {
  const groups = z.record(z.string(), z.array(tokenCase)).parse(await readJson(path.join(folder, 'golden.json')));
  const tokenizer = new ClipTokenizer(await clipVocabulary());
  const framed = (text: string, padding: number) =>
    frameChunk(tokenizer.encode(text), tokenizer.start, tokenizer.end, padding);
  return Object.entries(groups).flatMap(([group, cases]) =>
    cases.flatMap((golden, i) => {
      const results: [string, number[] | undefined, () => number[]][] = [
        ['tokens', golden.tokens, () => tokenizer.encode(golden.text)],
        ['tokens_nfc_lower_only', golden.tokens_nfc_lower_only, () => tokenizer.encode(golden.text)],
        ['ids77_pad_eot', golden.ids77_pad_eot, () => framed(golden.text, tokenizer.end)],
        ['ids77_pad_0', golden.ids77_pad_0, () => framed(golden.text, 0)],
      ];
      return results.flatMap(([name, reference, result]) =>
        reference
          ? [
              {
                id: `${group}[${i}] ${name}`,
                folder: path.basename(folder),
                tolerance: 0,
                measure: () => Promise.resolve(compare(result(), reference)),
              },
            ]
          : [],
      );
    }),
  );
}
