import { describe, expect, it } from 'vitest';
import { CLIP, CLIP_BARE, OPEN_CLIP_G, OPEN_CLIP_H } from '../../bridge-server/weights/keys/clip.ts';
import { type KeyMap, mapKey } from '../../bridge-server/weights/keys/key-map.ts';
import { MOTION } from '../../bridge-server/weights/keys/motion.ts';
import { CONTROLNET, UNET } from '../../bridge-server/weights/keys/unet.ts';
import { VAE, VAE_DIFFUSERS } from '../../bridge-server/weights/keys/vae.ts';
import { realKeys } from './real-keys.ts';

const strip = (text: string, prefix: string): string => (text.startsWith(prefix) ? text.slice(prefix.length) : text);

describe.each<[string, string, string, KeyMap, number]>([
  ['sd15', 'model.diffusion_model.', 'unet/', UNET, 686],
  ['sd15', 'first_stage_model.', 'vae/', VAE, 248],
  ['sd15', 'cond_stage_model.transformer.', 'text_encoder/', CLIP, 196],
  ['sdxl', 'model.diffusion_model.', 'unet/', UNET, 1680],
  ['sdxl', 'first_stage_model.', 'vae/', VAE, 248],
  ['sdxl', 'conditioner.embedders.0.transformer.', 'text_encoder/', CLIP, 196],
  ['controlnet-sd15', 'control_model.', '', CONTROLNET, 340],
])('%s below %s', (file, prefix, folder, map, count) => {
  const keys = realKeys(file).filter(({ original }) => original.startsWith(prefix));

  it(`maps all ${count} tensors`, () => {
    expect(keys).toHaveLength(count);
    for (const { original, diffusers } of keys) {
      const name = strip(diffusers, folder);
      expect(mapKey(map, strip(original, prefix))).toEqual([{ name, slice: 0, slices: 1, transposed: false }]);
    }
  });
});

describe('OpenCLIP', () => {
  const originals = realKeys('sdxl').filter(({ original }) => original.startsWith('conditioner.embedders.1.model.'));
  const expected = new Map(realKeys('sdxl-text-encoder-2-diffusers').map(({ diffusers, shape }) => [diffusers, shape]));

  it('bigG maps onto exactly the tensors that diffusers has, with their shapes', () => {
    const found = new Map<string, number[]>();
    for (const { original, shape } of originals) {
      for (const { name, slices, transposed } of mapKey(
        OPEN_CLIP_G,
        strip(original, 'conditioner.embedders.1.model.'),
      )) {
        const rows = [(shape[0] ?? 1) / slices, ...shape.slice(1)];
        found.set(name, transposed ? rows.reverse() : rows);
      }
    }
    expect(found).toEqual(expected);
  });

  it('stacks query, key and value in this order', () => {
    expect(
      mapKey(OPEN_CLIP_G, 'transformer.resblocks.3.attn.in_proj_bias').map(({ name, slice }) => [name, slice]),
    ).toEqual([
      ['text_model.encoder.layers.3.self_attn.q_proj.bias', 0],
      ['text_model.encoder.layers.3.self_attn.k_proj.bias', 1],
      ['text_model.encoder.layers.3.self_attn.v_proj.bias', 2],
    ]);
  });

  it('H leaves out the layer that Stable Diffusion 2 was not trained on', () => {
    expect(mapKey(OPEN_CLIP_H, 'transformer.resblocks.22.ln_1.weight')).toHaveLength(1);
    expect(mapKey(OPEN_CLIP_H, 'transformer.resblocks.23.ln_1.weight')).toHaveLength(0);
  });
});

describe("AnimateDiff's motion modules", () => {
  const name = (original: string): string | undefined => mapKey(MOTION, original)[0]?.name;

  it.each([
    ['norm.weight', 'norm.weight'],
    ['proj_out.bias', 'proj_out.bias'],
    ['transformer_blocks.0.attention_blocks.0.to_q.weight', 'transformer_blocks.0.attn1.to_q.weight'],
    ['transformer_blocks.0.attention_blocks.1.to_out.0.bias', 'transformer_blocks.0.attn2.to_out.0.bias'],
    ['transformer_blocks.0.attention_blocks.0.pos_encoder.pe', 'transformer_blocks.0.pos_embed.pe'],
    ['transformer_blocks.0.norms.1.weight', 'transformer_blocks.0.norm2.weight'],
    ['transformer_blocks.0.ff_norm.bias', 'transformer_blocks.0.norm3.bias'],
    ['transformer_blocks.0.ff.net.0.proj.weight', 'transformer_blocks.0.ff.net.0.proj.weight'],
  ])('%s', (original, diffusers) => {
    for (const module of [
      'down_blocks.3.motion_modules.1',
      'mid_block.motion_modules.0',
      'up_blocks.0.motion_modules.2',
    ])
      expect(name(`${module}.temporal_transformer.${original}`)).toBe(`${module}.${diffusers}`);
  });

  it('are at most two a level on the way down', () =>
    expect(name('down_blocks.0.motion_modules.2.temporal_transformer.norm.weight')).toBeUndefined());
});

it('knows the names of older files', () => {
  const [vae] = mapKey(VAE_DIFFUSERS, 'decoder.mid_block.attentions.0.proj_attn.weight');
  expect(vae?.name).toBe('decoder.mid_block.attentions.0.to_out.0.weight');
  const [clip] = mapKey(CLIP_BARE, 'encoder.layers.0.mlp.fc1.bias');
  expect(clip?.name).toBe('text_model.encoder.layers.0.mlp.fc1.bias');
});

it('leaves out what is no weight', () => {
  for (const name of ['position_ids', 'time_embedx.0.weight', 'input_blocks.13.0.in_layers.0.weight', '']) {
    expect(mapKey(UNET, name)).toEqual([]);
  }
});
