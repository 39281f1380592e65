import { readFile } from 'node:fs/promises';
import type { Tensor } from '../onnx/session.ts';
import {
  openSafetensors,
  readFloats,
  readTensor,
  type Safetensors,
  type Tensor as Stored,
} from '../weights/safetensors.ts';

/** Reference data: the tensors of one .safetensors file. */
export type Golden = {
  readonly names: readonly string[];
  floats(name: string): Promise<Tensor & { dtype: 'float32' }>;
  integers(name: string): Promise<Tensor & { dtype: 'int64' }>;
  bytes(name: string): Promise<{ shape: readonly number[]; data: Uint8Array }>;
};

export async function openGolden(path: string): Promise<Golden> {
  const file = await openSafetensors(path);
  return {
    names: [...file.tensors.keys()],
    async floats(name) {
      const tensor = find(file, name);
      return { dtype: 'float32', shape: tensor.shape, data: await readFloats(path, tensor) };
    },
    async integers(name) {
      const tensor = find(file, name);
      const { buffer } = await readTensor(path, tensor);
      return { dtype: 'int64', shape: tensor.shape, data: new BigInt64Array(buffer as ArrayBuffer) };
    },
    async bytes(name) {
      const tensor = find(file, name);
      return { shape: tensor.shape, data: await readTensor(path, tensor) };
    },
  };
}

/** Python writes infinities into JSON, which is not JSON: they become null, "no limit". */
export async function readJson(path: string): Promise<unknown> {
  return JSON.parse((await readFile(path, 'utf8')).replace(/(?<=[:[,]\s*)-?Infinity\b/g, 'null')) as unknown;
}

function find({ path, tensors }: Safetensors, name: string): Stored {
  const tensor = tensors.get(name);
  if (!tensor) throw new RangeError(`${path} has no ${name}`);
  return tensor;
}
