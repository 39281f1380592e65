import { product } from '../onnx/dimension.ts';
import * as f from '../onnx/functions.ts';
import type { Value } from '../onnx/graph.ts';
import { finish, type Recording } from '../onnx/model.ts';
import type { Part } from '../weights/model.ts';
import { unetConfig } from './config.ts';
import { conv, silu } from './layers.ts';
import { type RecordOptions, Scope } from './scope.ts';
import { contract, recordConditions, type UNetSizes } from './unet.ts';

/**
 * ControlNet (https://arxiv.org/abs/2302.05543): a copy of the U-Net's way down that also reads a control map, and says what to add to
 * the U-Net's skip connections and middle. Inputs as the U-Net's (`sample` always of 4 channels), and `map`
 * [batch, 3, 8 height, 8 width] in [0, 1]. Outputs at full strength, named and shaped as the inputs that the U-Net takes them by:
 * `skip_0`, …, `middle`.
 */
export function recordControlNet(part: Part, sizes: UNetSizes, options: RecordOptions): Recording {
  const p = new Scope(part, options);
  const { batch, height, width } = sizes;
  const sample = p.graph.input('sample', 'float32', [batch, p.shape('conv_in.weight')[1] as number, height, width]);
  const conditions = recordConditions(p, sizes, unetConfig(part));
  const hint = p.at('controlnet_cond_embedding');
  const channels = hint.shape('conv_in.weight')[1] as number;
  const map = p.graph.input('map', 'float32', [batch, channels, product(8, height), product(8, width)]);
  const start = f.add(conv(p.at('conv_in'), sample), embedMap(hint, map));
  const { skips, middle } = contract(p, start, conditions);
  for (const [i, skip] of skips.entries()) p.graph.output(`skip_${i}`, conv(p.at(`controlnet_down_blocks.${i}`), skip));
  p.graph.output('middle', conv(p.at('controlnet_mid_block'), middle));
  return finish(p.graph, options.storage);
}

/** The map at the latent's size: pairs of convolutions, of which the second halves the size. */
function embedMap(m: Scope, map: Value): Value {
  let x = silu(conv(m.at('conv_in'), map));
  for (let i = 0; i < m.count('blocks', 'weight'); i++) {
    x = silu(conv(m.at(`blocks.${i}`), x, i % 2 === 0 ? {} : { stride: 2 }));
  }
  return conv(m.at('conv_out'), x);
}
