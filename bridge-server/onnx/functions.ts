import type { Dtype } from '../weights/dtype.ts';
import type { Dimension, Shape } from './dimension.ts';
import type { Value } from './graph.ts';
import type { Attributes, OperatorName } from './operators.ts';

/** The operators as functions of values. Shapes are checked as they are recorded (Failure: graph-shapes). */

const one = (operator: OperatorName, inputs: readonly (Value | null)[], attributes?: Attributes): Value => {
  const graph = inputs.find((input) => input !== null)?.graph;
  if (!graph) throw new RangeError(`${operator} without inputs`);
  return graph.record(operator, inputs, attributes)[0] as Value;
};

/** A value, or a number that stands for a tensor with that one element. */
type Operand = Value | number;
const operand = (value: Operand, like: Value): Value => {
  if (typeof value !== 'number') return value;
  return like.dtype === 'int64' ? like.graph.integers([value], []) : like.graph.floats([value], []);
};

export const add = (a: Value, b: Operand): Value => one('Add', [a, operand(b, a)]);
export const sub = (a: Value, b: Operand): Value => one('Sub', [a, operand(b, a)]);
export const mul = (a: Value, b: Operand): Value => one('Mul', [a, operand(b, a)]);
export const div = (a: Value, b: Operand): Value => one('Div', [a, operand(b, a)]);
export const max = (a: Value, b: Operand): Value => one('Max', [a, operand(b, a)]);
export const min = (a: Value, b: Operand): Value => one('Min', [a, operand(b, a)]);
export const less = (a: Value, b: Operand): Value => one('Less', [a, operand(b, a)]);
export const equal = (a: Value, b: Operand): Value => one('Equal', [a, operand(b, a)]);
export const where = (condition: Value, yes: Value, no: Value): Value => one('Where', [condition, yes, no]);
export const clip = (x: Value, low: number, high: number): Value => one('Clip', [x, operand(low, x), operand(high, x)]);
export const cast = (x: Value, to: Dtype): Value => one('Cast', [x], { to });

export const relu = (x: Value): Value => one('Relu', [x]);
export const tanh = (x: Value): Value => one('Tanh', [x]);
export const sin = (x: Value): Value => one('Sin', [x]);
export const cos = (x: Value): Value => one('Cos', [x]);
export const exp = (x: Value): Value => one('Exp', [x]);
export const erf = (x: Value): Value => one('Erf', [x]);
export const sqrt = (x: Value): Value => one('Sqrt', [x]);
export const sigmoid = (x: Value): Value => one('Sigmoid', [x]);
/** x Φ(x), exact (https://arxiv.org/abs/1606.08415). */
export const gelu = (x: Value): Value => one('Gelu', [x]);
export const softmax = (x: Value): Value => one('Softmax', [x], { axis: -1 });

export const matmul = (a: Value, b: Value): Value => one('MatMul', [a, b]);

export const conv = (
  x: Value,
  weight: Value,
  bias: Value | null,
  { stride = 1, pads = [0, 0, 0, 0] }: { stride?: number; pads?: readonly number[] } = {},
): Value => one('Conv', bias ? [x, weight, bias] : [x, weight], { strides: [stride, stride], pads });

/** A convolution whose kernel has `dilations` - 1 gaps between its taps. */
export const dilatedConv = (
  x: Value,
  weight: Value,
  { dilations, pads }: Record<'dilations' | 'pads', readonly number[]>,
): Value => one('Conv', [x, weight], { dilations, pads });

/** What `conv` without bias does to the gradient of its result: `weight` as it is there, `unreached` pixels added at the end. */
export const convTranspose = (
  x: Value,
  weight: Value,
  { strides, pads, unreached }: Record<'strides' | 'pads' | 'unreached', readonly number[]>,
): Value => one('ConvTranspose', [x, weight], { strides, pads, output_padding: unreached });

/** Sums over axes, which become 1, or go. */
export const sumOver = (x: Value, axes: readonly number[], { keep = true } = {}): Value =>
  one('ReduceSum', [x, x.graph.integers(axes)], { keepdims: keep ? 1 : 0 });

/** Sizes of 1 stretched to `shape`. */
export const expand = (x: Value, shape: Shape): Value => one('Expand', [x, x.graph.sizes(shape)]);

/** Means over axes, which become 1. */
export const meanOver = (x: Value, axes: readonly number[]): Value =>
  one('ReduceMean', [x, x.graph.integers(axes)], { keepdims: 1 });

/** Every channel of every sample brought to mean 0 and variance 1, over all that follows the channel axis. */
export function instanceNorm(x: Value, epsilon: number): Value {
  const channels = Number(x.shape[1]);
  const [ones, zeros] = [1, 0].map((value) => x.graph.floats(new Float32Array(channels).fill(value)));
  return one('InstanceNormalization', [x, ones as Value, zeros as Value], { epsilon });
}

export const layerNorm = (x: Value, scale: Value, shift: Value, epsilon: number): Value =>
  one('LayerNormalization', [x, scale, shift], { axis: -1, epsilon });

/** The runtime's fused attention: [batch, tokens, width] by `heads` heads. `causal`: a token sees only what came before. */
export const fusedAttention = (
  query: Value,
  key: Value,
  value: Value,
  { heads, causal }: { heads: number; causal: boolean },
): Value => one('MultiHeadAttention', [query, key, value], { num_heads: heads, unidirectional: causal ? 1 : 0 });

export const transpose = (x: Value, perm: readonly number[]): Value => one('Transpose', [x], { perm });
export const reshape = (x: Value, shape: Shape): Value => one('Reshape', [x, x.graph.reshaping(x, shape)]);
export const concat = (values: readonly Value[], axis: number): Value => one('Concat', values, { axis });

export function split(x: Value, parts: number, axis: number): Value[] {
  return x.graph.record('Split', [x], { axis, num_outputs: parts });
}

/** What lies in [from, to) of an axis. */
export const slice = (x: Value, axis: number, from: number, to: number): Value => {
  const [starts, ends, axes, steps] = [from, to, axis, 1].map((number) => x.graph.integers([number]));
  return one('Slice', [x, starts!, ends!, axes!, steps!]);
};

/** The other way round on these axes. */
export const reversed = (x: Value, axes: readonly number[]): Value => {
  const all = (number: number): Value => x.graph.integers(axes.map(() => number));
  return one('Slice', [x, all(-1), all(FAR_BELOW), x.graph.integers(axes), all(-1)]);
};

/** Before the first element, counted from the end. */
const FAR_BELOW = -(2 ** 40);

/** Rows of a table by their numbers. */
export const gather = (table: Value, indices: Value): Value => one('Gather', [table, indices], { axis: 0 });

/** From [batch, tokens, width], of every sample the token that `positions` [batch, 1] names: [batch, width]. */
export const pick = (x: Value, positions: Value): Value => one('GatherND', [x, positions], { batch_dims: 1 });

/** Where the first of the largest values of each row of [batch, tokens] is: [batch, 1]. */
export const argmax = (x: Value): Value => one('ArgMax', [x], { axis: -1 });

/** From four blocks of channels, [top left, top right, bottom left, bottom right], to a picture of double the size. */
export const depthToSpace = (x: Value): Value => one('DepthToSpace', [x], { blocksize: 2, mode: 'DCR' });

/** Nearest neighbour from [batch, channels, …] to the given height and width. */
export const resize = (x: Value, height: Dimension, width: Dimension): Value =>
  one('Resize', [x, null, null, x.graph.sizes([height, width])], {
    axes: [2, 3],
    mode: 'nearest',
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  });
