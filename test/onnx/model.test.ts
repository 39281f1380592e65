import fc from 'fast-check';
import { open } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import * as f from '../../bridge-server/onnx/functions.ts';
import { Graph } from '../../bridge-server/onnx/graph.ts';
import { finish, type Recording, type Storage } from '../../bridge-server/onnx/model.ts';
import { Message } from '../../bridge-server/onnx/protobuf.ts';
import { openSession, runGraph } from '../../bridge-server/onnx/session.ts';
import { type Dtype, DTYPES } from '../../bridge-server/weights/dtype.ts';
import type { Weight } from '../../bridge-server/weights/parts.ts';
import { openSafetensors, readFloats } from '../../bridge-server/weights/safetensors.ts';
import { safetensorsBytes, scratch } from '../weights/file.ts';

const { write } = await scratch();
const STORAGES: readonly Storage[] = ['mapped', 'folded'];

/** A file with a matrix [3, 2] of each type, at an offset that nothing aligns, under a name that is no plain ASCII. */
async function weightOf(dtype: Dtype, bytes: Uint8Array): Promise<Weight> {
  const file = await write(
    `gewicht ${dtype} é中.safetensors`,
    safetensorsBytes({
      odd: { dtype: 'uint8', shape: [3], data: Uint8Array.of(1, 2, 3) },
      matrix: { dtype, shape: [3, 2], data: bytes },
    }),
  );
  const { path, tensors } = await openSafetensors(file);
  return { path, ...tensors.get('matrix')!, transposed: false };
}

function recording(weight: Weight, storage: Storage): Recording {
  const graph = new Graph();
  const x = graph.input('x', 'float32', ['rows', 3]);
  graph.output('y', f.add(f.matmul(x, graph.weight('matrix', weight)), 1));
  return finish(graph, storage);
}

const x = { dtype: 'float32', shape: [1, 3], data: Float32Array.of(1, 10, 100) } as const;

describe('weights stay in the file', () => {
  it.each(STORAGES)('of every float type, %s', async (storage) => {
    for (const dtype of ['float32', 'float16', 'bfloat16', 'float8e4m3fn', 'float8e5m2', 'float64'] as const) {
      const bytes = new Uint8Array(6 * DTYPES[dtype].bytes);
      // Every second byte small keeps all types finite, whatever their layout.
      bytes.forEach((_, i) => (bytes[i] = (i * 37 + 11) % 64));
      const weight = await weightOf(dtype, bytes);
      const [a, b, c, d, e, g] = await readFloats(weight.path, weight);
      const made = recording(weight, storage);
      const { y } = await runGraph(made, { x });
      expect(y!.data[0], dtype).toBeCloseTo(a! + 10 * c! + 100 * e! + 1, 3);
      expect(y!.data[1], dtype).toBeCloseTo(b! + 10 * d! + 100 * g! + 1, 3);
      expect(made.bytes.length).toBeLessThan(1000);
    }
  });

  it('what is changed in the file is what the next session computes with', async () => {
    const weight = await weightOf('float32', new Uint8Array(new Float32Array(6).fill(1).buffer));
    const made = recording(weight, 'mapped');
    expect((await runGraph(made, { x })).y!.data[0]).toBe(112);
    const file = await open(weight.path, 'r+');
    await file.write(new Uint8Array(Float32Array.of(2).buffer), 0, 4, weight.offset);
    await file.close();
    expect((await runGraph(made, { x })).y!.data[0]).toBe(113);
  });

  it('a file that has gone is refused with a sentence', async () => {
    const weight = await weightOf('float32', new Uint8Array(24));
    const gone = recording({ ...weight, path: `${weight.path} gone` }, 'mapped');
    await expect(openSession(gone)).rejects.toMatchObject({ code: 'graph-refused' });
  });

  it('only mapped weights are also inputs, which keeps the runtime from folding them', async () => {
    const weight = await weightOf('float16', new Uint8Array(12));
    const [mapped, folded] = STORAGES.map((storage) =>
      Buffer.from(recording(weight, storage).bytes).toString('latin1'),
    );
    expect(mapped!.split('matrix')).toHaveLength(folded!.split('matrix').length + 1);
  });

  it('are converted by the first nodes, so that the runtime converts none before the layer that needs it', async () => {
    const weight = await weightOf('float16', new Uint8Array(12));
    const graph = new Graph();
    let y = graph.input('x', 'float32', ['rows', 3]);
    for (const layer of ['a', 'b', 'c']) {
      const matrix = graph.weight(layer, weight);
      y = f.matmul(f.relu(f.matmul(y, matrix)), f.transpose(matrix, [1, 0]));
    }
    graph.output('y', y);
    const bytes = Buffer.from(finish(graph, 'mapped').bytes).toString('latin1');
    // A node's operator is its fourth field.
    const operators = [...bytes.matchAll(/"[^](Cast|Transpose|MatMul|Relu)/g)].map(([, operator]) => operator);
    const [weights, picture] = [operators.slice(0, 6), operators.slice(6)];
    expect(weights.toSorted()).toEqual([...Array<string>(3).fill('Cast'), ...Array<string>(3).fill('Transpose')]);
    expect(picture).toEqual(['MatMul', 'Relu', 'MatMul', 'MatMul', 'Relu', 'MatMul', 'MatMul', 'Relu', 'MatMul']);
  });

  it('of a shape that does not fit are refused with both shapes', async () => {
    const weight = await weightOf('float16', new Uint8Array(12));
    expect(() => new Graph().weight('matrix', weight, [4, 2])).toThrow(
      /matrix has the shape \[3, 2\], the network needs \[4, 2\]/,
    );
  });
});

describe('a model', () => {
  it('has the same bytes for the same graph', async () => {
    const weight = await weightOf('float16', new Uint8Array(12));
    expect(recording(weight, 'folded').bytes).toEqual(recording(weight, 'folded').bytes);
  });

  it('records a weight, a constant and a size once', async () => {
    const weight = await weightOf('float16', new Uint8Array(12));
    const graph = new Graph();
    const input = graph.input('x', 'float32', ['rows', 3]);
    for (let i = 0; i < 3; i++) f.add(f.matmul(input, graph.weight('matrix', weight)), 1);
    expect([graph.initializers.length, graph.constants.length]).toEqual([1, 1]);
    expect(graph.nodes.filter(({ operator }) => operator === 'Cast')).toHaveLength(1);
  });

  it('says what it takes and gives', async () => {
    const { inputs, outputs } = recording(await weightOf('float16', new Uint8Array(12)), 'folded');
    expect(inputs).toEqual([{ name: 'x', dtype: 'float32', shape: ['rows', 3] }]);
    expect(outputs).toEqual([{ name: 'y', dtype: 'float32', shape: ['rows', 2] }]);
  });

  it('refuses weights on several drives, which the runtime cannot read', async () => {
    const weight = await weightOf('float32', new Uint8Array(24));
    const graph = new Graph();
    graph.weight('a', weight);
    graph.weight('b', { ...weight, path: 'elsewhere/without/root' });
    expect(() => finish(graph, 'mapped')).toThrow(/several drives/);
  });
});

it('feeds that do not fit are refused with a sentence', async () => {
  const made = recording(await weightOf('float16', new Uint8Array(12)), 'folded');
  const wrong = { ...x, shape: [3, 1] };
  await expect(runGraph(made, { x: wrong })).rejects.toMatchObject({ code: 'graph-refused' });
  await expect(runGraph(made, {})).rejects.toMatchObject({ code: 'graph-refused' });
});

describe('protocol buffers', () => {
  it('write integers that read back, negative ones as 64-bit two’s complement', () => {
    const integer = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.integer().map(BigInt));
    fc.assert(
      fc.property(integer, fc.integer({ min: 1, max: 2000 }), (value, field) => {
        const bytes = new Message().int(field, value).finish();
        const [tag, at] = varint(bytes, 0);
        const [read, end] = varint(bytes, at);
        expect([tag, BigInt.asIntN(64, read), end]).toEqual([BigInt(field * 8), value, bytes.length]);
      }),
    );
  });

  it('nest with their lengths', () => {
    const bytes = new Message().message(3, new Message().text(1, 'é').int(2, 300)).float(4, 1).finish();
    expect(Buffer.from(bytes).toString('hex')).toBe('1a070a02c3a910ac02250000803f');
  });
});

function varint(bytes: Uint8Array, at: number): [bigint, number] {
  let value = 0n;
  for (let i = at; ; i++) {
    value |= BigInt(bytes[i]! & 0x7f) << BigInt(7 * (i - at));
    if (bytes[i]! < 0x80) return [value, i + 1];
  }
}
