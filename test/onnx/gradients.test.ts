import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as f from '../../bridge-server/onnx/functions.ts';
import { gradients } from '../../bridge-server/onnx/gradients.ts';
import { Graph, type Value } from '../../bridge-server/onnx/graph.ts';
import { finish } from '../../bridge-server/onnx/model.ts';
import { openSession, type Tensor } from '../../bridge-server/onnx/session.ts';

type Build = (...inputs: Value[]) => Value;

/** Values in [0.3, 1.3) with random signs unless `positive`: away from 0, where Relu has a corner. */
function random(shape: readonly number[], seed: number, positive = false): Tensor & { dtype: 'float32' } {
  let state = seed * 2654435761 + 1;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const length = shape.reduce((a, b) => a * b, 1);
  const data = Float32Array.from({ length }, () => (0.3 + next()) * (positive || next() < 0.5 ? 1 : -1));
  return { dtype: 'float32', shape, data };
}

/**
 * Gradients of sum(weights * build(inputs)) as recorded, and by central differences along a random direction of each input: in 32-bit
 * floats these are good to about 1e-3 of their size.
 */
async function check(shapes: readonly (readonly number[])[], build: Build, { positive = false, seed = 1 } = {}) {
  const graph = new Graph();
  const inputs = shapes.map((shape, i) => graph.input(`x${i}`, 'float32', shape));
  const y = build(...inputs);
  const weights = random(y.shape as number[], seed + 100);
  const loss = f.sumOver(
    f.mul(y, graph.floats(weights.data, weights.shape)),
    y.shape.map((_, axis) => axis),
  );
  graph.output('loss', loss);
  for (const [i, gradient] of gradients(loss, inputs).entries()) {
    expect(gradient.shape).toEqual(shapes[i]);
    graph.output(`dx${i}`, gradient);
  }
  const session = await openSession(finish(graph, 'folded', { distinct: true }), { threads: 1 });
  const points = shapes.map((shape, i) => random(shape, seed + i, positive));
  const at = (move: number, step: number, direction: Float32Array) =>
    session.run(
      Object.fromEntries(
        points.map((point, i) => {
          const data = i === move ? point.data.map((v, k) => v + step * direction[k]!) : point.data;
          return [`x${i}`, { ...point, data }];
        }),
      ),
    );
  for (const [i, shape] of shapes.entries()) {
    const direction = random(shape, seed + 50 + i).data;
    const h = 4e-3;
    const [ahead, behind, here] = [await at(i, h, direction), await at(i, -h, direction), await at(i, 0, direction)];
    const measured = (ahead.loss!.data[0]! as number) / (2 * h) - (behind.loss!.data[0]! as number) / (2 * h);
    const gradient = here[`dx${i}`]!.data as Float32Array;
    const recorded = gradient.reduce((sum, value, k) => sum + value * direction[k]!, 0);
    const size = Math.hypot(...gradient) * Math.hypot(...direction);
    expect(Math.abs(measured - recorded) / size, `input ${i}: ${measured} or ${recorded}`).toBeLessThan(2e-3);
    expect(size).toBeGreaterThan(0);
  }
  await session.release();
}

const PICTURE = [2, 4, 6, 5];

describe('the rule of each operator agrees with finite differences', () => {
  const cases: Record<string, [shapes: number[][], build: Build, options?: { positive: boolean }]> = {
    Add: [[[2, 3], [3]], (a, b) => f.add(a, b)],
    'Add of one that is stretched in the middle': [
      [
        [2, 1, 3],
        [4, 1],
      ],
      (a, b) => f.add(a, b),
    ],
    Sub: [
      [
        [2, 3],
        [2, 1],
      ],
      (a, b) => f.sub(a, b),
    ],
    Mul: [[[2, 3], [3]], (a, b) => f.mul(a, b)],
    'Mul by itself': [[[2, 3]], (a) => f.mul(a, a)],
    Div: [[[2, 3], [3]], (a, b) => f.div(a, b), { positive: true }],
    Relu: [[[4, 5]], (a) => f.relu(a)],
    Sigmoid: [[[4, 5]], (a) => f.sigmoid(a)],
    Tanh: [[[4, 5]], (a) => f.tanh(a)],
    Sin: [[[4, 5]], (a) => f.sin(a)],
    Cos: [[[4, 5]], (a) => f.cos(a)],
    Exp: [[[4, 5]], (a) => f.exp(a)],
    Sqrt: [[[4, 5]], (a) => f.sqrt(a), { positive: true }],
    Gelu: [[[4, 5]], (a) => f.gelu(a)],
    Softmax: [[[3, 4, 5]], (a) => f.softmax(a)],
    MatMul: [
      [
        [3, 4],
        [4, 5],
      ],
      (a, b) => f.matmul(a, b),
    ],
    'MatMul of a batch by one matrix': [
      [
        [2, 3, 4],
        [4, 5],
      ],
      (a, b) => f.matmul(a, b),
    ],
    'MatMul of batches': [
      [
        [2, 3, 4],
        [2, 4, 5],
      ],
      (a, b) => f.matmul(a, b),
    ],
    'MatMul by a matrix that is turned': [
      [
        [2, 3, 4],
        [5, 4],
      ],
      (a, b) => f.matmul(a, f.transpose(b, [1, 0])),
    ],
    Conv: [[PICTURE, [3, 4, 3, 3], [3]], (x, w, b) => f.conv(x, w, b, { pads: [1, 1, 1, 1] })],
    'Conv of one pixel': [[PICTURE, [3, 4, 1, 1]], (x, w) => f.conv(x, w, null)],
    'Conv padded unequally': [[PICTURE, [3, 4, 2, 3]], (x, w) => f.conv(x, w, null, { pads: [1, 0, 0, 1] })],
    'Conv with strides': [[PICTURE, [3, 4, 3, 3]], (x, w) => f.conv(x, w, null, { stride: 2, pads: [1, 1, 1, 1] })],
    InstanceNormalization: [[PICTURE], (x) => f.instanceNorm(x, 1e-5)],
    LayerNormalization: [[[2, 3, 8], [8], [8]], (x, s, b) => f.layerNorm(x, s, b, 1e-5)],
    MultiHeadAttention: [
      [
        [2, 5, 8],
        [2, 7, 8],
        [2, 7, 12],
      ],
      (q, k, v) => f.fusedAttention(q, k, v, { heads: 4, causal: false }),
    ],
    Transpose: [[[2, 3, 4]], (a) => f.transpose(a, [2, 0, 1])],
    Reshape: [[[2, 3, 4]], (a) => f.reshape(a, [4, 6])],
    Concat: [
      [
        [2, 3],
        [2, 1],
      ],
      (a, b) => f.concat([a, b, a], -1),
    ],
    Split: [[[2, 6]], (a) => f.mul(f.split(a, 2, -1)[0]!, f.split(a, 2, -1)[1]!)],
    'Split of which one part is read': [[[2, 6]], (a) => f.split(a, 3, 1)[1]!],
    Resize: [[PICTURE], (x) => f.resize(x, 12, 15)],
    ReduceSum: [[[2, 3, 4]], (a) => f.sumOver(a, [0, -1], { keep: false })],
    ReduceMean: [[[2, 3, 4]], (a) => f.meanOver(a, [1])],
  };
  for (const [name, [shapes, build, options]] of Object.entries(cases)) {
    it(name, () => check(shapes, build, options));
  }

  it('attention in so many tokens that its heads are taken in turns', async () => {
    const build: Build = (q, k, v) => f.fusedAttention(q, k, v, { heads: 2, causal: false });
    await check(
      [
        [1, 4200, 2],
        [1, 4000, 2],
        [1, 4000, 2],
      ],
      build,
    );
  });

  it('an operator without a rule is refused', () => {
    const graph = new Graph();
    const x = graph.input('x', 'float32', [2]);
    expect(() => gradients(f.clip(x, 0, 1), [x])).toThrow('Clip has no gradient');
  });
});

/** Blocks that read each other's results, the first one's also at the end, as a U-Net's do. */
function network(blocks: number, split: boolean, keeps?: boolean) {
  const graph = new Graph();
  const x = graph.input('x', 'float32', [1, 4, 8]);
  const trained: Value[] = [];
  let [h, first] = [x, x];
  for (let i = 0; i < blocks; i++) {
    if (split) graph.boundary();
    const matrix = graph.input(`w${i}`, 'float32', [8, 8]);
    trained.push(matrix);
    const normal = f.instanceNorm(h, 1e-5);
    h = f.add(f.gelu(f.matmul(normal, matrix)), h);
    if (i === 0) first = h;
  }
  if (split) graph.boundary();
  const y = f.mul(h, first);
  const loss = f.sumOver(f.mul(y, y), [0, 1, 2]);
  graph.output('loss', loss);
  const options = keeps ? { keeps: ({ operator }: { operator: string }) => operator === 'MatMul' } : {};
  for (const [i, gradient] of gradients(loss, trained, options).entries()) graph.output(`dw${i}`, gradient);
  return { graph, recording: finish(graph, 'mapped', { distinct: true }) };
}

describe('blocks that are computed again', () => {
  it('give the same gradients, whatever is kept', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), async (blocks) => {
        const feeds = {
          x: random([1, 4, 8], 3),
          ...Object.fromEntries(Array.from({ length: blocks }, (_, i) => [`w${i}`, random([8, 8], i + 10)])),
        };
        const results = [];
        for (const [split, keeps] of [
          [false, false],
          [true, false],
          [true, true],
        ] as const) {
          const session = await openSession(network(blocks, split, keeps).recording, { threads: 1 });
          results.push(await session.run(feeds));
          await session.release();
        }
        expect(results[1]).toEqual(results[0]);
        expect(results[2]).toEqual(results[0]);
      }),
      { numRuns: 5 },
    );
  });

  it('record what is computed again, and nothing of the last block', () => {
    const count = (made: { graph: Graph }, operator: string) =>
      made.graph.nodes.filter((node) => node.operator === operator).length;
    const [kept, split, some] = [network(3, false), network(3, true), network(3, true, true)];
    expect(count(split, 'InstanceNormalization')).toBe(count(kept, 'InstanceNormalization') + 3);
    expect(count(split, 'MatMul')).toBeGreaterThan(count(some, 'MatMul'));
  });
});
