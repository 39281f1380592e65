import { Failure } from '../errors.ts';
import type { Dtype } from '../weights/dtype.ts';
import type { Part } from '../weights/model.ts';
import type { Weight } from '../weights/parts.ts';
import { type Shape, shapeText } from '../onnx/dimension.ts';
import { mul, reshape, transpose } from '../onnx/functions.ts';
import { Graph, type Value } from '../onnx/graph.ts';
import type { Storage } from '../onnx/model.ts';
import { matrixSize } from '../weights/delta.ts';
import type { Change } from '../weights/lora.ts';
import { addChanges, separate, type Thin } from './changes.ts';

/** How a network is recorded; what it computes does not depend on it. */
export type RecordOptions = {
  readonly storage: Storage;
  /** Whether the provider has com.microsoft.MultiHeadAttention (all but CoreML have). */
  readonly fusedAttention?: boolean;
  /** A LoRA that is being trained, beside what the part's files add. */
  readonly trained?: TrainedLora;
};

/** A LoRA whose matrices are inputs of the graph: `lora_down` [rank, in] and `lora_up` [out, rank] below the name of each module. */
export type TrainedLora = {
  readonly rank: number;
  /** alpha / rank: what its product is multiplied by. */
  readonly factor: number;
  /** Its modules, by their names in diffusers. */
  readonly modules: ReadonlySet<string>;
};

/**
 * From how many elements on LoRAs are multiplied by beside a weight instead of being added to it. Layers of large weights see few
 * pixels, and pay little for two thin matrices more; adding costs a mapped weight time in every run, and a folded one time and
 * memory while it is loaded. Measured on the U-Net of SD 1.5 at 64x64 with three LoRAs of rank 16, one with convolutions: mapped, a
 * step takes 25 % longer with all added, 9 % with none, 7 % so; folded, all added load in 32 s at a peak of 13 GB and a step
 * takes as long as without any, so it is 11 s, 6.9 GB (8 s and 6.3 GB without any), and 2 % a step.
 */
const APART_FROM = 1_500_000;

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
    const name = this.#name(tensor);
    if (weight.transposed) throw new RangeError(`${name} is stored transposed`);
    const changes = this.#changes(tensor);
    if (changes.length === 0) return this.graph.weight(name, weight, shape);
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
    const name = this.#name(tensor);
    const [rows = 0, columns = 0, ...rest] = weight.shape;
    if (weight.shape.length < 2 || rest.some((size) => size !== 1)) {
      const reason = `${name} ${shapeText(weight.shape)} is no matrix`;
      throw new Failure('graph-shapes', { operator: 'a weight', reason });
    }
    const changes = this.#changes(tensor);
    const stored = this.graph.weight(name, weight, weight.transposed ? [columns, rows] : [rows, columns]);
    if (changes.length === 0) return weight.transposed ? stored : transpose(stored, [1, 0]);
    const known = weight.transposed ? transpose(stored, [1, 0]) : stored;
    return transpose(addChanges(known, name, changes), [1, 0]);
  }

  /**
   * The matrices [in, out] that a layer multiplies by from the right, as ways whose results are summed: the weight, and beside it
   * the two thin ones of LoRA files, one after the other, where that costs less than adding them to the weight.
   */
  matrices(tensor: string): Value[][] {
    const { bare, thin } = this.#apart(tensor);
    return [
      [bare.matrix(tensor)],
      ...[thin, this.#trained(tensor)].flatMap((lora) =>
        lora ? [[transpose(lora.down, [1, 0]), transpose(lora.up, [1, 0])]] : [],
      ),
    ];
  }

  /** The same for a convolution: kernels [out, in, taps …]; of the thin ones only the first sees neighbours. */
  kernels(tensor: string): Value[][] {
    const { bare, thin } = this.#apart(tensor);
    const [out = 0, ...rest] = this.shape(tensor);
    const one = rest.slice(1).map(() => 1);
    return [
      [bare.parameter(tensor)],
      ...[thin, this.#trained(tensor)].flatMap((lora) => {
        if (!lora) return [];
        const rank = lora.down.shape[0] as number;
        return [[reshape(lora.down, [rank, ...rest]), reshape(lora.up, [out, rank, ...one])]];
      }),
    ];
  }

  /** The LoRA that is being trained, where it has this module. */
  #trained(tensor: string): Thin | null {
    const { trained } = this.options;
    if (!trained?.modules.has(this.path) || tensor !== 'weight') return null;
    const [out = 0, ...rest] = this.shape(tensor);
    const columns = rest.reduce((product, size) => product * size, 1);
    const down = this.graph.input(`${this.path}.lora_down`, 'float32', [trained.rank, columns]);
    const up = this.graph.input(`${this.path}.lora_up`, 'float32', [out, trained.rank]);
    return { down, up: trained.factor === 1 ? up : mul(up, trained.factor) };
  }

  /** Plain LoRAs of a large weight, and this module without them. */
  #apart(tensor: string): { bare: Scope; thin: Thin | null } {
    const elements = this.shape(tensor).reduce((product, size) => product * size, 1);
    if (elements < APART_FROM) return { bare: this, thin: null };
    const name = this.#name(tensor);
    const { thin, rest } = separate(this.graph, name, this.#changes(tensor));
    const part = { ...this.part, changes: new Map([[name, rest]]) };
    return { bare: thin ? new Scope(part, this.options, this.graph, this.path) : this, thin };
  }

  #changes(tensor: string): readonly Change[] {
    return this.part.changes.get(this.#name(tensor)) ?? [];
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
