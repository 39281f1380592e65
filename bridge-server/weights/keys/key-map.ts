/**
 * The names that tensors of one network have in the original single-file checkpoints, against their names in diffusers,
 * which are the ones used everywhere else here. A row stands for a module (all tensors below it) or for one tensor.
 */
export type KeyMap = ReadonlyMap<string, Target>;

/** One name; or several, when the original stacks them in one tensor, first rows first; or one stored transposed. */
export type Target = string | { readonly rows: readonly string[] } | { readonly transposed: string };

export type Row = readonly [original: string, diffusers: Target];

/** Where one tensor of a file belongs: `slice` of `slices` equal runs of its rows is `name`. */
export type MappedKey = {
  readonly name: string;
  readonly slice: number;
  readonly slices: number;
  readonly transposed: boolean;
};

export const keyMap = (...rows: readonly (readonly Row[])[]): KeyMap => new Map(rows.flat());

/** `rows` repeated for a module inside others: ['conv1', 'conv2'] under ['a', 'b'] gives ['a.conv1', 'b.conv2']. */
export const under = (original: string, diffusers: string, rows: readonly (readonly [string, string])[]): Row[] =>
  rows.map(([from, to]) => [`${original}.${from}`, `${diffusers}.${to}`]);

/** Where `original` belongs by the longest row that covers it; empty when the map does not know it. */
export function mapKey(map: KeyMap, original: string): MappedKey[] {
  for (let end = original.length; end > 0; end = original.lastIndexOf('.', end - 1)) {
    const target = map.get(original.slice(0, end));
    if (target === undefined) continue;
    const rest = original.slice(end);
    if (typeof target === 'string') return [{ name: target + rest, slice: 0, slices: 1, transposed: false }];
    if ('transposed' in target) return [{ name: target.transposed + rest, slice: 0, slices: 1, transposed: true }];
    return target.rows.map((name, slice, { length }) => ({
      name: name + rest,
      slice,
      slices: length,
      transposed: false,
    }));
  }
  return [];
}

/**
 * The other direction: the original names of a tensor or module by its name in diffusers. Several where originals differ among
 * families; none for what the map does not know, or knows as a part of something stacked.
 */
export function originalKeys(map: KeyMap, diffusers: string): string[] {
  const originals = inverse(map);
  for (let end = diffusers.length; end > 0; end = diffusers.lastIndexOf('.', end - 1)) {
    const found = originals.get(diffusers.slice(0, end));
    if (found) return found.map((original) => original + diffusers.slice(end));
  }
  return [];
}

const INVERSES = new WeakMap<KeyMap, ReadonlyMap<string, readonly string[]>>();

function inverse(map: KeyMap): ReadonlyMap<string, readonly string[]> {
  const known = INVERSES.get(map);
  if (known) return known;
  const originals = new Map<string, string[]>();
  for (const [original, target] of map) {
    if (typeof target === 'string') originals.set(target, [...(originals.get(target) ?? []), original]);
  }
  INVERSES.set(map, originals);
  return originals;
}

export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
