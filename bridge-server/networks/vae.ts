import type { Dimension } from '../onnx/dimension.ts';
import * as f from '../onnx/functions.ts';
import type { Value } from '../onnx/graph.ts';
import { finish, type Recording } from '../onnx/model.ts';
import type { Part } from '../weights/model.ts';
import { vaeConfig } from './config.ts';
import { attention, conv, convOfDoubled, groupNorm, linear, picture, silu, tokens } from './layers.ts';
import { type RecordOptions, Scope } from './scope.ts';

/** Sizes of the input: pixels for the encoder, latents for the decoder. */
export type PictureSizes = { readonly batch: Dimension; readonly height: Dimension; readonly width: Dimension };

const EPSILON = 1e-6;

/**
 * The encoder of AutoencoderKL (https://arxiv.org/abs/2112.10752). Input: `image` [batch, 3, height, width] in [-1, 1].
 * Outputs: `mean` and `logvar` [batch, 4, height / 8, width / 8] of the latents' distribution, not scaled; logvar is clamped
 * to [-30, 20].
 */
export function recordVaeEncoder(
  part: Part,
  { batch, height, width }: PictureSizes,
  options: RecordOptions,
): Recording {
  const root = new Scope(part, options);
  const p = root.at('encoder');
  const { groups } = vaeConfig(part);
  let x = conv(p.at('conv_in'), root.graph.input('image', 'float32', [batch, 3, height, width]));
  for (let level = 0; level < p.count('down_blocks', 'resnets.0.conv1.weight'); level++) {
    const m = p.at(`down_blocks.${level}`);
    x = resnets(m, x, groups);
    // Half the size, padded only at the end of each axis.
    if (m.has('downsamplers.0.conv.weight'))
      x = conv(m.at('downsamplers.0.conv'), x, { stride: 2, pads: [0, 0, 1, 1] });
  }
  x = middle(p.at('mid_block'), x, groups);
  x = conv(p.at('conv_out'), silu(groupNorm(p.at('conv_norm_out'), x, groups, EPSILON)));
  if (root.has('quant_conv.weight')) x = conv(root.at('quant_conv'), x);
  const [mean, logvar] = f.split(x, 2, 1) as [Value, Value];
  root.graph.output('mean', mean);
  root.graph.output('logvar', f.clip(logvar, -30, 20));
  return finish(root.graph, options.storage);
}

/**
 * The decoder. Input: `latents` [batch, 4, height, width], divided by the scaling factor already. Output: `image`
 * [batch, 3, 8 height, 8 width], in [-1, 1] but not clamped.
 */
export function recordVaeDecoder(
  part: Part,
  { batch, height, width }: PictureSizes,
  options: RecordOptions,
): Recording {
  const root = new Scope(part, options);
  const p = root.at('decoder');
  const { groups } = vaeConfig(part);
  const channels = p.shape('conv_in.weight')[1] as number;
  let x = root.graph.input('latents', 'float32', [batch, channels, height, width]);
  if (root.has('post_quant_conv.weight')) x = conv(root.at('post_quant_conv'), x);
  x = middle(p.at('mid_block'), conv(p.at('conv_in'), x), groups);
  for (let level = 0; level < p.count('up_blocks', 'resnets.0.conv1.weight'); level++) {
    const m = p.at(`up_blocks.${level}`);
    x = resnets(m, x, groups);
    if (m.has('upsamplers.0.conv.weight')) x = convOfDoubled(m.at('upsamplers.0.conv'), x);
  }
  x = conv(p.at('conv_out'), silu(groupNorm(p.at('conv_norm_out'), x, groups, EPSILON)));
  root.graph.output('image', x);
  return finish(root.graph, options.storage);
}

/** What latents are multiplied by after encoding and divided by before decoding, to have about unit variance. */
export const scalingFactor = (part: Part): number => vaeConfig(part).scalingFactor;

function middle(m: Scope, x: Value, groups: number): Value {
  const h = resnet(m.at('resnets.0'), x, groups);
  return resnet(m.at('resnets.1'), attend(m.at('attentions.0'), h, groups), groups);
}

function resnets(m: Scope, start: Value, groups: number): Value {
  let x = start;
  for (let layer = 0; layer < m.count('resnets', 'conv1.weight'); layer++)
    x = resnet(m.at(`resnets.${layer}`), x, groups);
  return x;
}

function resnet(m: Scope, x: Value, groups: number): Value {
  const h = conv(m.at('conv1'), silu(groupNorm(m.at('norm1'), x, groups, EPSILON)));
  const y = conv(m.at('conv2'), silu(groupNorm(m.at('norm2'), h, groups, EPSILON)));
  return f.add(m.has('conv_shortcut.weight') ? conv(m.at('conv_shortcut'), x) : x, y);
}

/** Every pixel reads every other, in one head. */
function attend(m: Scope, x: Value, groups: number): Value {
  const h = tokens(groupNorm(m.at('group_norm'), x, groups, EPSILON));
  const projected = [linear(m.at('to_q'), h), linear(m.at('to_k'), h), linear(m.at('to_v'), h)] as const;
  return f.add(picture(linear(m.at('to_out.0'), attention(m, projected, { heads: 1 })), x), x);
}
