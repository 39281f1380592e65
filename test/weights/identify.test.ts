import { cp, mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Kind } from '../../bridge-server/weights/kind-names.ts';
import { worksWith } from '../../bridge-server/weights/identify.ts';
import { identify, openModel, requirePart } from '../../bridge-server/weights/model.ts';
import { openSafetensors, readTensor } from '../../bridge-server/weights/safetensors.ts';
import { type Contents, float32, safetensorsBytes, scratch, zeros } from './file.ts';

const GOLDENS = path.join(import.meta.dirname, '..', 'goldens');
const { folder, write } = await scratch();

/** The tensors that tell an SD 1 U-Net in original names; others are variations of it. */
const SD15 = {
  'model.diffusion_model.input_blocks.0.0.weight': [8, 4, 3, 3],
  'model.diffusion_model.input_blocks.1.1.proj_in.weight': [8, 8, 1, 1],
  'model.diffusion_model.output_blocks.0.0.in_layers.2.weight': [8, 16, 3, 3],
  'first_stage_model.decoder.mid.block_1.conv1.weight': [8, 8, 3, 3],
};
const SD21 = { ...SD15, 'model.diffusion_model.input_blocks.1.1.proj_in.weight': [8, 8] };
const SDXL = {
  'model.diffusion_model.input_blocks.0.0.weight': [8, 4, 3, 3],
  'model.diffusion_model.label_emb.0.0.weight': [8, 20],
  'model.diffusion_model.output_blocks.0.0.in_layers.2.weight': [8, 16, 3, 3],
  'first_stage_model.decoder.mid.block_1.conv1.weight': [8, 8, 3, 3],
};
const spread = (values: number): Contents[string] => float32([4], [-values, values, -values, values]);
const V_MARK = 'model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias';

describe('what a file is, by its tensors', () => {
  it.each<[string, Contents, Kind, string | null, Record<string, unknown>]>([
    ['SD 1.5', zeros(SD15), 'checkpoint', 'sd15', { variant: { inpainting: false, prediction: 'epsilon' } }],
    [
      'SD 1.5 inpainting',
      zeros({ ...SD15, 'model.diffusion_model.input_blocks.0.0.weight': [8, 9, 3, 3] }),
      'checkpoint',
      'sd15',
      { variant: { inpainting: true } },
    ],
    [
      'SD 2.1 base',
      { ...zeros(SD21), [V_MARK]: spread(0.02) },
      'checkpoint',
      'sd21',
      { variant: { prediction: 'epsilon' } },
    ],
    ['SD 2.1', { ...zeros(SD21), [V_MARK]: spread(0.2) }, 'checkpoint', 'sd21', { variant: { prediction: 'v' } }],
    ['SDXL', zeros(SDXL), 'checkpoint', 'sdxl', { variant: { distilled: null } }],
    [
      'SDXL for v with zero terminal SNR',
      zeros({ ...SDXL, v_pred: [], ztsnr: [] }),
      'checkpoint',
      'sdxl',
      { variant: { prediction: 'v', zeroTerminalSnr: true } },
    ],
    [
      'SDXL refiner',
      zeros({ ...SDXL, 'model.diffusion_model.input_blocks.10.0.in_layers.2.weight': [8, 8, 3, 3] }),
      'checkpoint',
      'sdxl-refiner',
      {},
    ],
    [
      'LCM',
      zeros({ ...SD15, 'model.diffusion_model.time_embed.cond_proj.weight': [8, 8] }),
      'checkpoint',
      'sd15',
      { variant: { distilled: 'lcm' } },
    ],
    ['a VAE in original names', zeros({ 'decoder.mid.block_1.conv1.weight': [8, 8, 3, 3] }), 'vae', null, {}],
    ['a VAE of diffusers', zeros({ 'decoder.mid_block.resnets.0.conv1.weight': [8, 8, 3, 3] }), 'vae', null, {}],
    ['a text encoder', zeros({ 'text_model.final_layer_norm.weight': [8] }), 'text-encoder', null, {}],
    [
      'a ControlNet for SD 1.5',
      zeros({
        'control_model.zero_convs.0.0.weight': [8, 8, 1, 1],
        'control_model.input_blocks.1.1.proj_in.weight': [8, 8, 1, 1],
      }),
      'controlnet',
      'sd15',
      {},
    ],
    [
      'a ControlNet for SDXL',
      zeros({ 'controlnet_mid_block.weight': [8, 8, 1, 1], 'add_embedding.linear_1.weight': [8, 8] }),
      'controlnet',
      'sdxl',
      {},
    ],
    [
      'a LoRA of kohya for SD 1.5',
      zeros({
        'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight': [16, 768],
        'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight': [320, 16],
        'lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight': [16, 768],
        'lora_te_text_model_encoder_layers_0_mlp_fc1.lora_up.weight': [3072, 16],
      }),
      'lora',
      'sd15',
      { adapter: { algorithm: 'LoRA', naming: 'kohya', rank: 16, modules: 2, changes: ['unet', 'text encoder'] } },
    ],
    [
      'a LoRA of diffusers for SDXL',
      zeros({
        'unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight': [4, 2048],
        'unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.lora_B.weight': [640, 4],
      }),
      'lora',
      'sdxl',
      { adapter: { naming: 'diffusers', rank: 4, changes: ['unet'] } },
    ],
    [
      'a LoHa',
      zeros({
        'lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.hada_w1_a': [1280, 4],
        'lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.hada_w1_b': [4, 1024],
        'lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.hada_w2_a': [1280, 4],
        'lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.hada_w2_b': [4, 1024],
      }),
      'lora',
      'sd21',
      { adapter: { algorithm: 'LoHa', supported: true, rank: 4, modules: 1 } },
    ],
    [
      'a LoKr',
      zeros({
        'lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.lokr_w1': [16, 16],
        'lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.lokr_w2_a': [40, 8],
        'lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.lokr_w2_b': [8, 128],
      }),
      'lora',
      'sdxl',
      { adapter: { algorithm: 'LoKr', supported: true, rank: 8, modules: 1 } },
    ],
    [
      'an OFT',
      zeros({ 'lora_unet_mid_block_attentions_0_proj_in.oft_blocks': [4, 8, 8] }),
      'lora',
      null,
      { adapter: { algorithm: 'OFT', supported: false } },
    ],
    ['an embedding for SD 1.5', zeros({ emb_params: [2, 768] }), 'textual-inversion', 'sd15', {}],
    ['an embedding for SDXL', zeros({ clip_l: [2, 768], clip_g: [2, 1280] }), 'textual-inversion', 'sdxl', {}],
    ['an embedding of diffusers', zeros({ '<my-cat>': [1024] }), 'textual-inversion', 'sd21', {}],
    [
      'a motion module',
      zeros({
        'down_blocks.3.motion_modules.0.temporal_transformer.norm.weight': [8],
        'down_blocks.0.motion_modules.0.temporal_transformer.norm.weight': [8],
      }),
      'motion-module',
      'sd15',
      {},
    ],
    ['TAESD', zeros({ 'encoder.layers.1.conv.0.weight': [8, 8, 3, 3] }), 'taesd', null, {}],
    ["TAESD's decoder as published", zeros({ '19.weight': [3, 8, 3, 3], '1.weight': [8, 4, 3, 3] }), 'taesd', null, {}],
    ['an upscaler', zeros({ 'model.1.sub.0.RDB1.conv1.0.weight': [8, 8, 3, 3] }), 'upscaler', null, {}],
    ['an IP-Adapter', zeros({ 'ip_adapter.1.to_k_ip.weight': [8, 768] }), 'ip-adapter', 'sd15', {}],
  ])('%s', async (_, contents, kind, family, facts) => {
    const identity = await identify(await write('identified.safetensors', safetensorsBytes(contents)));
    expect(identity).toMatchObject({ kind, family, ...facts });
    expect(worksWith(identity)).toMatch(/\w/);
  });

  it('distillation by what the metadata say', async () => {
    const bytes = safetensorsBytes(zeros(SDXL), { 'modelspec.title': 'SDXL-Lightning 4-step' });
    const { variant } = await identify(await write('lightning.safetensors', bytes));
    expect(variant?.distilled).toBe('lightning');
  });

  it('counts parameters and finds the type of most', async () => {
    const contents = {
      ...zeros(SD15),
      ...zeros({ alphas_cumprod: [10] }, 'float32'),
      ...zeros({ ids: [77] }, 'int64'),
    };
    const identity = await identify(await write('counted.safetensors', safetensorsBytes(contents)));
    expect(identity).toMatchObject({ dtype: 'float16', parameters: 288 + 64 + 1152 + 576 + 10 });
    expect(identity.parts).toEqual([
      { part: 'unet', dtype: 'float16', parameters: 288 + 64 + 1152 },
      { part: 'vae', dtype: 'float16', parameters: 576 },
    ]);
  });

  it.each([
    ['FLUX', 'double_blocks.0.img_attn.qkv.weight'],
    ['FLUX', 'lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight'],
    ['FLUX', 'transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight'],
    ['Stable Diffusion 3', 'lora_unet_joint_blocks_0_x_block_attn_qkv.lora_down.weight'],
    ['Wan', 'lora_unet_blocks_0_cross_attn_k.lora_down.weight'],
    ['Stable Diffusion 3', 'model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight'],
    ['Stable Video Diffusion', 'model.diffusion_model.input_blocks.1.0.time_stack.in_layers.0.weight'],
  ])('%s is refused by name', async (family, name) => {
    const bytes = safetensorsBytes(zeros({ [name]: [8] }));
    await expect(identify(await write('other.safetensors', bytes))).rejects.toMatchObject({
      code: 'weights-family',
      facts: { family },
    });
  });

  it('refuses what it does not know', async () => {
    const bytes = safetensorsBytes(zeros({ 'bert.encoder.weight': [8, 8], other: [1] }));
    await expect(identify(await write('bert.safetensors', bytes))).rejects.toMatchObject({ code: 'weights-unknown' });
  });

  it('never goes by a name: a pickle called .safetensors is refused, a checkpoint called .ckpt is read', async () => {
    await expect(
      identify(await write('x.safetensors', Buffer.from('\x80\x02}q\x00.', 'latin1'))),
    ).rejects.toMatchObject({
      code: 'weights-pickle',
    });
    expect(await identify(await write('x.ckpt', safetensorsBytes(zeros(SD15))))).toMatchObject({ family: 'sd15' });
  });
});

describe('the layout of diffusers', () => {
  it('is a folder of parts, each with its configuration', async () => {
    const model = await openModel(path.join(GOLDENS, 'tiny-sdxl', 'diffusers'));
    expect(model.identity).toMatchObject({ kind: 'checkpoint', family: 'sdxl', dtype: 'float16' });
    expect(Object.keys(model.parts).sort()).toEqual(['textEncoder', 'textEncoder2', 'unet', 'vae']);
    expect(model.parts.unet?.config).toMatchObject({ attention_head_dim: [2, 4, 6] });
    expect(model.scheduler).toMatchObject({ timestep_spacing: 'leading' });
  });

  it('or of one part', async () => {
    const model = await openModel(path.join(GOLDENS, 'taesd'));
    expect(model.identity.kind).toBe('taesd');
    expect(model.parts.taesd?.config).toMatchObject({ latent_channels: 4 });
  });

  it('holds the same tensors as the single file, under the same names', async () => {
    const configs = path.join(GOLDENS, 'tiny-sdxl', 'diffusers');
    const single = await openModel(path.join(GOLDENS, 'tiny-sdxl', 'single-file', 'tiny-sdxl-fp16.safetensors'), {
      configs,
    });
    const several = await openModel(configs);
    for (const kind of ['unet', 'vae', 'textEncoder', 'textEncoder2'] as const) {
      const [a, b] = [requirePart(single, kind), requirePart(several, kind)];
      expect([...a.weights.keys()].sort()).toEqual([...b.weights.keys()].sort());
      expect(a.config).toEqual(b.config);
      for (const [name, weight] of a.weights) {
        const other = b.weights.get(name)!;
        if (weight.transposed) continue;
        expect(await readTensor(weight.path, weight), name).toEqual(await readTensor(other.path, other));
      }
    }
  });

  it('may be in shards, which an index names', async () => {
    const whole = path.join(GOLDENS, 'tiny-sd15', 'diffusers', 'unet', 'diffusion_pytorch_model.safetensors');
    const { tensors } = await openSafetensors(whole);
    const shards: Contents[] = [{}, {}];
    for (const [i, tensor] of [...tensors.values()].entries()) {
      Object.assign(shards[i % 2]!, { [tensor.name]: { ...tensor, data: await readTensor(whole, tensor) } });
    }
    await mkdir(path.join(folder, 'sharded'));
    for (const [i, shard] of shards.entries()) await write(`sharded/part-${i}.safetensors`, safetensorsBytes(shard));
    const index = (names: string[]): string =>
      JSON.stringify({ weight_map: Object.fromEntries(names.map((n, i) => [i, n])) });
    await write('sharded/model.safetensors.index.json', index(['part-0.safetensors', 'part-1.safetensors']));
    const { parts } = await openModel(path.join(folder, 'sharded'));
    expect(parts.unet?.weights.size).toBe(686);
    await write('sharded/model.safetensors.index.json', index(['../elsewhere.safetensors']));
    await expect(openModel(path.join(folder, 'sharded'))).rejects.toMatchObject({ code: 'weights-config' });
  });

  it('with pickles only is refused like a pickle', async () => {
    await mkdir(path.join(folder, 'pickled', 'unet'), { recursive: true });
    await write('pickled/unet/diffusion_pytorch_model.bin', 'PK\x03\x04');
    await expect(openModel(path.join(folder, 'pickled'))).rejects.toMatchObject({ code: 'weights-pickle' });
  });

  it('without models is refused, and so is a broken configuration', async () => {
    await mkdir(path.join(folder, 'empty'));
    await expect(openModel(path.join(folder, 'empty'))).rejects.toMatchObject({ code: 'weights-missing' });
    await cp(path.join(GOLDENS, 'taesd'), path.join(folder, 'broken'), { recursive: true });
    await write('broken/config.json', '{"_class_name":');
    await expect(openModel(path.join(folder, 'broken'))).rejects.toMatchObject({ code: 'weights-config' });
  });
});

describe('the configuration of a single file', () => {
  it('is found in a folder of its name or beside it, and only when it describes the part', async () => {
    const tiny = path.join(GOLDENS, 'tiny-sd15');
    await cp(path.join(tiny, 'single-file', 'tiny-sd15-fp16.safetensors'), path.join(folder, 'own.safetensors'));
    const config = async (): Promise<unknown> =>
      (await openModel(path.join(folder, 'own.safetensors'))).parts.unet?.config;
    expect(await config()).toBeNull();
    await write('config.json', JSON.stringify({ _class_name: 'ControlNetModel' }));
    expect(await config()).toBeNull();
    await mkdir(path.join(folder, 'own'));
    await cp(path.join(tiny, 'diffusers', 'unet', 'config.json'), path.join(folder, 'own', 'unet', 'config.json'));
    expect(await config()).toMatchObject({ attention_head_dim: 4 });
    await rename(path.join(folder, 'own', 'unet', 'config.json'), path.join(folder, 'config.json'));
    expect(await config()).toMatchObject({ attention_head_dim: 4 });
  });
});

it('misses a part by its name', async () => {
  const model = await openModel(await write('partial.safetensors', safetensorsBytes(zeros(SD15))));
  expect(() => requirePart(model, 'textEncoder')).toThrow(/holds no text encoder/);
});
