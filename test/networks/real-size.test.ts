import { describe, expect, it } from 'vitest';
import { refuseUnfit } from '../../bridge-server/diffusion/networks/controlnet.ts';
import { Failure } from '../../bridge-server/errors.ts';
import { recordControlNet } from '../../bridge-server/networks/controlnet.ts';
import { longestClip } from '../../bridge-server/networks/motion.ts';
import { recordTextEncoder } from '../../bridge-server/networks/text-encoder.ts';
import { recordUNet } from '../../bridge-server/networks/unet.ts';
import { recordVaeDecoder, recordVaeEncoder } from '../../bridge-server/networks/vae.ts';
import type { Recording } from '../../bridge-server/onnx/model.ts';
import type { Family } from '../../bridge-server/weights/family.ts';
import { familyOfNetwork } from '../../bridge-server/weights/family.ts';
import { realKeys } from '../weights/real-keys.ts';
import { motionShapes, partOfShapes } from './model.ts';

type Shapes = ReadonlyMap<string, readonly number[]>;

/** Names in diffusers and shapes of one part of a real model. */
const shapesOf = (file: string, folder: string): Shapes =>
  new Map(
    realKeys(file)
      .filter(({ diffusers }) => diffusers.startsWith(folder))
      .map(({ diffusers, shape }) => [diffusers.slice(folder.length), shape]),
  );

const mapped = (shapes: Shapes, change: (name: string, shape: readonly number[]) => readonly number[]): Shapes =>
  new Map([...shapes].map(([name, shape]) => [name, change(name, shape)]));

const SD15 = shapesOf('sd15', 'unet/');
const SDXL = shapesOf('sdxl', 'unet/');
/** SD 2.1 is SD 1.5 with another text width and matrices for projections. */
const SD21 = mapped(SD15, (name, shape) =>
  /proj_(in|out)\.weight$/.test(name)
    ? shape.slice(0, 2)
    : /attn2\.to_[kv]\.weight$/.test(name)
      ? [shape[0]!, 1024]
      : shape,
);
const INPAINTING = mapped(SD15, (name, shape) => (name === 'conv_in.weight' ? [320, 9, 3, 3] : shape));

const LATENTS = { batch: 'batch', height: 'height', width: 'width', tokens: 'tokens' };
const STORED = { storage: 'mapped' } as const;

/** Weights that a model uses: its external tensors, counted by the key of their offset entries. */
const weightsUsed = ({ bytes }: Recording): number =>
  Buffer.from(bytes).toString('latin1').split('nowhere/real').length - 1;

/** Numbers of heads in the order of recording, from the attributes of the fused attention. */
const headsUsed = ({ bytes }: Recording): Set<number> =>
  new Set(
    [
      ...Buffer.from(bytes)
        .toString('latin1')
        .matchAll(/num_heads\x18(.)/gs),
    ].map(([, byte]) => byte!.charCodeAt(0)),
  );

describe('the U-Net of a real model uses every tensor of it', () => {
  it.each<[string, Family, Shapes, number, number[]]>([
    ['SD 1.5', 'sd15', SD15, 4, [8]],
    ['SD 1.5 inpainting', 'sd15', INPAINTING, 9, [8]],
    ['SD 2.1', 'sd21', SD21, 4, [5, 10, 20]],
    ['SDXL', 'sdxl', SDXL, 4, [10, 20]],
  ])('%s', (_, family, shapes, channels, heads) => {
    const part = partOfShapes('unet', family, shapes);
    expect(familyOfNetwork(part.weights)).toBe(family);
    const recording = recordUNet(part, LATENTS, STORED);
    expect(weightsUsed(recording)).toBe(shapes.size);
    expect(headsUsed(recording)).toEqual(new Set(heads));
    expect(recording.inputs.find(({ name }) => name === 'sample')?.shape).toEqual([
      'batch',
      channels,
      'height',
      'width',
    ]);
    expect(recording.outputs).toEqual([
      { name: 'prediction', dtype: 'float32', shape: ['batch', 4, 'height', 'width'] },
    ]);
  });

  it('SDXL also takes the pooled text and six numbers', () => {
    const { inputs } = recordUNet(partOfShapes('unet', 'sdxl', SDXL), LATENTS, STORED);
    expect(inputs.map(({ name, shape }) => [name, shape[1]])).toEqual([
      ['sample', 4],
      ['timestep', undefined],
      ['context', 'tokens'],
      ['pooled', 1280],
      ['time_ids', 6],
    ]);
  });
});

describe('the ControlNet of a real model uses every tensor of it, and adds what the U-Net takes', () => {
  const isShared = (name: string): boolean =>
    /^(conv_in|time_embedding|add_embedding|down_blocks|mid_block)\b/.test(name);
  /** What a ControlNet has beside its copy of the way down, for skip connections of these widths. */
  const own = (skips: readonly number[]): [string, readonly number[]][] => {
    const conv = (name: string, out: number, channels: number, size: number): [string, readonly number[]][] => [
      [`${name}.weight`, [out, channels, size, size]],
      [`${name}.bias`, [out]],
    ];
    const widths = [16, 16, 32, 32, 96, 96, 256];
    return [
      ...conv('controlnet_cond_embedding.conv_in', 16, 3, 3),
      ...widths.slice(1).flatMap((out, i) => conv(`controlnet_cond_embedding.blocks.${i}`, out, widths[i]!, 3)),
      ...conv('controlnet_cond_embedding.conv_out', 320, 256, 3),
      ...skips.flatMap((width, i) => conv(`controlnet_down_blocks.${i}`, width, width, 1)),
      ...conv('controlnet_mid_block', skips.at(-1)!, skips.at(-1)!, 1),
    ];
  };
  const copied = (unet: Shapes, skips: readonly number[]): Shapes =>
    new Map([...[...unet].filter(([name]) => isShared(name)), ...own(skips)]);
  const fourLevels = [320, 320, 320, 320, 640, 640, 640, 1280, 1280, 1280, 1280, 1280];

  it.each<[string, Family, Shapes, Shapes]>([
    ['SD 1.5', 'sd15', shapesOf('controlnet-sd15', ''), SD15],
    ['SD 2.1', 'sd21', copied(SD21, fourLevels), SD21],
    ['SDXL', 'sdxl', copied(SDXL, [320, 320, 320, 320, 640, 640, 640, 1280, 1280]), SDXL],
  ])('%s', (_, family, shapes, unetShapes) => {
    const [net, unet] = [partOfShapes('controlnet', family, shapes), partOfShapes('unet', family, unetShapes)];
    expect(familyOfNetwork(net.weights)).toBe(family);
    const recording = recordControlNet(net, LATENTS, STORED);
    expect(weightsUsed(recording)).toBe(shapes.size);
    expect(recording.inputs.find(({ name }) => name === 'map')!.shape).toEqual(['batch', 3, '8*height', '8*width']);
    const { inputs } = recordUNet(unet, LATENTS, { ...STORED, residuals: true });
    expect(recording.outputs).toEqual(inputs.filter(({ name }) => /^(skip_|middle)/.test(name)));
    expect(() => refuseUnfit(net, unet)).not.toThrow();
  });

  it('of another family is refused by what differs', () => {
    const net = partOfShapes('controlnet', 'sd15', shapesOf('controlnet-sd15', ''));
    expect(() => refuseUnfit(net, partOfShapes('unet', 'sd21', SD21))).toThrow(
      /context is \[1, 77, 768\], not \[1, 77, 1024\]/,
    );
    expect(() => refuseUnfit(net, partOfShapes('unet', 'sdxl', SDXL))).toThrow(Failure);
    expect(() => refuseUnfit(net, partOfShapes('unet', 'sd15', INPAINTING))).not.toThrow();
  });

  it('of several kinds in one is refused', () => {
    const union = partOfShapes('controlnet', 'sdxl', new Map([['task_embedding', [8, 320]]]));
    expect(() => refuseUnfit(union, partOfShapes('unet', 'sdxl', SDXL))).toThrow(/union ControlNet/);
  });
});

it('the motion modules of AnimateDiff, one after each block, are used to the last tensor', () => {
  const shapes = motionShapes([320, 640, 1280, 1280]);
  const motion = { part: partOfShapes('motion', 'sd15', shapes), clips: 'clips', frames: 'frames' };
  const sizes = { ...LATENTS, batch: 'clips*frames' };
  const recording = recordUNet(partOfShapes('unet', 'sd15', SD15), sizes, { ...STORED, motion });
  expect(weightsUsed(recording)).toBe(SD15.size + shapes.size);
  expect(recording.inputs.find(({ name }) => name === 'positions')).toEqual({
    name: 'positions',
    dtype: 'int64',
    shape: ['clips', 'frames'],
  });
  expect(longestClip(motion.part)).toBe(32);
});

it('the VAE of a real model uses every tensor of it, half in each direction', () => {
  const shapes = mapped(shapesOf('sd15', 'vae/'), (_, shape) => shape);
  const part = partOfShapes('vae', 'sd15', shapes);
  const picture = { batch: 1, height: 512, width: 768 };
  const [encoder, decoder] = [
    recordVaeEncoder(part, picture, STORED),
    recordVaeDecoder(part, { batch: 1, height: 64, width: 96 }, STORED),
  ];
  expect(weightsUsed(encoder) + weightsUsed(decoder)).toBe(shapes.size);
  expect(encoder.outputs.map(({ shape }) => shape)).toEqual([
    [1, 4, 64, 96],
    [1, 4, 64, 96],
  ]);
  expect(decoder.outputs.map(({ shape }) => shape)).toEqual([[1, 3, 512, 768]]);
});

describe('the text encoder of a real model uses every tensor of it', () => {
  it.each<[string, Shapes, 'textEncoder' | 'textEncoder2', Family, number, number]>([
    ['CLIP ViT-L', shapesOf('sd15', 'text_encoder/'), 'textEncoder', 'sd15', 768, 12],
    ['OpenCLIP bigG', shapesOf('sdxl-text-encoder-2-diffusers', ''), 'textEncoder2', 'sdxl', 1280, 20],
  ])('%s', (_, shapes, kind, family, width, heads) => {
    const options = { ...STORED, fromEnd: 0, finalNorm: true, pooled: true };
    const recording = recordTextEncoder(partOfShapes(kind, family, shapes), { batch: 2 }, options);
    expect(weightsUsed(recording)).toBe(shapes.size);
    expect(headsUsed(recording)).toEqual(new Set([heads]));
    expect(recording.outputs.map(({ shape }) => shape)).toEqual([
      [2, 77, width],
      [2, width],
    ]);
  });
});

describe('a file that does not fit', () => {
  it('is refused by the tensor that it lacks', () => {
    const shapes = new Map(SD15);
    shapes.delete('mid_block.attentions.0.transformer_blocks.0.attn2.to_v.weight');
    expect(() => recordUNet(partOfShapes('unet', 'sd15', shapes), LATENTS, STORED)).toThrow(
      /lacks the tensor mid_block\.attentions\.0\.transformer_blocks\.0\.attn2\.to_v\.weight/,
    );
  });

  it('is refused by the tensors and shapes that do not meet', () => {
    const shapes = new Map(SD15).set('down_blocks.1.resnets.0.conv1.weight', [640, 321, 3, 3]);
    expect(() => recordUNet(partOfShapes('unet', 'sd15', shapes), LATENTS, STORED)).toThrow(
      /reads 321 channels, the picture has 320.*\[640, 321, 3, 3\]/,
    );
  });

  it('is refused by the value of its configuration', () => {
    const part = { ...partOfShapes('unet', 'sd15', SD15), config: { attention_head_dim: 'eight' } };
    expect(() => recordUNet(part, LATENTS, STORED)).toThrow(/attention_head_dim/);
  });
});
