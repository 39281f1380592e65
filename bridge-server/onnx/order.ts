import * as f from './functions.ts';
import type { Value } from './graph.ts';

/**
 * `x`, but not before all of `done` (32-bit floats of known sizes) have been computed. The runtime orders nodes by what they read and
 * by nothing else: so zero times an element of each is added.
 */
export const after = (x: Value, done: readonly Value[]): Value => (done.length === 0 ? x : f.add(x, nothing(done)));

/** 0 as a scalar that takes all of `done` to compute. */
export function nothing(done: readonly Value[]): Value {
  const { graph } = done[0]!;
  const elements = done.map((value) => f.slice(flat(value), 0, 0, 1));
  const row = f.reshape(elements.length === 1 ? elements[0]! : f.concat(elements, 0), [1, done.length]);
  return f.reshape(f.matmul(row, graph.floats(new Float32Array(done.length), [done.length, 1])), []);
}

const flat = (x: Value): Value => f.reshape(x, [x.shape.reduce<number>((product, size) => product * Number(size), 1)]);
