import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { Colour, Matrix } from './colour.ts';

/** Code points of ITU-T H.273, which every container and codec uses, by ffmpeg's names (older versions' names too). */
const PRIMARIES: Record<string, number> = {
  ...{ bt709: 1, unknown: 2, bt470m: 4, bt470bg: 5, smpte170m: 6, smpte240m: 7, film: 8, bt2020: 9 },
  ...{ smpte428: 10, smpte428_1: 10, smpte431: 11, smpte432: 12, ebu3213: 22, 'jedec-p22': 22 },
};
const TRANSFERS: Record<string, number> = {
  ...{ bt709: 1, unknown: 2, bt470m: 4, gamma22: 4, bt470bg: 5, gamma28: 5, smpte170m: 6, smpte240m: 7, linear: 8 },
  ...{ log100: 9, log316: 10, 'iec61966-2-4': 11, bt1361e: 12, 'iec61966-2-1': 13, 'bt2020-10': 14, 'bt2020-12': 15 },
  ...{ smpte2084: 16, smpte428: 17, smpte428_1: 17, 'arib-std-b67': 18 },
};
const MATRICES: Record<Matrix, number> = {
  ...{ rgb: 0, bt709: 1, fcc: 4, bt601: 6, smpte240m: 7, ycgco: 8, bt2020: 9 },
};

/** The name by which we know what ffprobe said; 'unknown' for nothing and for what has no code point. */
export const primariesNamed = (text: string | undefined): string =>
  text !== undefined && text in PRIMARIES ? text : 'unknown';
export const transferNamed = (text: string | undefined): string =>
  text !== undefined && text in TRANSFERS ? text : 'unknown';

export type Codes = { readonly primaries: number; readonly transfer: number; readonly matrix: number };

export function codesOf({ primaries, transfer, matrix }: Colour): Codes {
  return {
    primaries: PRIMARIES[primaries] ?? 2,
    transfer: TRANSFERS[transfer] ?? 2,
    // BT.601 has two code points with the same numbers, for 625 and for 525 lines.
    matrix: matrix === 'bt601' && primaries === 'bt470bg' ? 5 : MATRICES[matrix],
  };
}

/** For ffmpeg, before an input or an output: as numbers, because its names have changed. */
export function colourOptions(colour: Colour): string[] {
  const { primaries, transfer, matrix } = codesOf(colour);
  return [
    ...['-color_primaries', String(primaries), '-color_trc', String(transfer), '-colorspace', String(matrix)],
    ...['-color_range', colour.range === 'full' ? '2' : '1'],
  ];
}

/**
 * Writes the code points into the colour atom (`colr`, ISO/IEC 14496-12, QuickTime: nclc) of every video track of a finished MOV
 * or MP4 file. Older ffmpegs leave out those that they do not know.
 */
export async function writeColourAtom(path: string, codes: Codes): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const { size } = await file.stat();
    await walk(file, 0, size, codes);
  } finally {
    await file.close();
  }
}

/** Bytes between an atom's header and the atoms in it. */
const PARENTS: Record<string, number> = {
  ...{ moov: 0, trak: 0, mdia: 0, minf: 0, stbl: 0, stsd: 8 },
  // Sample entries of the codecs that we write: a video sample description.
  ...{ ap4h: 78, ap4x: 78, apch: 78, avc1: 78 },
};

async function walk(file: FileHandle, from: number, to: number, codes: Codes): Promise<void> {
  const header = Buffer.alloc(16);
  for (let at = from; at + 8 <= to;) {
    await file.read(header, 0, 16, at);
    const type = header.toString('latin1', 4, 8);
    const short = header.readUInt32BE(0);
    const head = short === 1 ? 16 : 8;
    const size = short === 1 ? Number(header.readBigUInt64BE(8)) : short === 0 ? to - at : short;
    if (size < head) return;
    const skipped = PARENTS[type];
    if (skipped !== undefined) await walk(file, at + head + skipped, at + size, codes);
    if (type === 'colr') {
      const words = Buffer.alloc(6);
      words.writeUInt16BE(codes.primaries, 0);
      words.writeUInt16BE(codes.transfer, 2);
      words.writeUInt16BE(codes.matrix, 4);
      await file.write(words, 0, 6, at + head + 4);
    }
    at += size;
  }
}
