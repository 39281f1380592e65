import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import type { Block, Engine } from '../kernels/engine.ts';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Pixels along the side of a square that shares one vector. */
export const GRID = 4;

/** Unsigned 32-bit little-endian words before the compressed vectors: width, height, steps a pixel, bytes that follow. */
const HEADER_BYTES = 16;

type Size = { readonly width: number; readonly height: number };

/**
 * A flow in its stored form, for what need not be exact (accumulating motion, starting a search): the mean vector of each
 * 4x4 pixels, rounded to 1/64 pixel (coarser only when a vector is longer than 511 pixels), as 16-bit differences to the left
 * neighbour, high and low bytes apart, zstd. About 0.2 bytes a pixel.
 */
export async function packFlow(engine: Engine, flow: Block, { width, height }: Size): Promise<Uint8Array> {
  const gridWidth = Math.ceil(width / GRID);
  const gridHeight = Math.ceil(height / GRID);
  const count = gridWidth * gridHeight;
  const grid = engine.alloc(count * 8);
  let bytes: Uint8Array;
  let stepsPerPixel = 64;
  try {
    await engine.run('reduceFlow', flow.pointer, width, height, GRID, grid.pointer);
    const vectors = engine.f32(grid, count * 2);
    let longest = 0;
    for (const value of vectors) longest = Math.max(longest, Math.abs(value));
    while (stepsPerPixel > 1 && longest * GRID * stepsPerPixel > 32767) stepsPerPixel /= 2;

    bytes = new Uint8Array(count * 4);
    for (let axis = 0; axis < 2; axis++) {
      for (let y = 0; y < gridHeight; y++) {
        let before = 0;
        for (let x = 0; x < gridWidth; x++) {
          const index = y * gridWidth + x;
          const exact = Math.round(vectors[2 * index + axis]! * GRID * stepsPerPixel);
          const value = Math.max(-32768, Math.min(32767, exact));
          const difference = value - before;
          before = value;
          bytes[2 * axis * count + index] = difference & 255;
          bytes[(2 * axis + 1) * count + index] = (difference >> 8) & 255;
        }
      }
    }
  } finally {
    engine.free(grid);
  }
  const packed = await compress(bytes);
  const whole = new Uint8Array(HEADER_BYTES + packed.length);
  const header = new DataView(whole.buffer);
  [width, height, stepsPerPixel, packed.length].forEach((value, i) => header.setUint32(4 * i, value, true));
  whole.set(packed, HEADER_BYTES);
  return whole;
}

/** The size that `unpackFlow` fills, and where the next flow begins when several were joined. */
export function packedSize(bytes: Uint8Array): Size & { readonly end: number } {
  const header = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  return {
    width: header.getUint32(0, true),
    height: header.getUint32(4, true),
    end: HEADER_BYTES + header.getUint32(12, true),
  };
}

/** Full size again, bilinearly, into `out` (width*height*8 bytes, laid out as estimateFlow's). */
export async function unpackFlow(engine: Engine, bytes: Uint8Array, out: Block): Promise<void> {
  const { width, height, end } = packedSize(bytes);
  const stepsPerPixel = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES).getUint32(8, true);
  const planes = await decompress(bytes.subarray(HEADER_BYTES, end));
  const gridWidth = Math.ceil(width / GRID);
  const gridHeight = Math.ceil(height / GRID);
  const count = gridWidth * gridHeight;
  if (planes.length !== count * 4) throw new RangeError('not a packed flow');
  const grid = engine.alloc(count * 8);
  try {
    const vectors = engine.f32(grid, count * 2);
    const length = 1 / (GRID * stepsPerPixel);
    for (let axis = 0; axis < 2; axis++) {
      for (let y = 0; y < gridHeight; y++) {
        let value = 0;
        for (let x = 0; x < gridWidth; x++) {
          const index = y * gridWidth + x;
          const difference = planes[2 * axis * count + index]! | (planes[(2 * axis + 1) * count + index]! << 8);
          value = ((value + difference) << 16) >> 16;
          vectors[2 * index + axis] = value * length;
        }
      }
    }
    await engine.run('expandFlow', grid.pointer, width, height, GRID, out.pointer);
  } finally {
    engine.free(grid);
  }
}
