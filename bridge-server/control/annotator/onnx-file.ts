import { open } from 'node:fs/promises';
import { Failure } from '../../errors.ts';

/** What an .onnx file says of a tensor that goes in or comes out; a size that is only known when it runs is a text or null. */
export type Port = {
  readonly name: string;
  readonly type: number;
  readonly shape: readonly (number | string | null)[] | null;
};

export type OnnxFile = {
  readonly bytes: Uint8Array;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
};

/** Protocol buffers are never larger. */
const LIMIT_BYTES = 2 ** 31 - 1;

/**
 * Reads a network that somebody else made. The whole network must be in the file: one that names other files is refused, wherever they
 * are, because the runtime would open them. An ONNX graph holds no program: operators that the runtime does not bring are refused
 * when it is loaded, and libraries are never loaded for it.
 * Failures: media-missing, annotator-unusable.
 */
export async function readOnnxFile(path: string): Promise<OnnxFile> {
  const bytes = await wholeFile(path);
  const refuse = (reason: string, cause?: unknown): never => {
    throw new Failure('annotator-unusable', { path, reason }, cause);
  };
  try {
    const graph = fieldsOf(bytes).find(({ number }) => number === MODEL.graph)?.bytes;
    if (!graph) return refuse('it holds no network in the ONNX format');
    const outside = namesOutside(bytes, 'model');
    if (outside !== null) return refuse(outside);
    const fields = fieldsOf(graph);
    const weights = new Set(
      fields
        .filter(({ number }) => number === GRAPH.initializer)
        .map(({ bytes: tensor }) => textAt(tensor, TENSOR.name)),
    );
    const ports = (number: number): Port[] =>
      fields.filter((field) => field.number === number).map(({ bytes: value }) => portOf(value));
    const inputs = ports(GRAPH.input).filter(({ name }) => !weights.has(name));
    const outputs = ports(GRAPH.output);
    if (inputs.length === 0 || outputs.length === 0) return refuse('its network has no input or no output');
    return { bytes, inputs, outputs };
  } catch (error) {
    if (error instanceof Damage) return refuse(`it is damaged, or no ONNX file (${error.message})`, error);
    throw error;
  }
}

async function wholeFile(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw new Failure('media-missing', { path }, error);
  });
  try {
    const status = await file.stat();
    if (!status.isFile()) throw new Failure('annotator-unusable', { path, reason: 'it is not a file' });
    if (status.size > LIMIT_BYTES) throw new Failure('annotator-unusable', { path, reason: 'it is larger than 2 GB' });
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** Field numbers of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, as far as they matter here. */
const MODEL = { graph: 7 };
const GRAPH = { initializer: 5, input: 11, output: 12 };
const TENSOR = { name: 8, externalData: 13, dataLocation: 14 };
const NODE = { operator: 4 };

/** The messages that can hold a tensor at some depth, by field. */
const CONTENT: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  function: { 7: 'node', 11: 'attribute' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: {},
};

/** Graphs within graphs go no deeper in any network that somebody runs. */
const DEEPEST = 64;

/** Why a message makes the runtime look outside of the file; null: it does not. */
function namesOutside(bytes: Uint8Array, kind: string, depth = 0): string | null {
  if (depth > DEEPEST) return 'its graphs are nested too deep';
  for (const { number, bytes: content, value } of fieldsOf(bytes)) {
    if (kind === 'tensor' && (number === TENSOR.externalData || (number === TENSOR.dataLocation && value !== 0n))) {
      return 'its weights are in other files';
    }
    if (kind === 'node' && number === NODE.operator && text(content) === 'EPContext') {
      return 'it was compiled for one machine';
    }
    const inner = CONTENT[kind]?.[number];
    const found = inner === undefined ? null : namesOutside(content, inner, depth + 1);
    if (found !== null) return found;
  }
  return null;
}

/** ValueInfoProto: name 1, type 2; TypeProto: tensor 1; its type 1 and shape 2; a shape's dimensions 1: value 1 or name 2. */
function portOf(value: Uint8Array): Port {
  const name = textAt(value, 1);
  const tensor = inner(inner(value, 2), 1);
  const type = tensor && fieldsOf(tensor).find(({ number }) => number === 1)?.value;
  const shape = inner(tensor, 2);
  return {
    name,
    type: Number(type ?? 0n),
    shape:
      shape &&
      fieldsOf(shape).map(({ bytes: dimension }) => {
        const [size] = fieldsOf(dimension);
        if (!size) return null;
        return size.number === 1 ? Number(size.value) : text(size.bytes);
      }),
  };
}

const inner = (bytes: Uint8Array | null, number: number): Uint8Array | null =>
  (bytes && fieldsOf(bytes).find((field) => field.number === number)?.bytes) ?? null;

const textAt = (bytes: Uint8Array, number: number): string => text(inner(bytes, number) ?? EMPTY);

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

class Damage extends Error {}

/** One field of a message; `bytes` of what has a length, `value` of what is a number. */
type Field = { readonly number: number; readonly bytes: Uint8Array; readonly value: bigint };

const EMPTY = new Uint8Array(0);

/** The fields of a message in the protocol buffers wire format (https://protobuf.dev/programming-guides/encoding). */
function fieldsOf(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Damage('it ends too early');
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new Damage('a number in it does not end');
  };
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at) throw new Damage('it ends too early');
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0:
        fields.push({ number, bytes: EMPTY, value: varint() });
        break;
      case 1:
        fields.push({ number, bytes: take(8), value: 0n });
        break;
      case 2:
        fields.push({ number, bytes: take(Number(varint())), value: 0n });
        break;
      case 5:
        fields.push({ number, bytes: take(4), value: 0n });
        break;
      default:
        throw new Damage('it has a field of no known type');
    }
  }
  return fields;
}
