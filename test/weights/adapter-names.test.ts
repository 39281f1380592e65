import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AdaptedPart, adapterNames, kohyaName } from '../../bridge-server/weights/keys/adapter-names.ts';
import { realKeys } from './real-keys.ts';

type Module = { readonly part: AdaptedPart; readonly module: string; readonly original: string };

const FOLDERS: readonly (readonly [string, AdaptedPart])[] = [
  ['unet/', 'unet'],
  ['text_encoder/', 'textEncoder'],
  ['text_encoder_2/', 'textEncoder2'],
];

const WEIGHT = '.weight';

/** Every module of a real model that has weights; `original` without what all names of the network begin with. */
function modulesOf(file: 'sd15' | 'sdxl'): Module[] {
  const listed = realKeys(file).flatMap(({ original, diffusers }) => {
    const [folder, part] = FOLDERS.find(([name]) => diffusers.startsWith(name)) ?? [];
    if (!part || !diffusers.endsWith(WEIGHT)) return [];
    const module = diffusers.slice(folder!.length, -WEIGHT.length);
    return [{ part, module, original: original.replace('model.diffusion_model.', '').slice(0, -WEIGHT.length) }];
  });
  if (file === 'sd15') return listed;
  // The second encoder's own names are stacked in the list of originals, and have a list to themselves.
  const second = realKeys('sdxl-text-encoder-2-diffusers').filter(({ diffusers }) => diffusers.endsWith(WEIGHT));
  return [
    ...listed.filter(({ part }) => part !== 'textEncoder2'),
    ...second.map(({ diffusers }): Module => {
      return { part: 'textEncoder2', module: diffusers.slice(0, -WEIGHT.length), original: '' };
    }),
  ];
}

const underscored = (name: string): string => name.replaceAll('.', '_');

describe.each(['sd15', 'sdxl'] as const)('every module of %s', (file) => {
  const modules = modulesOf(file);
  const byName = new Map<string, Module>();
  for (const one of modules) for (const name of adapterNames(one.part, one.module)) byName.set(name, one);

  it('has names that no other module has', () => {
    expect(modules.length).toBe(file === 'sd15' ? 490 : 1409);
    for (const one of modules) {
      for (const name of adapterNames(one.part, one.module)) expect(byName.get(name), name).toBe(one);
    }
  });

  it('is found by the name that training writes, and by those of kohya, PEFT and diffusers', () => {
    const kohya = {
      unet: 'lora_unet_',
      textEncoder: file === 'sdxl' ? 'lora_te1_' : 'lora_te_',
      textEncoder2: 'lora_te2_',
    };
    const peft = { unet: 'unet.', textEncoder: 'text_encoder.', textEncoder2: 'text_encoder_2.' };
    fc.assert(
      fc.property(fc.constantFrom(...modules), (one) => {
        const { part, module } = one;
        expect(kohyaName(part, module, file === 'sdxl')).toBe(kohya[part] + underscored(module));
        expect(byName.get(kohya[part] + underscored(module))).toBe(one);
        expect(byName.get(peft[part] + module)).toBe(one);
      }),
      { numRuns: 500 },
    );
  });

  it('of the U-Net is found by its name in original checkpoints', () => {
    for (const one of modules.filter(({ part }) => part === 'unet')) {
      expect(byName.get(`lora_unet_${underscored(one.original)}`), one.original).toBe(one);
      expect(byName.get(`diffusion_model.${one.original}`)).toBe(one);
    }
  });
});

it('attention has its names of older diffusers too', () => {
  const attention = 'down_blocks.0.attentions.1.transformer_blocks.0.attn2';
  expect(adapterNames('unet', `${attention}.to_k`)).toContain(`unet.${attention}.processor.to_k_lora`);
  expect(adapterNames('unet', `${attention}.to_out.0`)).toContain(`${attention}.processor.to_out_lora`);
  const text = 'text_model.encoder.layers.3.self_attn';
  expect(adapterNames('textEncoder', `${text}.q_proj`)).toContain(`text_encoder.${text}.to_q_lora`);
});
