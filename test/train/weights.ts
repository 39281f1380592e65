import { openSafetensors, readFloats } from '../../bridge-server/weights/safetensors.ts';

/** All that a file of weights holds but what it says of itself. */
export async function weightsOf(path: string): Promise<ReadonlyMap<string, Float32Array>> {
  const { tensors } = await openSafetensors(path);
  const values = [...tensors.values()].map(async (tensor) => [tensor.name, await readFloats(path, tensor)] as const);
  return new Map(await Promise.all(values));
}
