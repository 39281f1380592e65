/**
 * One picture in working form, the only one that stages pass to each other: interleaved RGB or RGBA, rows from the top,
 * 16 bits a channel (8-bit sources are widened by v*257, so the way back is exact), full range 0..65535, nonlinear
 * (the source's own transfer curve and primaries), display orientation, alpha straight.
 */
export type Frame = {
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  /** Length width*height*channels. */
  readonly data: Uint16Array;
};

/** A frame as its decoder gives it, often a quarter of its size in working form: frames that wait, wait like this. */
export type RawFrame = {
  readonly bytes: number;
  /** Makes the frame, which takes some milliseconds each time. */
  frame(): Frame;
};

/** A half-open run of frame numbers: from <= n < to. */
export type FrameRange = { readonly from: number; readonly to: number };
