import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { compare } from '../../bridge-server/parity/case.ts';
import { sdxlLora, tinyLora } from '../../bridge-server/parity/loras.ts';
import { taesd, tinySd15, tinySdxl } from '../../bridge-server/parity/networks.ts';

const GOLDENS = path.join(import.meta.dirname, '..', 'goldens');
const { signal } = new AbortController();

describe.each([
  ['tiny-sd15', await tinySd15(path.join(GOLDENS, 'tiny-sd15')), 60],
  ['tiny-sdxl', await tinySdxl(path.join(GOLDENS, 'tiny-sdxl')), 52],
  ['taesd', await taesd(path.join(GOLDENS, 'taesd')), 4],
  ['tiny-lora', await tinyLora(path.join(GOLDENS, 'tiny-lora')), 36],
  ['the LoRA of tiny-sdxl', await sdxlLora(path.join(GOLDENS, 'tiny-sdxl')), 6],
])('%s computes what the reference computes', (_, cases, count) => {
  it('in every layout and storage', () => expect(new Set(cases.map(({ id }) => id)).size).toBe(count));

  it.each(cases.map((made) => [made.id, made] as const))('%s', async (_, made) => {
    expect((await made.measure(signal)).relativeL2).toBeLessThan(made.tolerance);
  });
});

describe('a comparison', () => {
  it('measures lengths and the largest element', () => {
    expect(compare([3, 4], [3, 4])).toEqual({ relativeL2: 0, maxAbs: 0 });
    expect(compare([3, 4.5], [3, 4])).toEqual({ relativeL2: 0.1, maxAbs: 0.5 });
  });

  it('is never passed by NaN, by zeros or by another length', () => {
    expect(compare([NaN, 4], [3, 4]).relativeL2).toBe(Infinity);
    expect(compare([3, 4], [NaN, 4]).relativeL2).not.toBeLessThan(1);
    expect(compare([0, 0], [3, 4]).relativeL2).toBe(1);
    expect(compare([3], [3, 4]).relativeL2).toBe(Infinity);
  });
});
