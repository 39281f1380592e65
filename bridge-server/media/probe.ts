import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Failure } from '../errors.ts';
import type { ChromaSiting, Colour } from './colour.ts';
import { numberedImages, readImage } from './image.ts';
import type { Interlacing } from './interpret.ts';
import {
  audioStream,
  claimedRates,
  colourOf,
  interlacingOf,
  isEncrypted,
  orientationOf,
  pixelAspectOf,
  sitingOf,
} from './interpret.ts';
import type { Orientation } from './orientation.ts';
import { UPRIGHT, isSideways } from './orientation.ts';
import { pixelFormat } from './pixel-format.ts';
import type { Rational } from './rational.ts';
import { parseRational, rational } from './rational.ts';
import type { VideoStream } from './scan.ts';
import { scanPackets, scanPictures } from './scan.ts';
import type { ProbedStream } from './streams.ts';
import { isScrambled, probed } from './streams.ts';
import type { Timeline } from './timeline.ts';
import { constantRate, nearestRate, timelineOfPackets, timelineOfPictures } from './timeline.ts';

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
  readonly video: VideoStream;
  readonly timeline: Timeline;
  /** The file ends before what it promises: there is more to it than these frames. */
  readonly cutOff: boolean;
  /** The size of a decoded picture, before rotation. */
  readonly storedWidth: number;
  readonly storedHeight: number;
  readonly orientation: Orientation;
  readonly siting: ChromaSiting;
  readonly interlacing: Interlacing;
};

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

export async function inspectMovie(file: string, signal: AbortSignal): Promise<Movie> {
  const path = resolve(file);
  await isFolder(path);
  const { format, streams } = await probed(path, signal);
  const pictures = streams.filter((stream) => stream.codec_type === 'video' && stream.disposition?.attached_pic !== 1);
  const picked = pictures.find((stream) => stream.disposition?.default === 1) ?? pictures[0];
  if (!picked) throw new Failure('media-no-picture', { path });
  if (isEncrypted(picked) || (format === 'mpegts' && (await isScrambled(path))))
    throw new Failure('media-encrypted', { path });
  const video: VideoStream = { path, format, index: picked.index, decoder: decoderFor(picked) };

  const lookingAt = scanPictures(video, PICTURES_TO_LOOK_AT, signal);
  // Why the packets cannot be read is the better reason of the two.
  lookingAt.catch(() => undefined);
  const { packets, cutOff } = await scanPackets(video, signal);
  const [first, ...next] = await lookingAt;
  const { width, height } = first!;
  const interlacing = interlacingOf(
    picked,
    [first!, ...next].some((picture) => picture.interlaced),
  );
  const layout = pixelFormat(first!.format);
  if (!layout) throw new Failure('media-pixels-unknown', { path, format: first!.format });

  const timebase = parseRational(picked.time_base ?? '') ?? rational(1, 1000);
  const claims = claimedRates(picked);
  const timeline =
    (mayTrustPackets(picked, format, interlacing) ? timelineOfPackets(packets, timebase) : null) ??
    timelineOfPictures(
      (await scanPictures(video, null, signal)).map(({ pts }) => pts),
      timebase,
      claims[0] ?? rational(25),
    );
  if (timeline.pts.length === 0) throw new Failure('media-no-picture', { path });

  const rate = constantRate(timeline, claims);
  const orientation = orientationOf(picked);
  const sideways = isSideways(orientation);
  const aspect = pixelAspectOf(picked);
  const info: SourceInfo = {
    ...{
      kind: 'movie',
      path,
      format,
      codec: picked.codec_name ?? 'unknown',
      pixelFormat: layout.name,
      bits: layout.bits,
    },
    ...(sideways ? { width: height, height: width } : { width, height }),
    channels: layout.alpha ? 4 : 3,
    colour: colourOf(picked, layout, width, height),
    pixelAspect: sideways ? rational(aspect.den, aspect.num) : aspect,
    interlaced: interlacing !== 'none',
    rotated: orientation !== UPRIGHT,
    rate: rate ?? nearestRate(timeline),
    variable: rate === null,
    first: 0,
    frames: timeline.pts.length,
    audio: streams.filter((stream) => stream.codec_type === 'audio').map(audioStream),
  };
  const siting = sitingOf(picked);
  const isCutOff = cutOff || lacksPromised(picked, packets.length, timeline);
  return {
    info,
    video,
    timeline,
    cutOff: isCutOff,
    storedWidth: width,
    storedHeight: height,
    orientation,
    siting,
    interlacing,
  };
}

/** Enough to see whether they are interlaced, even behind a black start. */
const PICTURES_TO_LOOK_AT = 5;

/**
 * Whether one packet is one shown frame. Not in VP8, which stores pictures that are never shown, nor where the fields of one frame
 * may come in packets of their own.
 */
function mayTrustPackets({ codec_name: codec }: ProbedStream, format: string, interlacing: Interlacing): boolean {
  return codec !== 'vp8' && (interlacing === 'none' || !/^(mpegts|mpeg|avi)$/.test(format));
}

/**
 * Whether the index at the front of an MP4 or MOV lists pictures that are not in the file. Its count alone does not tell: an edit
 * list may leave out the last ones.
 */
function lacksPromised(
  { nb_frames: count, duration_ts: duration }: ProbedStream,
  found: number,
  line: Timeline,
): boolean {
  const { pts, end, seeking } = line;
  const frame = (end - pts[0]!) / pts.length;
  return seeking !== null && found < Number(count ?? 0) && end - pts[0]! < (duration ?? 0) - 1.5 * frame;
}

/** ffmpeg's own VP8 and VP9 decoders leave the alpha out. */
function decoderFor({ codec_name: codec, tags }: ProbedStream): string | null {
  if (tags?.['alpha_mode'] !== '1') return null;
  return codec === 'vp8' ? 'libvpx' : codec === 'vp9' ? 'libvpx-vp9' : null;
}
