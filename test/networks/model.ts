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

/** Names in diffusers and shapes of AnimateDiff's motion modules, one after each block, for levels of these widths. */
export function motionShapes(widths: readonly number[]): Map<string, readonly number[]> {
  const modules = widths.flatMap((width, level): [string, number][] => [
    ...[0, 1].map((layer): [string, number] => [`down_blocks.${level}.motion_modules.${layer}`, width]),
    ...[0, 1, 2].map((layer): [string, number] => [
      `up_blocks.${widths.length - 1 - level}.motion_modules.${layer}`,
      width,
    ]),
  ]);
  const all: [string, number][] = [...modules, ['mid_block.motion_modules.0', widths.at(-1)!]];
  return new Map(
    all.flatMap(([module, width]) => moduleShapes(width).map(([name, shape]) => [`${module}.${name}`, shape] as const)),
  );
}

/** The tensors of one motion module by their names in diffusers. */
function moduleShapes(width: number): [string, readonly number[]][] {
  const square = [width, width];
  const affine = (name: string): [string, readonly number[]][] => [
    [`${name}.weight`, [width]],
    [`${name}.bias`, [width]],
  ];
  const block = 'transformer_blocks.0';
  return [
    ...affine('norm'),
    ...['proj_in', 'proj_out'].flatMap((name): [string, readonly number[]][] => [
      [`${name}.weight`, square],
      [`${name}.bias`, [width]],
    ]),
    ...['norm1', 'norm2', 'norm3'].flatMap((name) => affine(`${block}.${name}`)),
    ...['attn1', 'attn2'].flatMap((name): [string, readonly number[]][] => [
      ...['to_q', 'to_k', 'to_v', 'to_out.0'].map((m): [string, readonly number[]] => [
        `${block}.${name}.${m}.weight`,
        square,
      ]),
      [`${block}.${name}.to_out.0.bias`, [width]],
    ]),
    [`${block}.ff.net.0.proj.weight`, [8 * width, width]],
    [`${block}.ff.net.0.proj.bias`, [8 * width]],
    [`${block}.ff.net.2.weight`, [width, 4 * width]],
    [`${block}.ff.net.2.bias`, [width]],
    [`${block}.pos_embed.pe`, [1, 32, width]],
  ];
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
