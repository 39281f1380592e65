import { type Dimension, product, type Shape } from './dimension.ts';
import * as f from './functions.ts';
import type { Node, Value } from './graph.ts';
import type { OperatorName } from './operators.ts';
import { after } from './order.ts';

/** A node on the way back from the loss. */
export type Step = {
  readonly node: Node;
  /** The gradient of the loss with respect to each output. */
  readonly dys: readonly Value[];
  /** The same, for the first output. */
  readonly dy: Value;
  /** An input as it was. */
  readonly x: (input: number) => Value;
  /** The first output as it was. */
  readonly y: () => Value;
};

/**
 * For each input that has one a gradient, recorded when it is asked for. It may be larger than the input where that was stretched;
 * it is summed then.
 */
export type Rule = (step: Step) => readonly (() => Value)[];

/** The chain rule, operator by operator: gradients of the inputs from those of the outputs. */
export const RULES: Readonly<Partial<Record<OperatorName, Rule>>> = {
  Add: ({ dy }) => [() => dy, () => dy],
  Sub: ({ dy }) => [() => dy, () => f.mul(dy, -1)],
  Mul: ({ dy, x }) => [() => f.mul(dy, x(1)), () => f.mul(dy, x(0))],
  Div: ({ dy, x, y }) => [() => f.div(dy, x(1)), () => f.mul(f.div(f.mul(dy, y()), x(1)), -1)],

  Relu: ({ dy, x }) => [() => f.where(f.less(x(0), 0), f.mul(dy, 0), dy)],
  Sigmoid: ({ dy, y }) => [() => f.mul(dy, f.mul(y(), complement(y())))],
  Tanh: ({ dy, y }) => [() => f.mul(dy, complement(f.mul(y(), y())))],
  Sin: ({ dy, x }) => [() => f.mul(dy, f.cos(x(0)))],
  Cos: ({ dy, x }) => [() => f.mul(dy, f.mul(f.sin(x(0)), -1))],
  Exp: ({ dy, y }) => [() => f.mul(dy, y())],
  Sqrt: ({ dy, y }) => [() => f.div(f.mul(dy, 0.5), y())],
  // x Φ(x) becomes Φ(x) + x φ(x).
  Gelu: ({ dy, x }) => [
    () => {
      const share = f.mul(f.add(f.erf(f.mul(x(0), Math.SQRT1_2)), 1), 0.5);
      const density = f.mul(f.exp(f.mul(f.mul(x(0), x(0)), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return f.mul(dy, f.add(share, f.mul(x(0), density)));
    },
  ],
  Softmax: ({ dy, y }) => [
    () => {
      const weighted = f.mul(dy, y());
      return f.sub(weighted, f.mul(y(), f.sumOver(weighted, [-1])));
    },
  ],

  MatMul: ({ node, dy, x }) => [
    () => f.matmul(dy, turned(x(1))),
    () => (node.inputs[1]!.shape.length === 2 ? f.matmul(turned(rows(x(0))), rows(dy)) : f.matmul(turned(x(0)), dy)),
  ],

  Conv: (step) => [
    () => convInput(step),
    () => convWeight(step),
    () => f.sumOver(step.dy, otherThan(1, step.dy.shape.length), { keep: false }),
  ],

  InstanceNormalization: ({ node, dy, x }) => [
    () => {
      const axes = node.inputs[0]!.shape.map((_, axis) => axis).slice(2);
      const { normal, inverse } = normalised(x(0), axes, Number(node.attributes.epsilon));
      const scale = f.reshape(x(1), [node.inputs[1]!.shape[0]!, ...axes.map(() => 1)]);
      return f.mul(f.mul(inverse, scale), centred(dy, normal, axes));
    },
  ],

  LayerNormalization: ({ node, dy, x }) => {
    const parts = once(() => normalised(x(0), [-1], Number(node.attributes.epsilon)));
    return [
      () => f.mul(parts().inverse, centred(f.mul(dy, x(1)), parts().normal, [-1])),
      () => f.mul(dy, parts().normal),
      () => dy,
    ];
  },

  MultiHeadAttention: (step) => {
    const all = once(() => attention(step));
    return [() => all().query, () => all().key, () => all().value];
  },

  Transpose: ({ node, dy }) => {
    const order = node.attributes.perm as readonly number[];
    return [() => f.transpose(dy, inverseOf(order))];
  },
  Reshape: ({ node, dy }) => [() => f.reshape(dy, node.inputs[0]!.shape)],
  Concat: ({ node, dy }) => {
    const axis = (Number(node.attributes.axis) + dy.shape.length) % dy.shape.length;
    let at = 0;
    return node.inputs.map((input) => {
      const [from, to] = [at, (at += Number(input!.shape[axis]))];
      return () => f.slice(dy, axis, from, to);
    });
  },
  Split: ({ node, dys }) => [() => f.concat(dys, Number(node.attributes.axis))],
  // Every pixel has become a rectangle of pixels.
  Resize: ({ node, dy }) => [
    () => {
      const [batch, channels, height, width] = node.inputs[0]!.shape as [Dimension, Dimension, number, number];
      const [tall, wide] = [Number(dy.shape[2]) / height, Number(dy.shape[3]) / width];
      if (!Number.isInteger(tall) || !Number.isInteger(wide))
        throw new RangeError(`${node.name} is by no whole number`);
      const apart = f.reshape(dy, [batch, channels, height, tall, width, wide]);
      return f.sumOver(apart, [3, 5], { keep: false });
    },
  ],
  ReduceSum: ({ node, dy }) => [() => spread(node, dy)],
  ReduceMean: ({ node, dy }) => [
    () => {
      const { shape } = node.inputs[0]!;
      const axes = axesOf(node);
      return f.mul(spread(node, dy), 1 / axes.reduce((count, axis) => count * Number(shape[axis]), 1));
    },
  ],
};

const complement = (x: Value): Value => f.add(f.mul(x, -1), 1);

const otherThan = (axis: number, rank: number): number[] =>
  Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis);

const inverseOf = (order: readonly number[]): number[] => order.map((_, axis) => order.indexOf(axis));

/** Rows as columns, in the last two axes; of what was turned already, what it was before. */
function turned(x: Value): Value {
  const rank = x.shape.length;
  const order = Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
  const maker = x.graph.nodes.findLast(({ outputs }) => outputs.some(({ name }) => name === x.name));
  const isTurned = maker?.operator === 'Transpose' && String(maker.attributes.perm) === String(order);
  return isTurned ? maker.inputs[0]! : f.transpose(x, order);
}

/** The rows of all matrices of a batch as those of one. */
const rows = (x: Value): Value => f.reshape(x, [product(...x.shape.slice(0, -1)), x.shape.at(-1)!]);

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}

const axesOf = ({ inputs }: Node): number[] => {
  const rank = inputs[0]!.shape.length;
  return inputs[1]!.elements!.map((axis) => (Number(axis) + rank) % rank);
};

/** The gradient of a sum is the same for all that was summed. */
function spread(node: Node, dy: Value): Value {
  const { shape } = node.inputs[0]!;
  const axes = axesOf(node);
  const kept = f.reshape(
    dy,
    shape.map((size, axis) => (axes.includes(axis) ? 1 : size)),
  );
  return f.expand(kept, shape);
}

/** `x` with mean 0 and variance 1 over the axes, and 1 / its standard deviation. */
function normalised(x: Value, axes: readonly number[], epsilon: number): { normal: Value; inverse: Value } {
  const difference = f.sub(x, f.meanOver(x, axes));
  const variance = f.meanOver(f.mul(difference, difference), axes);
  const inverse = f.div(x.graph.floats([1], []), f.sqrt(f.add(variance, epsilon)));
  return { normal: f.mul(difference, inverse), inverse };
}

/** What of a gradient is left when mean and variance cannot change. */
const centred = (dy: Value, normal: Value, axes: readonly number[]): Value =>
  f.sub(f.sub(dy, f.meanOver(dy, axes)), f.mul(normal, f.meanOver(f.mul(dy, normal), axes)));

type ConvPlaces = { strides: readonly number[]; pads: readonly number[]; kernel: readonly number[] };

function placesOf({ attributes, inputs }: Node): ConvPlaces {
  const kernel = inputs[1]!.shape.slice(2).map(Number);
  const pads = (attributes.pads as readonly number[] | undefined) ?? [...kernel, ...kernel].map(() => 0);
  return { kernel, pads, strides: (attributes.strides as readonly number[] | undefined) ?? kernel.map(() => 1) };
}

/**
 * A convolution with the kernel turned by half a turn, and its inputs and outputs exchanged. Pictures are turned instead, which are
 * smaller than the kernels where kernels are large; faster than the runtime's ConvTranspose, which strides need.
 */
function convInput({ node, dy, x }: Step): Value {
  const { kernel, pads, strides } = placesOf(node);
  const size = node.inputs[0]!.shape;
  if (strides.some((stride) => stride !== 1)) {
    const reached = kernel.map(
      (extent, i) => strides[i]! * (Number(dy.shape[i + 2]) - 1) + extent - pads[i]! - pads[i + kernel.length]!,
    );
    const unreached = reached.map((length, i) => Number(size[i + 2]) - length);
    return f.convTranspose(dy, x(1), { strides, pads, unreached });
  }
  const order = x(1).shape.map((_, axis) => (axis === 0 ? 1 : axis === 1 ? 0 : axis));
  const weight = f.transpose(x(1), order);
  if (kernel.every((extent) => extent === 1) && pads.every((pad) => pad === 0)) return f.conv(dy, weight, null);
  const spatial = kernel.map((_, i) => i + 2);
  // Turned around, what was padded at the end comes first.
  const margins = pads.map((_, i) => kernel[i % kernel.length]! - 1 - pads[(i + kernel.length) % pads.length]!);
  return f.reversed(f.conv(f.reversed(dy, spatial), weight, null, { pads: margins }), spatial);
}

/** The input seen through the gradient as a kernel, samples and channels exchanged. */
function convWeight({ node, dy, x }: Step): Value {
  const { kernel, pads, strides } = placesOf(node);
  const order = dy.shape.map((_, axis) => (axis === 0 ? 1 : axis === 1 ? 0 : axis));
  const seen = f.dilatedConv(f.transpose(x(0), order), f.transpose(dy, order), { dilations: strides, pads });
  const whole = f.transpose(seen, order);
  // Rows and columns that no window reached give more places than the kernel has.
  return kernel.reduce((part, extent, i) => {
    return part.shape[i + 2] === extent ? part : f.slice(part, i + 2, 0, extent);
  }, whole);
}

/** As many elements of attention scores are held at once: 128 MB of each of the few tensors of that size. */
const SCORES = 2 ** 25;

/**
 * Scaled dot-product attention backwards: scores are computed again, for as many heads at a time as there is room for, and every part
 * waits for the one before. The sum of each row of P dP is taken from the output (https://arxiv.org/abs/2205.14135, appendix B.4).
 */
function attention({ node, dy, x, y }: Step): { query: Value; key: Value; value: Value } {
  const { num_heads: heads, scale, unidirectional } = node.attributes as Record<string, number | undefined>;
  if (!heads || unidirectional) throw new RangeError(`${node.name} has no gradient`);
  const [batch, length, width] = node.inputs[0]!.shape as [number, number, number];
  const context = Number(node.inputs[1]!.shape[1]);
  const factor = scale ?? (width / heads) ** -0.5;
  const perHead = (z: Value): Value => {
    const [, count, all] = z.shape as [number, number, number];
    return f.transpose(f.reshape(z, [batch, count, heads, all / heads]), [0, 2, 1, 3]);
  };
  const joined = (parts: readonly Value[]): Value => {
    const all = f.transpose(parts.length === 1 ? parts[0]! : f.concat(parts, 1), [0, 2, 1, 3]);
    return f.reshape(all, [batch, all.shape[1]!, product(...all.shape.slice(2))]);
  };
  const [query, key, value] = [f.mul(perHead(x(0)), factor), perHead(x(1)), perHead(x(2))];
  const given = perHead(dy);
  const sums = perHead(f.mul(dy, y()));
  const atOnce = divisors(heads).findLast((count) => batch * count * length * context <= SCORES) ?? 1;
  const parts: { query: Value; key: Value; value: Value }[] = [];
  for (let from = 0; from < heads; from += atOnce) {
    const last = parts.at(-1);
    const some = (z: Value): Value => (atOnce === heads ? z : f.slice(z, 1, from, from + atOnce));
    const q = after(some(query), last ? [last.query, last.key, last.value] : []);
    const [k, v, dOut] = [some(key), some(value), some(given)];
    const seen = f.softmax(f.matmul(q, turned(k)));
    const dSeen = f.matmul(dOut, turned(v));
    const dScores = f.mul(seen, f.sub(dSeen, f.sumOver(some(sums), [-1])));
    parts.push({
      query: f.mul(f.matmul(dScores, k), factor),
      key: turned(f.matmul(turned(q), dScores)),
      value: turned(f.matmul(turned(dOut), seen)),
    });
  }
  return {
    query: joined(parts.map((part) => part.query)),
    key: joined(parts.map((part) => part.key)),
    value: joined(parts.map((part) => part.value)),
  };
}

const divisors = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1).filter((count) => n % count === 0);

/** A gradient summed where its input was stretched. */
export function summed(gradient: Value, shape: Shape): Value {
  const extra = gradient.shape.length - shape.length;
  const axes = gradient.shape.flatMap((size, i) => (i < extra || (shape[i - extra] === 1 && size !== 1) ? [i] : []));
  return axes.length === 0 ? gradient : f.reshape(f.sumOver(gradient, axes), shape);
}
