import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { Failure } from '../errors.ts';
import { type Dtype, DTYPES, dtypeOf, toFloats } from './dtype.ts';
import { foreignFormat } from './foreign.ts';
import { duplicateKeys } from './json.ts';

/** One tensor of a file. `offset` counts from the start of the file; row-major, little-endian, `length` bytes. */
export type Tensor = {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly length: number;
};

/** What the header of a .safetensors file says. Nothing but the header has been read. `path` is absolute. */
export type Safetensors = {
  readonly path: string;
  readonly bytes: number;
  readonly modifiedMs: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, Tensor>;
};

/** The format's own limit on headers, which the reference implementation enforces too. */
const HEADER_LIMIT = 100_000_000;

/**
 * Reads and checks the header of a .safetensors file (https://huggingface.co/docs/safetensors): sizes, names, types, shapes
 * and offsets, which have to cover the rest of the file exactly, without gaps or overlaps.
 * Failures: weights-missing, weights-pickle, weights-foreign, weights-damaged, weights-dtype.
 */
export async function openSafetensors(file: string): Promise<Safetensors> {
  const absolute = path.resolve(file);
  const handle = await openFile(absolute);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new Failure('weights-missing', { path: absolute });
    const start = await readAt(handle, 0, Math.min(stat.size, 512));
    const foreign = isHeaded(start) ? null : foreignFormat(start);
    if (foreign === 'pickle') throw new Failure('weights-pickle', { path: absolute });
    if (foreign) throw new Failure('weights-foreign', { path: absolute, format: foreign });
    const header = await readHeader(handle, start, stat.size);
    const tensors = readTensors(header, stat.size);
    return {
      path: absolute,
      bytes: stat.size,
      modifiedMs: stat.mtimeMs,
      metadata: readMetadata(header.json['__metadata__']),
      tensors,
    };
  } catch (error) {
    if (error instanceof Damage) throw new Failure('weights-damaged', { path: absolute, reason: error.message });
    if (error instanceof Unreadable) throw new Failure('weights-dtype', { path: absolute, ...error.facts });
    throw error;
  } finally {
    await handle.close();
  }
}

/** The bytes of one tensor as they are in the file. */
export async function readTensor(file: string, tensor: Pick<Tensor, 'offset' | 'length'>): Promise<Uint8Array> {
  const handle = await openFile(file);
  try {
    return await readAt(handle, tensor.offset, tensor.length);
  } catch (error) {
    if (error instanceof Damage) throw new Failure('weights-damaged', { path: file, reason: error.message });
    throw error;
  } finally {
    await handle.close();
  }
}

/** The elements of one tensor as 32-bit floats. */
export const readFloats = async (
  file: string,
  tensor: Pick<Tensor, 'offset' | 'length' | 'dtype'>,
): Promise<Float32Array> => toFloats(await readTensor(file, tensor), tensor.dtype);

type Header = { readonly json: Record<string, unknown>; readonly dataStart: number };

class Damage extends Error {}
class Unreadable extends Error {
  readonly facts: { readonly tensor: string; readonly dtype: string };
  constructor(tensor: string, dtype: string) {
    super();
    this.facts = { tensor, dtype };
  }
}

async function openFile(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'r');
  } catch (error) {
    throw new Failure('weights-missing', { path: file }, error);
  }
}

/** Reads exactly `length` bytes: read() may return fewer, and stops short at the end of a file that shrank. */
async function readAt(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) throw new Damage(`it ends at byte ${offset + done}, in the middle of a tensor`);
    done += bytesRead;
  }
  return bytes;
}

/** Whether a file begins as the format does: a believable length, then {. Such a length can equal another format's mark. */
const isHeaded = (start: Uint8Array): boolean =>
  start.length > 8 && start[8] === 0x7b && new DataView(start.buffer).getBigUint64(0, true) <= HEADER_LIMIT;

async function readHeader(handle: FileHandle, start: Uint8Array, fileBytes: number): Promise<Header> {
  if (fileBytes === 0) throw new Damage('it is empty');
  if (fileBytes < 10) throw new Damage(`it has only ${fileBytes} bytes`);
  const length = new DataView(start.buffer).getBigUint64(0, true);
  if (length > HEADER_LIMIT) throw new Damage(`its header claims ${length} bytes, the format allows ${HEADER_LIMIT}`);
  if (length > fileBytes - 8) throw new Damage(`its header claims ${length} bytes, the file has ${fileBytes}`);
  if (start[8] !== 0x7b) throw new Damage('its header does not begin with {');
  const json = parseHeader(await readAt(handle, 8, Number(length)));
  return { json, dataStart: 8 + Number(length) };
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    json = JSON.parse(text);
  } catch {
    throw new Damage('its header is not JSON');
  }
  const [twice] = duplicateKeys(text);
  if (twice !== undefined) throw new Damage(`${shown(twice)} occurs twice in its header`);
  if (!isObject(json)) throw new Damage('its header is not a table');
  return json;
}

function readTensors({ json, dataStart }: Header, fileBytes: number): ReadonlyMap<string, Tensor> {
  const tensors = Object.entries(json)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => readEntry(name, entry, dataStart))
    .sort((a, b) => a.offset - b.offset || a.length - b.length);
  if (tensors.length === 0) throw new Damage('it holds no tensors');
  let end = dataStart;
  for (const { name, offset, length } of tensors) {
    if (offset < end) throw new Damage(`${shown(name)} overlaps another tensor`);
    if (offset > end) throw new Damage(`${offset - end} bytes before ${shown(name)} belong to no tensor`);
    end = offset + length;
    if (end > fileBytes) {
      throw new Damage(
        `${shown(name)} ends at byte ${end}, the file at ${fileBytes}: the copy or download was cut short`,
      );
    }
  }
  if (end < fileBytes) throw new Damage(`${fileBytes - end} bytes at its end belong to no tensor`);
  return new Map(tensors.map((tensor) => [tensor.name, tensor]));
}

function readEntry(name: string, entry: unknown, dataStart: number): Tensor {
  if (!isObject(entry)) throw new Damage(`${shown(name)} is not described`);
  const { dtype: dtypeName, shape, data_offsets: offsets } = entry;
  if (typeof dtypeName !== 'string') throw new Damage(`${shown(name)} has no type`);
  if (!isCounts(shape)) throw new Damage(`${shown(name)} has no usable shape`);
  if (!isCounts(offsets) || offsets.length !== 2) throw new Damage(`${shown(name)} has no usable offsets`);
  const [from, to] = offsets as [number, number];
  if (from > to) throw new Damage(`${shown(name)} ends before it begins`);
  const dtype = dtypeOf(dtypeName);
  if (!dtype) throw new Unreadable(shown(name), shown(dtypeName));
  const expected = shape.reduce((product, size) => product * size, DTYPES[dtype].bytes);
  if (expected !== to - from) {
    const described = `[${shape.join(', ')}] of ${dtypeName}`;
    throw new Damage(`${shown(name)} has ${to - from} bytes, its shape ${described} needs ${expected}`);
  }
  return { name, dtype, shape, offset: dataStart + from, length: to - from };
}

function readMetadata(metadata: unknown): Readonly<Record<string, string>> {
  if (metadata === undefined || metadata === null) return {};
  if (!isObject(metadata) || !Object.values(metadata).every((value) => typeof value === 'string')) {
    throw new Damage('its metadata are not texts');
  }
  return metadata as Record<string, string>;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((count) => Number.isSafeInteger(count) && count >= 0);

/** A name from a file, fit for one line of a message. */
const shown = (name: string): string => JSON.stringify(name.length > 120 ? `${name.slice(0, 119)}…` : name);
