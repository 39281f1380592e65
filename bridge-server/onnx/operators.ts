import type { Dtype } from '../weights/dtype.ts';
import { type Dimension, product, type Shape, shapeText, sum, windows } from './dimension.ts';
import type { Inferred, Value } from './graph.ts';

export type Attribute = number | string | readonly number[];
export type AttributeType = 'int' | 'ints' | 'float' | 'string' | 'dtype';
export type Attributes = Readonly<Record<string, Attribute>>;
type Fail = (reason: string) => never;
type Inputs = readonly (Value | null)[];
type Rule = (inputs: Inputs, attributes: Attributes, fail: Fail) => Inferred[];

/** How an operator is written and what it makes of its inputs. */
export type Operator = {
  /** '' is the ONNX standard, 'com.microsoft' what the runtime adds to it. */
  readonly domain: '' | 'com.microsoft';
  /** Every attribute that may be given, and its type in the file. */
  readonly attributes: Readonly<Record<string, AttributeType>>;
  /** Types and shapes of the outputs; calls `fail` when the inputs do not fit. */
  readonly infer: Rule;
};

const first = (inputs: Inputs, fail: Fail, position = 0): Value =>
  inputs[position] ?? fail(`input ${position} is missing`);
const axisOf = (axis: Attribute | undefined, rank: number): number => ((Number(axis ?? -1) % rank) + rank) % rank;
const ints = (attribute: Attribute | undefined, fallback: readonly number[]): readonly number[] =>
  Array.isArray(attribute) ? (attribute as readonly number[]) : fallback;

/** Numpy's rule: shapes are aligned at the end, and a size of 1 stretches. */
function broadcast(a: Shape, b: Shape, fail: Fail): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i): Dimension => {
    const [left, right] = [a[a.length - rank + i] ?? 1, b[b.length - rank + i] ?? 1];
    if (left === right || right === 1) return left;
    return left === 1 ? right : fail(`${shapeText(a)} and ${shapeText(b)} cannot be combined element by element`);
  });
}

const elementwise = (result?: Dtype): Operator => ({
  domain: '',
  attributes: {},
  infer: (inputs, _, fail) => {
    const [a, b] = [first(inputs, fail), first(inputs, fail, 1)];
    if (a.dtype !== b.dtype) return fail(`${a.name} is ${a.dtype}, ${b.name} is ${b.dtype}`);
    return [{ dtype: result ?? a.dtype, shape: broadcast(a.shape, b.shape, fail) }];
  },
});

const sameAsInput: Rule = (inputs, _, fail) => {
  const { dtype, shape } = first(inputs, fail);
  return [{ dtype, shape }];
};

const unary = (attributes: Operator['attributes'] = {}): Operator => ({
  domain: '',
  attributes,
  infer: sameAsInput,
});

/** A scale and a shift along `axis`, which both have to match it. */
const normalisation = (name: string, axis: number, attributes: Operator['attributes']): Operator => ({
  domain: '',
  attributes,
  infer: (inputs, given, fail) => {
    const x = first(inputs, fail);
    const size = x.shape.at(axis);
    for (const affine of inputs.slice(1)) {
      if (affine && affine.shape[0] !== size)
        return fail(`${affine.name} ${shapeText(affine.shape)} does not fit the ${name} of ${size}`);
    }
    return sameAsInput(inputs, given, fail);
  },
});

/** Over the axes that are the second input's `elements`. */
const reduction = (): Operator => ({
  domain: '',
  attributes: { keepdims: 'int' },
  infer: (inputs, { keepdims }, fail) => {
    const [x, { elements }] = [first(inputs, fail), first(inputs, fail, 1)];
    if (!elements) return fail('the axes are not known');
    const axes = elements.map((axis) => axisOf(Number(axis), x.shape.length));
    const shape = x.shape.flatMap((size, i) => (!axes.includes(i) ? [size] : keepdims === 0 ? [] : [1]));
    return [{ dtype: x.dtype, shape }];
  },
});

export const OPERATORS = {
  Add: elementwise(),
  Sub: elementwise(),
  Mul: elementwise(),
  Div: elementwise(),
  Min: elementwise(),
  Max: elementwise(),
  Less: elementwise('bool'),
  Equal: elementwise('bool'),

  Relu: unary(),
  Sigmoid: unary(),
  Tanh: unary(),
  Sin: unary(),
  Cos: unary(),
  Exp: unary(),
  Erf: unary(),
  Sqrt: unary(),
  Gelu: unary(),
  Softmax: unary({ axis: 'int' }),
  Clip: unary(),

  Cast: {
    domain: '',
    attributes: { to: 'dtype' },
    infer: (inputs, { to }, fail) => [{ dtype: to as Dtype, shape: first(inputs, fail).shape }],
  },

  Where: {
    domain: '',
    attributes: {},
    infer: (inputs, _, fail) => {
      const [condition, a, b] = [first(inputs, fail), first(inputs, fail, 1), first(inputs, fail, 2)];
      return [{ dtype: a.dtype, shape: broadcast(condition.shape, broadcast(a.shape, b.shape, fail), fail) }];
    },
  },

  MatMul: {
    domain: '',
    attributes: {},
    infer: (inputs, _, fail) => {
      const [a, b] = [first(inputs, fail), first(inputs, fail, 1)];
      if (a.shape.length < 2 || b.shape.length < 2) return fail('matrices need two dimensions');
      if (a.shape.at(-1) !== b.shape.at(-2)) return fail(`${a.shape.at(-1)} columns meet ${b.shape.at(-2)} rows`);
      const batch = broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2), fail);
      return [{ dtype: a.dtype, shape: [...batch, a.shape.at(-2) as Dimension, b.shape.at(-1) as Dimension] }];
    },
  },

  Conv: {
    domain: '',
    attributes: { strides: 'ints', pads: 'ints', dilations: 'ints' },
    infer: (inputs, { strides, pads, dilations }, fail) => {
      const [x, weight, bias] = [first(inputs, fail), first(inputs, fail, 1), inputs[2]];
      const [batch, channels, ...size] = x.shape;
      const [filters, depth, ...kernel] = weight.shape;
      if (x.shape.length !== weight.shape.length) return fail('picture and kernel differ in dimensions');
      if (channels !== depth) return fail(`${weight.name} reads ${depth} channels, the picture has ${channels}`);
      if (bias && bias.shape[0] !== filters)
        return fail(`${bias.name} has ${bias.shape[0]} values for ${filters} filters`);
      const stride = ints(
        strides,
        kernel.map(() => 1),
      );
      const pad = ints(
        pads,
        [...kernel, ...kernel].map(() => 0),
      );
      const spatial = size.map((dimension, i) => {
        const extent = (ints(dilations, [])[i] ?? 1) * ((kernel[i] as number) - 1) + 1;
        return windows(dimension, extent, stride[i] ?? 1, (pad[i] ?? 0) + (pad[i + kernel.length] ?? 0));
      });
      return [{ dtype: x.dtype, shape: [batch as Dimension, filters as Dimension, ...spatial] }];
    },
  },

  /** The gradient of Conv with respect to its picture; `output_padding` are rows and columns that no window of it reached. */
  ConvTranspose: {
    domain: '',
    attributes: { strides: 'ints', pads: 'ints', output_padding: 'ints' },
    infer: (inputs, { strides, pads, output_padding: unreached }, fail) => {
      const [x, weight] = [first(inputs, fail), first(inputs, fail, 1)];
      const [batch, channels, ...size] = x.shape;
      const [depth, filters, ...kernel] = weight.shape;
      if (channels !== depth) return fail(`${weight.name} reads ${depth} channels, the picture has ${channels}`);
      const spatial = size.map((dimension, i) => {
        if (typeof dimension !== 'number') return fail('the size of the picture is not known');
        const [stride, padding] = [ints(strides, [])[i] ?? 1, ints(pads, [])];
        const margin = (padding[i] ?? 0) + (padding[i + kernel.length] ?? 0);
        return stride * (dimension - 1) + (kernel[i] as number) - margin + (ints(unreached, [])[i] ?? 0);
      });
      return [{ dtype: x.dtype, shape: [batch as Dimension, filters as Dimension, ...spatial] }];
    },
  },

  InstanceNormalization: normalisation('channels', 1, { epsilon: 'float' }),
  LayerNormalization: normalisation('width', -1, { axis: 'int', epsilon: 'float' }),

  /** Query [batch, tokens, width], key and value [batch, context, width]; scaled dot products of `num_heads` heads. */
  MultiHeadAttention: {
    domain: 'com.microsoft',
    attributes: { num_heads: 'int', scale: 'float', unidirectional: 'int' },
    infer: (inputs, { num_heads: heads }, fail) => {
      const [query, key, value] = [first(inputs, fail), first(inputs, fail, 1), first(inputs, fail, 2)];
      const width = query.shape[2];
      if (width !== key.shape[2]) return fail(`queries are ${width} wide, keys ${key.shape[2]}`);
      if (key.shape[1] !== value.shape[1]) return fail(`${key.shape[1]} keys have ${value.shape[1]} values`);
      if (typeof width !== 'number' || width % Number(heads) !== 0)
        return fail(`${width} does not divide into ${Number(heads)} heads`);
      return [
        {
          dtype: query.dtype,
          shape: [query.shape[0] as Dimension, query.shape[1] as Dimension, value.shape[2] as Dimension],
        },
      ];
    },
  },

  Transpose: {
    domain: '',
    attributes: { perm: 'ints' },
    infer: (inputs, { perm }, fail) => {
      const x = first(inputs, fail);
      const order = ints(perm, []);
      if (order.length !== x.shape.length) return fail(`an order of ${order.length} axes for ${x.shape.length}`);
      return [{ dtype: x.dtype, shape: order.map((axis) => x.shape[axis] as Dimension) }];
    },
  },

  /** The second input's `elements` say the shape; at run time it may hold 0 (as in the input) and -1 (the rest). */
  Reshape: {
    domain: '',
    attributes: {},
    infer: (inputs, _, fail) => {
      const [x, { elements }] = [first(inputs, fail), first(inputs, fail, 1)];
      if (!elements) return fail('the new shape is not known');
      if (product(...elements) !== product(...x.shape))
        return fail(`${shapeText(x.shape)} cannot become ${shapeText(elements)}`);
      return [{ dtype: x.dtype, shape: elements }];
    },
  },

  Concat: {
    domain: '',
    attributes: { axis: 'int' },
    infer: (inputs, { axis }, fail) => {
      const x = first(inputs, fail);
      const joined = axisOf(axis, x.shape.length);
      const values = inputs.filter((input) => input !== null);
      for (const { name, shape } of values) {
        if (shape.length !== x.shape.length || shape.some((size, i) => i !== joined && size !== x.shape[i])) {
          return fail(
            `${name} ${shapeText(shape)} cannot be joined to ${x.name} ${shapeText(x.shape)} on axis ${joined}`,
          );
        }
      }
      const total = sum(values.map(({ shape }) => shape[joined] as Dimension));
      const shape = x.shape.map((size, i) => (i === joined ? total : size));
      const elements = values.map((value) => value.elements);
      const known = elements.every((sizes) => sizes !== undefined);
      return [known ? { dtype: x.dtype, shape, elements: elements.flat() } : { dtype: x.dtype, shape }];
    },
  },

  /** Equal parts along an axis. */
  Split: {
    domain: '',
    attributes: { axis: 'int', num_outputs: 'int' },
    infer: (inputs, { axis, num_outputs: count }, fail) => {
      const x = first(inputs, fail);
      const cut = axisOf(axis, x.shape.length);
      const size = x.shape[cut];
      if (typeof size !== 'number' || size % Number(count) !== 0)
        return fail(`${size} does not divide into ${Number(count)}`);
      const shape = x.shape.map((other, i) => (i === cut ? size / Number(count) : other));
      return Array.from({ length: Number(count) }, () => ({ dtype: x.dtype, shape }));
    },
  },

  Shape: {
    domain: '',
    attributes: { start: 'int', end: 'int' },
    infer: (inputs, { start, end }, fail) => {
      const sizes = first(inputs, fail).shape.slice(Number(start ?? 0), end === undefined ? undefined : Number(end));
      return [{ dtype: 'int64', shape: [sizes.length], elements: sizes }];
    },
  },

  /** Every `steps`-th element from `starts` until `ends` on each of `axes`; the sizes of these have to be known. */
  Slice: {
    domain: '',
    attributes: {},
    infer: (inputs, _, fail) => {
      const x = first(inputs, fail);
      const [starts, ends, axes, steps] = [1, 2, 3, 4].map((i) => first(inputs, fail, i).elements?.map(Number) ?? []);
      const shape = [...x.shape];
      for (const [i, axis] of (axes as number[]).entries()) {
        const [size, step] = [x.shape[axis], steps![i]!];
        if (typeof size !== 'number') return fail(`the size of axis ${axis} is not known`);
        const [lowest, highest] = step > 0 ? [0, size] : [-1, size - 1];
        const [from, to] = [starts![i]!, ends![i]!].map((at) =>
          Math.min(Math.max(at < 0 ? at + size : at, lowest), highest),
        ) as [number, number];
        shape[axis] = Math.max(0, Math.ceil((to - from) / step));
      }
      return [{ dtype: x.dtype, shape }];
    },
  },

  /** Stretches sizes of 1 to the second input's `elements`. */
  Expand: {
    domain: '',
    attributes: {},
    infer: (inputs, _, fail) => {
      const [x, { elements }] = [first(inputs, fail), first(inputs, fail, 1)];
      if (!elements) return fail('the new shape is not known');
      return [{ dtype: x.dtype, shape: broadcast(x.shape, elements, fail) }];
    },
  },

  ReduceSum: reduction(),
  ReduceMean: reduction(),

  /** Rows of the first input; axis 0. */
  Gather: {
    domain: '',
    attributes: { axis: 'int' },
    infer: (inputs, _, fail) => {
      const [table, indices] = [first(inputs, fail), first(inputs, fail, 1)];
      return [{ dtype: table.dtype, shape: [...indices.shape, ...table.shape.slice(1)] }];
    },
  },

  /** One index a row: [rows, axis of the data, …] at [rows, 1] indices. */
  GatherND: {
    domain: '',
    attributes: { batch_dims: 'int' },
    infer: (inputs, { batch_dims: batch }, fail) => {
      const [data, indices] = [first(inputs, fail), first(inputs, fail, 1)];
      const depth = indices.shape.at(-1);
      if (typeof depth !== 'number') return fail('the depth of the indices is not known');
      return [
        { dtype: data.dtype, shape: [...indices.shape.slice(0, -1), ...data.shape.slice(Number(batch ?? 0) + depth)] },
      ];
    },
  },

  /** Where the largest value first is along an axis, which becomes 1. */
  ArgMax: {
    domain: '',
    attributes: { axis: 'int' },
    infer: (inputs, { axis }, fail) => {
      const { shape } = first(inputs, fail);
      return [{ dtype: 'int64', shape: shape.map((size, i) => (i === axisOf(axis, shape.length) ? 1 : size)) }];
    },
  },

  /** Groups of blocksize x blocksize channel blocks, row by row, become squares of pixels. */
  DepthToSpace: {
    domain: '',
    attributes: { blocksize: 'int', mode: 'string' },
    infer: (inputs, { blocksize }, fail) => {
      const { dtype, shape } = first(inputs, fail);
      const [batch, channels, height, width] = shape;
      const size = Number(blocksize);
      if (typeof channels !== 'number' || channels % size ** 2 !== 0)
        return fail(`${channels} channels make no squares`);
      const [tall, wide] = [product(size, height as Dimension), product(size, width as Dimension)];
      return [{ dtype, shape: [batch as Dimension, channels / size ** 2, tall, wide] }];
    },
  },

  /** Nearest neighbour, the left of two equals; the fourth input's `elements` are the sizes of the two last axes. */
  Resize: {
    domain: '',
    attributes: { axes: 'ints', mode: 'string', coordinate_transformation_mode: 'string', nearest_mode: 'string' },
    infer: (inputs, _, fail) => {
      const [x, { elements }] = [first(inputs, fail), first(inputs, fail, 3)];
      if (elements?.length !== 2) return fail('the new size is not known');
      return [{ dtype: x.dtype, shape: [...x.shape.slice(0, -2), ...elements] }];
    },
  },
} as const satisfies Record<string, Operator>;

export type OperatorName = keyof typeof OPERATORS;
