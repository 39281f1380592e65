import type { Block, Engine } from '../kernels/engine.ts';
import type { Frame } from '../media/frame.ts';

/** What is propagated along: the source's frames by number, all of one size. `get` may be called in any order. */
export type Source = {
  readonly width: number;
  readonly height: number;
  get(n: number, signal: AbortSignal): Promise<Frame>;
};

/** Where frames wait while kernels turn them into what they work on: width*height*8 bytes. */
export type Staging = Block;
export const stagingBytes = (width: number, height: number): number => width * height * 8;

/** Bytes of a guide, and of a picture in `premultiplied` form. */
export const guideBytes = (width: number, height: number): number => width * height * 4;
export const pictureBytes = (width: number, height: number): number => width * height * 8;

/** Writes what frames are compared by (kernels/assembly/guide.ts) to the address `out`. `scratch`: width*height*3 bytes. */
export async function loadGuide(
  engine: Engine,
  frame: Frame,
  staging: Staging,
  scratch: Block,
  out: number,
): Promise<void> {
  const { width, height, channels, data } = frame;
  engine.u16(staging, data.length).set(data);
  const sums = scratch.pointer;
  const grey = sums + 2 * width * height;
  await engine.run('guide', staging.pointer, width, height, channels, grey, sums, out);
}

/** Writes the frame as four premultiplied u16 a pixel to the address `out`. */
export async function loadPicture(engine: Engine, frame: Frame, staging: Staging, out: number): Promise<void> {
  const { width, height, channels, data } = frame;
  engine.u16(staging, data.length).set(data);
  await engine.run('premultiply', staging.pointer, width, height, channels, out);
}
