import { PassThrough } from 'node:stream';
import { Failure } from '../errors.ts';
import { pixelDecoder, type PixelDecoder } from './decode-pixels.ts';
import { ToolError, ffmpeg, fileUrl, tool } from './ffmpeg.ts';
import type { FrameRange, RawFrame } from './frame.ts';
import { isUpright, oriented } from './orientation.ts';
import { pixelFormat } from './pixel-format.ts';
import type { Movie } from './probe.ts';
import { toNumber } from './rational.ts';
import { decoding } from './scan.ts';
import type { Timeline } from './timeline.ts';

/**
 * Decodes exactly the frames [from, to) of a movie, in order. Every picture is told by its presentation time, an integer, as the
 * decoder gives it; seeking only has to land early enough. When another picture comes than the timeline says, it is tried once more
 * from the very start; if that does not give it either, the file is damaged there: Failure 'media-damaged'.
 */
export async function* readMovie(
  movie: Movie,
  { from, to }: FrameRange,
  signal: AbortSignal,
): AsyncGenerator<RawFrame> {
  const seek = seekTime(movie.timeline, { from, to });
  let next = from;
  for (const start of seek === null ? [null] : [seek, null]) {
    for await (const frame of decode(movie, { from: next, to }, start, signal)) {
      next++;
      yield frame;
    }
    if (next === to) return;
  }
  throw new Failure('media-damaged', { path: movie.video.path, frame: next });
}

/** Seconds to seek to, or null to decode from the start. Early enough that no wanted picture hangs on one that was skipped. */
function seekTime({ seeking, timebase, pts }: Timeline, { from, to }: FrameRange): number | null {
  if (!seeking) return null;
  const { entries, entryOf } = seeking;
  let needed = entries.length;
  for (let n = from; n < to; n++) needed = Math.min(needed, entryOf[n]!);
  // One entry more: pictures shown before an entry but stored after it (open GOPs) hang on the one before.
  const entry = entries[needed - 1];
  if (!entry || needed < 2) return null;
  const seconds = Math.min(entry.pts, entry.dts ?? entry.pts) * toNumber(timebase) - SEEK_MARGIN_SECONDS;
  return seconds > pts[0]! * toNumber(timebase) ? seconds : null;
}

const SEEK_MARGIN_SECONDS = 0.25;

/** Ends early, before the first picture that is not the one due. */
async function* decode(
  movie: Movie,
  range: FrameRange,
  seek: number | null,
  signal: AbortSignal,
): AsyncGenerator<RawFrame> {
  const { info, video, timeline, storedWidth, storedHeight, orientation, siting } = movie;
  const decoder = pixelDecoder(pixelFormat(info.pixelFormat)!, storedWidth, storedHeight, info.colour, siting);
  const output = new PassThrough({ highWaterMark: 1 << 20, emitClose: false });
  const places = new Places();
  const { generation } = await tool('ffmpeg');
  const seeking = seek === null ? [] : ['-noaccurate_seek', '-seek_timestamp', '1', '-ss', seek.toFixed(6)];
  const running = await ffmpeg(
    {
      inputs: [
        {
          options: ['-loglevel', 'repeat+error', ...decoding(video), ...seeking],
          source: fileUrl(video.path),
        },
      ],
      options: [
        ...['-map', `0:${video.index}`, '-vf', filters(movie, range)],
        ...(generation >= 60 ? ['-fps_mode', 'passthrough'] : ['-vsync', 'passthrough']),
        ...['-frames:v', String(range.to - range.from), '-c:v', 'rawvideo', '-f', 'rawvideo'],
      ],
      output,
      onLine: (line) => places.read(line),
    },
    signal,
  );
  const ended = running.ended.catch((error: unknown) => {
    // A damaged file makes ffmpeg end badly after its last good picture; what came is what counts.
    if (!(error instanceof ToolError)) throw error;
  });
  ended.catch(() => undefined).finally(() => places.end());
  try {
    let n = range.from;
    for await (const raw of pieces(output, decoder.bytes)) {
      signal.throwIfAborted();
      if ((await places.next()) !== (timeline.seeking ? timeline.pts[n] : n)) return;
      n++;
      const frame = () => decoder.decode(raw);
      yield isUpright(orientation)
        ? { bytes: raw.length, frame, ...yuvOf(decoder, raw) }
        : { bytes: raw.length, frame: () => oriented(frame(), orientation) };
    }
    await ended;
  } finally {
    running.kill();
  }
}

const yuvOf = ({ yuv, decode }: PixelDecoder, data: Uint8Array): Pick<RawFrame, 'yuv'> =>
  yuv === null ? {} : { yuv: { data, layout: yuv, rows: (numbers) => decode(data, numbers) } };

/** Made of our own words and integers only. */
function filters({ interlacing, timeline, info }: Movie, { from, to }: FrameRange): string {
  const { pts, seeking } = timeline;
  // Frames that may be told by their times are, others by their count; each that is chosen is printed, as an error (level 16).
  const [place, first, last] = seeking ? ['pts', pts[from]!, pts[to - 1]!] : ['n', from, to - 1];
  const select = `select=if(gte(${place}\\,${first})*lte(${place}\\,${last})\\,1+0*print(${place}\\,16)\\,0)`;
  // The deinterlacer halves the timebase and knows planar layouts only.
  const deinterlace = (options: string): string =>
    `bwdif=mode=0:${options},format=${info.pixelFormat},settb=2*intb,${select}`;
  switch (interlacing) {
    case 'none':
      return select;
    case 'marked-frames':
      return deinterlace('parity=-1:deint=1');
    case 'top-first':
      return deinterlace('parity=0:deint=0');
    case 'bottom-first':
      return deinterlace('parity=1:deint=0');
  }
}

/** The places (times or counts) of pictures that ffmpeg prints on stderr, each before the picture itself goes to stdout. */
class Places {
  readonly #told: number[] = [];
  #ended = false;
  #wake: () => void = () => undefined;

  read(line: string): void {
    const place = /^(?:\[.*\] )?(-?\d+)\.0+$/.exec(line)?.[1];
    if (place === undefined) return;
    this.#told.push(Number(place));
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Null when there will be no more. */
  async next(): Promise<number | null> {
    while (this.#told.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.#told.shift() ?? null;
  }
}

/** The stream cut into pictures of one length. */
async function* pieces(stream: PassThrough, bytes: number): AsyncGenerator<Uint8Array> {
  let piece = new Uint8Array(bytes);
  let filled = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length;) {
      const count = Math.min(bytes - filled, chunk.length - at);
      piece.set(chunk.subarray(at, at + count), filled);
      filled += count;
      at += count;
      if (filled === bytes) {
        yield piece;
        piece = new Uint8Array(bytes);
        filled = 0;
      }
    }
  }
}
