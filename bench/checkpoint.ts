import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

const KEY_MAPS = path.join(import.meta.dirname, '..', 'test', 'goldens', 'key-maps');

/**
 * A checkpoint of real size in fp16 whose weights are all 0: speed and memory do not depend on the values. It is a hole in the
 * file system, so that it takes neither time to write nor space.
 */
export async function emptyCheckpoint(family: 'sd15' | 'sdxl'): Promise<{ file: string; remove: () => Promise<void> }> {
  const lines = gunzipSync(await readFile(path.join(KEY_MAPS, `${family}.tsv.gz`)))
    .toString()
    .trimEnd()
    .split('\n');
  const header: Record<string, unknown> = {};
  let end = 0;
  for (const line of lines) {
    const [name = '', , sizes = ''] = line.split('\t');
    const shape = sizes === '' ? [] : sizes.split('x').map(Number);
    const from = end;
    end += 2 * shape.reduce((product, size) => product * size, 1);
    header[name] = { dtype: 'F16', shape, data_offsets: [from, end] };
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const folder = await mkdtemp(path.join(tmpdir(), 'pentimento-bench-'));
  const file = path.join(folder, `${family}.safetensors`);
  const handle = await open(file, 'w');
  try {
    await handle.write(Buffer.concat([length, text]));
    await handle.truncate(8 + text.length + end);
  } finally {
    await handle.close();
  }
  return { file, remove: () => rm(folder, { recursive: true, force: true }) };
}
