import * as f from './functions.ts';
import type { Graph, Node, Value } from './graph.ts';
import { RULES, summed } from './gradient-rules.ts';
import { nothing } from './order.ts';

export type GradientOptions = {
  /**
   * Whether what a node makes is kept for the way back although its block is over; without it nothing is but what later blocks read.
   * Keeping products of matrices and convolutions saves near a third of the time, for several times the memory.
   */
  readonly keeps?: (node: Node) => boolean;
};

/**
 * Records the gradient of `loss` (one element) with respect to each of `parameters` (graph inputs), in their order: reverse-mode
 * differentiation over what leads from them to the loss. Sizes have to be numbers.
 *
 * Of each block between the graph's boundaries nothing is kept for the way back but what crosses into another: the rest is computed
 * again once the way back arrives there (https://arxiv.org/abs/1604.06174), so memory grows with the number of blocks, and
 * within one block only. Without boundaries everything is kept. A graph with boundaries has to be run with `distinct` nodes.
 */
export function gradients(loss: Value, parameters: readonly Value[], options: GradientOptions = {}): Value[] {
  const { graph } = loss;
  const nodes = [...graph.nodes];
  const trained = dependentOn(nodes, parameters);
  const past = new Past(graph, nodes, options);
  const found = new Map<string, Value>([
    [
      loss.name,
      graph.floats(
        [1],
        loss.shape.map(() => 1),
      ),
    ],
  ]);
  let fresh = new Set<string>();
  for (let at = nodes.length - 1; at >= 0; at--) {
    const node = nodes[at]!;
    if (past.enters(at)) {
      const done = [...fresh].flatMap((name) => found.get(name) ?? []);
      past.enter(at, done);
      fresh = new Set();
    }
    if (!node.outputs.some(({ name }) => found.has(name) && trained.has(name))) continue;
    const rule = RULES[node.operator];
    if (!rule) throw new RangeError(`${node.operator} has no gradient`);
    const dys = node.outputs.map((output) => found.get(output.name) ?? zerosLike(output));
    const thunks = rule({
      node,
      dys,
      dy: dys[0]!,
      x: (input) => past.value(node.inputs[input]!),
      y: () => past.value(node.outputs[0]!),
    });
    for (const output of node.outputs) found.delete(output.name);
    for (const [i, input] of node.inputs.entries()) {
      if (!input || !trained.has(input.name)) continue;
      const thunk = thunks[i];
      if (!thunk) throw new RangeError(`${node.operator} has no gradient of input ${i}`);
      const gradient = summed(thunk(), input.shape);
      const known = found.get(input.name);
      found.set(input.name, known ? f.add(known, gradient) : gradient);
      fresh.add(input.name);
    }
  }
  return parameters.map((parameter) => found.get(parameter.name) ?? zerosLike(parameter));
}

const zerosLike = ({ graph, shape }: Value): Value => f.expand(graph.floats([0], []), shape);

/** The names of the values that the parameters lead to, and their own. */
function dependentOn(nodes: readonly Node[], parameters: readonly Value[]): ReadonlySet<string> {
  const names = new Set(parameters.map(({ name }) => name));
  for (const { inputs, outputs } of nodes) {
    if (inputs.some((input) => input && names.has(input.name))) for (const { name } of outputs) names.add(name);
  }
  return names;
}

/** What was computed on the way to the loss, as the way back gets at it: kept, or computed again. */
class Past {
  readonly #graph: Graph;
  readonly #nodes: readonly Node[];
  readonly #keeps: (node: Node) => boolean;
  /** The node that makes a value, by the value's name. */
  readonly #makers = new Map<string, number>();
  /** Values that depend on weights alone. */
  readonly #ofWeights: ReadonlySet<string>;
  /** Where the current block begins, and what has been computed again of it. */
  #from: number;
  #again: Map<string, Value> | null = null;
  /** 0, once everything after the current block has been computed; null for the last block. */
  #token: Value | null = null;

  constructor(graph: Graph, nodes: readonly Node[], { keeps = () => false }: GradientOptions) {
    this.#graph = graph;
    this.#nodes = nodes;
    this.#keeps = keeps;
    for (const [i, { outputs }] of nodes.entries()) for (const { name } of outputs) this.#makers.set(name, i);
    this.#ofWeights = ofWeights(graph, nodes);
    this.#from = graph.boundaries.at(-1) ?? 0;
  }

  /** Whether the node is the last of a block that the way back has not been in. */
  enters(node: number): boolean {
    return node < this.#from;
  }

  /** Goes on in the block of a node; `done`: what has to be computed before any of it is computed again. */
  enter(node: number, done: readonly Value[]): void {
    this.#from = this.#graph.boundaries.findLast((boundary) => boundary <= node) ?? 0;
    this.#again = new Map();
    this.#token = done.length > 0 ? nothing(done) : null;
  }

  value(value: Value): Value {
    const maker = this.#makers.get(value.name);
    if (maker === undefined || this.#again === null) return value;
    if (this.#ofWeights.has(value.name)) return this.#compute(maker, value, (input) => this.value(input));
    if (maker < this.#from || this.#keeps(this.#nodes[maker]!)) return value;
    return this.#compute(maker, value, (input) => this.#source(input));
  }

  /** A value to compute others from again, not before it is time. */
  #source(value: Value): Value {
    const known = this.value(value);
    const isKept = known.name === value.name && !this.#ofWeights.has(value.name) && value.dtype === 'float32';
    const isConstant = !this.#makers.has(value.name) && !this.#isInput(value);
    if (!isKept || isConstant || this.#token === null) return known;
    return this.#once(`late ${value.name}`, () => f.add(value, this.#token!));
  }

  #isInput({ name }: Value): boolean {
    return this.#graph.inputs.some((input) => input.name === name);
  }

  #compute(maker: number, { name }: Value, read: (input: Value) => Value): Value {
    return this.#once(name, () => {
      const { operator, inputs, outputs, attributes } = this.#nodes[maker]!;
      const made = this.#graph.record(
        operator,
        inputs.map((input) => input && read(input)),
        attributes,
      );
      for (const [i, output] of outputs.entries()) this.#again!.set(output.name, made[i]!);
      return this.#again!.get(name)!;
    });
  }

  #once(name: string, make: () => Value): Value {
    const known = this.#again!.get(name) ?? make();
    this.#again!.set(name, known);
    return known;
  }
}

function ofWeights({ constants, initializers }: Graph, nodes: readonly Node[]): ReadonlySet<string> {
  const names = new Set([...constants, ...initializers].map(({ value }) => value.name));
  for (const { inputs, outputs } of nodes) {
    if (inputs.every((input) => !input || names.has(input.name))) for (const { name } of outputs) names.add(name);
  }
  return names;
}
