import { open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Failure } from '../errors.ts';
import type { ChromaSiting, Colour, Matrix } from './colour.ts';
import { ToolError, ffmpeg, ffprobe, fileUrl, openOptions } from './ffmpeg.ts';
import { numberedImages, readImage } from './image.ts';
import type { Orientation } from './orientation.ts';
import { UPRIGHT, isSideways } from './orientation.ts';
import { pixelFormat } from './pixel-format.ts';
import type { Rational } from './rational.ts';
import { parseRational, rational } from './rational.ts';
import type { Packet, Timeline } from './timeline.ts';
import { constantRate, nearestRate, timeline } from './timeline.ts';

/** What a source is, in words and numbers for people and for the encoders. */
export type SourceInfo = {
  readonly kind: 'movie' | 'images';
  readonly path: string;
  /** ffmpeg's name of the container, or 'images'. */
  readonly format: string;
  readonly codec: string;
  readonly pixelFormat: string;
  readonly bits: number;
  /** As shown: after rotation. */
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  /** What the source says of itself, and where it is silent what is usual for its kind. */
  readonly colour: Colour;
  /** Width of a pixel over its height, as shown. */
  readonly pixelAspect: Rational;
  readonly interlaced: boolean;
  readonly rotated: boolean;
  /** When `variable`, the usual rate next to how most frames are spaced. */
  readonly rate: Rational;
  readonly variable: boolean;
  /** Frame numbers run from `first` to `first + frames`, where a folder's numbers have no gap. */
  readonly first: number;
  readonly frames: number;
  readonly audio: readonly AudioStream[];
};

export type AudioStream = {
  readonly index: number;
  readonly codec: string;
  readonly sampleRate: number;
  readonly channels: number;
  readonly bits: number;
};

/** A movie as the decoder needs it. */
export type Movie = {
  readonly info: SourceInfo;
  readonly format: string;
  /** Index of the video stream in the file. */
  readonly stream: number;
  readonly timeline: Timeline;
  /** The size of a decoded picture, before rotation. */
  readonly storedWidth: number;
  readonly storedHeight: number;
  readonly orientation: Orientation;
  readonly siting: ChromaSiting;
  readonly deinterlace: 'no' | 'marked-frames' | 'all-top-first' | 'all-bottom-first';
  /** ffmpeg's decoder where its own choice would lose something; null: its own choice. */
  readonly decoder: string | null;
};

/** The containers that are read, by ffmpeg's names; nothing that could point to other files. */
const CONTAINERS =
  'mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,mxf,nut,ogg,asf,flv,gxf,dv,yuv4mpegpipe,ivf,swf,wtv,mpegvideo,gif,apng';

export async function probe(path: string, signal: AbortSignal): Promise<SourceInfo> {
  return (await isFolder(path)) ? (await inspectImages(path)).info : (await inspectMovie(path, signal)).info;
}

/** Throws Failure 'media-missing', or 'media-not-a-file' for what is neither file nor folder. */
export async function isFolder(path: string): Promise<boolean> {
  const status = await stat(path).catch((error: unknown) => {
    throw new Failure('media-missing', { path }, error);
  });
  if (status.isDirectory()) return true;
  if (!status.isFile()) throw new Failure('media-not-a-file', { path });
  if (status.size === 0) throw new Failure('media-empty', { path });
  return false;
}

export async function inspectImages(
  folder: string,
): Promise<{ readonly info: SourceInfo; readonly images: Map<number, string> }> {
  const path = resolve(folder);
  const images = await numberedImages(path);
  const [first] = images;
  if (!first) throw new Failure('images-none', { folder: path });
  const { width, height, channels } = await readImage(first[1]);
  const info: SourceInfo = {
    ...{
      kind: 'images',
      path,
      format: 'images',
      codec: 'images',
      pixelFormat: 'rgb',
      bits: 16,
      width,
      height,
      channels,
    },
    colour: { matrix: 'rgb', range: 'full', primaries: 'bt709', transfer: 'iec61966-2-1' },
    ...{ pixelAspect: rational(1), interlaced: false, rotated: false, rate: rational(25), variable: false },
    ...{ first: first[0], frames: images.size, audio: [] },
  };
  return { info, images };
}

type ProbedStream = {
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

export async function inspectMovie(file: string, signal: AbortSignal): Promise<Movie> {
  const path = resolve(file);
  await isFolder(path);
  const { streams = [], format: container } = await probed(path, signal);
  const format = container?.format_name?.split(',')[0] ?? '';
  const pictures = streams.filter((stream) => stream.codec_type === 'video' && stream.disposition?.attached_pic !== 1);
  const video = pictures.find((stream) => stream.disposition?.default === 1) ?? pictures[0];
  if (!video) {
    if (streams.length === 0) throw new Failure('media-unreadable', { path });
    throw new Failure('media-no-picture', { path });
  }
  if (/^(encv|drmi)$/.test(video.codec_tag_string ?? '')) throw new Failure('media-encrypted', { path });
  const timebase = parseRational(video.time_base ?? '');
  if (!timebase) throw new Failure('media-unreadable', { path });

  const decoder =
    video.tags?.['alpha_mode'] === '1' && /^vp[89]$/.test(video.codec_name ?? '') ? alphaDecoder(video) : null;
  const [packets, picture] = await Promise.all([
    packetsOf(path, format, video.index, signal),
    firstPicture(path, format, video.index, decoder, signal),
  ]);
  const line = timeline(packets, timebase);
  if (line.pts.length === 0) throw new Failure('media-no-picture', { path });
  const layout = pixelFormat(picture.format);
  if (!layout) throw new Failure('media-pixels-unknown', { path, format: picture.format });

  const orientation = orientationOf(video);
  const sideways = isSideways(orientation);
  const [width, height] = sideways ? [picture.height, picture.width] : [picture.width, picture.height];
  const hints = [video.r_frame_rate, video.avg_frame_rate]
    .map((text) => parseRational(text ?? ''))
    .filter((rate) => rate !== null && rate.num > 0);
  const rate = constantRate(line, hints as Rational[]);
  const aspect = parseRational(video.sample_aspect_ratio ?? '') ?? rational(1);
  const square = aspect.num === 0 ? rational(1) : aspect;
  const deinterlace = deinterlacing(video, picture.interlaced);
  const info: SourceInfo = {
    ...{
      kind: 'movie',
      path,
      format,
      codec: video.codec_name ?? 'unknown',
      pixelFormat: layout.name,
      bits: layout.bits,
    },
    ...{ width, height, channels: layout.alpha ? 4 : 3 },
    colour: colourOf(video, layout.model, layout.fullRange, picture.width, picture.height),
    pixelAspect: sideways ? rational(square.den, square.num) : square,
    interlaced: deinterlace !== 'no',
    rotated: orientation !== UPRIGHT,
    rate: rate ?? nearestRate(line),
    variable: rate === null,
    first: 0,
    frames: line.pts.length,
    audio: streams.filter((stream) => stream.codec_type === 'audio').map(audioStream),
  };
  return {
    ...{ info, format, stream: video.index, timeline: line, storedWidth: picture.width, storedHeight: picture.height },
    ...{ orientation, siting: sitingOf(video), deinterlace, decoder },
  };
}

async function probed(path: string, signal: AbortSignal): Promise<Probed> {
  const args = ['-format_whitelist', CONTAINERS, ...openOptions(null), '-of', 'json', '-show_streams', '-show_format'];
  let text = '';
  try {
    for await (const line of ffprobe([...args, '-i', fileUrl(path)], signal)) text += `${line}\n`;
    return JSON.parse(text) as Probed;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Failure) throw error;
    throw await unreadable(path, error);
  }
}

/** Why ffprobe could not read a file. */
async function unreadable(path: string, error: unknown): Promise<Failure> {
  const file = await open(path).catch((cause: unknown) => {
    throw new Failure('media-unreadable', { path }, cause);
  });
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(512), position: 0 });
    const head = buffer.subarray(0, bytesRead).toString('latin1');
    if (/^\s*(#EXTM3U|ffconcat|file\s|;FFMETADATA|<\?xml|<MPD)/.test(head))
      return new Failure('media-playlist', { path }, error);
    const stderr = error instanceof ToolError ? error.stderr : '';
    if (/moov atom not found|truncat|EBML header parsing failed|End of file/i.test(stderr)) {
      return new Failure('media-truncated', { path }, error);
    }
    return new Failure('media-unreadable', { path }, error);
  } finally {
    await file.close();
  }
}

async function packetsOf(path: string, format: string, stream: number, signal: AbortSignal): Promise<Packet[]> {
  const args = [...openOptions(format), '-select_streams', String(stream), '-of', 'compact=p=0'];
  const packets: Packet[] = [];
  try {
    const entries = ['-show_packets', '-show_entries', 'packet=pts,dts,duration,flags'];
    for await (const line of ffprobe([...args, ...entries, '-i', fileUrl(path)], signal)) {
      const fields = Object.fromEntries(line.split('|').map((field) => field.split('=') as [string, string]));
      const pts = Number(fields['pts']);
      if (!Number.isSafeInteger(pts)) continue;
      packets.push({
        pts,
        dts: Number.isSafeInteger(Number(fields['dts'])) ? Number(fields['dts']) : null,
        duration: Number.isSafeInteger(Number(fields['duration'])) ? Number(fields['duration']) : null,
        key: fields['flags']?.includes('K') ?? false,
        hidden: fields['flags']?.includes('D') ?? false,
      });
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Failure) throw error;
    throw new Failure('media-unreadable', { path }, error);
  }
  return packets;
}

/** The layout and size that this very ffmpeg decodes to: another version may give more bits. */
async function firstPicture(path: string, format: string, stream: number, decoder: string | null, signal: AbortSignal) {
  const { Writable } = await import('node:stream');
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done(), emitClose: false });
  const choice = decoder === null ? [] : [`-c:${stream}`, decoder];
  const running = await ffmpeg(
    {
      inputs: [{ options: [...openOptions(format), '-noautorotate', ...choice], source: fileUrl(path) }],
      options: ['-map', `0:${stream}`, '-vf', 'showinfo', '-frames:v', '1', '-f', 'null'],
      output: nowhere,
    },
    signal,
  );
  const log = await running.ended.catch((error: unknown) => {
    signal.throwIfAborted();
    throw new Failure('media-unreadable', { path }, error);
  });
  const match = /\bfmt:(\S+).*? s:(\d+)x(\d+) i:(\S)/.exec(log);
  if (!match) throw new Failure('media-unreadable', { path }, new ToolError('ffmpeg', log));
  const [, name, width, height, interlaced] = match;
  return { format: name!, width: Number(width), height: Number(height), interlaced: interlaced !== 'P' };
}

const alphaDecoder = (video: ProbedStream): string => (video.codec_name === 'vp8' ? 'libvpx' : 'libvpx-vp9');

function deinterlacing(video: ProbedStream, marked: boolean): Movie['deinterlace'] {
  if (marked) return 'marked-frames';
  switch (video.field_order) {
    case 'tt':
    case 'bt':
      return 'all-top-first';
    case 'bb':
    case 'tb':
      return 'all-bottom-first';
    case undefined:
    default:
      return 'no';
  }
}

const known = (text: string | undefined): string =>
  text === undefined || text === 'unspecified' || text === 'reserved' ? 'unknown' : text;

const MATRICES: Record<string, Matrix> = {
  bt709: 'bt709',
  smpte170m: 'bt601',
  bt470bg: 'bt601',
  bt2020nc: 'bt2020',
  bt2020c: 'bt2020',
  smpte240m: 'smpte240m',
  fcc: 'fcc',
  ycgco: 'ycgco',
  gbr: 'rgb',
};

function colourOf(
  video: ProbedStream,
  model: 'yuv' | 'rgb' | 'grey',
  fullRange: boolean,
  width: number,
  height: number,
): Colour {
  const usual: Matrix = width >= 1280 || height > 576 ? 'bt709' : 'bt601';
  const matrix = model === 'rgb' ? 'rgb' : (MATRICES[video.color_space ?? ''] ?? usual);
  const full = fullRange || (video.color_range === undefined ? model !== 'yuv' : video.color_range === 'pc');
  return {
    matrix,
    range: full ? 'full' : 'limited',
    primaries: known(video.color_primaries),
    transfer: known(video.color_transfer),
  };
}

function sitingOf({ chroma_location: place, codec_name: codec }: ProbedStream): ChromaSiting {
  const centred = place === 'center' || (!place && /^(mjpeg|mpeg1video)$/.test(codec ?? ''));
  return {
    horizontal: centred || place === 'top' || place === 'bottom' ? 'centre' : 'left',
    vertical: place?.startsWith('top') ? 'top' : place?.startsWith('bottom') ? 'bottom' : 'centre',
  };
}

function orientationOf({ side_data_list: sides, tags }: ProbedStream): Orientation {
  const text = sides?.find((side) => side.displaymatrix)?.displaymatrix;
  if (text) {
    // Three rows of "offset: numbers"; 16.16 fixed point.
    const rows = text
      .trim()
      .split('\n')
      .map((row) => row.replace(/^.*:/, '').trim().split(/\s+/).map(Number));
    const turn = [rows[0]?.[0], rows[0]?.[1], rows[1]?.[0], rows[1]?.[1]].map((entry) =>
      Math.round((entry ?? 0) / 65536),
    );
    const [a, b, c, d] = turn as [number, number, number, number];
    const square = Math.abs(a * d - b * c) === 1 && [a, b, c, d].filter((entry) => entry === 0).length === 2;
    if (square && !(a === 1 && d === 1)) return { a, b, c, d };
    return UPRIGHT;
  }
  switch (tags?.['rotate']) {
    case '90':
      return { a: 0, b: 1, c: -1, d: 0 };
    case '180':
      return { a: -1, b: 0, c: 0, d: -1 };
    case '270':
      return { a: 0, b: -1, c: 1, d: 0 };
    case undefined:
    default:
      return UPRIGHT;
  }
}

const audioStream = (stream: ProbedStream): AudioStream => ({
  index: stream.index,
  codec: stream.codec_name ?? 'unknown',
  sampleRate: Number(stream.sample_rate ?? 0),
  channels: stream.channels ?? 0,
  bits: Number(stream.bits_per_raw_sample ?? 0) || (stream.bits_per_sample ?? 0),
});
