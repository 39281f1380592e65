import { type Dimension, product } from '../onnx/dimension.ts';
import * as f from '../onnx/functions.ts';
import type { Value } from '../onnx/graph.ts';
import type { Part } from '../weights/model.ts';
import { motionConfig } from './config.ts';
import { attention, feedForward, groupNorm, layerNorm, linear } from './layers.ts';
import type { Scope } from './scope.ts';

/**
 * A motion module of AnimateDiff (https://arxiv.org/abs/2307.04725): every pixel reads the same pixel in the other frames of its clip.
 * x [clips * frames, channels, height, width], clip by clip; `positions` [clips, frames]: the number of each frame in its clip.
 */
export function motionModule(m: Scope, x: Value, positions: Value): Value {
  const { heads, groups } = motionConfig(m.part);
  const [clips, frames] = positions.shape as [Dimension, Dimension];
  const [, channels, height, width] = x.shape as [Dimension, number, Dimension, Dimension];
  const area = product(height, width);
  const clip = f.transpose(f.reshape(x, [clips, frames, channels, area]), [0, 2, 1, 3]);
  const normal = f.transpose(groupNorm(m.at('norm'), clip, groups, 1e-6), [0, 3, 2, 1]);
  let h = linear(m.at('proj_in'), f.reshape(normal, [product(clips, area), frames, channels]));
  for (let i = 0; i < m.count('transformer_blocks', 'norm1.weight'); i++) {
    h = temporalBlock(m.at(`transformer_blocks.${i}`), h, positions, area, heads);
  }
  const y = f.transpose(f.reshape(linear(m.at('proj_out'), h), [clips, area, frames, channels]), [0, 2, 3, 1]);
  return f.add(x, f.reshape(y, x.shape));
}

/** Two self-attentions along the frames, each told the positions, and a feed-forward network. x [clips * area, frames, channels]. */
function temporalBlock(m: Scope, x: Value, positions: Value, area: Dimension, heads: number): Value {
  const [clips, frames] = positions.shape as [Dimension, Dimension];
  const channels = x.shape[2] as Dimension;
  const table = m.parameter('pos_embed.pe', m.shape('pos_embed.pe').slice(1));
  const places = f.reshape(f.gather(table, positions), [clips, 1, frames, channels]);
  const placed = (y: Value): Value => f.reshape(f.add(f.reshape(y, [clips, area, frames, channels]), places), y.shape);
  let h = x;
  for (const i of [1, 2]) {
    const a = m.at(`attn${i}`);
    const y = placed(layerNorm(m.at(`norm${i}`), h));
    const projected = [linear(a.at('to_q'), y), linear(a.at('to_k'), y), linear(a.at('to_v'), y)] as const;
    h = f.add(linear(a.at('to_out.0'), attention(a, projected, { heads })), h);
  }
  return f.add(feedForward(m.at('ff.net'), layerNorm(m.at('norm3'), h)), h);
}

/** The longest clip that a file of motion modules has positions for. */
export function longestClip(part: Part): number {
  const positions = [...part.weights].filter(([name]) => name.endsWith('.pos_embed.pe'));
  return Math.min(...positions.map(([, { shape }]) => shape[1] ?? 0));
}
