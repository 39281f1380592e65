import { Failure } from '../errors.ts';
import type { Dtype } from '../weights/dtype.ts';
import type { Part } from '../weights/model.ts';
import type { Weight } from '../weights/parts.ts';
import { type Shape, shapeText } from '../onnx/dimension.ts';
import { reshape, transpose } from '../onnx/functions.ts';
import { Graph, type Value } from '../onnx/graph.ts';
import type { Storage } from '../onnx/model.ts';
import { matrixSize } from '../weights/delta.ts';
import { addChanges } from './changes.ts';

/** How a network is recorded; what it computes does not depend on it. */
export type RecordOptions = {
  readonly storage: Storage;
  /** Whether the provider has com.microsoft.MultiHeadAttention (all but CoreML have). */
  readonly fusedAttention?: boolean;
};

/** A module of a network while it is recorded: a place among the weights of one part. */
export class Scope {
  readonly graph: Graph;
  readonly part: Part;
  readonly options: RecordOptions;
  readonly path: string;

  constructor(part: Part, options: RecordOptions, graph = new Graph(), path = '') {
    this.part = part;
    this.options = options;
    this.graph = graph;
    this.path = path;
  }

  at(module: string | number): Scope {
    return new Scope(this.part, this.options, this.graph, this.#name(`${module}`));
  }

  /** Whether the file has this tensor; networks grow by what there is. */
  has(tensor: string): boolean {
    return this.part.weights.has(this.#name(tensor));
  }

  shape(tensor: string): readonly number[] {
    return this.#weight(tensor).shape;
  }

  /** How many modules there are: 0, 1, … of which each has `tensor`. */
  count(list: string, tensor: string): number {
    let count = 0;
    while (this.has(`${list}.${count}.${tensor}`)) count++;
    return count;
  }

  /** A tensor as 32-bit floats; `shape` may regroup it. Failures: weights-tensor, graph-shapes. */
  parameter(tensor: string, shape?: Shape): Value {
    const weight = this.#weight(tensor);
    if (weight.transposed) throw new RangeError(`${this.#name(tensor)} is stored transposed`);
    const name = this.#name(tensor);
    const changes = this.part.changes.get(name);
    if (!changes) return this.graph.weight(name, weight, shape);
    const changed = addChanges(this.graph.weight(name, weight, matrixSize(weight)), name, changes);
    return reshape(changed, shape ?? weight.shape);
  }

  /** A tensor as it is stored, for reading some of its rows. */
  table(tensor: string): { value: Value; dtype: Dtype } {
    const weight = this.#weight(tensor);
    return { value: this.graph.stored(this.#name(tensor), weight), dtype: weight.dtype };
  }

  /** The matrix [in, out] that multiplies from the right, of a weight that is known as [out, in] or [out, in, 1, 1]. */
  matrix(tensor: string): Value {
    const weight = this.#weight(tensor);
    const [rows = 0, columns = 0, ...rest] = weight.shape;
    if (weight.shape.length < 2 || rest.some((size) => size !== 1)) {
      const reason = `${this.#name(tensor)} ${shapeText(weight.shape)} is no matrix`;
      throw new Failure('graph-shapes', { operator: 'a weight', reason });
    }
    const name = this.#name(tensor);
    const changes = this.part.changes.get(name);
    if (weight.transposed) {
      const stored = this.graph.weight(name, weight, [columns, rows]);
      return changes ? transpose(addChanges(transpose(stored, [1, 0]), name, changes), [1, 0]) : stored;
    }
    const stored = this.graph.weight(name, weight, [rows, columns]);
    return transpose(changes ? addChanges(stored, name, changes) : stored, [1, 0]);
  }

  #name(tensor: string): string {
    return this.path === '' ? tensor : `${this.path}.${tensor}`;
  }

  #weight(tensor: string): Weight {
    const weight = this.part.weights.get(this.#name(tensor));
    if (!weight) throw new Failure('weights-tensor', { path: this.part.path, tensor: this.#name(tensor) });
    return weight;
  }
}
