import type { Dtype } from '../weights/dtype.ts';
import type { Weight } from '../weights/parts.ts';
import { Failure } from '../errors.ts';
import { type Dimension, factorsOf, product, type Shape, shapeText } from './dimension.ts';
import { type Attributes, OPERATORS, type OperatorName } from './operators.ts';

/** A tensor in a graph. `elements`: what an int64 vector of sizes holds, as far as recording knows. */
export type Value = {
  readonly graph: Graph;
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: Shape;
  readonly elements?: Shape;
};

export type Node = {
  readonly operator: OperatorName;
  readonly name: string;
  /** null stands for an optional input that is left out. */
  readonly inputs: readonly (Value | null)[];
  readonly outputs: readonly Value[];
  readonly attributes: Attributes;
};

/** Numbers that are part of the model itself. */
export type Constant = { readonly value: Value; readonly data: Uint8Array };

/** Weights that stay where they are in the user's file. */
export type Initializer = { readonly value: Value; readonly weight: Weight };

/**
 * A computation as it is being recorded: every operator is checked and its shapes are inferred while it is added. The nodes
 * are kept with their values, in an order that can be run, so that more can be recorded from them (gradients).
 */
export class Graph {
  readonly inputs: Value[] = [];
  readonly outputs = new Map<string, Value>();
  readonly nodes: Node[] = [];
  readonly constants: Constant[] = [];
  readonly initializers: Initializer[] = [];
  /** How many nodes there were where a block began; gradients keep what crosses these places and compute the rest again. */
  readonly boundaries: number[] = [];
  readonly #names = new Map<string, number>();
  readonly #known = new Map<string, Value>();
  /** An axis on which a symbolic size can be read when the graph runs. */
  readonly #axes = new Map<string, { value: Value; axis: number }>();

  input(name: string, dtype: Dtype, shape: Shape): Value {
    const value = this.#value(name, { dtype, shape });
    this.inputs.push(value);
    return value;
  }

  /** Says that a block of the network begins here. */
  boundary(): void {
    this.boundaries.push(this.nodes.length);
  }

  /** Gives a value a name that callers read it by. */
  output(name: string, value: Value): void {
    this.outputs.set(name, value);
  }

  /** Adds one node and returns its outputs. Failure: graph-shapes, naming the tensors and their shapes. */
  record(operator: OperatorName, inputs: readonly (Value | null)[], attributes: Attributes = {}): Value[] {
    const name = this.#unique(operator);
    const { infer } = OPERATORS[operator];
    const inferred = infer(inputs, attributes, (reason) => {
      const operands = inputs.map((input) => (input ? `${input.name} ${shapeText(input.shape)}` : '(none)')).join(', ');
      throw new Failure('graph-shapes', { operator: name, reason: `${reason} (inputs: ${operands})` });
    });
    const outputs = inferred.map((output, i) => this.#value(i === 0 ? `${name}:0` : `${name}:${i}`, output));
    this.nodes.push({ operator, name, inputs, outputs, attributes });
    return outputs;
  }

  floats(data: readonly number[] | Float32Array, shape: Shape = [data.length]): Value {
    return this.#constant('float32', new Uint8Array(Float32Array.from(data).buffer), shape);
  }

  integers(data: readonly number[], shape: Shape = [data.length]): Value {
    return this.#constant('int64', int64(data), shape, data);
  }

  /** A weight as it is stored; `shape` may regroup its elements, which lie in row-major order. */
  stored(name: string, weight: Weight, shape: Shape = weight.shape): Value {
    if (product(...shape) !== product(...weight.shape)) {
      const reason = `${name} has the shape ${shapeText(weight.shape)}, the network needs ${shapeText(shape)}`;
      throw new Failure('graph-shapes', { operator: 'a weight', reason });
    }
    return this.#once(`stored ${name} ${shape.join()}`, () => {
      const value = this.#value(this.#unique(name), { dtype: weight.dtype, shape });
      this.initializers.push({ value, weight });
      return value;
    });
  }

  /** A weight as 32-bit floats. */
  weight(name: string, weight: Weight, shape: Shape = weight.shape): Value {
    const stored = this.stored(name, weight, shape);
    if (weight.dtype === 'float32') return stored;
    return this.#once(`weight ${stored.name}`, () => this.record('Cast', [stored], { to: 'float32' })[0] as Value);
  }

  /** An int64 vector of sizes, symbolic ones read from a tensor that has them when the graph runs. */
  sizes(shape: Shape): Value {
    return this.#join(shape, shape);
  }

  /**
   * The same for giving `x` a new shape, where the runtime can work sizes out by itself: 0 stands for the size that `x` has
   * on the same axis, -1 for what remains.
   */
  reshaping(x: Value, shape: Shape): Value {
    const kept = shape.map((size, i) => (typeof size === 'string' && size === x.shape[i] ? 0 : size));
    const remaining = kept.findLastIndex((size) => typeof size === 'string');
    return this.#join(
      kept.map((size, i) => (i === remaining ? -1 : size)),
      shape,
    );
  }

  #join(written: Shape, elements: Shape): Value {
    if (written.every((size) => typeof size === 'number')) {
      return this.#constant('int64', int64(written), [written.length], elements);
    }
    const [joined] = this.record(
      'Concat',
      written.map((size) => this.#size(size)),
      { axis: 0 },
    );
    return { ...(joined as Value), elements };
  }

  #size(size: Dimension): Value {
    return typeof size === 'number' ? this.integers([size]) : this.#once(`size ${size}`, () => this.#readSize(size));
  }

  #readSize(size: string): Value {
    const source = this.#axes.get(size);
    if (source) {
      const [read] = this.record('Shape', [source.value], { start: source.axis, end: source.axis + 1 });
      return read as Value;
    }
    const factors = factorsOf(size);
    if (factors.length === 1) {
      throw new Failure('graph-shapes', { operator: 'a size', reason: `no tensor has the size ${size}` });
    }
    return factors.map((factor) => this.#size(factor)).reduce((a, b) => this.record('Mul', [a, b])[0] as Value);
  }

  #constant(dtype: Dtype, data: Uint8Array, shape: Shape, elements?: Shape): Value {
    const key = `constant ${dtype} ${shape.join()} ${elements?.join() ?? ''} ${Buffer.from(data).toString('base64')}`;
    return this.#once(key, () => {
      const value = this.#value(this.#unique('constant'), elements ? { dtype, shape, elements } : { dtype, shape });
      this.constants.push({ value, data });
      return value;
    });
  }

  /** What has been recorded under this key, so that nothing is recorded twice. */
  #once(key: string, make: () => Value): Value {
    const known = this.#known.get(key);
    if (known) return known;
    const value = make();
    this.#known.set(key, value);
    return value;
  }

  #value(name: string, { dtype, shape, elements }: Inferred): Value {
    const value: Value = elements ? { graph: this, name, dtype, shape, elements } : { graph: this, name, dtype, shape };
    shape.forEach((size, axis) => {
      if (typeof size === 'string' && !this.#axes.has(size)) this.#axes.set(size, { value, axis });
    });
    return value;
  }

  /** `name`, or `name` with the number of times that it has been used. */
  #unique(name: string): string {
    const uses = this.#names.get(name) ?? 0;
    this.#names.set(name, uses + 1);
    return uses === 0 ? name : this.#unique(`${name}_${uses}`);
  }
}

const int64 = (values: readonly number[]): Uint8Array => new Uint8Array(BigInt64Array.from(values, BigInt).buffer);

/** What an operator's rule says of one output. */
export type Inferred = { readonly dtype: Dtype; readonly shape: Shape; readonly elements?: Shape };
