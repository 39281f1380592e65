import * as f from '../onnx/functions.ts';
import type { Value } from '../onnx/graph.ts';
import { type Delta, matrixSize, type Term } from '../weights/delta.ts';
import type { Change } from '../weights/lora.ts';
import type { Weight } from '../weights/parts.ts';

/**
 * What LoRA files add to a weight: `base` [rows, columns] float32 plus the sum of factor * delta, as nodes over the files' own
 * tensors. Weights that are folded have it added once, when they are loaded; mapped ones in every run, at the price of a small
 * matrix product. `name` of the weight makes the names of theirs.
 */
export function addChanges(base: Value, name: string, changes: readonly Change[]): Value {
  const own = changes.map(({ delta, factor }, i) => ({ delta, factor, name: `${name}+${i}` }));
  const products = own.flatMap((one) => (isProduct(one.delta) ? [{ ...one, delta: one.delta }] : []));
  const others = own.filter(({ delta }) => !isProduct(delta));
  const sum = others.map((one) => record(base, one.name, one.delta, one.factor)).reduce(f.add, base);
  if (products.length === 0) return sum;
  // Ranks side by side: several LoRAs are one matrix product, which is as one LoRA of all their ranks.
  const ups = products.map((one) => f.mul(matrix(base, `${one.name}.up`, one.delta.up), one.factor));
  const downs = products.map((one) => matrix(base, `${one.name}.down`, one.delta.down));
  return f.add(sum, f.matmul(joined(ups, 1), joined(downs, 0)));
}

type Product = Term & { readonly kind: 'product' };

const isProduct = (delta: Delta): delta is Product => delta.kind === 'product' && delta.core === null;

const joined = (values: readonly Value[], axis: number): Value =>
  values.length === 1 ? values[0]! : f.concat(values, axis);

/** `factor` times a delta as a matrix [rows, columns]; it is multiplied into what is smallest. */
function record(base: Value, name: string, delta: Delta, factor: number): Value {
  switch (delta.kind) {
    case 'whole':
      return f.mul(matrix(base, name, delta.value), factor);
    case 'product':
      return product(base, name, delta, factor);
    case 'hadamard':
      return f.mul(record(base, `${name}.left`, delta.left, factor), record(base, `${name}.right`, delta.right, 1));
    case 'kronecker':
      return kronecker(record(base, `${name}.left`, delta.left, factor), record(base, `${name}.right`, delta.right, 1));
  }
}

function product(base: Value, name: string, { up, down, core }: Product, factor: number): Value {
  const rows = f.mul(matrix(base, `${name}.up`, up), factor);
  const columns = matrix(base, `${name}.down`, down);
  if (!core) return f.matmul(rows, columns);
  const [height] = matrixSize(up);
  const [rank, width] = matrixSize(down);
  const taps = matrixSize(core)[1] / rank;
  const perTap = f.reshape(f.matmul(rows, matrix(base, `${name}.core`, core)), [height, rank, taps]);
  const full = f.matmul(f.transpose(perTap, [0, 2, 1]), columns);
  return f.reshape(f.transpose(full, [0, 2, 1]), [height, width * taps]);
}

/** Every element of the left, times all of the right: [a, b] and [c, d] give [a * c, b * d]. */
function kronecker(left: Value, right: Value): Value {
  const [[a, b], [c, d]] = [left.shape as [number, number], right.shape as [number, number]];
  return f.reshape(f.mul(f.reshape(left, [a, 1, b, 1]), f.reshape(right, [1, c, 1, d])), [a * c, b * d]);
}

function matrix({ graph }: Value, name: string, weight: Weight): Value {
  const [rows, columns] = matrixSize(weight);
  if (!weight.transposed) return graph.weight(name, weight, [rows, columns]);
  return f.transpose(graph.weight(name, weight, [columns, rows]), [1, 0]);
}
