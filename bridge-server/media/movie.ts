import { PassThrough } from 'node:stream';
import { Failure } from '../errors.ts';
import { pixelDecoder } from './decode-pixels.ts';
import type { Running } from './ffmpeg.ts';
import { ToolError, ffmpeg, fileUrl, openOptions, tool } from './ffmpeg.ts';
import type { Frame, FrameRange } from './frame.ts';
import { isUpright, oriented } from './orientation.ts';
import { pixelFormat } from './pixel-format.ts';
import type { Movie } from './probe.ts';
import { toNumber } from './rational.ts';

/**
 * Decodes exactly the frames [from, to) of a movie, in order. Chosen by their presentation times as integers: seeking only has to
 * land early enough. If what comes is not what the timeline promises, it is decoded once more from the very start; if that does
 * not give it either, the file is damaged there: Failure 'media-damaged'.
 */
export async function* readMovie(movie: Movie, { from, to }: FrameRange, signal: AbortSignal): AsyncGenerator<Frame> {
  let next = from;
  for (const seek of seekTime(movie, from, to) === null ? [null] : [seekTime(movie, from, to), null]) {
    for await (const frame of decode(movie, { from: next, to }, seek, signal)) {
      next++;
      yield frame;
    }
    if (next === to) return;
  }
  throw new Failure('media-damaged', { path: movie.info.path, frame: next });
}

/** Seconds to seek to, or null to decode from the start. Early enough that no wanted picture hangs on one that was skipped. */
function seekTime({ timeline }: Movie, from: number, to: number): number | null {
  const { entries, entryOf, timebase } = timeline;
  let needed = entries.length;
  for (let n = from; n < to; n++) needed = Math.min(needed, entryOf[n]!);
  // One entry more: pictures shown before an entry but stored after it (open GOPs) hang on the one before.
  const entry = entries[needed - 1];
  if (!entry || needed < 2) return null;
  const seconds = Math.min(entry.pts, entry.dts ?? entry.pts) * toNumber(timebase) - SEEK_MARGIN_SECONDS;
  return seconds > (timeline.pts[0]! * timebase.num) / timebase.den ? seconds : null;
}

const SEEK_MARGIN_SECONDS = 0.25;

/** May end early or late; the caller counts. */
async function* decode(
  movie: Movie,
  { from, to }: FrameRange,
  seek: number | null,
  signal: AbortSignal,
): AsyncGenerator<Frame> {
  const { info, timeline, storedWidth, storedHeight, orientation } = movie;
  const { bytes, decode } = pixelDecoder(
    pixelFormat(info.pixelFormat)!,
    storedWidth,
    storedHeight,
    info.colour,
    movie.siting,
  );
  const output = new PassThrough({ highWaterMark: 1 << 20, emitClose: false });
  const { generation } = await tool('ffmpeg');
  const running = await ffmpeg(
    {
      inputs: [
        {
          options: [
            ...openOptions(movie.format),
            ...['-noautorotate', '-copyts'],
            ...(movie.decoder === null ? [] : [`-c:${movie.stream}`, movie.decoder]),
            ...(seek === null ? [] : ['-noaccurate_seek', '-seek_timestamp', '1', '-ss', seek.toFixed(6)]),
          ],
          source: fileUrl(info.path),
        },
      ],
      options: [
        ...['-map', `0:${movie.stream}`, '-vf', filters(movie, timeline.pts[from]!, timeline.pts[to - 1]!)],
        ...(generation >= 60 ? ['-fps_mode', 'passthrough'] : ['-vsync', 'passthrough']),
        ...['-frames:v', String(to - from), '-c:v', 'rawvideo', '-f', 'rawvideo'],
      ],
      output,
    },
    signal,
  );
  try {
    for await (const raw of pieces(output, bytes, running)) {
      signal.throwIfAborted();
      const frame = decode(raw);
      yield isUpright(orientation) ? frame : oriented(frame, orientation);
    }
  } finally {
    running.kill();
  }
}

/** Made of our own words and integers only. */
function filters({ deinterlace }: Movie, first: number, last: number): string {
  const select = `select=gte(pts\\,${first})*lte(pts\\,${last})`;
  switch (deinterlace) {
    case 'no':
      return select;
    // The deinterlacer halves the timebase.
    case 'marked-frames':
      return `bwdif=mode=0:parity=-1:deint=1,settb=2*intb,${select}`;
    case 'all-top-first':
      return `bwdif=mode=0:parity=0:deint=0,settb=2*intb,${select}`;
    case 'all-bottom-first':
      return `bwdif=mode=0:parity=1:deint=0,settb=2*intb,${select}`;
  }
}

/** The stream cut into pictures of one length. A picture is overwritten by the next. */
async function* pieces(stream: PassThrough, bytes: number, running: Running): AsyncGenerator<Uint8Array> {
  const piece = new Uint8Array(bytes);
  let filled = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length;) {
      const count = Math.min(bytes - filled, chunk.length - at);
      piece.set(chunk.subarray(at, at + count), filled);
      filled += count;
      at += count;
      if (filled === bytes) {
        yield piece;
        filled = 0;
      }
    }
  }
  try {
    await running.ended;
  } catch (error) {
    // What came is counted; a damaged file makes ffmpeg end badly after its last good picture.
    if (!(error instanceof ToolError)) throw error;
  }
}
