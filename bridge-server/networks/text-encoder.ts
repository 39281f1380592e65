import type { Dimension } from '../onnx/dimension.ts';
import * as f from '../onnx/functions.ts';
import type { Value } from '../onnx/graph.ts';
import { finish, type Recording } from '../onnx/model.ts';
import type { Family } from '../weights/family.ts';
import type { Part } from '../weights/model.ts';
import { type TextConfig, textConfig } from './config.ts';
import { attention, layerNorm, linear, quickGelu } from './layers.ts';
import { type RecordOptions, Scope } from './scope.ts';

/** Which of the hidden states are read: `fromEnd` 0 is what the last layer makes, 1 the one before it, … */
export type TextLayer = { readonly fromEnd: number; readonly finalNorm: boolean };

/**
 * What a family's U-Net reads. `clipSkip` counts as the field does: 1 is how the model was trained, 2 a layer earlier. SDXL
 * was trained on the layer before the last, without the final norm.
 */
export function textLayer(family: Family, clipSkip = 1): TextLayer {
  const isXl = family === 'sdxl' || family === 'sdxl-refiner';
  return { fromEnd: isXl ? clipSkip : clipSkip - 1, finalNorm: !isXl };
}

export type TextOptions = RecordOptions &
  TextLayer & {
    /** Also gives `pooled`: the last layer at the end of the text, through the projection where there is one. */
    readonly pooled: boolean;
    /** Rows of the input `inversions`: learned words, which ids from the size of the vocabulary on stand for. */
    readonly inversions?: Dimension;
  };

/**
 * The text transformer of CLIP (https://arxiv.org/abs/2103.00020) and OpenCLIP. Inputs: `ids` int64 [batch, 77]; with
 * `inversions` also `inversions` float32 [rows, width]. Outputs: `hidden` [batch, 77, width]; `pooled` [batch, projection].
 */
export function recordTextEncoder(part: Part, { batch }: { batch: Dimension }, options: TextOptions): Recording {
  const root = new Scope(part, options);
  const p = root.at('text_model');
  const [vocabulary, width] = p.shape('embeddings.token_embedding.weight') as [number, number];
  const config = textConfig(part, width, vocabulary);
  const [length] = p.shape('embeddings.position_embedding.weight') as [number];
  const ids = root.graph.input('ids', 'int64', [batch, length]);
  let x = f.add(embed(p, ids, options.inversions), p.parameter('embeddings.position_embedding.weight'));

  const layers = p.count('encoder.layers', 'layer_norm1.weight');
  const wanted = Math.max(0, layers - options.fromEnd);
  const states = [x];
  for (let layer = 0; layer < (options.pooled ? layers : wanted); layer++) {
    x = encoderLayer(p.at(`encoder.layers.${layer}`), x, config);
    states.push(x);
  }
  const hidden = states[wanted] as Value;
  const normed = (state: Value): Value => layerNorm(p.at('final_layer_norm'), state, config.epsilon);
  root.graph.output('hidden', options.finalNorm ? normed(hidden) : hidden);
  if (options.pooled) root.graph.output('pooled', pooled(root, normed(x), ids, config));
  return finish(root.graph, options.storage);
}

/** The rows of the table are read before they are converted: it is large, and 77 rows are needed. */
function embed(p: Scope, ids: Value, inversions: Dimension | undefined): Value {
  const { value: table, dtype } = p.table('embeddings.token_embedding.weight');
  const rows = (indices: Value): Value => {
    const found = f.gather(table, indices);
    return dtype === 'float32' ? found : f.cast(found, 'float32');
  };
  if (inversions === undefined) return rows(ids);
  const [vocabulary, width] = table.shape as [number, number];
  const learned = p.graph.input('inversions', 'float32', [inversions, width]);
  const isWord = f.less(ids, vocabulary);
  const word = rows(f.min(ids, vocabulary - 1));
  const own = f.gather(learned, f.max(f.sub(ids, vocabulary), 0));
  return f.where(f.reshape(isWord, [...ids.shape, 1]), word, own);
}

function encoderLayer(m: Scope, x: Value, { heads, activation, epsilon }: TextConfig): Value {
  const a = m.at('self_attn');
  const h = layerNorm(m.at('layer_norm1'), x, epsilon);
  const projected = [linear(a.at('q_proj'), h), linear(a.at('k_proj'), h), linear(a.at('v_proj'), h)] as const;
  const seen = f.add(x, linear(a.at('out_proj'), attention(a, projected, { heads, causal: true })));
  const wide = linear(m.at('mlp.fc1'), layerNorm(m.at('layer_norm2'), seen, epsilon));
  return f.add(seen, linear(m.at('mlp.fc2'), activation === 'gelu' ? f.gelu(wide) : quickGelu(wide)));
}

/** The state at the first end-of-text token, which has read the whole text. */
function pooled(p: Scope, last: Value, ids: Value, { endOfText }: TextConfig): Value {
  const end = f.pick(last, f.argmax(f.cast(f.equal(ids, endOfText), 'int32')));
  return p.has('text_projection.weight') ? f.matmul(end, p.matrix('text_projection.weight')) : end;
}
