import type { Clip, FrameWindow } from '../media/clip.ts';
import { movieLike, openImages, openMovie, type FrameSink } from '../media/encode.ts';
import type { Frame } from '../media/frame.ts';
import type { Report } from '../progress.ts';
import type { RenderRequest } from '../protocol/request.ts';
import { alike, behindMask } from './finish.ts';
import { framesIn } from './masks.ts';
import type { Pictures } from './pictures.ts';
import { settingsText } from './settings-text.ts';

export type Delivery = {
  readonly request: RenderRequest;
  readonly clip: Clip;
  /** The source's own frames. */
  readonly source: FrameWindow;
  /** The repainted picture of a frame. */
  readonly painted: (frame: number) => Promise<Frame>;
  readonly masks: Pictures | null;
  readonly channels: 3 | 4;
};

/**
 * Writes every frame of the clip, in order: as painted within the mask, as the source outside of it. The output appears whole or
 * not at all. Returns what the encoder has to say.
 */
export async function deliver(delivery: Delivery, report: Report, signal: AbortSignal): Promise<readonly string[]> {
  const { request, clip, channels } = delivery;
  const sink = await openSink(request, { ...clip, channels }, signal);
  try {
    for (const [index, n] of framesIn(clip.range).entries()) {
      const frame = await finished(delivery, n, signal);
      signal.throwIfAborted();
      await sink.write(n, frame);
      report(index + 1, clip.range.to - clip.range.from);
    }
    signal.throwIfAborted();
    await sink.finish();
    return sink.notes;
  } catch (error) {
    await sink.abandon();
    throw error;
  }
}

function openSink(request: RenderRequest, clip: Clip, signal: AbortSignal): Promise<FrameSink> {
  const { output, source } = request;
  const comment = settingsText(request);
  if (output.kind === 'images') return openImages(output.folder, { alpha: source.alpha, comment }, signal);
  const options = { ...movieLike(clip, output.codec, source.alpha), comment };
  return openMovie(output.path, output.sound ? options : { ...options, audio: null }, signal);
}

async function finished(
  { source, painted, masks, channels }: Delivery,
  n: number,
  signal: AbortSignal,
): Promise<Frame> {
  const picture = alike(await painted(n), channels);
  return masks === null ? picture : behindMask(picture, await source.get(n, signal), await masks.get(n, signal));
}
