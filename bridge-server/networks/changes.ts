import * as f from '../onnx/functions.ts';
import type { Graph, Value } from '../onnx/graph.ts';
import { type Delta, matrixSize, type Term } from '../weights/delta.ts';
import type { Change } from '../weights/lora.ts';
import type { Weight } from '../weights/parts.ts';

type Product = Term & { readonly kind: 'product' };

/** Plain LoRA: the product of two thin matrices. */
type ThinChange = { readonly delta: Product; readonly factor: number };

const isThin = (change: Change): change is ThinChange => change.delta.kind === 'product' && change.delta.core === null;

/** The sum of all plain LoRAs as one product: up [rows, rank] times down [rank, columns]. */
export type Thin = { readonly up: Value; readonly down: Value };

/**
 * What LoRA files add to a weight: `base` [rows, columns] float32 plus the sum of factor * delta, as nodes over the files' own
 * tensors. `name` of the weight makes the names of theirs.
 */
export function addChanges(base: Value, name: string, changes: readonly Change[]): Value {
  const { thin, rest } = separate(base.graph, name, changes);
  const sum = addRest(base, name, rest);
  return thin ? f.add(sum, f.matmul(thin.up, thin.down)) : sum;
}

/** Plain LoRAs, their ranks side by side, which makes several of them one of all their ranks; and whatever else there is. */
export function separate(
  graph: Graph,
  name: string,
  changes: readonly Change[],
): { readonly thin: Thin | null; readonly rest: readonly Change[] } {
  const rest = changes.filter((change) => !isThin(change));
  const plain = changes.filter(isThin);
  if (plain.length === 0) return { thin: null, rest };
  const factors = plain.flatMap(({ delta, factor }) => new Array<number>(matrixSize(delta.up)[1]).fill(factor));
  const ups = plain.map(({ delta }) => delta.up);
  const downs = plain.map(({ delta }) => delta.down);
  const up = f.mul(joined(graph, `${name}+up`, ups, 1), graph.floats(factors));
  return { thin: { up, down: joined(graph, `${name}+down`, downs, 0) }, rest };
}

/** The sum of `base` and changes that are no plain LoRAs. */
function addRest(base: Value, name: string, changes: readonly Change[]): Value {
  return changes
    .map(({ delta, factor }, i) => record(base.graph, `${name}+${i}`, delta, factor))
    .reduce((sum, value) => f.add(sum, value), base);
}

/** Matrices along an axis as 32-bit floats, converted together where they are of one type: fewer nodes load faster. */
function joined(graph: Graph, name: string, weights: readonly Weight[], axis: number): Value {
  const [first, ...others] = weights;
  if (others.length === 0) return matrix(graph, name, first!);
  if (others.some(({ dtype }) => dtype !== first!.dtype)) {
    return f.concat(
      weights.map((weight, i) => matrix(graph, `${name}${i}`, weight)),
      axis,
    );
  }
  const stored = weights.map((weight, i) => graph.stored(`${name}${i}`, weight, matrixSize(weight)));
  const all = f.concat(stored, axis);
  return all.dtype === 'float32' ? all : f.cast(all, 'float32');
}

/** `factor` times a delta as a matrix [rows, columns]; it is multiplied into what is smallest. */
function record(graph: Graph, name: string, delta: Delta, factor: number): Value {
  switch (delta.kind) {
    case 'whole':
      return f.mul(matrix(graph, name, delta.value), factor);
    case 'product':
      return product(graph, name, delta, factor);
    case 'hadamard':
      return f.mul(record(graph, `${name}.left`, delta.left, factor), record(graph, `${name}.right`, delta.right, 1));
    case 'kronecker':
      return kronecker(
        record(graph, `${name}.left`, delta.left, factor),
        record(graph, `${name}.right`, delta.right, 1),
      );
  }
}

function product(graph: Graph, name: string, { up, down, core }: Product, factor: number): Value {
  const rows = f.mul(matrix(graph, `${name}.up`, up), factor);
  const columns = matrix(graph, `${name}.down`, down);
  if (!core) return f.matmul(rows, columns);
  const [height] = matrixSize(up);
  const [rank, width] = matrixSize(down);
  const taps = matrixSize(core)[1] / rank;
  const perTap = f.reshape(f.matmul(rows, matrix(graph, `${name}.core`, core)), [height, rank, taps]);
  const full = f.matmul(f.transpose(perTap, [0, 2, 1]), columns);
  return f.reshape(f.transpose(full, [0, 2, 1]), [height, width * taps]);
}

/** Every element of the left, times all of the right: [a, b] and [c, d] give [a * c, b * d]. */
function kronecker(left: Value, right: Value): Value {
  const [[a, b], [c, d]] = [left.shape as [number, number], right.shape as [number, number]];
  return f.reshape(f.mul(f.reshape(left, [a, 1, b, 1]), f.reshape(right, [1, c, 1, d])), [a * c, b * d]);
}

function matrix(graph: Graph, name: string, weight: Weight): Value {
  const [rows, columns] = matrixSize(weight);
  if (!weight.transposed) return graph.weight(name, weight, [rows, columns]);
  return f.transpose(graph.weight(name, weight, [columns, rows]), [1, 0]);
}
