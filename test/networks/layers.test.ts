import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conv, convOfDoubled, groupNorm, sinusoids } from '../../bridge-server/networks/layers.ts';
import { Scope } from '../../bridge-server/networks/scope.ts';
import { product } from '../../bridge-server/onnx/dimension.ts';
import { resize } from '../../bridge-server/onnx/functions.ts';
import type { Value } from '../../bridge-server/onnx/graph.ts';
import { finish } from '../../bridge-server/onnx/model.ts';
import { runGraph, type Tensor } from '../../bridge-server/onnx/session.ts';
import { compare } from '../../bridge-server/parity/case.ts';
import type { Part } from '../../bridge-server/weights/model.ts';
import { openSafetensors } from '../../bridge-server/weights/safetensors.ts';
import { type Contents, float32, safetensorsBytes, scratch } from '../weights/file.ts';
import { noise } from './model.ts';

const { write } = await scratch();

/** A part with these weights. */
async function part(weights: Readonly<Record<string, Tensor>>): Promise<Part> {
  const contents: Record<string, Contents[string]> = {};
  for (const [name, { shape, data }] of Object.entries(weights)) contents[name] = float32(shape, [...data].map(Number));
  const file = await openSafetensors(await write('layer.safetensors', safetensorsBytes(contents)));
  const located = [...file.tensors].map(
    ([name, tensor]) => [name, { ...tensor, path: file.path, transposed: false }] as const,
  );
  return { kind: 'vae', path: file.path, family: null, weights: new Map(located), config: null, changes: new Map() };
}

async function run(p: Scope, x: Tensor, layer: (x: Value) => Value): Promise<Float32Array> {
  p.graph.output('y', layer(p.graph.input('x', 'float32', x.shape)));
  const { y } = await runGraph(finish(p.graph, 'folded'), { x }, { threads: 1 });
  return y!.data as Float32Array;
}

describe('layers', () => {
  it('a convolution of the doubled picture is computed without doubling it', async () => {
    const size = fc.integer({ min: 1, max: 6 });
    await fc.assert(
      fc.asyncProperty(size, size, size, size, fc.boolean(), async (channels, filters, height, width, hasBias) => {
        const bias: Record<string, Tensor> = hasBias ? { bias: noise([filters], 2) } : {};
        const weights = await part({ weight: noise([filters, channels, 3, 3]), ...bias });
        const x = noise([2, channels, height, width], 3);
        const scope = (): Scope => new Scope(weights, { storage: 'folded' });
        const [plain, clever] = [scope(), scope()];
        const doubled = (value: Value): Value =>
          resize(value, product(2, value.shape[2]!), product(2, value.shape[3]!));
        const expected = await run(plain, x, (value) => conv(plain, doubled(value)));
        expect(
          compare(await run(clever, x, (value) => convOfDoubled(clever, value)), expected).relativeL2,
        ).toBeLessThan(1e-5);
      }),
      { numRuns: 12 },
    );
  });

  it('group normalisation follows its definition', async () => {
    const weights = await part({ weight: noise([8]), bias: noise([8], 2) });
    const x = noise([2, 8, 3, 5], 3);
    const [gamma, beta] = [noise([8]).data, noise([8], 2).data];
    const expected = new Float32Array(x.data.length);
    // Four groups of two channels of 15 pixels: 30 elements, one after the other.
    for (let from = 0; from < x.data.length; from += 30) {
      const group = x.data.subarray(from, from + 30);
      const mean = group.reduce((a, b) => a + b) / 30;
      const variance = group.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 30;
      for (const [i, value] of group.entries()) {
        const channel = Math.floor((from + i) / 15) % 8;
        expected[from + i] = ((value - mean) / Math.sqrt(variance + 1e-3)) * gamma[channel]! + beta[channel]!;
      }
    }
    const p = new Scope(weights, { storage: 'folded' });
    expect(compare(await run(p, x, (value) => groupNorm(p, value, 4, 1e-3)), expected).relativeL2).toBeLessThan(1e-5);
  });

  it('sinusoids are cosines, then sines, of falling frequency', async () => {
    const p = new Scope(await part({ weight: noise([1]) }), { storage: 'folded' });
    const y = await run(p, { dtype: 'float32', shape: [1], data: Float32Array.of(2) }, (value) => sinusoids(value, 4));
    const expected = [Math.cos(2), Math.cos(0.02), Math.sin(2), Math.sin(0.02)];
    expect(compare(y, expected).maxAbs).toBeLessThan(1e-6);
  });
});
