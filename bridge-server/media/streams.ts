import { open } from 'node:fs/promises';
import { Failure } from '../errors.ts';
import { ToolError, ffprobe, fileUrl, openOptions } from './ffmpeg.ts';

/** The containers that are read, by ffmpeg's names; nothing that could point to other files. */
const CONTAINERS =
  'mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,mxf,nut,ogg,asf,flv,gxf,dv,yuv4mpegpipe,ivf,wtv,gif,apng,' +
  // These only so that they can be told to hold no pictures.
  'mp3,wav,flac,aac,aiff,ac3';

/** What ffprobe says of a stream; the fields that we use, in its own words. */
export type ProbedStream = {
  readonly index: number;
  readonly codec_type?: string;
  readonly codec_name?: string;
  readonly codec_tag_string?: string;
  readonly width?: number;
  readonly height?: number;
  readonly sample_aspect_ratio?: string;
  readonly field_order?: string;
  readonly color_range?: string;
  readonly color_space?: string;
  readonly color_transfer?: string;
  readonly color_primaries?: string;
  readonly chroma_location?: string;
  readonly time_base?: string;
  readonly r_frame_rate?: string;
  readonly avg_frame_rate?: string;
  readonly sample_rate?: string;
  readonly channels?: number;
  readonly bits_per_sample?: number;
  readonly bits_per_raw_sample?: string;
  readonly nb_frames?: string;
  readonly duration_ts?: number;
  readonly disposition?: { readonly default?: number; readonly attached_pic?: number };
  readonly tags?: Readonly<Record<string, string>>;
  readonly side_data_list?: readonly { readonly side_data_type?: string; readonly displaymatrix?: string }[];
};
type Probed = { readonly streams?: readonly ProbedStream[]; readonly format?: { readonly format_name?: string } };

/** Asks ffprobe what a file is. Throws Failure in the plainest words that its complaint allows. */
export async function probed(
  path: string,
  signal: AbortSignal,
): Promise<{ readonly format: string; readonly streams: readonly ProbedStream[] }> {
  const args = ['-format_whitelist', CONTAINERS, ...openOptions(null), '-of', 'json', '-show_streams', '-show_format'];
  let text = '';
  try {
    for await (const line of ffprobe([...args, '-i', fileUrl(path)], signal)) text += `${line}\n`;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof ToolError)) throw error;
    throw await unreadable(path, error);
  }
  const { streams = [], format } = JSON.parse(text) as Probed;
  const name = format?.format_name?.split(',')[0];
  if (name === undefined || streams.length === 0) throw new Failure('media-unreadable', { path });
  // So little of a movie is left that it passes for something else, or for nothing.
  const something = streams.some(({ codec_name: codec }) => codec !== undefined && codec !== 'unknown');
  if (!(something && /^(mov|matroska)$/.test(name)) && (await beginsAsMovie(path))) {
    throw new Failure('media-truncated', { path, frames: 0 });
  }
  return { format: name, streams };
}

/** Why ffprobe could not read a file. */
async function unreadable(path: string, error: ToolError): Promise<Failure> {
  const head = await headOf(path, 512);
  const text = head.toString('latin1');
  if (/^\s*(#EXTM3U|ffconcat|file\s|;FFMETADATA|<\?xml|<MPD)/.test(text))
    return new Failure('media-playlist', { path }, error);
  if (/^(\x89PNG|\xff\xd8\xff|II\*\0|MM\0\*|RIFF....WEBP)/s.test(text))
    return new Failure('media-still', { path }, error);
  if (await beginsAsMovie(path)) return new Failure('media-truncated', { path, frames: 0 }, error);
  return new Failure('media-unreadable', { path }, error);
}

/** With an atom of QuickTime and MP4, or with Matroska's mark. */
const beginsAsMovie = async (path: string): Promise<boolean> =>
  /^(....(ftyp|moov|mdat|wide|free|skip)|\x1aE\xdf\xa3)/s.test((await headOf(path, 8)).toString('latin1'));

/** Whether the packets of an MPEG transport stream say that they are scrambled (ISO/IEC 13818-1, transport_scrambling_control). */
export async function isScrambled(path: string): Promise<boolean> {
  const head = await headOf(path, 188 * 2000);
  let [whole, scrambled] = [0, 0];
  for (let at = head.indexOf(0x47); at >= 0 && at + 188 <= head.length && head[at] === 0x47; at += 188) {
    whole++;
    if (head[at + 3]! & 0xc0) scrambled++;
  }
  return scrambled > whole / 2;
}

async function headOf(path: string, bytes: number): Promise<Buffer> {
  const file = await open(path).catch((cause: unknown) => {
    throw new Failure('path-refused', { path }, cause);
  });
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(bytes), position: 0 });
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
