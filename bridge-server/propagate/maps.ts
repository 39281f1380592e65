import type { Device } from '../kernels/device.ts';
import type { Block } from '../kernels/heap.ts';
import type { StageFolder } from '../jobs/stage-folder.ts';
import { unpack } from '../zstd.ts';

/** Fractions of a pixel that a map is stored in, at best; fewer where a vector is so long that it would not fit 16 bits. */
const FINEST_SCALE = 64;
const LARGEST = 32000;
const HEADER_BYTES = 4;

/** The entry that holds where the pixels of frame `n` are found in key `key`. */
export const mapName = (n: number, key: number): string =>
  `${String(n).padStart(6, '0')}-${String(key).padStart(6, '0')}.map`;

/**
 * Rounds the map (f32 dx, dy in pixels) to what is stored, at once, and gives the writing of it: what goes on from the map in memory
 * and what later goes on from the entry see the same. `scratch`: width*height*4 bytes.
 */
export async function storeMap(
  device: Device,
  map: Block,
  { width, height }: { width: number; height: number },
  scratch: Block,
  folder: StageFolder,
  name: string,
): Promise<{ written: Promise<void> }> {
  await device.run('mapExtent', map.pointer, width, height, scratch.pointer);
  const rows = new Float32Array(await device.read(scratch, 4 * height));
  const longest = rows.reduce((a, b) => Math.max(a, b), 0);
  let scale = FINEST_SCALE;
  while (longest * scale > LARGEST) scale /= 2;
  await device.run('mapPack', map.pointer, width, height, scale, scratch.pointer);
  await device.shelf.put(folder, name, scratch.pointer, width * height * 4, scale);
  const packed = device.readPacked(scratch, width * height * 4);
  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  header.setFloat32(0, scale, true);
  return { written: packed.then((planes) => folder.write(name, new Uint8Array(header.buffer), planes)) };
}

/** Reads what `storeMap` wrote into `map`. `scratch`: width*height*4 bytes. */
export async function loadMap(
  device: Device,
  map: Block,
  { width, height }: { width: number; height: number },
  scratch: Block,
  folder: StageFolder,
  name: string,
): Promise<void> {
  const shelved = device.shelf.find(folder, name);
  if (shelved) {
    await device.run('mapUnpack', shelved.block.pointer, width, height, shelved.mark, map.pointer);
    return;
  }
  const bytes = await folder.read(name);
  const scale = new DataView(bytes.buffer, bytes.byteOffset).getFloat32(0, true);
  const planes = await unpack(bytes.subarray(HEADER_BYTES), width * height * 4);
  await device.write(scratch, planes);
  await device.run('mapUnpack', scratch.pointer, width, height, scale, map.pointer);
}
