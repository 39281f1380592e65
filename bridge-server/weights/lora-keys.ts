import type { Tensor } from './safetensors.ts';

/** What a tensor of a LoRA file is to the module that its name begins with; named as LyCORIS does where styles differ. */
export type Role =
  | 'down'
  | 'up'
  | 'mid'
  | 'alpha'
  | 'diff'
  | 'diff_b'
  | `hada_${'w1_a' | 'w1_b' | 'w2_a' | 'w2_b' | 't1' | 't2'}`
  | `lokr_${'w1' | 'w1_a' | 'w1_b' | 'w2' | 'w2_a' | 'w2_b' | 't2'}`;

/** How names end; PEFT writes the adapter's own name before `.weight`. */
const ENDINGS: readonly (readonly [ending: RegExp, role: Role | null])[] = [
  [/(\.lora_down|\.lora_A(\.[^.]+)?|\.lora\.down|\.lora_linear_layer\.down|(?<=_lora)\.down)\.weight$/, 'down'],
  [/(\.lora_up|\.lora_B(\.[^.]+)?|\.lora\.up|\.lora_linear_layer\.up|(?<=_lora)\.up)\.weight$/, 'up'],
  [/\.lora_mid\.weight$/, 'mid'],
  // What trained normalisation layers add to scale and shift.
  [/\.w_norm$/, 'diff'],
  [/\.b_norm$/, 'diff_b'],
  [/\.(alpha|diff|diff_b|hada_(?:w[12]_[ab]|t[12])|lokr_(?:w[12](?:_[ab])?|t2))$/, null],
];

/** PEFT's own wrapper around a network. */
const WRAPPER = /^base_model\.model\./;

/** The tensors of one module by what they are. */
export type ModuleTensors = ReadonlyMap<Role, Tensor>;

/** The tensors of a LoRA file by modules, as the file calls them; `strays` are names that no style explains. */
export function groupByModule(tensors: Iterable<Tensor>): {
  readonly modules: ReadonlyMap<string, ModuleTensors>;
  readonly strays: readonly string[];
} {
  const modules = new Map<string, Map<Role, Tensor>>();
  const strays: string[] = [];
  for (const tensor of tensors) {
    const key = readKey(tensor.name);
    if (!key) {
      strays.push(tensor.name);
      continue;
    }
    const roles = modules.get(key.module) ?? new Map<Role, Tensor>();
    modules.set(key.module, roles.set(key.role, tensor));
  }
  return { modules, strays };
}

function readKey(name: string): { module: string; role: Role } | null {
  for (const [ending, role] of ENDINGS) {
    const match = ending.exec(name);
    if (match) return { module: name.slice(0, match.index).replace(WRAPPER, ''), role: role ?? (match[1] as Role) };
  }
  return null;
}
