import type { Frame, FrameRange } from '../../bridge-server/media/frame.ts';
import type { Footage } from '../../bridge-server/shot/analyse.ts';

/** Frames in memory as the analysis wants them; `reads` counts the frames that were asked for. */
export function footage(frames: readonly Frame[], first = 0): Footage & { reads: number } {
  return {
    range: { from: first, to: first + frames.length },
    width: frames[0]!.width,
    height: frames[0]!.height,
    reads: 0,
    async *read({ from, to }: FrameRange, signal: AbortSignal) {
      for (let n = from; n < to; n++) {
        await Promise.resolve();
        signal.throwIfAborted();
        this.reads++;
        yield frames[n - first]!;
      }
    },
  };
}

/** The frame seen through a lamp: each channel times gain plus offset, clipped. */
export function lit(frame: Frame, gain: number, offset: number): Frame {
  return { ...frame, data: frame.data.map((value) => Math.min(65535, Math.max(0, value * gain + offset))) };
}
