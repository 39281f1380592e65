import { open, rename } from 'node:fs/promises';
import { partBeside } from '../media/part.ts';
import { writing } from '../media/destination.ts';

/** A tensor to write, in 32-bit floats. */
export type Written = { readonly shape: readonly number[]; readonly data: Float32Array };

/**
 * Writes a .safetensors file (https://huggingface.co/docs/safetensors), beside its place and renamed into it once it is on the disk:
 * whenever the process ends, there is the file as it was or as it is to be. The same contents give the same bytes.
 * Failures: those of writing.
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Written>,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  let at = 0;
  const entries = [...tensors].map(([name, { shape, data }]) => {
    const from = at;
    at += data.byteLength;
    return [name, { dtype: 'F32', shape, data_offsets: [from, at] }] as const;
  });
  const header = JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) });
  // Tensors begin at a multiple of 8 bytes, as the format's own writers have it.
  const bytes = new TextEncoder().encode(header + ' '.repeat(7 - ((Buffer.byteLength(header) + 7) % 8)));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(bytes.length), true);
  await writing(path, async () => {
    const part = await partBeside(path);
    const file = await open(part, 'w');
    try {
      await file.write(length);
      await file.write(bytes);
      for (const { data } of tensors.values()) {
        await file.writeFile(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
  });
}
