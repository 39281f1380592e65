import { type Dimension, product } from '../onnx/dimension.ts';
import * as f from '../onnx/functions.ts';
import type { Value } from '../onnx/graph.ts';
import type { Scope } from './scope.ts';

/** x W + b on the last axis. */
export function linear(p: Scope, x: Value): Value {
  const ways = p.matrices('weight').map((matrices) => matrices.reduce((rows, matrix) => f.matmul(rows, matrix), x));
  const y = ways.reduce((sum, way) => f.add(sum, way));
  return p.has('bias') ? f.add(y, p.parameter('bias')) : y;
}

/** A convolution over [batch, channels, height, width], padded to keep the size unless `pads` says otherwise. */
export function conv(p: Scope, x: Value, options: { stride?: number; pads?: readonly number[] } = {}): Value {
  const [, , height = 1, width = 1] = p.shape('weight');
  const [vertical, horizontal] = [(height - 1) / 2, (width - 1) / 2];
  const seen = { pads: [vertical, horizontal, vertical, horizontal], ...options };
  const bias = p.has('bias') ? p.parameter('bias') : null;
  const ways = p.kernels('weight').map(([kernel, ...pointwise], way) => {
    const start = f.conv(x, kernel as Value, way === 0 ? bias : null, seen);
    return pointwise.reduce((h, next) => f.conv(h, next, null), start);
  });
  return ways.reduce((sum, way) => f.add(sum, way));
}

/**
 * A 3x3 convolution of the picture doubled by nearest neighbour, computed before doubling: a pixel and its neighbours see
 * only two rows and two columns of the small picture, so that every second one is a 2x2 convolution, with taps that fall on
 * the same pixel summed. 4/9 of the work.
 */
export function convOfDoubled(p: Scope, x: Value): Value {
  const { graph } = x;
  const [filters, channels] = p.shape('weight') as [number, number];
  const taps = f.matmul(p.parameter('weight', [filters * channels, 9]), graph.floats(SUMMED_TAPS, [9, 16]));
  const byParity = f.transpose(f.reshape(taps, [filters, channels, 2, 2, 2, 2]), [2, 4, 0, 1, 3, 5]);
  const kernels = f.split(f.reshape(byParity, [4 * filters, channels, 2, 2]), 4, 0);
  const bias = p.has('bias') ? p.parameter('bias') : null;
  const quarters = kernels.map((kernel, i) => {
    const [down, right] = [i >> 1, i & 1];
    return f.conv(x, kernel, bias, { pads: [1 - down, 1 - right, down, right] });
  });
  return f.depthToSpace(f.concat(quarters, 1));
}

/** Of a row's three taps, which fall on the first and on the second small pixel; for even rows, then for odd ones. */
const TAPS = [
  [1, 0, 0],
  [0, 1, 1],
  [1, 1, 0],
  [0, 0, 1],
] as const;

/** [3 rows x 3 columns of taps, (row parity, row) x (column parity, column)]. */
const SUMMED_TAPS = Float32Array.from({ length: 9 * 16 }, (_, i) => {
  const [tap, target] = [Math.floor(i / 16), i % 16];
  return TAPS[target >> 2]![Math.floor(tap / 3)]! * TAPS[target & 3]![tap % 3]!;
});

/**
 * Group normalisation (https://arxiv.org/abs/1803.08494), as an instance normalisation whose channels are the groups: the
 * form that the runtime computes fastest on a CPU.
 */
export function groupNorm(p: Scope, x: Value, groups: number, epsilon: number): Value {
  const [batch, channels, ...size] = x.shape as [Dimension, number, ...Dimension[]];
  const grouped = f.reshape(x, [batch, groups, product(channels / groups, ...size)]);
  const normal = f.reshape(f.instanceNorm(grouped, epsilon), x.shape);
  const perChannel = [channels, ...size.map(() => 1)];
  return f.add(f.mul(normal, p.parameter('weight', perChannel)), p.parameter('bias', perChannel));
}

export const layerNorm = (p: Scope, x: Value, epsilon = 1e-5): Value =>
  f.layerNorm(x, p.parameter('weight'), p.parameter('bias'), epsilon);

/** x σ(x), also called swish. */
export const silu = (x: Value): Value => f.mul(x, f.sigmoid(x));

/** The approximation of GELU that CLIP was trained with. */
export const quickGelu = (x: Value): Value => f.mul(x, f.sigmoid(f.mul(x, 1.702)));

/** From [batch, channels, height, width] to tokens [batch, height * width, channels]. */
export function tokens(x: Value): Value {
  const [batch, channels, height, width] = x.shape as [Dimension, Dimension, Dimension, Dimension];
  return f.transpose(f.reshape(x, [batch, channels, product(height, width)]), [0, 2, 1]);
}

/** From tokens back to the shape of `like`, with the tokens' channels. */
export function picture(x: Value, like: Value): Value {
  const [batch, , height, width] = like.shape as [Dimension, Dimension, Dimension, Dimension];
  return f.reshape(f.transpose(x, [0, 2, 1]), [batch, x.shape[2] as Dimension, height, width]);
}

/**
 * Scaled dot-product attention in `heads` heads (https://arxiv.org/abs/1706.03762): query [batch, tokens, width], key and
 * value [batch, context, width]. `causal`: a token sees itself and what came before.
 */
export function attention(
  p: Scope,
  [query, key, value]: readonly [Value, Value, Value],
  { heads, causal = false }: { heads: number; causal?: boolean },
): Value {
  if (p.options.fusedAttention ?? true) return f.fusedAttention(query, key, value, { heads, causal });
  const [batch, length, width] = query.shape as [Dimension, Dimension, number];
  const perHead = (x: Value, order: readonly number[]): Value =>
    f.transpose(f.reshape(x, [batch, x.shape[1] as Dimension, heads, width / heads]), order);
  const scaled = f.mul(perHead(query, [0, 2, 1, 3]), (width / heads) ** -0.5);
  const scores = f.matmul(scaled, perHead(key, [0, 2, 3, 1]));
  const masked = causal ? f.add(scores, causalMask(p, Number(length))) : scores;
  const mixed = f.matmul(f.softmax(masked), perHead(value, [0, 2, 1, 3]));
  return f.reshape(f.transpose(mixed, [0, 2, 1, 3]), [batch, length, width]);
}

/** [length, length]: 0 where a token may look, far below any score where it may not. */
function causalMask(p: Scope, length: number): Value {
  const mask = Float32Array.from({ length: length * length }, (_, i) =>
    i % length > Math.floor(i / length) ? -1e9 : 0,
  );
  return p.graph.floats(mask, [length, length]);
}

/** Gated GELU (https://arxiv.org/abs/2002.05202). */
export function feedForward(m: Scope, x: Value): Value {
  const [value, gate] = f.split(linear(m.at('0.proj'), x), 2, -1) as [Value, Value];
  return linear(m.at('2'), f.mul(value, f.gelu(gate)));
}

/**
 * Sinusoids of `width` / 2 frequencies from 1 down to 1/10000, cosines first: x [...] becomes [..., width]. How numbers
 * (time steps, picture sizes) are put to the network. The frequencies are rounded where those were that networks have been trained
 * with: at timestep 700 the difference would be a hundred times the rounding of a sine.
 */
export function sinusoids(x: Value, width: number): Value {
  const half = width / 2;
  const frequencies = Float32Array.from({ length: half }, (_, i) =>
    Math.exp(Math.fround(Math.fround(Math.fround(-Math.log(10_000)) * i) / half)),
  );
  const angles = f.mul(f.reshape(x, [...x.shape, 1]), x.graph.floats(frequencies));
  return f.concat([f.cos(angles), f.sin(angles)], -1);
}
