import { execFile } from 'node:child_process';
import path from 'node:path';
import { expect, it } from 'vitest';
import { safetensorsBytes, scratch, zeros } from './file.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const { write } = await scratch();

/** The command as a user runs it. */
const inspect = (...args: string[]): Promise<{ code: number; out: string; err: string }> =>
  new Promise((resolve) => {
    const command = [path.join(ROOT, 'bin', 'pentimento.mjs'), 'inspect', ...args];
    execFile(process.execPath, command, (error, out, err) => resolve({ code: Number(error?.code ?? 0), out, err }));
  });

const checkpoint = path.join(ROOT, 'test', 'goldens', 'tiny-sdxl', 'single-file', 'tiny-sdxl-fp16.safetensors');

/** A LoRA as kohya's scripts leave it. */
const trainedLora = safetensorsBytes(
  zeros({
    'lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight': [8, 768],
    'lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight': [1280, 8],
  }),
  {
    ss_output_name: 'charcoal',
    ss_sd_model_name: 'v1-5-pruned.safetensors',
    ss_tag_frequency: JSON.stringify({
      '10_a': { chrcl: 40, 'smudged paper': 12 },
      '2_b': { chrcl: 2, portrait: 12 },
    }),
  },
);

it('says in words what a file is', async () => {
  const { code, out } = await inspect(checkpoint);
  expect(code).toBe(0);
  expect(out).toMatch(/is +Checkpoint for SDXL\n/);
  expect(out).toMatch(/U-Net +366 k parameters in F16\n/);
  expect(out).toMatch(/works with +LoRA, ControlNet/);
});

it('says what a LoRA changes, what it was trained on, and the words that call it up', async () => {
  const { out } = await inspect(await write('charcoal.safetensors', trainedLora));
  expect(out).toMatch(/is +LoRA for Stable Diffusion 1\.5\n/);
  expect(out).toMatch(/changes +unet, 1 modules of rank 8\n/);
  expect(out).toMatch(/trained on +v1-5-pruned\.safetensors\n/);
  expect(out).toMatch(/trigger words +chrcl, portrait, smudged paper\n/);
  expect(out).toMatch(/works with +Stable Diffusion 1\.5 models\n/);
});

it('says it as one JSON object a file, refusals among them, and ends with 1 for those', async () => {
  const pickle = await write('renamed.safetensors', Buffer.from('\x80\x02}q\x00.', 'latin1'));
  const lora = await write('lora.safetensors', trainedLora);
  const { code, out } = await inspect('--json', checkpoint, pickle, lora);
  const objects = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(code).toBe(1);
  expect(objects).toMatchObject([
    { path: checkpoint, kind: 'checkpoint', family: 'sdxl', dtype: 'float16', parameters: 642428 },
    { path: pickle, error: { code: 'weights-pickle', remedy: expect.stringContaining('.safetensors') as unknown } },
    { path: lora, kind: 'lora', adapter: { rank: 8, training: { title: 'charcoal' } } },
  ]);
});

it('wants a file', async () => {
  expect((await inspect()).code).toBe(2);
});
