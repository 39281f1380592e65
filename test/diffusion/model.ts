import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';
import type { PaintSettings } from '../../bridge-server/diffusion/painter.ts';
import { clipVocabulary } from '../../bridge-server/diffusion/text/tokenizer.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';

const GOLDENS = path.join(import.meta.dirname, '..', 'goldens');

/** A folder of its own with a tiny model, gone after the tests. */
export async function tinyFolder(family: 'sd15' | 'sdxl'): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'pentimento-model-'));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  await makeTinyModel(folder, family);
  return folder;
}

/** A tiny model, and a tokenizer of as many words as it knows: CLIP's own first 998, start and end. */
export async function makeTinyModel(folder: string, family: 'sd15' | 'sdxl'): Promise<void> {
  await cp(path.join(GOLDENS, `tiny-${family}`, 'diffusers'), folder, { recursive: true });
  const { ids, ranks } = await clipVocabulary();
  const tokens = [...ids.keys()].sort((a, b) => ids.get(a)! - ids.get(b)!).slice(0, 998);
  const merges = [...ranks.keys()].sort((a, b) => ranks.get(a)! - ranks.get(b)!).slice(0, 998 - 512);
  const vocabulary = [...tokens, '<|startoftext|>', '<|endoftext|>'].map((token, id) => [token, id] as const);
  await mkdir(path.join(folder, 'tokenizer'));
  await writeFile(path.join(folder, 'tokenizer', 'vocab.json'), JSON.stringify(Object.fromEntries(vocabulary)));
  await writeFile(path.join(folder, 'tokenizer', 'merges.txt'), `#version: 0.2\n${merges.join('\n')}\n`);
}

/** Few steps over few pixels, and nothing that leads them. */
export const TINY_SETTINGS: PaintSettings = {
  negative: 'blur',
  steps: 4,
  guidance: 5,
  strength: 0.75,
  scheduler: 'euler',
  seed: 7,
  clipSkip: 1,
  area: 96 * 64,
  secondPass: null,
  consistency: { attention: 'own', window: 1, start: 0, shape: 0, tone: 0, colour: false },
  details: [],
};

/** A picture with something everywhere; with four channels also in its alpha. */
export const waves = (size: { width: number; height: number }, channels: 3 | 4): Frame => ({
  ...size,
  channels,
  data: Uint16Array.from(
    { length: size.width * size.height * channels },
    (_, i) => 32768 + 20000 * Math.sin(i * 0.013),
  ),
});

/** Rewrites one tensor of a 16-bit .safetensors file, in shape and bytes; `change` gets its values as bytes. */
export async function rewriteTensor(
  file: string,
  name: string,
  change: (shape: readonly number[], data: Uint8Array) => { shape: number[]; data: Uint8Array },
): Promise<void> {
  const bytes = await readFile(file);
  const length = Number(bytes.readBigUInt64LE());
  type Entry = { dtype: string; shape: number[]; data_offsets: [number, number] };
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Record<string, Entry>;
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const [key, entry] of Object.entries(header)) {
    if (key === '__metadata__') continue;
    let data: Uint8Array = bytes.subarray(8 + length + entry.data_offsets[0], 8 + length + entry.data_offsets[1]);
    if (key === name) ({ shape: entry.shape, data } = change(entry.shape, data));
    entry.data_offsets = [at, (at += data.length)];
    parts.push(data);
  }
  const text = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  await writeFile(file, Buffer.concat([size, text, ...parts]));
}
