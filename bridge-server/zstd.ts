import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/**
 * What is packed comes in pieces of this size at most; Node's own are of 16 kB, and it does more between them than packing takes. None is
 * larger than it need be: V8 counts all of it, and would be busy with nothing else where pictures are small.
 */
const PIECE_BYTES = 2 ** 20;
/** Room that is never filled: a piece that is full would be followed by another. */
const SPARE_BYTES = 64;

/** Zstandard (RFC 8878), at its fastest: what the cache holds is read about as often as it is written. On another thread. */
export const pack = (data: Uint8Array): Promise<Uint8Array> =>
  compress(data, {
    chunkSize: Math.min(PIECE_BYTES, data.length + SPARE_BYTES),
    params: { [constants.ZSTD_c_compressionLevel]: 1 },
  });

/** The inverse, into one piece. Rejects when the data is damaged or more than `bytes` bytes come of it. */
export const unpack = (packed: Uint8Array, bytes: number): Promise<Uint8Array> =>
  decompress(packed, { chunkSize: bytes + SPARE_BYTES, maxOutputLength: Math.max(1, bytes) });
