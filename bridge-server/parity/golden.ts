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
  };
}

function find({ path, tensors }: Safetensors, name: string): Stored {
  const tensor = tensors.get(name);
  if (!tensor) throw new RangeError(`${path} has no ${name}`);
  return tensor;
}
