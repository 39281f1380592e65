import type { Graph, Node, Value } from './graph.ts';

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
    products += productsOf(node);
    elements += elementsOf(node);
  }
  return { products, elements };
}

const sizeOf = ({ shape }: Value): number => shape.reduce<number>((product, size) => product * Number(size), 1);

function productsOf({ operator, inputs, outputs }: Node): number {
  switch (operator) {
    case 'MatMul':
      return sizeOf(outputs[0]!) * Number(inputs[0]!.shape.at(-1));
    // Every element of the result is a sum over channels and taps, which are all but the first size of the kernels.
    case 'Conv':
      return (sizeOf(outputs[0]!) * sizeOf(inputs[1]!)) / Number(inputs[1]!.shape[0]);
    case 'ConvTranspose':
      return (sizeOf(inputs[0]!) * sizeOf(inputs[1]!)) / Number(inputs[1]!.shape[0]);
    case 'MultiHeadAttention':
      return 2 * sizeOf(inputs[0]!) * Number(inputs[1]!.shape[1]);
    default:
      return 0;
  }
}

function elementsOf({ operator, inputs, outputs, attributes }: Node): number {
  switch (operator) {
    case 'MatMul':
    case 'Conv':
    case 'ConvTranspose':
    case 'Reshape':
      return 0;
    case 'MultiHeadAttention': {
      const [batch, length] = inputs[0]!.shape.map(Number) as [number, number];
      return batch * length * Number(inputs[1]!.shape[1]) * Number(attributes.num_heads);
    }
    case 'Slice':
    case 'Gather':
      return sizeOf(outputs[0]!);
    default:
      return Math.max(...[...inputs, ...outputs].map((value) => (value ? sizeOf(value) : 0)));
  }
}
