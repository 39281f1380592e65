import { access, constants, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { Failure } from '../errors.ts';
import { premultiplied } from './alpha.ts';
import type { AudioCut } from './audio.ts';
import { audioOptions } from './audio.ts';
import type { Clip } from './clip.ts';
import type { Colour, Matrix } from './colour.ts';
import { writeFailure, writing } from './destination.ts';
import type { EncoderFormat } from './encode-pixels.ts';
import { pixelEncoder } from './encode-pixels.ts';
import { ToolError, ffmpeg, fileUrl } from './ffmpeg.ts';
import type { Frame } from './frame.ts';
import { partBeside } from './part.ts';
import type { Rational } from './rational.ts';
import { formatRational } from './rational.ts';
import { codesOf, colourOptions, writeColourAtom } from './tags.ts';

export { openImages } from './image-sink.ts';

/**
 * Takes finished frames, in order and without gaps. Nothing is at the output's place before `finish` has put it there whole;
 * `abandon` leaves nothing, and is safe at any time.
 */
export type FrameSink = {
  /** What was done that the user should know, one sentence each. */
  readonly notes: readonly string[];
  /** Resolves when there is room for the next one. The frame is not kept. */
  write(n: number, frame: Frame): Promise<void>;
  finish(): Promise<void>;
  abandon(): Promise<void>;
};

export type MovieCodec = 'prores4444' | 'h264';

export type MovieOptions = {
  readonly codec: MovieCodec;
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  readonly rate: Rational;
  /** Tags to carry on. The encoders choose matrix and range that they can store: see `storedColour`. */
  readonly colour: Colour;
  readonly pixelAspect: Rational;
  readonly alpha: 'straight' | 'premultiplied';
  readonly audio: AudioCut | null;
  /** A text that goes with the movie, as its comment. */
  readonly comment?: string;
};

/** The options for a movie that lies exactly over a clip. */
export function movieLike(clip: Clip, codec: MovieCodec, alpha: 'straight' | 'premultiplied'): MovieOptions {
  const { width, height, channels, rate, info, range, start } = clip;
  // Rounded up to what ffmpeg counts; the last frame's own time is well before it.
  const seconds = Math.ceil((((range.to - range.from) * rate.den) / rate.num) * 1e6) / 1e6;
  const audio =
    start !== null && info.audio.length > 0
      ? { path: info.path, format: info.format, streams: info.audio, start, seconds }
      : null;
  const { colour, pixelAspect } = info;
  return { codec, width, height, channels, rate, colour, pixelAspect, alpha, audio };
}

/** Movies hold YUV in limited range, as every editor expects of these codecs; the matrix stays the source's when it has one. */
function storedColour({ matrix, primaries, transfer }: Colour): Colour {
  const kept: Matrix = matrix === 'rgb' || matrix === 'ycgco' ? (primaries === 'bt2020' ? 'bt2020' : 'bt709') : matrix;
  return { matrix: kept, range: 'limited', primaries, transfer };
}

/** Opens a movie for writing: ProRes 4444 in MOV or H.264 in MP4. Throws Failure when its folder cannot take it. */
export async function openMovie(path: string, options: MovieOptions, signal: AbortSignal): Promise<FrameSink> {
  const target = resolve(path);
  await checkTarget(target);
  const part = await writing(target, () => partBeside(target));
  const { codec, rate, channels, alpha, pixelAspect, audio } = options;
  const colour = storedColour(options.colour);
  const format: EncoderFormat = codec === 'h264' ? 'yuv420p' : channels === 4 ? 'yuva444p10le' : 'yuv444p10le';
  // 4:2:0 pictures have even sizes.
  const width = codec === 'h264' ? options.width + (options.width % 2) : options.width;
  const height = codec === 'h264' ? options.height + (options.height % 2) : options.height;
  const notes: string[] = [];
  if (width !== options.width || height !== options.height) {
    notes.push(
      `H.264 needs even sizes: the picture was extended from ${options.width}x${options.height} to ${width}x${height} by repeating its last column or row.`,
    );
  }
  if (codec === 'h264' && channels === 4) notes.push('H.264 has no alpha: the movie shows the colours without it.');
  const sound = audio && audioOptions(audio, codec === 'h264' ? 'mp4' : 'mov');
  if (sound) notes.push(...sound.notes);

  const encoder = pixelEncoder(format, width, height, colour);
  const input = new PassThrough({ highWaterMark: 0 });
  const running = await ffmpeg(
    {
      inputs: [
        {
          options: [
            ...[
              '-loglevel',
              'error',
              '-protocol_whitelist',
              'pipe',
              '-f',
              'rawvideo',
              '-pix_fmt',
              format,
              '-s',
              `${width}x${height}`,
            ],
            ...['-r', formatRational(rate), ...colourOptions(colour)],
          ],
          source: input,
        },
        ...(audio && sound ? [{ options: [...sound.input], source: fileUrl(audio.path) }] : []),
      ],
      options: [
        ...['-map', '0:v', ...(sound ? sound.output : []), '-map_metadata', '-1', '-map_chapters', '-1'],
        ...(options.comment === undefined ? [] : ['-metadata', `comment=${options.comment}`]),
        ...CODECS[codec](channels),
        ...colourOptions(colour),
        ...['-aspect:v', formatRational({ num: width * pixelAspect.num, den: height * pixelAspect.den })],
        ...['-fflags', '+bitexact', '-flags:v', '+bitexact'],
        ...['-movflags', '+write_colr', '-f', codec === 'h264' ? 'mp4' : 'mov'],
      ],
      output: fileUrl(part),
    },
    signal,
  );

  /** Set once ffmpeg has gone, of its own accord or not. */
  let gone: Error | null = null;
  let onGone: (error: Error) => void = () => undefined;
  void running.ended
    .then(
      (log) => new ToolError('ffmpeg', log),
      (error: Error) => error,
    )
    .then((error) => {
      gone = error;
      onGone(error);
    });
  const abandon = async (): Promise<void> => {
    running.kill();
    input.destroy();
    await running.ended.catch(() => undefined);
    await rm(part, { force: true });
  };
  const orAbandon = async (work: () => Promise<void>): Promise<void> => {
    try {
      signal.throwIfAborted();
      await work();
    } catch (error) {
      await abandon();
      signal.throwIfAborted();
      throw writeFailure(target, error) ?? error;
    }
  };
  let next: number | null = null;

  return {
    notes,
    write: (n, frame) =>
      orAbandon(async () => {
        if (next !== null && n !== next) throw new RangeError(`frame ${n} where ${next} was due`);
        next = n + 1;
        checkSize(frame, options);
        const picture = padded(alpha === 'premultiplied' ? premultiplied(frame) : frame, width, height);
        await new Promise<void>((done, refuse) => {
          onGone = refuse;
          if (gone) refuse(gone);
          else input.write(encoder.encode(picture), (error) => (error ? refuse(error) : done()));
        });
      }),
    finish: () =>
      orAbandon(async () => {
        input.end();
        const log = await running.ended;
        // Some versions end well although the disk was full at the very end.
        const failure = writeFailure(target, new ToolError('ffmpeg', log));
        if (failure) throw failure;
        await writeColourAtom(part, codesOf(colour));
        await rename(part, target);
      }),
    abandon,
  };
}

const CODECS: Record<MovieCodec, (channels: 3 | 4) => string[]> = {
  prores4444: (channels) => [
    ...['-c:v', 'prores_ks', '-profile:v', '4444', '-vendor', 'apl0', '-qscale:v', '4'],
    ...(channels === 4 ? ['-alpha_bits', '16'] : []),
  ],
  // The number of threads decides how x264 cuts its work, and with it the bytes: fixed, so that every machine writes the same.
  h264: () => [
    '-c:v',
    'libx264',
    '-preset',
    'medium',
    '-crf',
    '12',
    '-threads',
    '4',
    '-x264-params',
    'lookahead-threads=1',
  ],
};

async function checkTarget(target: string): Promise<void> {
  const folder = dirname(target);
  await writing(target, () => access(folder, constants.W_OK));
  const status = await stat(target).catch(() => null);
  if (status && !status.isFile()) throw new Failure('output-not-file', { path: target });
}

function checkSize(frame: Frame, { width, height, channels }: MovieOptions): void {
  if (frame.width !== width || frame.height !== height || frame.channels !== channels) {
    throw new RangeError(
      `a frame of ${frame.width}x${frame.height}x${frame.channels} for a movie of ${width}x${height}x${channels}`,
    );
  }
}

/** The frame at a size that is at most one column and one row larger, those repeated. */
function padded(frame: Frame, width: number, height: number): Frame {
  if (frame.width === width && frame.height === height) return frame;
  const { channels } = frame;
  const data = new Uint16Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const from = Math.min(y, frame.height - 1) * frame.width * channels;
    const row = frame.data.subarray(from, from + frame.width * channels);
    data.set(row, y * width * channels);
    if (width > frame.width) data.set(row.subarray(-channels), ((y + 1) * width - 1) * channels);
  }
  return { width, height, channels, data };
}
