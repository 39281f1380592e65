import * as f from '../onnx/functions.ts';
import type { Value } from '../onnx/graph.ts';
import { finish, type Recording } from '../onnx/model.ts';
import type { Part } from '../weights/model.ts';
import { conv, convOfDoubled } from './layers.ts';
import { type RecordOptions, Scope } from './scope.ts';
import type { PictureSizes } from './vae.ts';

/**
 * The tiny autoencoder (https://github.com/madebyollin/taesd), for previews. Its latents are the sampler's own: scaled as
 * the U-Net has them. Input: `image` [batch, 3, height, width] in [-1, 1]; output: `latents` [batch, 4, height / 8, width / 8].
 */
export function recordTaesdEncoder(
  part: Part,
  { batch, height, width }: PictureSizes,
  options: RecordOptions,
): Recording {
  const root = new Scope(part, options);
  const image = root.graph.input('image', 'float32', [batch, 3, height, width]);
  let x = f.mul(f.add(image, 1), 0.5);
  for (const { m, kind } of layers(root.at('encoder.layers'))) {
    // Only the convolutions that halve the size have no bias.
    x = kind === 'block' ? block(m, x) : conv(m, x, m.has('bias') ? {} : { stride: 2 });
  }
  root.graph.output('latents', x);
  return finish(root.graph, options.storage);
}

/** Input: `latents` [batch, 4, height, width] as the sampler has them; output: `image` [batch, 3, 8 height, 8 width] in [-1, 1]. */
export function recordTaesdDecoder(
  part: Part,
  { batch, height, width }: PictureSizes,
  options: RecordOptions,
): Recording {
  const root = new Scope(part, options);
  const p = root.at('decoder.layers');
  const channels = p.shape('0.weight')[1] as number;
  const latents = root.graph.input('latents', 'float32', [batch, channels, height, width]);
  let x = f.mul(f.tanh(f.mul(latents, 1 / 3)), 3);
  for (const { m, kind, isFirst } of layers(p)) {
    if (kind === 'block') x = block(m, x);
    else if (isFirst) x = f.relu(conv(m, x));
    else x = m.has('bias') ? conv(m, x) : convOfDoubled(m, x);
  }
  root.graph.output('image', f.sub(f.mul(x, 2), 1));
  return finish(root.graph, options.storage);
}

type Layer = { readonly m: Scope; readonly kind: 'block' | 'conv'; readonly isFirst: boolean };

/** The layers that have weights; those between them (activations, up-sampling) leave gaps in the numbers. */
function layers(p: Scope): Layer[] {
  const prefix = `${p.path}.`;
  const numbers = [...p.part.weights.keys()]
    .filter((name) => name.startsWith(prefix))
    .map((name) => Number(name.slice(prefix.length).split('.')[0]));
  return [...new Set(numbers)]
    .sort((a, b) => a - b)
    .map((number) => {
      const kind = p.has(`${number}.conv.0.weight`) ? 'block' : 'conv';
      return { m: p.at(number), kind, isFirst: number === 0 };
    });
}

function block(m: Scope, x: Value): Value {
  const h = conv(m.at('conv.4'), f.relu(conv(m.at('conv.2'), f.relu(conv(m.at('conv.0'), x)))));
  return f.relu(f.add(h, m.has('skip.weight') ? conv(m.at('skip'), x) : x));
}
