import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extractLoras } from '../../bridge-server/diffusion/text/lora-syntax.ts';
import { parsePrompt } from '../../bridge-server/diffusion/text/prompt.ts';

const lora = (name: string, scale = 1, textScale = scale) => ({ name, scale, textScale });

describe('LoRAs in a prompt', () => {
  it.each([
    ['a cat', 'a cat', []],
    ['a cat <lora:ink>', 'a cat', [lora('ink')]],
    ['<lora:ink:0.8> a cat', 'a cat', [lora('ink', 0.8)]],
    ['a <lora:ink:-.5> cat', 'a cat', [lora('ink', -0.5)]],
    ['(a <lora:ink:2>cat:1.2)', '(a cat:1.2)', [lora('ink', 2)]],
    ['<lora:old film v1.2:0.5:0.8>', '', [lora('old film v1.2', 0.8, 0.5)]],
    ['<lora:ink:unet=0.3>', '', [lora('ink', 0.3, 1)]],
    ['<lora:ink:te=0:unet=0.3>', '', [lora('ink', 0.3, 0)]],
    ['<lora:ink:0.7:te=0>', '', [lora('ink', 0, 0)]],
    ['<lora:a:1> x <lora:b:0>, <lora:a:2>', 'x ,', [lora('a', 1), lora('b', 0), lora('a', 2)]],
    [String.raw`\<lora:ink:1> \(x\)`, String.raw`<lora:ink:1> \(x\)`, []],
    [String.raw`\\<lora:ink>`, String.raw`\\`, [lora('ink')]],
    ['a < b > c <3 <LORA:x> <lora', 'a < b > c <3 <LORA:x> <lora', []],
  ])('%s', (text, prompt, loras) => {
    expect(extractLoras(text)).toEqual({ prompt, loras });
  });

  it.each(['<lora:>', '<lora:ink:>', '<lora:ink:strong>', '<lora:ink:1:2:3>', '<lora:ink:te=>', '<lora:ink:Infinity>'])(
    'refuses %s',
    (text) => {
      expect(() => extractLoras(`a ${text}`)).toThrow(expect.objectContaining({ code: 'prompt-lora' }) as Error);
    },
  );

  it('leaves every other text as it is to the emphasis syntax', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('cat ', '(', ')', ':1.2)', '[', ']', '\\(', '\\\\', '>', 'BREAK')),
        (parts) => {
          const text = parts.join('');
          expect(parsePrompt(extractLoras(text).prompt)).toEqual(parsePrompt(text));
        },
      ),
    );
  });
});
