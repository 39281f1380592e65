import { open } from 'node:fs/promises';
import { Failure } from '../errors.ts';
import { ToolError, ffprobe, fileUrl, openOptions } from './ffmpeg.ts';

/** The containers that are read, by ffmpeg's names; nothing that could point to other files. */
const CONTAINERS =
  'mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,mxf,nut,ogg,asf,flv,gxf,dv,yuv4mpegpipe,ivf,swf,wtv,mpegvideo,gif,apng';

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
  return { format: name, streams };
}

/** Why ffprobe could not read a file. */
async function unreadable(path: string, error: ToolError): Promise<Failure> {
  const file = await open(path).catch((cause: unknown) => {
    throw new Failure('media-unreadable', { path }, cause);
  });
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(512), position: 0 });
    const head = buffer.subarray(0, bytesRead).toString('latin1');
    if (/^\s*(#EXTM3U|ffconcat|file\s|;FFMETADATA|<\?xml|<MPD)/.test(head))
      return new Failure('media-playlist', { path }, error);
    if (/moov atom not found|truncat|EBML header parsing failed|End of file/i.test(error.stderr)) {
      return new Failure('media-truncated', { path }, error);
    }
    return new Failure('media-unreadable', { path }, error);
  } finally {
    await file.close();
  }
}
