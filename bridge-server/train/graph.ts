import { predict, type UNetSizes } from '../networks/unet.ts';
import { Scope, type TrainedLora } from '../networks/scope.ts';
import { type Cost, costOf } from '../onnx/cost.ts';
import * as f from '../onnx/functions.ts';
import { gradients } from '../onnx/gradients.ts';
import type { Node } from '../onnx/graph.ts';
import { finish, type Recording } from '../onnx/model.ts';
import type { Part } from '../weights/model.ts';

/** What an output with the gradient of an input is called. */
export const gradientOf = (input: string): string => `d_${input}`;

/** How much is kept for the way back: 'blocks' least, 'products' also the results of large layers (see gradients). */
export type Keep = 'blocks' | 'products';

/** The inputs that are trained, in the order in which the network reads them, and their shapes. */
export type Parameters = ReadonlyMap<string, readonly number[]>;

/**
 * One step of training a LoRA: the U-Net's inputs (see recordUNet), `target` [batch, 4, height, width], what the prediction should be,
 * and `weight` [batch], which each sample's squared differences are multiplied by before they are summed. Outputs: `loss`, and for
 * each matrix of the LoRA its gradient. `cost` is that of a run.
 */
export function recordTraining(
  part: Part,
  sizes: UNetSizes & Record<keyof UNetSizes, number>,
  trained: TrainedLora,
  keep: Keep,
): { readonly recording: Recording; readonly parameters: Parameters; readonly cost: Cost } {
  const options = { storage: 'mapped', trained } as const;
  const p = new Scope(part, options);
  const prediction = predict(p, sizes, options);
  const difference = f.sub(prediction, p.graph.input('target', 'float32', prediction.shape));
  const weight = f.reshape(p.graph.input('weight', 'float32', [sizes.batch]), [sizes.batch, 1, 1, 1]);
  const loss = f.sumOver(f.mul(f.mul(difference, difference), weight), [0, 1, 2, 3], { keep: false });
  p.graph.output('loss', loss);
  const parameters = p.graph.inputs.filter(({ name }) => /\.lora_(down|up)$/.test(name));
  const made = gradients(loss, parameters, keep === 'products' ? { keeps: isLarge } : {});
  for (const [i, { name }] of parameters.entries()) p.graph.output(gradientOf(name), made[i]!);
  return {
    recording: finish(p.graph, options.storage, { distinct: true }),
    parameters: new Map(parameters.map(({ name, shape }) => [name, shape.map(Number)])),
    cost: costOf(p.graph),
  };
}

/** What takes long to compute again, for what it takes to keep. */
const isLarge = ({ operator }: Node): boolean => ['Conv', 'MatMul', 'MultiHeadAttention'].includes(operator);
