import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { identityOfFile, identityOfModel } from '../../bridge-server/jobs/weights-identity.ts';
import { openModel } from '../../bridge-server/weights/model.ts';
import { rewriteTensor, tinyFolder } from '../diffusion/model.ts';
import { newFolder } from './folder.ts';

test('a model is the same wherever it lies, and another when anything of it changes', async () => {
  const tiny = await tinyFolder('sd15');
  const identity = async (folder: string): Promise<string> => identityOfModel(await openModel(folder));
  const first = await identity(tiny);
  const changed = async (change: (folder: string) => Promise<void>): Promise<string> => {
    const copy = join(await newFolder(), 'copy');
    await cp(tiny, copy, { recursive: true });
    await change(copy);
    return await identity(copy);
  };
  expect(await changed(() => Promise.resolve())).toBe(first);

  const weights = join('unet', 'diffusion_pytorch_model.safetensors');
  const others = [
    await changed((folder) =>
      rewriteTensor(join(folder, weights), 'mid_block.resnets.0.conv1.weight', (shape, data) => ({
        shape: [...shape],
        data: data.map((byte, i) => (i % 2 === 0 ? byte ^ 1 : byte)),
      })),
    ),
    await changed((folder) => writeFile(join(folder, 'vae', 'config.json'), '{"_class_name":"AutoencoderKL"}')),
    await changed((folder) => writeFile(join(folder, 'tokenizer', 'merges.txt'), '#version: 0.2\na b\n')),
    await changed((folder) => writeFile(join(folder, 'scheduler', 'scheduler_config.json'), '{}')),
  ];
  expect(new Set([first, ...others]).size).toBe(1 + others.length);
});

test('a file is known by its tensors and by what it says of itself', async () => {
  const lora = join(import.meta.dirname, '..', 'goldens', 'tiny-lora', 'kohya-linear.safetensors');
  const copy = join(await newFolder(), 'renamed.safetensors');
  await cp(lora, copy);
  expect(await identityOfFile(copy)).toBe(await identityOfFile(lora));
});
