import path from 'node:path';
import type { Family } from '../../bridge-server/weights/family.ts';
import { type Model, openModel, type Part } from '../../bridge-server/weights/model.ts';
import type { Tensor } from '../../bridge-server/onnx/session.ts';
import { openSafetensors } from '../../bridge-server/weights/safetensors.ts';

const GOLDENS = path.join(import.meta.dirname, '..', 'goldens');

export const tiny = (family: 'sd15' | 'sdxl'): Promise<Model> =>
  openModel(path.join(GOLDENS, `tiny-${family}`, 'diffusers'));

/** A part as large as the real one, of which only the header exists. */
export function partOfShapes(kind: Part['kind'], family: Family, shapes: ReadonlyMap<string, readonly number[]>): Part {
  const weights = [...shapes].map(
    ([name, shape], i) =>
      [
        name,
        {
          path: '/nowhere/real.safetensors',
          dtype: 'float16',
          shape,
          offset: 1000 + i,
          length: 0,
          transposed: false,
        } as const,
      ] as const,
  );
  return {
    kind,
    family,
    path: '/nowhere/real.safetensors',
    weights: new Map(weights),
    config: null,
    changes: new Map(),
  };
}

/**
 * Motion modules for the tiny SD 1.5: the one of the reference data, which is 16 channels wide, at the two places of the way down that
 * are.
 */
export async function tinyMotion(): Promise<Part> {
  const file = await openSafetensors(path.join(GOLDENS, 'animatediff', 'motion_module.safetensors'));
  const weights = [0, 1].flatMap((layer) =>
    [...file.tensors].map(
      ([name, tensor]) =>
        [`down_blocks.1.motion_modules.${layer}.${name}`, { ...tensor, path: file.path, transposed: false }] as const,
    ),
  );
  const config = { num_attention_heads: 4, norm_num_groups: 8 };
  return { kind: 'motion', path: file.path, family: 'sd15', config, changes: new Map(), weights: new Map(weights) };
}

/** Numbers in [-1, 1), the same for the same seed. */
export function noise(shape: readonly number[], seed = 1): Tensor & { dtype: 'float32' } {
  let state = seed * 2654435761;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  return { dtype: 'float32', shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, next) };
}

export const constant = (value: number, shape: readonly number[]): Tensor & { dtype: 'float32' } => ({
  dtype: 'float32',
  shape,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value),
});
