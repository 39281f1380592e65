import type { ModuleTensors, Role } from './lora-keys.ts';
import type { Weight } from './parts.ts';

/**
 * A matrix [rows, columns] as files keep it: whole, or as the product of an `up` [rows, rank] and a `down` [rank, columns]
 * (LoRA, https://arxiv.org/abs/2106.09685). Of a convolution the columns are input channels by taps; a `core` [rank, rank,
 * taps …] between them leaves the taps to itself (Tucker's decomposition): sum over n, m of up[i,n] core[n,m,taps] down[m,j].
 */
export type Term =
  | { readonly kind: 'whole'; readonly value: Weight }
  | { readonly kind: 'product'; readonly up: Weight; readonly down: Weight; readonly core: Weight | null };

/** What is added to a weight: one term, or two multiplied element by element (LoHa) or as Kronecker's product (LoKr). */
export type Delta =
  | Term
  | { readonly kind: 'hadamard'; readonly left: Term; readonly right: Term }
  | { readonly kind: 'kronecker'; readonly left: Term; readonly right: Term };

/** The delta of one module's tensors in a file; null when some are missing. `path`: of that file. */
export function deltaOf(path: string, tensors: ModuleTensors): Delta | null {
  const read = (role: Role): Weight | null => {
    const tensor = tensors.get(role);
    return tensor ? { path, ...tensor, transposed: false } : null;
  };
  const [down, up] = [read('down'), read('up')];
  if (down && up) return { kind: 'product', up, down, core: read('mid') };
  const diff = read('diff');
  if (diff) return { kind: 'whole', value: diff };
  const hadamard = both(
    factored(read('hada_w1_a'), read('hada_w1_b'), read('hada_t1')),
    factored(read('hada_w2_a'), read('hada_w2_b'), read('hada_t2')),
  );
  if (hadamard) return { kind: 'hadamard', ...hadamard };
  const kronecker = both(
    whole(read('lokr_w1')) ?? factored(read('lokr_w1_a'), read('lokr_w1_b'), null),
    whole(read('lokr_w2')) ?? factored(read('lokr_w2_a'), read('lokr_w2_b'), read('lokr_t2')),
  );
  return kronecker && { kind: 'kronecker', ...kronecker };
}

const whole = (value: Weight | null): Term | null => value && { kind: 'whole', value };

/** LyCORIS' pairs; with a core between them it keeps the first transposed, [rank, rows]. */
function factored(a: Weight | null, b: Weight | null, core: Weight | null): Term | null {
  if (!a || !b) return null;
  const up = core ? { ...a, shape: [...a.shape].reverse(), transposed: true } : a;
  return { kind: 'product', up, down: b, core };
}

const both = (left: Term | null, right: Term | null): { left: Term; right: Term } | null =>
  left && right && { left, right };

/** The rank of the factors, which divides alpha; null where nothing is factored, and alpha then says nothing. */
export function rankOf(delta: Delta): number | null {
  switch (delta.kind) {
    case 'whole':
      return null;
    case 'product':
      return delta.down.shape[0] ?? null;
    case 'hadamard':
      return rankOf(delta.left);
    case 'kronecker':
      return rankOf(delta.right) ?? rankOf(delta.left);
  }
}

/** Rows and columns of the matrix; null when its factors do not fit each other. */
export function sizeOf(delta: Delta): readonly [rows: number, columns: number] | null {
  switch (delta.kind) {
    case 'whole':
      return matrixSize(delta.value);
    case 'product':
      return sizeOfProduct(delta);
    case 'hadamard': {
      const [left, right] = [sizeOf(delta.left), sizeOf(delta.right)];
      return left && right && left[0] === right[0] && left[1] === right[1] ? left : null;
    }
    case 'kronecker': {
      const [left, right] = [sizeOf(delta.left), sizeOf(delta.right)];
      return left && right && [left[0] * right[0], left[1] * right[1]];
    }
  }
}

function sizeOfProduct({ up, down, core }: Term & { kind: 'product' }): [number, number] | null {
  const [[rows, rank], [height, columns]] = [matrixSize(up), matrixSize(down)];
  if (!core) return rank === height ? [rows, columns] : null;
  const [first, second, ...taps] = core.shape;
  return first === rank && second === height ? [rows, columns * productOf(taps)] : null;
}

/** The first axis against all others together. */
export const matrixSize = ({ shape }: Pick<Weight, 'shape'>): [rows: number, columns: number] => [
  shape[0] ?? 1,
  productOf(shape.slice(1)),
];

const productOf = (sizes: readonly number[]): number => sizes.reduce((product, size) => product * size, 1);
