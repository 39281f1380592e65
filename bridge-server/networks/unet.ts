import { type Dimension, product, type Shape } from '../onnx/dimension.ts';
import * as f from '../onnx/functions.ts';
import type { Value } from '../onnx/graph.ts';
import { finish, type Recording } from '../onnx/model.ts';
import type { Part } from '../weights/model.ts';
import { type UNetConfig, unetConfig } from './config.ts';
import {
  attention,
  conv,
  feedForward,
  groupNorm,
  layerNorm,
  linear,
  picture,
  silu,
  sinusoids,
  tokens,
} from './layers.ts';
import { motionModule } from './motion.ts';
import { type RecordOptions, Scope } from './scope.ts';

/** Sizes that inputs have, as numbers or as names: `height` and `width` of the latents, `tokens` of the text. */
export type UNetSizes = {
  readonly batch: Dimension;
  readonly height: Dimension;
  readonly width: Dimension;
  readonly tokens: Dimension;
};

export type UNetOptions = RecordOptions & {
  /** Adds an input for every skip connection (`skip_0`, …) and one for the middle (`middle`), which are added to them. */
  readonly residuals?: boolean;
  /**
   * Adds the input `sees` [batch, views], int64: which items of the batch each one's self-attention reads instead of itself
   * alone (https://arxiv.org/abs/2303.13439). Pixels of all of them are keys and values; an item usually names itself, too.
   */
  readonly crossFrame?: boolean;
  /**
   * Motion modules, one after each block (https://arxiv.org/abs/2307.04725), for a batch of clips * frames items, clip by clip. Adds the
   * input `positions` [clips, frames], int64: the number of each frame in its clip.
   */
  readonly motion?: { readonly part: Part; readonly clips: Dimension; readonly frames: Dimension };
};

/**
 * The denoising U-Net of latent diffusion (https://arxiv.org/abs/2112.10752) and SDXL (https://arxiv.org/abs/2307.01952).
 * Inputs, all float32: `sample` [batch, channels, height, width] (channels: 4, for inpainting 9), `timestep` [batch],
 * `context` [batch, tokens, width]; SDXL also `pooled` [batch, width] and `time_ids` [batch, 6] (refiner: 5); models
 * distilled with guidance also `guidance` [batch]. Output: `prediction` [batch, 4, height, width], as the network makes it.
 */
export function recordUNet(part: Part, sizes: UNetSizes, options: UNetOptions): Recording {
  const p = new Scope(part, options);
  p.graph.output('prediction', predict(p, sizes, options));
  return finish(p.graph, options.storage);
}

/** The prediction as a value, with the inputs recorded. Every residual block and every transformer block is a block of the graph. */
export function predict(p: Scope, sizes: UNetSizes, options: UNetOptions): Value {
  const { part } = p;
  const config = unetConfig(part);
  const { batch, height, width } = sizes;
  const sample = p.graph.input('sample', 'float32', [batch, p.shape('conv_in.weight')[1] as number, height, width]);
  const sees = options.crossFrame ? p.graph.input('sees', 'int64', [batch, 'views']) : null;
  const motion = options.motion ? recordMotion(p, options.motion) : null;
  const conditions = { ...recordConditions(p, sizes, config), sees, motion };
  const down = contract(p, conv(p.at('conv_in'), sample), conditions);
  const { skips, middle } = options.residuals ? addResiduals(down) : down;
  const up = expand(p, middle, skips, conditions);
  p.graph.boundary();
  return conv(p.at('conv_out'), silu(groupNorm(p.at('conv_norm_out'), up, config.groups, 1e-5)));
}

/** What every block reads besides the picture: the embedded time [batch, channels], the text, who sees whom, and motion modules. */
export type Conditions = {
  readonly time: Value;
  readonly context: Value;
  /** [batch, views]; null: every item itself. */
  readonly sees: Value | null;
  readonly motion: Motion | null;
  readonly config: UNetConfig;
};

type Motion = { readonly modules: Scope; readonly positions: Value };

function recordMotion(p: Scope, { part, clips, frames }: NonNullable<UNetOptions['motion']>): Motion {
  const positions = p.graph.input('positions', 'int64', [clips, frames]);
  return { modules: new Scope(part, p.options, p.graph), positions };
}

/** The motion module of a block, where there is one. */
function moved(x: Value, block: string, layer: number, { motion }: Conditions): Value {
  const m = motion?.modules.at(`${block}.motion_modules.${layer}`);
  return motion && m?.has('proj_in.weight') ? motionModule(m, x, motion.positions) : x;
}

export function recordConditions(p: Scope, { batch, tokens: length }: UNetSizes, config: UNetConfig): Conditions {
  const time = timeEmbedding(p, p.graph.input('timestep', 'float32', [batch]));
  const context = p.graph.input('context', 'float32', [batch, length, textWidth(p)]);
  if (!p.has('add_embedding.linear_1.weight')) return { time, context, sees: null, motion: null, config };
  return { time: f.add(time, sizeEmbedding(p, batch, config)), context, sees: null, motion: null, config };
}

function timeEmbedding(p: Scope, timestep: Value): Value {
  const m = p.at('time_embedding');
  const angles = sinusoids(timestep, m.shape('linear_1.weight')[1] as number);
  const time = m.has('cond_proj.weight') ? f.add(angles, guidanceEmbedding(p, timestep)) : angles;
  return linear(m.at('linear_2'), silu(linear(m.at('linear_1'), time)));
}

/** Models that were distilled with their guidance are told it (https://arxiv.org/abs/2310.04378), sines first. */
function guidanceEmbedding(p: Scope, timestep: Value): Value {
  const m = p.at('time_embedding.cond_proj');
  const width = m.shape('weight')[1] as number;
  const guidance = p.graph.input('guidance', 'float32', timestep.shape);
  const half = width / 2;
  const scale = Float32Array.from({ length: half }, (_, i) => 1000 * Math.exp((-Math.log(10_000) * i) / (half - 1)));
  const above = f.reshape(f.sub(guidance, 1), [...guidance.shape, 1]);
  const angles = f.mul(above, p.graph.floats(scale));
  return linear(m, f.concat([f.sin(angles), f.cos(angles)], -1));
}

/** SDXL's micro-conditioning: the pooled text beside the sizes and crop that the picture is said to have. */
function sizeEmbedding(p: Scope, batch: Dimension, { sizeEmbedding: width }: UNetConfig): Value {
  const m = p.at('add_embedding');
  const numbers = p.part.family === 'sdxl-refiner' ? 5 : 6;
  const pooledWidth = (m.shape('linear_1.weight')[1] as number) - numbers * width;
  const pooled = p.graph.input('pooled', 'float32', [batch, pooledWidth]);
  const ids = p.graph.input('time_ids', 'float32', [batch, numbers]);
  const spread = f.reshape(sinusoids(ids, width), [batch, numbers * width]);
  return linear(m.at('linear_2'), silu(linear(m.at('linear_1'), f.concat([pooled, spread], -1))));
}

/** The way down and the middle; `skips` are what the way up will read, the last first. */
export function contract(p: Scope, start: Value, conditions: Conditions): { skips: Value[]; middle: Value } {
  const skips = [start];
  let x = start;
  const levels = p.count('down_blocks', 'resnets.0.conv1.weight');
  for (let level = 0; level < levels; level++) {
    const m = p.at(`down_blocks.${level}`);
    for (let layer = 0; layer < m.count('resnets', 'conv1.weight'); layer++) {
      x = moved(block(m, layer, x, level, conditions), `down_blocks.${level}`, layer, conditions);
      skips.push(x);
    }
    if (m.has('downsamplers.0.conv.weight')) {
      x = conv(m.at('downsamplers.0.conv'), x, { stride: 2 });
      skips.push(x);
    }
  }
  const m = p.at('mid_block');
  x = moved(block(m, 0, x, levels - 1, conditions), 'mid_block', 0, conditions);
  m.graph.boundary();
  if (m.has('resnets.1.conv1.weight')) x = resnet(m.at('resnets.1'), x, conditions);
  return { skips, middle: x };
}

/** The way up: every block reads one skip connection; up-sampling goes to the size that the next one has. */
function expand(p: Scope, middle: Value, skips: readonly Value[], conditions: Conditions): Value {
  const rest = [...skips];
  let x = middle;
  const levels = p.count('up_blocks', 'resnets.0.conv1.weight');
  for (let level = 0; level < levels; level++) {
    const m = p.at(`up_blocks.${level}`);
    for (let layer = 0; layer < m.count('resnets', 'conv1.weight'); layer++) {
      m.graph.boundary();
      x = f.concat([x, rest.pop() as Value], 1);
      x = moved(block(m, layer, x, levels - 1 - level, conditions), `up_blocks.${level}`, layer, conditions);
    }
    if (m.has('upsamplers.0.conv.weight')) {
      const [, , height, width] = rest.at(-1).shape as [Dimension, Dimension, Dimension, Dimension];
      x = conv(m.at('upsamplers.0.conv'), f.resize(x, height, width));
    }
  }
  return x;
}

/** A residual block and, at the levels that have it, the transformer after it. */
function block(m: Scope, layer: number, x: Value, level: number, conditions: Conditions): Value {
  m.graph.boundary();
  const y = resnet(m.at(`resnets.${layer}`), x, conditions);
  const t = m.at(`attentions.${layer}`);
  return t.has('proj_in.weight') ? transformer(t, y, level, conditions) : y;
}

function resnet(m: Scope, x: Value, { time, config }: Conditions): Value {
  let h = conv(m.at('conv1'), silu(groupNorm(m.at('norm1'), x, config.groups, 1e-5)));
  const t = linear(m.at('time_emb_proj'), silu(time));
  h = f.add(h, f.reshape(t, [...t.shape, 1, 1]));
  h = conv(m.at('conv2'), silu(groupNorm(m.at('norm2'), h, config.groups, 1e-5)));
  return f.add(m.has('conv_shortcut.weight') ? conv(m.at('conv_shortcut'), x) : x, h);
}

/** Pixels as tokens, which read each other and the text. Its projections are matrices or, in SD 1, 1x1 convolutions. */
function transformer(m: Scope, x: Value, level: number, conditions: Conditions): Value {
  const { config } = conditions;
  const heads = config.heads(level, Number(x.shape[1]));
  const normal = groupNorm(m.at('norm'), x, config.groups, 1e-6);
  const isLinear = m.shape('proj_in.weight').length === 2;
  let h = isLinear ? linear(m.at('proj_in'), tokens(normal)) : tokens(conv(m.at('proj_in'), normal));
  for (let i = 0; i < m.count('transformer_blocks', 'norm1.weight'); i++) {
    h = transformerBlock(m.at(`transformer_blocks.${i}`), h, conditions, heads);
  }
  const y = isLinear ? picture(linear(m.at('proj_out'), h), x) : conv(m.at('proj_out'), picture(h, x));
  return f.add(y, x);
}

function transformerBlock(m: Scope, x: Value, { context, sees }: Conditions, heads: number): Value {
  m.graph.boundary();
  const self = layerNorm(m.at('norm1'), x);
  const seen = f.add(attend(m.at('attn1'), self, self, heads, sees), x);
  const read = f.add(attend(m.at('attn2'), layerNorm(m.at('norm2'), seen), context, heads), seen);
  return f.add(feedForward(m.at('ff.net'), layerNorm(m.at('norm3'), read)), read);
}

function attend(m: Scope, x: Value, source: Value, heads: number, sees: Value | null = null): Value {
  const read = (y: Value): Value => (sees ? ofItems(y, sees) : y);
  const [query, key, value] = [linear(m.at('to_q'), x), linear(m.at('to_k'), source), linear(m.at('to_v'), source)];
  return linear(m.at('to_out.0'), attention(m, [query, read(key), read(value)], { heads }));
}

/** For every item the tokens of all items that it sees, one after the other: [batch, views * tokens, width]. */
function ofItems(x: Value, sees: Value): Value {
  const [batch, length, width] = x.shape as [Dimension, Dimension, Dimension];
  return f.reshape(f.gather(x, sees), [batch, product(sees.shape[1] as Dimension, length), width]);
}

/** Every transformer reads the text at the same width. */
function textWidth(p: Scope): number {
  const key = p.part.weights.keys().find((name) => name.endsWith('attn2.to_k.weight'));
  return p.shape(key ?? 'mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight')[1] as number;
}

/** What a ControlNet adds to the skip connections and to the middle, as inputs. */
function addResiduals({ skips, middle }: { skips: Value[]; middle: Value }): { skips: Value[]; middle: Value } {
  const added = (name: string, x: Value): Value => f.add(x, x.graph.input(name, 'float32', x.shape));
  return { skips: skips.map((skip, i) => added(`skip_${i}`, skip)), middle: added('middle', middle) };
}

/** The shapes of the inputs that `residuals` adds, by their names, the highest resolution first. */
export function residualShapes(part: Part, sizes: UNetSizes): ReadonlyMap<string, Shape> {
  const { inputs } = recordUNet(part, sizes, { storage: 'mapped', residuals: true });
  return new Map(inputs.filter(({ name }) => /^(skip_\d+|middle)$/.test(name)).map(({ name, shape }) => [name, shape]));
}
