import type { Network } from '../diffusion/runtime/runtime.ts';
import { floats, type Floats, floatsFrom, joined } from '../diffusion/networks/tensors.ts';
import type { Tensor } from '../onnx/session.ts';
import { adamw, type AdamW, clipping } from './adamw.ts';
import { gradientOf, type Parameters } from './graph.ts';
import type { TrainState } from './lora.ts';
import { noisy, type Objective, snrWeight, targetOf } from './objective.ts';

/** A batch as the network is shown it; all of one size. */
export type Batch = {
  readonly latents: Floats;
  readonly noise: Float32Array;
  readonly timesteps: readonly number[];
  /** What else the U-Net reads: `context`, of SDXL also `pooled` and `time_ids`. */
  readonly conditions: Readonly<Record<string, Tensor>>;
  /** How much each sample counts. */
  readonly weights: readonly number[];
};

export type Lesson = {
  readonly objective: Objective;
  readonly alphas: Float32Array;
  readonly snrGamma: number | null;
};

export type Learned = { readonly loss: number; readonly gradients: ReadonlyMap<string, Float32Array> };

/**
 * The mean squared difference of the prediction, over the batch, and its gradients.
 *
 * @param parameters of the network (see recordTraining); `weights`: their values
 */
export async function learn(
  network: Network,
  { parameters, weights }: { parameters: Parameters; weights: ReadonlyMap<string, Float32Array> },
  { latents, noise, timesteps, conditions, weights: counts }: Batch,
  { objective, alphas, snrGamma }: Lesson,
  signal: AbortSignal,
): Promise<Learned> {
  const each = latents.data.length / timesteps.length;
  const per = (make: (latents: Float32Array, noise: Float32Array, alpha: number) => Float32Array): Floats => {
    const parts = timesteps.map((timestep, i) => {
      const [from, to] = [i * each, (i + 1) * each];
      return make(latents.data.subarray(from, to), noise.subarray(from, to), alphas[timestep]!);
    });
    return floats(latents.shape, joined(...parts));
  };
  const scales = timesteps.map(
    (timestep, i) => (counts[i]! * snrWeight(objective, alphas[timestep]!, snrGamma)) / latents.data.length,
  );
  const batch = [timesteps.length];
  const outputs = await network.run(
    {
      sample: per(noisy),
      timestep: floats(batch, Float32Array.from(timesteps)),
      ...conditions,
      target: per((latents, noise, alpha) => targetOf(objective, latents, noise, alpha)),
      weight: floats(batch, Float32Array.from(scales)),
      ...Object.fromEntries([...parameters].map(([name, shape]) => [name, floats(shape, weights.get(name)!)])),
    },
    signal,
  );
  const gradients = [...parameters.keys()].map((name) => [name, floatsFrom(outputs[gradientOf(name)]!)] as const);
  return { loss: floatsFrom(outputs.loss!)[0]!, gradients: new Map(gradients) };
}

/** The mean of what several batches say. */
export function meanOf(learned: readonly Learned[]): Learned {
  const [first, ...others] = learned;
  if (others.length === 0) return first!;
  const gradients = new Map([...first!.gradients].map(([name, gradient]) => [name, gradient.slice()]));
  for (const [name, sum] of gradients) {
    for (const other of others) {
      const gradient = other.gradients.get(name)!;
      for (let i = 0; i < sum.length; i++) sum[i]! += gradient[i]!;
    }
    for (let i = 0; i < sum.length; i++) sum[i]! /= learned.length;
  }
  return { loss: learned.reduce((sum, { loss }) => sum + loss, 0) / learned.length, gradients };
}

/** Takes a step along what was learned: `state` is changed in place. */
export function improve(
  state: TrainState,
  { loss, gradients }: Learned,
  { rate, clip, optimizer }: { rate: number; clip: number | null; optimizer: AdamW },
): void {
  state.step++;
  state.losses.push(loss);
  const scale = clipping(gradients.values(), clip);
  for (const [name, gradient] of gradients) {
    const scaled = scale === 1 ? gradient : gradient.map((value) => value * scale);
    adamw(state.weights.get(name)!, scaled, state.moments.get(name)!, { step: state.step, rate }, optimizer);
  }
}
