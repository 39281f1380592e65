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
  /** What it is made of, where that is luma and chroma alone. */
  readonly yuv?: YuvPicture;
};

/** A picture in luma and chroma: samples of one word size, low byte first, in planes or in turn. */
export type YuvPicture = {
  readonly data: Uint8Array;
  readonly layout: YuvLayout;
  /** The frame's rows of these numbers alone. */
  rows(numbers: readonly number[]): Frame;
};

/** Where the samples are and what they mean. Bytes and rows are the picture's; a sample is `bits` wide, `shift` up in a word of `word` bytes. */
export type YuvLayout = {
  readonly width: number;
  readonly height: number;
  /** Of the first Y, Cb and Cr. */
  readonly offsets: readonly [number, number, number];
  /** From row to row and from sample to sample, of luma and of chroma. */
  readonly strides: readonly [number, number];
  readonly steps: readonly [number, number];
  readonly word: 1 | 2;
  readonly shift: number;
  readonly bits: number;
  /** Luma samples across and down that share a chroma sample, and how far into them it sits, in eighths of a luma sample. */
  readonly shared: readonly [number, number];
  readonly inset: readonly [number, number];
  /** The code of no colour, in 1/64. */
  readonly middle: number;
  /** R, G, B on the scale 0..65535, to be cut off to whole numbers: factors of Y, and of Cb and Cr less their middle (in 1/64 code), and what is added. */
  readonly colours: readonly (readonly [number, number, number, number])[];
};

/** A half-open run of frame numbers: from <= n < to. */
export type FrameRange = { readonly from: number; readonly to: number };
