import { describe, expect, it } from 'vitest';
import { textLayer, recordTextEncoder } from '../../bridge-server/networks/text-encoder.ts';
import { recordUNet } from '../../bridge-server/networks/unet.ts';
import { recordVaeDecoder, scalingFactor } from '../../bridge-server/networks/vae.ts';
import { type Recording } from '../../bridge-server/onnx/model.ts';
import { runGraph, type Tensor, type Tensors } from '../../bridge-server/onnx/session.ts';
import { compare, ONE_CALL } from '../../bridge-server/parity/case.ts';
import type { Weight } from '../../bridge-server/weights/parts.ts';
import { type Part, requirePart } from '../../bridge-server/weights/model.ts';
import { openSafetensors, readFloats } from '../../bridge-server/weights/safetensors.ts';
import { float32, safetensorsBytes, scratch } from '../weights/file.ts';
import { constant, noise, tiny } from './model.ts';

const { write } = await scratch();
/** Another order of summation: what the runtime's kernels choose by the sizes of their operands. */
const SAME = 1e-5;

const STORED = { storage: 'mapped' } as const;
const [sd15, sdxl] = await Promise.all([tiny('sd15'), tiny('sdxl')]);
const unet = requirePart(sd15, 'unet');
const text = requirePart(sd15, 'textEncoder');

/** Networks this small gain nothing from threads. */
const run = (recording: Recording, given: Tensors): Promise<Record<string, Tensor>> =>
  runGraph(recording, given, { threads: 1 });

const data = (tensor: Tensor | undefined): Float32Array => tensor!.data as Float32Array;
const LATENTS = { batch: 2, height: 6, width: 10, tokens: 77 };
const feeds = { sample: noise([2, 4, 6, 10]), timestep: constant(500, [2]), context: noise([2, 77, 32], 2) };
const predict = async (part: Part, options: object, given: Tensors, sizes = LATENTS): Promise<Float32Array> =>
  data((await run(recordUNet(part, sizes, { ...STORED, ...options }), given))['prediction']);

describe('recording otherwise does not change what is computed', () => {
  it('attention of plain operators is the fused one, with and without a causal mask', async () => {
    const fused = await predict(unet, {}, feeds);
    expect(compare(await predict(unet, { fusedAttention: false }, feeds), fused).relativeL2).toBeLessThan(SAME);
    const ids: Tensor = {
      dtype: 'int64',
      shape: [1, 77],
      data: BigInt64Array.from({ length: 77 }, (_, i) => BigInt((i * 31) % 999)),
    };
    const hidden = async (fusedAttention: boolean): Promise<Float32Array> => {
      const options = { ...STORED, fusedAttention, fromEnd: 0, finalNorm: true, pooled: false };
      return data((await run(recordTextEncoder(text, { batch: 1 }, options), { ids }))['hidden']);
    };
    expect(compare(await hidden(false), await hidden(true)).relativeL2).toBeLessThan(SAME);
  });

  it('sizes by name give what the same sizes as numbers give', async () => {
    const named = recordUNet(unet, { batch: 'b', height: 'h', width: 'w', tokens: 't' }, STORED);
    const fixed = await predict(unet, {}, feeds);
    expect(compare(data((await run(named, feeds))['prediction']), fixed).relativeL2).toBeLessThan(SAME);
  });

  it('an item does not depend on the others in its batch', async () => {
    const both = await predict(unet, {}, feeds);
    const half = (tensor: Tensor): Tensor => {
      const values = tensor.data.slice(tensor.data.length / 2) as Float32Array;
      return { dtype: 'float32', shape: [1, ...tensor.shape.slice(1)], data: values };
    };
    const second = Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, half(tensor)]));
    const alone = await predict(unet, {}, second, { ...LATENTS, batch: 1 });
    expect(compare(alone, both.slice(both.length / 2)).relativeL2).toBeLessThan(SAME);
  });
});

describe('the U-Net', () => {
  it('adds what a ControlNet says to its skips and middle; zeros change nothing', async () => {
    const { inputs } = recordUNet(unet, LATENTS, { ...STORED, residuals: true });
    const extra = inputs.filter(({ name }) => /^(skip_\d+|middle)$/.test(name));
    expect(extra).toHaveLength(13);
    const residuals = (value: number): Tensors =>
      Object.fromEntries(extra.map(({ name, shape }) => [name, constant(value, shape.map(Number))]));
    const plain = await predict(unet, {}, feeds);
    expect(await predict(unet, { residuals: true }, { ...feeds, ...residuals(0) })).toEqual(plain);
    const pushed = await predict(unet, { residuals: true }, { ...feeds, ...residuals(0.5) });
    expect(compare(pushed, plain).relativeL2).toBeGreaterThan(1e-2);
  });

  describe('with cross-frame attention', () => {
    const frames = { ...LATENTS, batch: 3 };
    const item = { sample: noise([1, 4, 6, 10]), timestep: constant(500, [1]), context: noise([1, 77, 32], 2) };
    const repeated = Object.fromEntries(Object.entries(item).map(([name, tensor]) => [name, times(tensor, 3)]));
    const three = { ...repeated, sample: noise([3, 4, 6, 10], 7) };
    const seeing = (given: Tensors, ...sees: (readonly number[])[]): Promise<Float32Array> =>
      predict(unet, { crossFrame: true }, { ...given, sees: rows(sees) }, frames);

    it('frames that see only themselves are what they are alone, bit for bit', async () => {
      expect(await seeing(three, [0], [1], [2])).toEqual(await predict(unet, {}, three, frames));
    });

    it('identical frames are what one is alone, whomever they see', async () => {
      const alone = await predict(unet, {}, item, { ...LATENTS, batch: 1 });
      const three = Float32Array.from([...alone, ...alone, ...alone]);
      const everyone = await seeing(repeated, [0, 0, 0], [1, 0, 0], [2, 0, 1]);
      expect(compare(everyone, three).relativeL2).toBeLessThan(ONE_CALL);
      expect(compare(await seeing(repeated, [0, 1], [0, 1], [2, 2]), three).relativeL2).toBeLessThan(ONE_CALL);
    });

    it('a frame depends on those that it sees, in whatever order, and on no other', async () => {
      const third = (values: Float32Array, n: number): Float32Array =>
        values.subarray((n * values.length) / 3, ((n + 1) * values.length) / 3);
      const alone = await seeing(three, [0], [1], [2]);
      const chain = await seeing(three, [0, 0], [1, 0], [2, 0]);
      expect(compare(third(chain, 0), third(alone, 0)).relativeL2).toBeLessThan(SAME);
      expect(compare(third(chain, 1), third(alone, 1)).relativeL2).toBeGreaterThan(1e-3);
      const reordered = await seeing(three, [0, 0], [0, 1], [0, 2]);
      expect(compare(reordered, chain).relativeL2).toBeLessThan(SAME);
    });
  });

  it('with nine channels reads mask and masked picture', async () => {
    const conv = unet.weights.get('conv_in.weight')!;
    const four = await readFloats(conv.path, conv);
    // The four known channels, and five more that count a tenth of the first.
    const nine = Array.from({ length: 8 * 9 * 9 }, (_, i) => {
      const [filter, channel, tap] = [Math.floor(i / 81), Math.floor(i / 9) % 9, i % 9];
      return channel < 4 ? four[filter * 36 + channel * 9 + tap]! : four[filter * 36 + tap]! / 10;
    });
    const part = withWeight(unet, 'conv_in.weight', await weightOf([8, 9, 3, 3], nine));
    const nothing = await predict(part, {}, { ...feeds, sample: widened(feeds.sample, 0) });
    expect(compare(nothing, await predict(unet, {}, feeds)).relativeL2).toBeLessThan(SAME);
    const masked = await predict(part, {}, { ...feeds, sample: widened(feeds.sample, 1) });
    expect(compare(masked, nothing).relativeL2).toBeGreaterThan(1e-2);
  });

  it('distilled with guidance is told it, and guidance 1 with weights of zero sines is none', async () => {
    // The projection of 4 numbers, sines of w first: at guidance 1 they are sin 0 = 0 and cos 0 = 1.
    const rows = Array.from({ length: 8 * 4 }, (_, i) => (i % 4 < 2 ? 0.3 : 0));
    const part = withWeight(unet, 'time_embedding.cond_proj.weight', await weightOf([8, 4], rows));
    const at = (guidance: number): Promise<Float32Array> =>
      predict(part, {}, { ...feeds, guidance: constant(guidance, [2]) });
    const plain = await predict(unet, {}, feeds);
    expect(compare(await at(1), plain).relativeL2).toBeLessThan(SAME);
    expect(compare(await at(7.5), plain).relativeL2).toBeGreaterThan(1e-4);
  });
});

describe('the text encoder', () => {
  const ids = (values: readonly number[]): Tensor => ({
    dtype: 'int64',
    shape: [1, 77],
    data: BigInt64Array.from({ length: 77 }, (_, i) => BigInt(values[i] ?? 999)),
  });
  const encode = async (tokens: Tensor, inversions?: Tensor): Promise<Record<string, Tensor>> => {
    const options = {
      ...STORED,
      ...textLayer('sd15'),
      pooled: true,
      ...(inversions ? { inversions: inversions.shape[0]! } : {}),
    };
    return run(recordTextEncoder(text, { batch: 1 }, options), {
      ids: tokens,
      ...(inversions ? { inversions } : {}),
    });
  };

  it('reads learned words where ids are beyond the vocabulary', async () => {
    const table = text.weights.get('text_model.embeddings.token_embedding.weight')!;
    const all = await readFloats(table.path, table);
    const learned: Tensor = {
      dtype: 'float32',
      shape: [2, 32],
      data: Float32Array.from([...all.slice(5 * 32, 6 * 32), ...all.slice(17 * 32, 18 * 32)]),
    };
    const asWords = await encode(ids([998, 3, 5, 17]));
    const asLearned = await encode(ids([998, 3, 1000, 1001]), learned);
    expect(compare(data(asLearned['hidden']), data(asWords['hidden'])).relativeL2).toBeLessThan(SAME);
    expect(compare(data(asLearned['pooled']), data(asWords['pooled'])).relativeL2).toBeLessThan(SAME);
  });

  it('pools at the first end of the text', async () => {
    const { hidden, pooled } = await encode(ids([998, 3, 999, 12, 999]));
    expect(compare(data(pooled), data(hidden).slice(2 * 32, 3 * 32)).relativeL2).toBeLessThan(SAME);
  });

  it('is read where its family was trained', () => {
    expect(textLayer('sd15')).toEqual({ fromEnd: 0, finalNorm: true });
    expect(textLayer('sd15', 2)).toEqual({ fromEnd: 1, finalNorm: true });
    expect(textLayer('sdxl')).toEqual({ fromEnd: 1, finalNorm: false });
    expect(textLayer('sdxl', 2)).toEqual({ fromEnd: 2, finalNorm: false });
  });
});

describe('the VAE', () => {
  it('has the scale of its family unless its configuration says otherwise', () => {
    const vae = requirePart(sd15, 'vae');
    expect(scalingFactor({ ...vae, config: null })).toBe(0.18215);
    expect(scalingFactor({ ...requirePart(sdxl, 'vae'), config: null })).toBe(0.13025);
    expect(scalingFactor({ ...vae, config: { scaling_factor: 0.5 } })).toBe(0.5);
  });

  it('in the names of older files decodes to the same picture', async () => {
    const vae = requirePart(sd15, 'vae');
    const latents = noise([1, 4, 4, 6]);
    const decode = async (part: Part): Promise<Float32Array> =>
      data((await run(recordVaeDecoder(part, { batch: 1, height: 4, width: 6 }, STORED), { latents }))['image']);
    const image = await decode(vae);
    expect(image).toHaveLength(3 * 32 * 48);
    const asConvolutions = new Map(vae.weights);
    const name = 'decoder.mid_block.attentions.0.to_q.weight';
    asConvolutions.set(name, { ...vae.weights.get(name)!, shape: [16, 16, 1, 1] });
    expect(await decode({ ...vae, weights: asConvolutions })).toEqual(image);
  });
});

const rows = (values: readonly (readonly number[])[]): Tensor => ({
  dtype: 'int64',
  shape: [values.length, values[0]!.length],
  data: BigInt64Array.from(values.flat(), BigInt),
});

const times = ({ shape, data }: Tensor & { dtype: 'float32' }, count: number): Tensor => ({
  dtype: 'float32',
  shape: [shape[0]! * count, ...shape.slice(1)],
  data: Float32Array.from({ length: data.length * count }, (_, i) => data[i % data.length]!),
});

const withWeight = (part: Part, name: string, weight: Weight): Part => ({
  ...part,
  weights: new Map(part.weights).set(name, weight),
});

let written = 0;
async function weightOf(shape: readonly number[], values: readonly number[]): Promise<Weight> {
  const file = await openSafetensors(
    await write(`weight-${written++}.safetensors`, safetensorsBytes({ w: float32(shape, values) })),
  );
  return { path: file.path, transposed: false, ...file.tensors.get('w')! };
}

/** Five more channels of one value. */
function widened({ data: latents }: Tensor, value: number): Tensor {
  const [pixels, all] = [60, new Float32Array(2 * 9 * 60).fill(value)];
  for (const item of [0, 1])
    all.set(latents.slice(item * 4 * pixels, (item + 1) * 4 * pixels) as Float32Array, item * 9 * pixels);
  return { dtype: 'float32', shape: [2, 9, 6, 10], data: all };
}
