/** Residual features of a pixel: three colours in three bands (kernels/assembly/blend.ts). */
const FEATURES = 9;
const COLOURS = 3;
/** Numbers that `relate` sums for a row. */
export const RELATION_NUMBERS = (FEATURES * (FEATURES + 1)) / 2 + FEATURES * COLOURS;
/** Bytes of a relation as `compose` takes it. */
export const RELATION_BYTES = FEATURES * 4 * 4;
/** Added to the diagonal for every sample: a squared difference of this many 8-bit levels is noise and teaches nothing. */
const RIDGE = 0.1;

/**
 * The linear relation between what a moved source misses and what its moved repainting misses, as `compose` takes it: nine rows of four,
 * in 16-bit levels for each 8-bit level. `rows` are the sums of `relate`, 72 numbers a row; `samples` the pixels they are of.
 */
export function relationOf(rows: readonly Float64Array[], samples: number): Float32Array {
  const sums = new Float64Array(RELATION_NUMBERS);
  for (const part of rows) for (let i = 0; i < part.length; i++) sums[i % RELATION_NUMBERS]! += part[i]!;
  const normal = Array.from({ length: FEATURES }, () => new Float64Array(FEATURES));
  const right = Array.from({ length: FEATURES }, () => new Float64Array(COLOURS));
  for (let i = 0, at = 0; i < FEATURES; i++) {
    for (let j = 0; j <= i; j++, at++) normal[i]![j] = normal[j]![i] = sums[at]!;
    for (let c = 0; c < COLOURS; c++, at++) right[i]![c] = sums[at]!;
    normal[i]![i]! += RIDGE * samples + 1e-6;
  }
  solveInPlace(normal, right);
  const relation = new Float32Array(FEATURES * 4);
  for (let i = 0; i < FEATURES; i++) for (let c = 0; c < COLOURS; c++) relation[4 * i + c] = 257 * right[i]![c]!;
  return relation;
}

/** Gaussian elimination for a symmetric positive definite matrix; `right` becomes the solution. */
function solveInPlace(matrix: Float64Array[], right: Float64Array[]): void {
  const n = matrix.length;
  for (let k = 0; k < n; k++) {
    for (let i = k + 1; i < n; i++) {
      const factor = matrix[i]![k]! / matrix[k]![k]!;
      for (let j = k; j < n; j++) matrix[i]![j]! -= factor * matrix[k]![j]!;
      for (let c = 0; c < right[i]!.length; c++) right[i]![c]! -= factor * right[k]![c]!;
    }
  }
  for (let k = n - 1; k >= 0; k--) {
    for (let c = 0; c < right[k]!.length; c++) {
      for (let j = k + 1; j < n; j++) right[k]![c]! -= matrix[k]![j]! * right[j]![c]!;
      right[k]![c]! /= matrix[k]![k]!;
    }
  }
}
