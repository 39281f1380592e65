import type { Graph, Node, Value } from './graph.ts';
import type { OperatorName } from './operators.ts';

/** What it takes to run a graph. */
export type Cost = {
  /** Multiplications, each with an addition, of matrices and convolutions. */
  readonly products: number;
  /** Elements that all other nodes go over. */
  readonly elements: number;
};

/** Counted from shapes, which have to be numbers. */
export function costOf({ nodes }: Pick<Graph, 'nodes'>): Cost {
  let [products, elements] = [0, 0];
  for (const node of nodes) {
    products += PRODUCTS[node.operator]?.(node) ?? 0;
    elements += (ELEMENTS[node.operator] ?? largest)(node);
  }
  return { products, elements };
}

const sizeOf = ({ shape }: Value): number => shape.reduce<number>((product, size) => product * Number(size), 1);

type Count = (node: Node) => number;

/** Every element of a convolution is a sum over channels and taps, which are all but the first size of the kernels. */
const PRODUCTS: Readonly<Partial<Record<OperatorName, Count>>> = {
  MatMul: ({ inputs, outputs }) => sizeOf(outputs[0]!) * Number(inputs[0]!.shape.at(-1)),
  Conv: ({ inputs, outputs }) => (sizeOf(outputs[0]!) * sizeOf(inputs[1]!)) / Number(inputs[1]!.shape[0]),
  ConvTranspose: ({ inputs }) => (sizeOf(inputs[0]!) * sizeOf(inputs[1]!)) / Number(inputs[1]!.shape[0]),
  MultiHeadAttention: ({ inputs }) => 2 * sizeOf(inputs[0]!) * Number(inputs[1]!.shape[1]),
};

const NONE: Count = () => 0;

/** Where they are others than those of the largest input or output. */
const ELEMENTS: Readonly<Partial<Record<OperatorName, Count>>> = {
  MatMul: NONE,
  Conv: NONE,
  ConvTranspose: NONE,
  Reshape: NONE,
  // The scores.
  MultiHeadAttention: ({ inputs, attributes }) => {
    const [batch, length] = inputs[0]!.shape.map(Number) as [number, number];
    return batch * length * Number(inputs[1]!.shape[1]) * Number(attributes.num_heads);
  },
  Slice: ({ outputs }) => sizeOf(outputs[0]!),
  Gather: ({ outputs }) => sizeOf(outputs[0]!),
};

const largest: Count = ({ inputs, outputs }) =>
  Math.max(...[...inputs, ...outputs].map((value) => (value ? sizeOf(value) : 0)));
