import { Failure } from '../errors.ts';
import type { Adapter } from './adapter.ts';
import { type Delta, deltaOf, rankOf } from './delta.ts';
import { identifyFile } from './identify.ts';
import { KIND_NAMES } from './kind-names.ts';
import { groupByModule, type ModuleTensors } from './lora-keys.ts';
import { peftAlpha } from './peft-config.ts';
import { openSafetensors, readFloats, type Safetensors } from './safetensors.ts';

/** What is added to one tensor: `factor` times the delta. */
export type Change = { readonly delta: Delta; readonly factor: number };

/** What a file adds to one module; null: nothing. */
export type ModuleChange = { readonly weight: Change | null; readonly bias: Change | null };

/** A LoRA file, or one of LyCORIS' kinds: what it changes, at scale 1, by its own names of modules. */
export type Lora = {
  readonly path: string;
  readonly adapter: Adapter;
  readonly modules: ReadonlyMap<string, ModuleChange>;
  /** Tensors that could not be understood, and modules of which some tensors are missing. */
  readonly strays: readonly string[];
};

/**
 * Opens a LoRA file: its header and the few numbers called alpha are read, weights stay where they are.
 * Failures: model-kind (another kind of file), lora-algorithm (one that is not supported), those of openSafetensors.
 */
export async function openLora(location: string): Promise<Lora> {
  const file = await openSafetensors(location);
  const { path } = file;
  const { adapter, kind } = await identifyFile(file);
  if (!adapter) throw new Failure('model-kind', { path, kind: KIND_NAMES[kind], role: 'lora' });
  if (!adapter.supported) throw new Failure('lora-algorithm', { path, algorithm: adapter.algorithm });
  const { modules, strays } = groupByModule(file.tensors.values());
  const changes = new Map<string, ModuleChange>();
  const incomplete: string[] = [];
  for (const [module, tensors] of modules) {
    const change = await changeOf(file, module, tensors);
    if (change.weight || change.bias) changes.set(module, change);
    else incomplete.push(module);
  }
  return { path, adapter, modules: changes, strays: [...strays, ...incomplete] };
}

async function changeOf(file: Safetensors, module: string, tensors: ModuleTensors): Promise<ModuleChange> {
  const delta = deltaOf(file.path, tensors);
  const shift = tensors.get('diff_b');
  return {
    weight: delta && { delta, factor: await factorOf(file, module, tensors, delta) },
    bias: shift
      ? { delta: { kind: 'whole', value: { path: file.path, ...shift, transposed: false } }, factor: 1 }
      : null,
  };
}

/** alpha / rank. Without an alpha it equals the rank. */
async function factorOf(file: Safetensors, module: string, tensors: ModuleTensors, delta: Delta): Promise<number> {
  const rank = rankOf(delta);
  if (rank === null) return 1;
  const alpha = tensors.get('alpha');
  if (!alpha) return (peftAlpha(file.metadata, module, rank) ?? rank) / rank;
  return (await readFloats(file.path, alpha))[0]! / rank;
}
