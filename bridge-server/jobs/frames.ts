import type { Frame } from '../media/frame.ts';
import { pack, unpack } from '../zstd.ts';

const HEADER_BYTES = 16;

/**
 * A frame as it lies in the cache, lossless: 16 bytes (uint32, little-endian: width, height, channels, bytes a sample), then
 * zstd over the differences of each sample to the same channel of its left neighbour (across row ends too), all high bytes before
 * all low ones. Frames whose every sample is v*257, as from 8-bit sources, keep one byte a sample.
 */
export async function writeFrame(frame: Frame): Promise<Uint8Array> {
  const { channels, data } = frame;
  return isEightBit(data)
    ? Buffer.concat([headerOf(frame, 1), await pack(differences8(data, channels))])
    : Buffer.concat([headerOf(frame, 2), await pack(differences16(data, channels))]);
}

/** The same in pieces, from the differences of a frame of 16 bits, taken and packed where it was made (kernels/assembly/differences.ts). */
export const packedFrame = (shape: Shape, differences: Uint8Array): readonly Uint8Array[] => [
  headerOf(shape, 2),
  differences,
];

type Shape = Pick<Frame, 'width' | 'height' | 'channels'>;

function headerOf({ width, height, channels }: Shape, sampleBytes: 1 | 2): Uint8Array {
  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  [width, height, channels, sampleBytes].forEach((value, index) => header.setUint32(4 * index, value, true));
  return new Uint8Array(header.buffer);
}

/** The inverse of `writeFrame`, bit for bit. Throws RangeError when the bytes are no such frame. */
export async function readFrame(bytes: Uint8Array): Promise<Frame> {
  if (bytes.length < HEADER_BYTES) throw new RangeError('not a stored frame');
  const header = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const [width, height, channels, sampleBytes] = [0, 4, 8, 12].map((at) => header.getUint32(at, true)) as [
    number,
    number,
    number,
    number,
  ];
  if ((channels !== 3 && channels !== 4) || (sampleBytes !== 1 && sampleBytes !== 2)) {
    throw new RangeError('not a stored frame');
  }
  const samples = width * height * channels;
  const planes = await unpack(bytes.subarray(HEADER_BYTES), samples * sampleBytes);
  if (planes.length !== samples * sampleBytes) throw new RangeError('not a stored frame');
  const data = sampleBytes === 1 ? sums8(planes, channels) : sums16(planes, channels);
  return { width, height, channels, data };
}

function isEightBit(data: Uint16Array): boolean {
  for (const value of data) if (value >> 8 !== (value & 255)) return false;
  return true;
}

function differences8(data: Uint16Array, channels: number): Uint8Array {
  const planes = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) planes[i] = data[i]! - (i < channels ? 0 : data[i - channels]!);
  return planes;
}

function sums8(planes: Uint8Array, channels: number): Uint16Array {
  const data = new Uint16Array(planes.length);
  for (let i = 0; i < data.length; i++) {
    const before = i < channels ? 0 : data[i - channels]! & 255;
    data[i] = ((planes[i]! + before) & 255) * 257;
  }
  return data;
}

/** Differences are zigzag-coded (0, -1, 1, -2, … as 0, 1, 2, 3, …), so that small ones of either sign have a high byte of 0. */
function differences16(data: Uint16Array, channels: number): Uint8Array {
  const count = data.length;
  const planes = new Uint8Array(2 * count);
  for (let i = 0; i < count; i++) {
    const signed = ((data[i]! - (i < channels ? 0 : data[i - channels]!)) << 16) >> 16;
    const zigzag = (signed << 1) ^ (signed >> 31);
    planes[i] = zigzag >> 8;
    planes[count + i] = zigzag;
  }
  return planes;
}

function sums16(planes: Uint8Array, channels: number): Uint16Array {
  const count = planes.length / 2;
  const data = new Uint16Array(count);
  for (let i = 0; i < count; i++) {
    const zigzag = (planes[i]! << 8) | planes[count + i]!;
    const signed = (zigzag >> 1) ^ -(zigzag & 1);
    data[i] = signed + (i < channels ? 0 : data[i - channels]!);
  }
  return data;
}

/** The name of a frame's entry in a stage folder. */
export const resultName = (frame: number): string => `${String(frame).padStart(6, '0')}.frame`;
