import { mkdtemp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conv, linear } from '../../bridge-server/networks/layers.ts';
import { Scope } from '../../bridge-server/networks/scope.ts';
import { recordUNet } from '../../bridge-server/networks/unet.ts';
import * as f from '../../bridge-server/onnx/functions.ts';
import type { Value } from '../../bridge-server/onnx/graph.ts';
import { finish, type Storage } from '../../bridge-server/onnx/model.ts';
import { runGraph } from '../../bridge-server/onnx/session.ts';
import { compare } from '../../bridge-server/parity/case.ts';
import { type Lora, openLora } from '../../bridge-server/weights/lora.ts';
import { type Model, openModel, type Part, requirePart } from '../../bridge-server/weights/model.ts';
import { openSafetensors } from '../../bridge-server/weights/safetensors.ts';
import { type AppliedLora, withLoras } from '../../bridge-server/weights/with-loras.ts';
import { noise, tiny } from '../networks/model.ts';
import { type Contents, float32, safetensorsBytes, scratch } from './file.ts';

const { folder: scratchFolder, write } = await scratch();

/** A product of other association than the reference's. */
const ROUNDING = 1e-6;

type Shape = readonly number[];

const tensor = (shape: Shape, seed: number): Contents[string] => float32(shape, [...noise(shape, seed).data]);
const valuesOf = ({ data }: Contents[string]): Float32Array => new Float32Array(data.buffer as ArrayBuffer);

/** The U-Net of a model with one weight and one bias, of any size. */
async function modelWith(shape: Shape): Promise<{ model: Model; weight: Float32Array; bias: Float32Array }> {
  const contents = { [`${MODULE}.weight`]: tensor(shape, 90), [`${MODULE}.bias`]: tensor([shape[0]!], 91) };
  const file = await openSafetensors(await write('model.safetensors', safetensorsBytes(contents)));
  const weights = new Map(
    [...file.tensors].map(([k, v]) => [k, { ...v, path: file.path, transposed: false }] as const),
  );
  const part: Part = { kind: 'unet', path: file.path, family: 'sd15', weights, config: null, changes: new Map() };
  const identity = { ...(await tiny('sd15')).identity, path: file.path };
  return {
    model: { path: file.path, identity, parts: { unet: part }, folder: null, scheduler: null },
    weight: valuesOf(contents[`${MODULE}.weight`]),
    bias: valuesOf(contents[`${MODULE}.bias`]),
  };
}

const MODULE = 'mid_block.resnets.0.conv1';
const KOHYA = 'lora_unet_mid_block_resnets_0_conv1';

async function loraWith(contents: Contents, module = KOHYA, metadata = {}): Promise<Lora> {
  const named = Object.fromEntries(Object.entries(contents).map(([role, one]) => [`${module}.${role}`, one]));
  const folder = await mkdtemp(path.join(scratchFolder, 'lora-'));
  const file = path.join(folder, 'lora.safetensors');
  await writeFile(file, safetensorsBytes(named, metadata));
  return openLora(file);
}

/** A parameter as a network with LoRAs gets it. */
async function parameter(model: Model, loras: readonly AppliedLora[], tensor: string, storage: Storage) {
  const scope = new Scope(requirePart(withLoras(model, loras).model, 'unet'), { storage });
  scope.graph.output('value', scope.at(MODULE).parameter(tensor));
  const { value } = await runGraph(finish(scope.graph, storage), {}, { threads: 1 });
  return value!.data as Float32Array;
}

/** Sizes of one layer and of the factors of its change: [o1 o2, i1 i2, k, k]. */
type Sizes = { readonly o: Shape; readonly i: Shape; readonly k: number; readonly rank: number };

/** The tensors of one kind of file, and the change at a row, an input channel and a tap, by the definition. */
type Kind = (sizes: Sizes) => {
  readonly contents: Contents;
  readonly at: (row: number, channel: number, tap: number) => number;
  readonly hasRank: boolean;
};

const sum = (count: number, term: (n: number) => number): number =>
  Array.from({ length: count }, (_, n) => term(n)).reduce((a, b) => a + b, 0);

/** A tensor's value by its indices. */
const reader = (one: Contents[string]) => {
  const values = valuesOf(one);
  return (...index: number[]): number =>
    values[index.reduce((at, position, axis) => at * one.shape[axis]! + position, 0)]!;
};

const lora: Kind = ({ o, i, k, rank }) => {
  const contents = {
    'lora_up.weight': tensor([o[0]! * o[1]!, rank, 1, 1], 1),
    'lora_down.weight': tensor([rank, i[0]! * i[1]!, k, k], 2),
  };
  const [up, down] = [reader(contents['lora_up.weight']), reader(contents['lora_down.weight'])];
  const at = (row: number, channel: number, tap: number): number =>
    sum(rank, (n) => up(row, n, 0, 0) * down(n, channel, Math.floor(tap / k), tap % k));
  return { contents, at, hasRank: true };
};

const tucker: Kind = ({ o, i, k, rank }) => {
  const contents = {
    'lora_up.weight': tensor([o[0]! * o[1]!, rank, 1, 1], 1),
    'lora_mid.weight': tensor([rank, rank, k, k], 2),
    'lora_down.weight': tensor([rank, i[0]! * i[1]!, 1, 1], 3),
  };
  const [up, mid, down] = Object.values(contents).map(reader) as [Reader, Reader, Reader];
  const at = (row: number, channel: number, tap: number): number =>
    sum(rank, (n) =>
      sum(rank, (m) => up(row, n, 0, 0) * mid(n, m, Math.floor(tap / k), tap % k) * down(m, channel, 0, 0)),
    );
  return { contents, at, hasRank: true };
};

type Reader = ReturnType<typeof reader>;

const loha: Kind = ({ o, i, k, rank }) => {
  const [rows, channels, taps] = [o[0]! * o[1]!, i[0]! * i[1]!, k * k];
  const contents = {
    hada_w1_a: tensor([rows, rank], 1),
    hada_w1_b: tensor([rank, channels * taps], 2),
    hada_w2_a: tensor([rows, rank], 3),
    hada_w2_b: tensor([rank, channels * taps], 4),
  };
  const [a1, b1, a2, b2] = Object.values(contents).map(reader) as [Reader, Reader, Reader, Reader];
  const at = (row: number, channel: number, tap: number): number => {
    const column = channel * taps + tap;
    return sum(rank, (n) => a1(row, n) * b1(n, column)) * sum(rank, (n) => a2(row, n) * b2(n, column));
  };
  return { contents, at, hasRank: true };
};

const lohaTucker: Kind = ({ o, i, k, rank }) => {
  const [rows, channels] = [o[0]! * o[1]!, i[0]! * i[1]!];
  const half = (seed: number) =>
    [tensor([rank, rows], seed), tensor([rank, channels], seed + 1), tensor([rank, rank, k, k], seed + 2)] as const;
  const [left, right] = [half(1), half(4)];
  const contents = {
    hada_w1_a: left[0],
    hada_w1_b: left[1],
    hada_t1: left[2],
    hada_w2_a: right[0],
    hada_w2_b: right[1],
    hada_t2: right[2],
  };
  const value = ([a, b, t]: ReturnType<typeof half>, row: number, channel: number, tap: number): number => {
    const [readA, readB, readT] = [reader(a), reader(b), reader(t)];
    return sum(rank, (n) =>
      sum(rank, (m) => readT(n, m, Math.floor(tap / k), tap % k) * readA(n, row) * readB(m, channel)),
    );
  };
  const at = (row: number, channel: number, tap: number): number =>
    value(left, row, channel, tap) * value(right, row, channel, tap);
  return { contents, at, hasRank: true };
};

/** Whole or factored, each of the two. */
const lokr =
  (first: 'whole' | 'factored', second: 'whole' | 'factored' | 'tucker'): Kind =>
  ({ o, i, k, rank }) => {
    const [[o1, o2], [i1, i2]] = [o as [number, number], i as [number, number]];
    const contents: Record<string, Contents[string]> = {};
    const put = (name: string, shape: Shape): Reader => {
      contents[name] = tensor(shape, Object.keys(contents).length + 1);
      return reader(contents[name]);
    };
    let w1: Reader;
    if (first === 'whole') w1 = put('lokr_w1', [o1, i1]);
    else {
      const [a, b] = [put('lokr_w1_a', [o1, rank]), put('lokr_w1_b', [rank, i1])];
      w1 = (row, column) => sum(rank, (n) => a(row, n) * b(n, column));
    }
    let w2: Reader;
    if (second === 'whole') {
      const w = put('lokr_w2', [o2, i2, k, k]);
      w2 = (row, channel, tap) => w(row, channel, Math.floor(tap / k), tap % k);
    } else if (second === 'factored') {
      const [a, b] = [put('lokr_w2_a', [o2, rank]), put('lokr_w2_b', [rank, i2 * k * k])];
      w2 = (row, channel, tap) => sum(rank, (n) => a(row, n) * b(n, channel * k * k + tap));
    } else {
      const [a, b, t] = [
        put('lokr_w2_a', [rank, o2]),
        put('lokr_w2_b', [rank, i2]),
        put('lokr_t2', [rank, rank, k, k]),
      ];
      w2 = (row, channel, tap) =>
        sum(rank, (n) => sum(rank, (m) => t(n, m, Math.floor(tap / k), tap % k) * a(n, row) * b(m, channel)));
    }
    const at = (row: number, channel: number, tap: number): number =>
      w1(Math.floor(row / o2), Math.floor(channel / i2)) * w2(row % o2, channel % i2, tap);
    return { contents, at, hasRank: first !== 'whole' || second !== 'whole' };
  };

const full: Kind = ({ o, i, k }) => {
  const contents = { diff: tensor([o[0]! * o[1]!, i[0]! * i[1]!, k, k], 1) };
  const diff = reader(contents.diff);
  return { contents, at: (row, channel, tap) => diff(row, channel, Math.floor(tap / k), tap % k), hasRank: false };
};

const KINDS: readonly (readonly [string, Kind])[] = [
  ['LoRA', lora],
  ['LoRA with a core', tucker],
  ['LoHa', loha],
  ['LoHa with cores', lohaTucker],
  ['LoKr of two whole matrices', lokr('whole', 'whole')],
  ['LoKr with a factored first', lokr('factored', 'whole')],
  ['LoKr with a factored second', lokr('whole', 'factored')],
  ['LoKr with a core', lokr('factored', 'tucker')],
  ['a full difference', full],
];

const small = fc.integer({ min: 1, max: 4 });
const sizes = fc.record({
  o: fc.tuple(small, small),
  i: fc.tuple(small, small),
  k: fc.constantFrom(1, 3),
  rank: fc.integer({ min: 1, max: 3 }),
});

describe.each(KINDS)('%s', (_, kind) => {
  it('adds scale * alpha / rank times what its definition says, folded and mapped', async () => {
    const scales = fc.constantFrom(1, 0.8, -0.5, 2);
    await fc.assert(
      fc.asyncProperty(sizes, scales, fc.constantFrom(null, 1, 3.5), async (size, scale, alpha) => {
        const [rows, channels, taps] = [size.o[0] * size.o[1], size.i[0] * size.i[1], size.k ** 2];
        const { model, weight } = await modelWith([rows, channels, size.k, size.k]);
        const { contents, at, hasRank } = kind(size);
        const opened = await loraWith(alpha === null ? contents : { ...contents, alpha: float32([], [alpha]) });
        const factor = scale * (alpha === null || !hasRank ? 1 : alpha / size.rank);
        const expected = weight.map((value, n) => {
          const [row, channel, tap] = [Math.floor(n / channels / taps), Math.floor(n / taps) % channels, n % taps];
          return value + factor * at(row, channel, tap);
        });
        for (const storage of ['mapped', 'folded'] as const) {
          const value = await parameter(model, [{ lora: opened, scale }], 'weight', storage);
          expect(compare(value, expected).relativeL2).toBeLessThan(ROUNDING);
        }
      }),
      { numRuns: 12 },
    );
  });
});

describe('a LoRA in a model', () => {
  it('changes biases where the file has some', async () => {
    const { model, bias } = await modelWith([4, 6, 1, 1]);
    const opened = await loraWith({ diff: tensor([4, 6, 1, 1], 1), diff_b: tensor([4], 2) });
    const shift = valuesOf(tensor([4], 2));
    const value = await parameter(model, [{ lora: opened, scale: -2 }], 'bias', 'folded');
    expect(
      compare(
        value,
        bias.map((b, i) => b - 2 * shift[i]!),
      ).relativeL2,
    ).toBeLessThan(ROUNDING);
  });

  it('of several, adds all: in any order, of different types, and taken away again', async () => {
    const { model, weight } = await modelWith([4, 6, 3, 3]);
    const size = { o: [2, 2], i: [2, 3], k: 3, rank: 2 };
    const file = async (name: string, contents: Contents): Promise<Lora> => {
      const named = Object.fromEntries(Object.entries(contents).map(([role, one]) => [`${KOHYA}.${role}`, one]));
      return openLora(await write(name, safetensorsBytes(named)));
    };
    const halved = (one: Contents[string]): Contents[string] => ({
      dtype: 'float16',
      shape: one.shape,
      data: new Uint8Array(Float16Array.from(valuesOf(one)).buffer),
    });
    const a = await file('a.safetensors', lora(size).contents);
    const b = await file(
      'b.safetensors',
      Object.fromEntries(Object.entries(lora(size).contents).map(([role, one]) => [role, halved(one)])),
    );
    const c = await file('c.safetensors', loha(size).contents);
    const all = [a, b, c].map((one, i) => ({ lora: one, scale: [0.5, -1, 2][i]! }));
    const [forward, backward] = [
      await parameter(model, all, 'weight', 'mapped'),
      await parameter(model, [...all].reverse(), 'weight', 'folded'),
    ];
    expect(compare(backward, forward).relativeL2).toBeLessThan(ROUNDING);
    expect(compare(forward, weight).relativeL2).toBeGreaterThan(0.1);
    const undone = all.map((one) => ({ ...one, scale: -one.scale }));
    expect(compare(await parameter(model, [...all, ...undone], 'weight', 'mapped'), weight).relativeL2).toBeLessThan(
      1e-5,
    );
    // Added one after the other to a model that has some already, too.
    const first = withLoras(model, all.slice(0, 1)).model;
    expect(compare(await parameter(first, all.slice(1), 'weight', 'mapped'), forward).relativeL2).toBeLessThan(
      ROUNDING,
    );
  });

  it('takes alpha from the metadata of PEFT, where diffusers keeps it', async () => {
    const { model, weight } = await modelWith([4, 6, 1, 1]);
    const size = { o: [2, 2], i: [2, 3], k: 1, rank: 2 };
    const { contents, at } = lora(size);
    const peft = { 'lora_A.weight': contents['lora_down.weight']!, 'lora_B.weight': contents['lora_up.weight']! };
    const factorWith = async (config: object): Promise<number> => {
      const opened = await loraWith(peft, `unet.${MODULE}`, { lora_adapter_metadata: JSON.stringify(config) });
      const value = await parameter(model, [{ lora: opened, scale: 1 }], 'weight', 'folded');
      return (value[0]! - weight[0]!) / at(0, 0, 0);
    };
    expect(await factorWith({})).toBeCloseTo(1, 4);
    expect(await factorWith({ 'unet.lora_alpha': 8 })).toBeCloseTo(4, 4);
    expect(await factorWith({ lora_alpha: 8, use_rslora: true })).toBeCloseTo(8 / Math.sqrt(2), 4);
    expect(await factorWith({ 'unet.lora_alpha': 8, 'unet.alpha_pattern': { conv1: 1 } })).toBeCloseTo(0.5, 4);
    expect(await factorWith({ 'text_encoder.lora_alpha': 8 })).toBeCloseTo(1, 4);
  });
});

/** Sizes from which on LoRAs are multiplied by beside the weight. */
const LARGE = { linear: [1200, 1300], conv: [420, 410, 3, 3] } as const;

describe.each(Object.entries(LARGE))('a large %s layer', (layer, shape) => {
  it.each<[string, Storage]>([
    ['mapped', 'mapped'],
    ['folded', 'folded'],
  ])('gives with LoRAs beside its weight what the sum of all gives, %s', async (_, storage) => {
    const { model } = await modelWith(shape);
    const [rows, channels, ...taps] = shape as unknown as [number, number, ...number[]];
    const file = async (rank: number, seed: number): Promise<Lora> =>
      loraWith({
        'lora_up.weight': tensor([rows, rank, ...taps.map(() => 1)], seed),
        'lora_down.weight': tensor([rank, channels, ...taps], seed + 1),
        diff_b: tensor([rows], seed + 2),
      });
    const [first, whole] = [await file(3, 1), await loraWith({ diff: tensor(shape, 7) })];
    const loras = [
      { lora: first, scale: 0.6 },
      { lora: first, scale: 0.2 },
      { lora: whole, scale: 0.3 },
    ];
    const part = requirePart(withLoras(model, loras).model, 'unet');
    const x = layer === 'linear' ? noise([2, 5, channels], 3) : noise([2, channels, 7, 5], 3);
    const run = async (record: (p: Scope, x: Value) => Value): Promise<Float32Array> => {
      const scope = new Scope(part, { storage });
      scope.graph.output('y', record(scope.at(MODULE), scope.graph.input('x', 'float32', x.shape)));
      return (await runGraph(finish(scope.graph, storage), { x }, { threads: 1 })).y!.data as Float32Array;
    };
    const pads = { pads: [1, 1, 1, 1], stride: 2 };
    const beside = await run((p, input) => (layer === 'linear' ? linear(p, input) : conv(p, input, { stride: 2 })));
    const added = await run((p, input) =>
      layer === 'linear'
        ? f.add(f.matmul(input, p.matrix('weight')), p.parameter('bias'))
        : f.conv(input, p.parameter('weight'), p.parameter('bias'), pads),
    );
    expect(compare(beside, added).relativeL2).toBeLessThan(ROUNDING);
  });
});

describe('recording with LoRAs', () => {
  const unet = (model: Model, storage: Storage) =>
    recordUNet(requirePart(model, 'unet'), { batch: 1, height: 8, width: 8, tokens: 77 }, { storage }).bytes;
  const KOHYA_CONV = path.join(import.meta.dirname, '..', 'goldens', 'tiny-lora', 'kohya-conv.safetensors');

  it('at scale 0 is recording without, to the byte; at another it is not', async () => {
    const opened = await openLora(KOHYA_CONV);
    const at = (scale: number, textScale = scale): Model =>
      withLoras(MODEL, [{ lora: opened, scale, textScale }]).model;
    for (const storage of ['mapped', 'folded'] as const) {
      expect(unet(at(0), storage)).toEqual(unet(MODEL, storage));
      expect(unet(at(0.1), storage)).not.toEqual(unet(MODEL, storage));
    }
    expect(at(0, 1).parts.unet?.changes.size).toBe(0);
    expect(at(0, 1).parts.textEncoder?.changes.size).toBeGreaterThan(0);
  });

  it('reads no weights of the model: they may even be gone', async () => {
    const opened = await openLora(KOHYA_CONV);
    const { model } = withLoras(MODEL, [{ lora: opened, scale: 1 }]);
    const part = requirePart(model, 'unet');
    const weights = new Map(
      [...part.weights].map(([k, v]) => [k, { ...v, path: '/nowhere/model.safetensors' }] as const),
    );
    const bytes = unet({ ...model, parts: { ...model.parts, unet: { ...part, weights } } }, 'mapped');
    const text = Buffer.from(bytes).toString('latin1');
    expect(text).toContain('nowhere/model.safetensors');
    expect(text).toContain(path.relative('/', KOHYA_CONV));
  });
});

describe('what does not fit', () => {
  const size = { o: [2, 2], i: [2, 3], k: 3, rank: 2 };
  const { contents } = lora(size);

  it('is counted and named', async () => {
    const { model } = await modelWith([4, 6, 3, 3]);
    const named: Record<string, Contents[string]> = {
      stray: tensor([3], 9),
      'lora_unet_half.lora_up.weight': tensor([4, 2], 8),
    };
    for (const module of [KOHYA, 'lora_unet_no_such_module']) {
      for (const [role, one] of Object.entries(contents)) named[`${module}.${role}`] = one;
    }
    const opened = await openLora(await write('partly.safetensors', safetensorsBytes(named)));
    const { matches } = withLoras(model, [{ lora: opened, scale: 1 }]);
    expect(matches).toEqual([
      { path: opened.path, matched: 1, unmatched: ['stray', 'lora_unet_half', 'lora_unet_no_such_module'] },
    ]);
  });

  it.each<[string, Shape]>([
    ['more channels', [4, 7, 3, 3]],
    ['more rows', [5, 6, 3, 3]],
    ['other taps', [4, 6, 1, 1]],
  ])('is refused when nothing matches: %s', async (_, shape) => {
    const { model } = await modelWith(shape);
    const opened = await loraWith(contents);
    expect(() => withLoras(model, [{ lora: opened, scale: 1 }])).toThrow(
      /0 of 1 modules of the LoRA .*lora\.safetensors/,
    );
  });

  it('is refused when factors of one module do not fit each other', async () => {
    const { model } = await modelWith([4, 6, 3, 3]);
    const opened = await loraWith({ ...contents, 'lora_up.weight': tensor([4, 3, 1, 1], 1) });
    expect(() => withLoras(model, [{ lora: opened, scale: 1 }])).toThrow(/0 of 1 modules/);
  });

  it('is refused by its family', async () => {
    const name = 'lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k';
    const wide = { 'lora_up.weight': tensor([8, 2], 1), 'lora_down.weight': tensor([2, 2048], 2) };
    const opened = await loraWith(wide, name);
    expect(() => withLoras(MODEL, [{ lora: opened, scale: 1 }])).toThrow(
      /lora\.safetensors is made for SDXL, and the model .* is Stable Diffusion 1\.5/,
    );
  });

  it('is refused by its kind', async () => {
    const oft = { oft_blocks: tensor([2, 2, 2], 1) };
    await expect(loraWith(oft)).rejects.toMatchObject({ code: 'lora-algorithm' });
    await expect(openLora(requirePart(MODEL, 'vae').path)).rejects.toMatchObject({ code: 'model-kind' });
  });
});

const MODEL = await openModel((await tiny('sd15')).path);
