import path from 'node:path';
import { Failure } from '../errors.ts';
import type { Dtype } from '../weights/dtype.ts';
import type { Shape } from './dimension.ts';
import type { Constant, Graph, Initializer, Node, Value } from './graph.ts';
import { type Attribute, type AttributeType, OPERATORS, type Operator } from './operators.ts';
import { Message } from './protobuf.ts';

/**
 * How the runtime is to hold the weights. 'mapped': as pages of the user's file, converted while they are used; loads at
 * once and needs little memory. 'folded': converted and packed for its kernels when the model is loaded, which takes long
 * and much memory, and makes every run faster.
 */
export type Storage = 'mapped' | 'folded';

export type Signature = { readonly name: string; readonly dtype: Dtype; readonly shape: Shape };

/** A finished ONNX model: plain data, fit to be sent to another process. */
export type Recording = {
  /** The model; its weights are references into `files` below `root`. */
  readonly bytes: Uint8Array;
  readonly root: string;
  readonly storage: Storage;
  /** Whether the runtime has to compute nodes that are equal one by one: what is computed again must not be kept in memory instead. */
  readonly distinct: boolean;
  readonly inputs: readonly Signature[];
  readonly outputs: readonly Signature[];
};

/** Version 10 of the format goes with operator set 21 (https://github.com/onnx/onnx/blob/main/docs/Versioning.md). */
const IR_VERSION = 10;
const OPSET = 21;
const MICROSOFT_OPSET = 1;

/** Writes a graph as an ONNX model. The same graph gives the same bytes. */
export function finish(graph: Graph, storage: Storage, { distinct = false } = {}): Recording {
  const root = rootOf(graph.initializers);
  const names = new Map([...graph.outputs].map(([name, value]) => [value.name, name]));
  const nameOf = (value: Value): string => names.get(value.name) ?? value.name;
  const message = new Message();
  for (const node of weightsFirst(graph, needed(graph))) message.message(1, nodeMessage(node, nameOf));
  message.text(2, 'pentimento');
  for (const constant of graph.constants) message.message(5, constantMessage(constant, nameOf));
  for (const initializer of graph.initializers) message.message(5, externalMessage(initializer, root));
  for (const input of graph.inputs) message.message(11, valueMessage(input, input.name));
  // What is also an input may change from run to run: the runtime then neither converts nor packs it in advance.
  if (storage === 'mapped') {
    for (const { value } of graph.initializers) message.message(11, valueMessage(value, value.name));
  }
  for (const [name, value] of graph.outputs) message.message(12, valueMessage(value, name));
  const bytes = new Message()
    .int(1, IR_VERSION)
    .text(2, 'pentimento')
    .message(7, message)
    .message(8, new Message().text(1, '').int(2, OPSET))
    .message(8, new Message().text(1, 'com.microsoft').int(2, MICROSOFT_OPSET))
    .finish()
    .slice();
  const signature = ([name, { dtype, shape }]: readonly [string, Value]): Signature => ({ name, dtype, shape });
  const inputs = graph.inputs.map((input) => signature([input.name, input]));
  return { bytes, root, storage, distinct, inputs, outputs: [...graph.outputs].map(signature) };
}

/** The nodes that outputs take; the runtime would compute the others, too. */
function needed({ nodes, outputs }: Graph): Node[] {
  const names = new Set([...outputs.values()].map(({ name }) => name));
  const isNeeded = (node: Node): boolean => {
    if (!node.outputs.some(({ name }) => names.has(name))) return false;
    for (const input of node.inputs) if (input) names.add(input.name);
    return true;
  };
  return [...nodes].reverse().filter(isNeeded).reverse();
}

/**
 * The nodes with those first that read nothing but weights. Of a node's inputs the runtime computes the one first that comes last in
 * the model: so the picture's whole way up to here, and only then the weights. The other way round it would convert the weights of
 * many layers before the first of them runs, and hold them all.
 */
function weightsFirst({ constants, initializers }: Graph, nodes: readonly Node[]): Node[] {
  const known = new Set([...constants, ...initializers].map(({ value }) => value.name));
  const ofWeights = (node: Node): boolean => {
    if (!node.inputs.every((input) => input === null || known.has(input.name))) return false;
    for (const output of node.outputs) known.add(output.name);
    return true;
  };
  const [early, late]: [Node[], Node[]] = [[], []];
  for (const node of nodes) (ofWeights(node) ? early : late).push(node);
  return [...early, ...late];
}

/** Weights are found relative to one folder: the root of the drive that they are on. */
function rootOf(initializers: readonly Initializer[]): string {
  const roots = new Set(initializers.map(({ weight }) => path.parse(weight.path).root));
  if (roots.size > 1) {
    const reason = `its weights are on several drives (${[...roots].join(', ')}); put them on one`;
    throw new Failure('graph-refused', { reason });
  }
  return roots.values().next().value ?? '/';
}

function nodeMessage({ operator, name, inputs, outputs, attributes }: Node, nameOf: (value: Value) => string): Message {
  const { domain, attributes: types }: Operator = OPERATORS[operator];
  const message = new Message();
  for (const input of inputs) message.text(1, input ? nameOf(input) : '');
  for (const output of outputs) message.text(2, nameOf(output));
  message.text(3, name).text(4, operator);
  for (const [key, value] of Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1))) {
    message.message(5, attributeMessage(key, value, types[key], operator));
  }
  return domain === '' ? message : message.text(7, domain);
}

function attributeMessage(name: string, value: Attribute, type: AttributeType | undefined, operator: string): Message {
  const message = new Message().text(1, name);
  switch (type) {
    case 'float':
      return message.float(2, Number(value)).int(20, 1);
    case 'int':
      return message.int(3, Number(value)).int(20, 2);
    case 'dtype':
      return message.int(3, DATA_TYPES[value as Dtype]).int(20, 2);
    case 'string':
      return message.bytes(4, new TextEncoder().encode(String(value))).int(20, 3);
    case 'ints':
      for (const item of value as readonly number[]) message.int(8, item);
      return message.int(20, 7);
    case undefined:
      throw new RangeError(`${operator} has no attribute ${name}`);
  }
}

function constantMessage({ value, data }: Constant, nameOf: (value: Value) => string): Message {
  return tensorMessage(value).text(8, nameOf(value)).bytes(9, data);
}

function externalMessage({ value, weight }: Initializer, root: string): Message {
  const location = path.relative(root, weight.path).split(path.sep).join('/');
  const message = tensorMessage(value).text(8, value.name);
  const entries = { location, offset: `${weight.offset}`, length: `${weight.length}` };
  for (const [key, text] of Object.entries(entries)) message.message(13, new Message().text(1, key).text(2, text));
  return message.int(14, 1);
}

const tensorMessage = ({ dtype, shape }: Value): Message =>
  new Message().ints(1, shape.map(Number)).int(2, DATA_TYPES[dtype]);

function valueMessage({ dtype, shape }: Value, name: string): Message {
  const dimensions = new Message();
  for (const size of shape) {
    dimensions.message(1, typeof size === 'number' ? new Message().int(1, size) : new Message().text(2, size));
  }
  const tensor = new Message().int(1, DATA_TYPES[dtype]).message(2, dimensions);
  return new Message().text(1, name).message(2, new Message().message(1, tensor));
}

/** TensorProto.DataType of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. */
const DATA_TYPES: Readonly<Record<Dtype, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
  float8e4m3fn: 17,
  float8e5m2: 19,
};
