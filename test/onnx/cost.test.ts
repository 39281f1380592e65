import { expect, it } from 'vitest';
import { costOf } from '../../bridge-server/onnx/cost.ts';
import * as f from '../../bridge-server/onnx/functions.ts';
import { gradients } from '../../bridge-server/onnx/gradients.ts';
import { Graph, type Value } from '../../bridge-server/onnx/graph.ts';

/** The cost of what `build` makes of one input of this shape. */
function cost(shape: readonly number[], build: (x: Value) => Value) {
  const graph = new Graph();
  build(graph.input('x', 'float32', shape));
  return costOf(graph);
}

it('products are counted by what is summed for each element of the result', () => {
  const matrix = (x: Value, rows: number, columns: number) => x.graph.input('w', 'float32', [rows, columns]);
  expect(cost([2, 3, 4], (x) => f.matmul(x, matrix(x, 4, 5)))).toEqual({ products: 2 * 3 * 5 * 4, elements: 0 });

  const kernel = (x: Value, shape: number[]) => x.graph.input('w', 'float32', shape);
  const conv = cost([1, 4, 8, 6], (x) => f.conv(x, kernel(x, [5, 4, 3, 3]), null, { stride: 2, pads: [1, 1, 1, 1] }));
  expect(conv).toEqual({ products: 5 * 4 * 3 * (4 * 9), elements: 0 });

  // Scores and what is made of them, in 2 heads of 4.
  const attention = cost([1, 10, 8], (x) => f.fusedAttention(x, x, x, { heads: 2, causal: false }));
  expect(attention).toEqual({ products: 2 * (10 * 10 * 8), elements: 2 * 10 * 10 });
});

it('other nodes are counted by the elements that they go over, of whichever there are more', () => {
  expect(cost([4, 5], (x) => f.add(x, 1)).elements).toBe(20);
  expect(cost([4, 5], (x) => f.sumOver(x, [0, 1])).elements).toBe(20);
  expect(cost([4, 5], (x) => f.reshape(x, [20])).elements).toBe(0);
  expect(cost([4, 5], (x) => f.slice(x, 0, 1, 2)).elements).toBe(5);
});

it('going back over a product takes one for each of its gradients', () => {
  const graph = new Graph();
  const [x, w] = [graph.input('x', 'float32', [6, 7]), graph.input('w', 'float32', [7, 8])];
  const loss = f.sumOver(f.matmul(x, w), [0, 1]);
  const before = costOf(graph).products;
  gradients(loss, [x, w]);
  expect(costOf(graph).products).toBe(3 * before);
});
