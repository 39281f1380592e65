import { access } from 'node:fs/promises';
import { openSafetensors, readFloats } from '../weights/safetensors.ts';
import { writeSafetensors, type Written } from '../weights/write-safetensors.ts';
import type { noMoments } from './adamw.ts';
import type { Parameters } from './graph.ts';
import type { TrainState } from './lora.ts';

/** Everything that a training needs to go on: the matrices, what the optimiser knows, and the losses so far. */
const PARTS = ['weight', 'mean', 'square'] as const;

/** @param identity tells the training apart from every other; only the same one can go on */
export async function keepState(path: string, state: TrainState, parameters: Parameters, identity: string) {
  const tensors = new Map<string, Written>();
  for (const [name, shape] of parameters) {
    const { mean, square } = state.moments.get(name)!;
    const data = { weight: state.weights.get(name)!, mean, square };
    for (const part of PARTS) tensors.set(`${name}.${part}`, { shape, data: data[part] });
  }
  tensors.set('losses', { shape: [state.losses.length], data: Float32Array.from(state.losses) });
  await writeSafetensors(path, tensors, { identity, step: `${state.step}` });
}

/** Whose state is kept there; null: there is none. */
export async function keptIdentity(path: string): Promise<string | null> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  return isThere ? ((await openSafetensors(path)).metadata.identity ?? '') : null;
}

/** The losses of all steps so far that are kept there. */
export async function keptLosses(path: string): Promise<number[]> {
  if ((await keptIdentity(path)) === null) return [];
  const { tensors } = await openSafetensors(path);
  return [...(await readFloats(path, tensors.get('losses')!))];
}

/** The state that is kept there; null: there is none. */
export async function keptState(path: string, parameters: Parameters): Promise<TrainState | null> {
  if ((await keptIdentity(path)) === null) return null;
  const { metadata, tensors } = await openSafetensors(path);
  const read = (name: string): Promise<Float32Array> => readFloats(path, tensors.get(name)!);
  const weights = new Map<string, Float32Array>();
  const moments = new Map<string, ReturnType<typeof noMoments>>();
  for (const name of parameters.keys()) {
    const [weight, mean, square] = (await Promise.all(PARTS.map((part) => read(`${name}.${part}`)))) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    weights.set(name, weight);
    moments.set(name, { mean, square });
  }
  return { step: Number(metadata.step), weights, moments, losses: [...(await read('losses'))] };
}
