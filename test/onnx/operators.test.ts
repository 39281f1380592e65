import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { product } from '../../bridge-server/onnx/dimension.ts';
import * as f from '../../bridge-server/onnx/functions.ts';
import { Graph, type Value } from '../../bridge-server/onnx/graph.ts';
import { finish } from '../../bridge-server/onnx/model.ts';
import { runGraph, type Tensor } from '../../bridge-server/onnx/session.ts';

type Sizes = { readonly b: number; readonly c: number; readonly h: number; readonly w: number };

/** A value in [-1, 1) for each element, the same every time. */
export const values = (shape: readonly number[]): Tensor & { dtype: 'float32' } => {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  return { dtype: 'float32', shape, data: data.map((_, i) => ((i * 7919) % 1000) / 500 - 1) };
};

/** Records with sizes known and with sizes that are names, and checks that the runtime makes what recording foretold. */
async function run(sizes: Sizes, build: (x: Value) => Value): Promise<Tensor[]> {
  const { b, c, h, w } = sizes;
  const feeds = { x: values([b, c, h, w]) };
  const results: Tensor[] = [];
  for (const shape of [
    [b, c, h, w],
    ['b', c, 'h', 'w'],
  ]) {
    const graph = new Graph();
    graph.output('y', build(graph.input('x', 'float32', shape)));
    const recording = finish(graph, 'folded');
    const { y } = await runGraph(recording, feeds);
    const names = new Map<unknown, number>(Object.entries(sizes));
    const foretold = recording.outputs[0]!.shape.map((size) =>
      typeof size === 'number' ? size : evaluate(size, names),
    );
    expect(y!.shape).toEqual(foretold);
    results.push(y!);
  }
  expect(results[1]!.data).toEqual(results[0]!.data);
  return results;
}

/** A symbolic size as the number that it is for these names: sums of products of numbers, names, floor(…) and sum(…). */
function evaluate(size: string, names: ReadonlyMap<unknown, number>): number {
  const words = size.match(/[a-z]+|\d+|[-+*/()]/g) ?? [];
  let at = 0;
  const total = (): number => {
    let value = term();
    while (words[at] === '+' || words[at] === '-') value += (words[at++] === '+' ? 1 : -1) * term();
    return value;
  };
  const term = (): number => {
    let value = factor();
    while (words[at] === '*' || words[at] === '/') value = words[at++] === '*' ? value * factor() : value / factor();
    return value;
  };
  const factor = (): number => {
    const word = words[at++] ?? '';
    const named = names.get(word);
    if (named !== undefined) return named;
    if (/^\d+$/.test(word)) return Number(word);
    if (word !== '(') at++;
    const value = total();
    at++;
    return word === 'floor' ? Math.floor(value) : value;
  };
  return total();
}

const sizes: fc.Arbitrary<Sizes> = fc.record({
  b: fc.integer({ min: 1, max: 2 }),
  c: fc.constantFrom(4, 8),
  h: fc.integer({ min: 2, max: 7 }),
  w: fc.integer({ min: 2, max: 7 }),
});

const weights = (x: Value, shape: readonly number[]): Value => x.graph.floats(values(shape).data, shape);
const channels = (x: Value): number => Number(x.shape[1]);

const BUILDERS: Readonly<Record<string, (x: Value) => Value>> = {
  add: (x) => f.add(x, weights(x, [channels(x), 1, 1])),
  sub: (x) => f.sub(x, 2),
  mul: (x) => f.mul(x, x),
  clip: (x) => f.clip(x, -0.25, 0.5),
  relu: f.relu,
  gelu: f.gelu,
  tanh: f.tanh,
  sigmoid: f.sigmoid,
  sin: f.sin,
  cos: f.cos,
  softmax: f.softmax,
  'conv 3x3': (x) => f.conv(x, weights(x, [3, channels(x), 3, 3]), weights(x, [3]), { pads: [1, 1, 1, 1] }),
  'conv with stride': (x) => f.conv(x, weights(x, [3, channels(x), 3, 3]), null, { stride: 2, pads: [1, 1, 1, 1] }),
  'conv padded at the end': (x) =>
    f.conv(x, weights(x, [3, channels(x), 3, 3]), null, { stride: 2, pads: [0, 0, 1, 1] }),
  'conv 1x1': (x) => f.conv(x, weights(x, [3, channels(x), 1, 1]), null),
  'instance norm': (x) => f.instanceNorm(x, 1e-5),
  transpose: (x) => f.transpose(x, [0, 2, 3, 1]),
  'layer norm': (x) =>
    f.layerNorm(f.transpose(x, [0, 2, 3, 1]), weights(x, [channels(x)]), weights(x, [channels(x)]), 1e-5),
  matmul: (x) => f.matmul(f.transpose(x, [0, 2, 3, 1]), weights(x, [channels(x), 5])),
  'reshape to tokens': (x) => f.reshape(x, [x.shape[0]!, channels(x), product(x.shape[2]!, x.shape[3]!)]),
  'reshape to tokens and back': (x) =>
    f.reshape(f.reshape(x, [x.shape[0]!, channels(x), product(x.shape[2]!, x.shape[3]!)]), x.shape),
  'reshape of all': (x) => f.reshape(x, [product(...x.shape)]),
  'reshape with moved axes': (x) => f.reshape(x, [x.shape[3]!, x.shape[2]!, product(x.shape[0]!, channels(x))]),
  'concat of channels': (x) => f.concat([x, f.relu(x)], 1),
  'concat of a symbolic axis': (x) => f.concat([x, x], 2),
  split: (x) => f.split(x, 2, 1)[1]!,
  'resize to double': (x) => f.resize(x, product(2, x.shape[2]!), product(2, x.shape[3]!)),
  'resize to the size of another': (x) => {
    const half = f.conv(x, weights(x, [2, channels(x), 3, 3]), null, { stride: 2, pads: [1, 1, 1, 1] });
    return f.resize(half, x.shape[2]!, x.shape[3]!);
  },
  'depth to space': f.depthToSpace,
  'fused attention': (x) => {
    const tokens = f.reshape(f.transpose(x, [0, 2, 3, 1]), [
      x.shape[0]!,
      product(x.shape[2]!, x.shape[3]!),
      channels(x),
    ]);
    return f.fusedAttention(tokens, tokens, tokens, { heads: 2, causal: false });
  },
  'gather and pick': (x) => {
    const tokens = f.reshape(f.transpose(x, [0, 2, 3, 1]), [
      x.shape[0]!,
      product(x.shape[2]!, x.shape[3]!),
      channels(x),
    ]);
    const first = f.gather(tokens, x.graph.integers([0, 0]));
    const rows = f.argmax(
      f.cast(f.less(f.reshape(f.gather(x, x.graph.integers([0, 0])), [2, product(...x.shape.slice(1))]), 0), 'int32'),
    );
    return f.pick(f.reshape(first, [2, product(channels(x), ...x.shape.slice(2)), 1]), rows);
  },
  where: (x) => f.where(f.less(x, 0), x, f.max(f.min(x, 0.5), 0.25)),
};

describe('the runtime makes the shapes that recording foretold, with sizes known or symbolic', () => {
  it.each(Object.entries(BUILDERS))('%s', async (_, build) => {
    await fc.assert(
      fc.asyncProperty(sizes, async (size) => {
        await run(size, build);
      }),
      { numRuns: 4 },
    );
  });
});

describe('what operators compute', () => {
  const size = { b: 1, c: 4, h: 3, w: 5 };

  it('resize takes the nearest, the left of two', async () => {
    const [{ data }] = (await run(size, (x) => f.resize(x, 5, 9))) as [Tensor];
    const source = values([1, 4, 3, 5]).data;
    const expected = Float32Array.from({ length: 4 * 5 * 9 }, (_, i) => {
      const [channel, y, x] = [Math.floor(i / 45), Math.floor((i % 45) / 9), i % 9];
      return source[channel * 15 + Math.floor((y * 3) / 5) * 5 + Math.floor((x * 5) / 9)]!;
    });
    expect(data).toEqual(expected);
  });

  it('an error names the operator, the tensors and both shapes', () => {
    const graph = new Graph();
    const [a, b] = [graph.input('left', 'float32', [2, 3]), graph.input('right', 'float32', [4, 'n'])];
    expect(() => f.matmul(a, b)).toThrow(/MatMul: 3 columns meet 4 rows \(inputs: left \[2, 3\], right \[4, n\]\)/);
    expect(() => f.add(a, b)).toThrow(/Add.*\[2, 3\] and \[4, n\] cannot be combined/);
    expect(() => f.concat([a, b], 1)).toThrow(/right \[4, n\] cannot be joined to left \[2, 3\]/);
    expect(() => f.reshape(a, [4])).toThrow(/\[2, 3\] cannot become \[4\]/);
    expect(() => f.add(a, graph.input('ids', 'int64', [2, 3]))).toThrow(/left is float32, ids is int64/);
    expect(() => f.split(a, 2, 1)).toThrow(/3 does not divide into 2/);
    const picture = graph.input('picture', 'float32', [1, 4, 8, 8]);
    expect(() => f.conv(picture, graph.floats(new Float32Array(27), [1, 3, 3, 3]), null)).toThrow(
      /reads 3 channels, the picture has 4/,
    );
  });
});
