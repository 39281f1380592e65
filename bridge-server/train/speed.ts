import { floats } from '../diffusion/networks/tensors.ts';
import type { Runtime } from '../diffusion/runtime/runtime.ts';
import { type Cost, costOf } from '../onnx/cost.ts';
import * as f from '../onnx/functions.ts';
import { Graph, type Value } from '../onnx/graph.ts';
import { finish } from '../onnx/model.ts';

/** How long networks take here: seconds for a multiplication with its addition, and for an element that another node goes over. */
export type Speed = { readonly perProduct: number; readonly perElement: number };

/**
 * Seconds of a run, about. Within a sixth for SD 1.5 at 256x256 and 512x512 on an idle machine; of a network as small as those of tests,
 * where calls take longer than what they do, it is less than half.
 */
export const secondsOf = ({ products, elements }: Cost, { perProduct, perElement }: Speed): number =>
  products * perProduct + elements * perElement * SCATTERED;

/** How much longer elements take in a network, where they come from all over the memory, than in the probe. Measured on SD 1.5. */
const SCATTERED = 1.4;

/** Runs of each probe; the fastest counts. */
const RUNS = 3;

/** Runs what networks are made of, of the sizes that they have, where they would run; takes about a second. */
export async function measureSpeed(runtime: Runtime, signal: AbortSignal): Promise<Speed> {
  const products = await measured(runtime, 'probe of products', probeOfProducts(), signal);
  const elements = await measured(runtime, 'probe of elements', probeOfElements(), signal);
  const perElement = elements.seconds / elements.cost.elements;
  const others = products.cost.elements * perElement;
  return { perProduct: Math.max(0, products.seconds - others) / products.cost.products, perElement };
}

/** Convolutions and products of matrices, as in the middle of a U-Net, one after the other. */
function probeOfProducts(): Graph {
  const graph = new Graph();
  const one = graph.input('one', 'float32', [1]);
  const [kernels, matrix] = [spread(one, 9 * CHANNELS, [CHANNELS, CHANNELS, 3, 3]), spread(one, WIDTH, [WIDTH, WIDTH])];
  let picture = spread(one, 1, [1, CHANNELS, 32, 32]);
  let rows = spread(one, 1, [1024, WIDTH]);
  for (let i = 0; i < ROUNDS; i++) {
    picture = f.conv(picture, kernels, null, { pads: [1, 1, 1, 1] });
    rows = f.matmul(rows, matrix);
  }
  graph.output('pictures', total(picture));
  graph.output('rows', total(rows));
  return graph;
}

const [CHANNELS, WIDTH, ROUNDS] = [320, 640, 3];

/** What comes between them. */
function probeOfElements(): Graph {
  const graph = new Graph();
  let x = spread(graph.input('one', 'float32', [1]), 1, [8, 512, 512]);
  for (let i = 0; i < ROUNDS; i++) {
    const gated = f.mul(x, f.sigmoid(x));
    const turned = f.transpose(gated, [0, 2, 1]);
    x = f.add(f.softmax(turned), f.sub(gated, f.meanOver(gated, [-1])));
  }
  graph.output('sum', total(x));
  return graph;
}

/** So that hardly anything has to be brought to the runtime: `one` / `parts` everywhere. */
const spread = (one: Value, parts: number, shape: readonly number[]): Value => f.expand(f.mul(one, 1 / parts), shape);

/** And hardly anything back from it: one number that takes all of `x` to compute. */
const total = (x: Value): Value =>
  f.sumOver(
    x,
    x.shape.map((_, axis) => axis),
  );

async function measured(
  runtime: Runtime,
  name: string,
  graph: Graph,
  signal: AbortSignal,
): Promise<{ cost: Cost; seconds: number }> {
  const network = runtime.network({ name, bytes: 0, recording: finish(graph, 'mapped', { distinct: true }) });
  const times: number[] = [];
  // The first one loads it.
  for (let run = 0; run <= RUNS; run++) {
    const before = performance.now();
    await network.run({ one: floats([1], Float32Array.of(1)) }, signal);
    times.push((performance.now() - before) / 1000);
  }
  return { cost: costOf(graph), seconds: Math.min(...times.slice(1)) };
}
