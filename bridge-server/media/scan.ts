import { Writable } from 'node:stream';
import { Failure } from '../errors.ts';
import type { FfmpegRun } from './ffmpeg.ts';
import { Tail, ToolError, ffmpeg, ffprobe, fileUrl, openOptions } from './ffmpeg.ts';

/** One video stream of one file, and how it is opened. */
export type VideoStream = {
  readonly path: string;
  readonly format: string;
  /** Its index in the file. */
  readonly index: number;
  /** ffmpeg's decoder where its own choice would lose something; null: its own choice. */
  readonly decoder: string | null;
};

/** The options of the input that decodes a stream as it is stored, on the file's own clock. */
export const decoding = ({ format, index, decoder }: VideoStream): string[] => [
  ...openOptions(format),
  ...['-noautorotate', '-copyts'],
  ...(decoder === null ? [] : [`-c:${index}`, decoder]),
];

/** One packet, in decoding order. Times are integers of the stream's timebase. */
export type Packet = {
  readonly pts: number | null;
  readonly dts: number | null;
  readonly duration: number | null;
  readonly key: boolean;
  /** The container says: decode, but do not show (edit lists). */
  readonly hidden: boolean;
};

export type PacketScan = {
  readonly packets: readonly Packet[];
  /** The file ends before what it holds does. */
  readonly cutOff: boolean;
};

/** Reads the whole file once, decoding nothing. Throws Failure 'media-encrypted' or 'media-unreadable'. */
export async function scanPackets({ path, format, index }: VideoStream, signal: AbortSignal): Promise<PacketScan> {
  const packets: Packet[] = [];
  const complaints = new Tail();
  let corrupt = false;
  const args = [
    ...[...openOptions(format), '-select_streams', String(index), '-of', 'compact=p=0', '-show_packets'],
    ...['-show_entries', 'packet=pts,dts,duration,flags:packet_side_data=side_data_type', '-i', fileUrl(path)],
  ];
  try {
    for await (const line of ffprobe(args, signal, complaints)) {
      if (line.includes('Encryption info')) throw new Failure('media-encrypted', { path });
      const fields = PACKET.exec(line) as readonly string[] | null;
      if (!fields) continue;
      const [, pts, dts, duration, flags] = fields;
      packets.push({
        pts: integer(pts!),
        dts: integer(dts!),
        duration: integer(duration!),
        key: flags!.includes('K'),
        hidden: flags!.includes('D'),
      });
      corrupt = flags!.includes('C');
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ToolError)) throw error;
    // A damaged end: what was read before it still counts.
    if (packets.length === 0) throw new Failure('media-unreadable', { path }, error);
  }
  const cutOff = /ended prematurely|partial file/i.test(complaints.text);
  return { packets: cutOff && corrupt ? packets.slice(0, -1) : packets, cutOff };
}

/** The fields always come in this order. */
const PACKET = /\bpts=([^|]*)\|.*?dts=([^|]*)\|.*?duration=([^|]*)\|.*?flags=([^|]*)/;

const integer = (text: string): number | null => {
  const value = text === '' ? NaN : Number(text);
  return Number.isSafeInteger(value) ? value : null;
};

/** What the decoder gives: in the order in which frames are shown. */
export type Picture = {
  readonly pts: number | null;
  /** A name of pixel-format.ts. */
  readonly format: string;
  readonly width: number;
  readonly height: number;
  readonly interlaced: boolean;
};

/** Decodes the first `limit` frames (null: all) and tells what they are, without their pixels. */
export async function scanPictures(stream: VideoStream, limit: number | null, signal: AbortSignal): Promise<Picture[]> {
  const pictures: Picture[] = [];
  const run: FfmpegRun = {
    inputs: [{ options: decoding(stream), source: fileUrl(stream.path) }],
    options: [
      ...['-map', `0:${stream.index}`, '-vf', 'showinfo', ...(limit === null ? [] : ['-frames:v', String(limit)])],
      ...['-f', 'null'],
    ],
    output: new Writable({ write: (_chunk, _encoding, done) => done(), emitClose: false }),
    onLine: (line) => {
      const match = /\bn: *\d+ pts: *(\S+) .*\bfmt:(\S+) .*\bs:(\d+)x(\d+) i:(\S)/.exec(line);
      if (!match) return;
      const [, pts, format, width, height, field] = match;
      pictures.push({
        ...{ pts: integer(pts!), format: format!, width: Number(width), height: Number(height) },
        interlaced: field !== 'P',
      });
    },
  };
  try {
    await (
      await ffmpeg(run, signal)
    ).ended;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ToolError)) throw error;
    if (pictures.length === 0) throw new Failure('media-unreadable', { path: stream.path }, error);
  }
  if (pictures.length === 0) throw new Failure('media-unreadable', { path: stream.path });
  return limit === null ? pictures : pictures.slice(0, limit);
}
