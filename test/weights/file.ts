import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';
import { type Dtype, DTYPES } from '../../bridge-server/weights/dtype.ts';

/** What goes into a .safetensors file: bytes by name. */
export type Contents = Readonly<
  Record<string, { readonly dtype: Dtype; readonly shape: readonly number[]; readonly data: Uint8Array }>
>;

/** A file in the format, written independently of what reads it. */
export function safetensorsBytes(contents: Contents, metadata?: Record<string, string>): Buffer {
  let at = 0;
  const entries = Object.entries(contents).map(([name, { dtype, shape, data }]): [string, unknown] => {
    const from = at;
    at += data.length;
    return [name, { dtype: DTYPES[dtype].safetensors, shape, data_offsets: [from, at] }];
  });
  const header = { ...(metadata ? { __metadata__: metadata } : {}), ...Object.fromEntries(entries) };
  return withHeader(JSON.stringify(header), Buffer.concat(Object.values(contents).map(({ data }) => data)));
}

export function withHeader(header: string, data: Uint8Array = new Uint8Array()): Buffer {
  const text = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, data]);
}

/** Tensors of these shapes, all zeros. */
export const zeros = (shapes: Readonly<Record<string, readonly number[]>>, dtype: Dtype = 'float16'): Contents =>
  Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => {
      const elements = shape.reduce((product, size) => product * size, 1);
      return [name, { dtype, shape, data: new Uint8Array(elements * DTYPES[dtype].bytes) }];
    }),
  );

export const float32 = (shape: readonly number[], values: readonly number[]): Contents[string] => ({
  dtype: 'float32',
  shape,
  data: new Uint8Array(Float32Array.from(values).buffer),
});

/** A folder that is gone after the tests of the file. */
export async function scratch(): Promise<{
  folder: string;
  write: (name: string, bytes: Uint8Array | string) => Promise<string>;
}> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pentimento-weights-'));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return {
    folder,
    async write(name, bytes) {
      await writeFile(path.join(folder, name), bytes);
      return path.join(folder, name);
    },
  };
}
