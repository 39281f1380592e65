import { Failure } from '../errors.ts';
import { sizeOf } from './delta.ts';
import { FAMILY_NAMES } from './family.ts';
import { ADAPTED_PARTS, adapterNames } from './keys/adapter-names.ts';
import type { Change, Lora } from './lora.ts';
import type { Model, Part } from './model.ts';

/** A LoRA to add, and how much of it: 1 is as it was trained, negative turns it around, 0 is as if it were not there. */
export type AppliedLora = {
  readonly lora: Lora;
  /** For the U-Net. */
  readonly scale: number;
  /** For the text encoders; the same unless given. */
  readonly textScale?: number;
};

/** What became of a LoRA: how many of its modules the model has, and the names of those (and other tensors) that it has not. */
export type LoraMatch = { readonly path: string; readonly matched: number; readonly unmatched: readonly string[] };

/**
 * The model with LoRAs added to its U-Net and text encoders, in the order given: W + sum of scale * alpha / rank * delta. The
 * result is a Model like any other, used without further arguments; no weight has been read, and networks have to be recorded
 * anew from it. Call it before a job begins: it refuses what does not fit.
 * Failures: model-family (made for another family), lora-unmatched (nothing in it has a place in this model).
 */
export function withLoras(
  model: Model,
  loras: readonly AppliedLora[],
): { readonly model: Model; readonly matches: readonly LoraMatch[] } {
  const targets = targetsOf(model);
  const changes = new Map<Part, Map<string, Change[]>>();
  const matches = loras.map(({ lora, scale, textScale = scale }) => {
    refuseOtherFamily(model, lora);
    const unmatched: string[] = [...lora.strays];
    let matched = 0;
    for (const [module, { weight, bias }] of lora.modules) {
      const target = targets.get(module);
      const fitting = target
        ? [
            { tensor: `${target.module}.weight`, change: weight },
            { tensor: `${target.module}.bias`, change: bias },
          ].filter(({ tensor, change }) => change && fits(target.part, tensor, change))
        : [];
      if (!target || fitting.length === 0) {
        unmatched.push(module);
        continue;
      }
      matched++;
      const partScale = target.part.kind === 'unet' ? scale : textScale;
      if (partScale === 0) continue;
      const ofPart = changes.get(target.part) ?? new Map<string, Change[]>();
      changes.set(target.part, ofPart);
      for (const { tensor, change } of fitting) {
        const scaled = { ...change!, factor: change!.factor * partScale };
        ofPart.set(tensor, [...(ofPart.get(tensor) ?? []), scaled]);
      }
    }
    if (matched === 0) {
      throw new Failure('lora-unmatched', { path: lora.path, model: model.path, modules: unmatched.length });
    }
    return { path: lora.path, matched, unmatched };
  });
  const parts = Object.fromEntries(
    Object.values(model.parts).map((part) => [part.kind, { ...part, changes: merged(part, changes.get(part)) }]),
  );
  return { model: { ...model, parts }, matches };
}

type Target = { readonly part: Part; readonly module: string };

/** Every module that a LoRA may name, by all names that it may have. */
function targetsOf({ parts }: Model): ReadonlyMap<string, Target> {
  const targets = new Map<string, Target>();
  for (const kind of ADAPTED_PARTS) {
    const part = parts[kind];
    for (const tensor of part?.weights.keys() ?? []) {
      if (!tensor.endsWith('.weight') || READ_BY_ROWS.test(tensor)) continue;
      const module = tensor.slice(0, -'.weight'.length);
      for (const name of adapterNames(kind, module)) targets.set(name, { part: part!, module });
    }
  }
  return targets;
}

/** A table of which few rows are read; nothing is added to it. */
const READ_BY_ROWS = /token_embedding\.weight$/;

function fits(part: Part, tensor: string, { delta }: Change): boolean {
  const weight = part.weights.get(tensor);
  const size = sizeOf(delta);
  if (!weight || !size) return false;
  const elements = weight.shape.reduce((product, length) => product * length, 1);
  return size[0] === weight.shape[0] && size[0] * size[1] === elements;
}

function merged(part: Part, added: ReadonlyMap<string, readonly Change[]> | undefined): Part['changes'] {
  if (!added) return part.changes;
  const changes = new Map(part.changes);
  for (const [tensor, more] of added) changes.set(tensor, [...(changes.get(tensor) ?? []), ...more]);
  return changes;
}

function refuseOtherFamily({ path, identity: { family } }: Model, { path: lora, adapter }: Lora): void {
  if (family === null || adapter.family === null || adapter.family === family) return;
  throw new Failure('model-family', {
    path: lora,
    family: FAMILY_NAMES[adapter.family],
    model: path,
    modelFamily: FAMILY_NAMES[family],
  });
}
