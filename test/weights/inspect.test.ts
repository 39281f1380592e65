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

it('says in words what a file is', async () => {
  const { code, out } = await inspect(checkpoint);
  expect(code).toBe(0);
  expect(out).toMatch(/is +Checkpoint for SDXL\n/);
  expect(out).toMatch(/U-Net +366 k parameters in F16\n/);
  expect(out).toMatch(/works with +LoRA, ControlNet/);
});

it('says it as one JSON object a file, refusals among them, and ends with 1 for those', async () => {
  const pickle = await write('renamed.safetensors', Buffer.from('\x80\x02}q\x00.', 'latin1'));
  const lora = await write('lora.safetensors', safetensorsBytes(zeros({ 'lora_unet_x.lora_down.weight': [8, 4] })));
  const { code, out } = await inspect('--json', checkpoint, pickle, lora);
  const objects = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(code).toBe(1);
  expect(objects).toMatchObject([
    { path: checkpoint, kind: 'checkpoint', family: 'sdxl', dtype: 'float16', parameters: 642428 },
    { path: pickle, error: { code: 'weights-pickle', remedy: expect.stringContaining('.safetensors') as unknown } },
    { path: lora, kind: 'lora', adapter: { rank: 8 } },
  ]);
});

it('wants a file', async () => {
  expect((await inspect()).code).toBe(2);
});
