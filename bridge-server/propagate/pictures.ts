import type { Device } from '../kernels/device.ts';
import type { Block } from '../kernels/heap.ts';
import type { Frame, RawFrame } from '../media/frame.ts';

/** What is propagated along: the source's frames by number, all of one size. `get` may be called in any order. */
export type Source = {
  readonly width: number;
  readonly height: number;
  get(n: number, signal: AbortSignal): Promise<Frame>;
  /** The same, to be made by whoever needs it. */
  readonly raw?: ((n: number, signal: AbortSignal) => Promise<RawFrame>) | undefined;
  /**
   * A mask that moves with the picture, as a guide: its inside is found in the inside. Green counts, times alpha. A mask that holds
   * still while the picture moves would mislead: leave it out here.
   */
  mask?(n: number, signal: AbortSignal): Promise<Frame>;
};

/** Where frames wait while kernels turn them into what they work on: width*height*8 bytes. */
export type Staging = Block;
export const stagingBytes = (width: number, height: number): number => width * height * 8;

/** Bytes of a guide, and of a picture in `premultiplied` form. */
export const guideBytes = (width: number, height: number): number => width * height * 4;
export const pictureBytes = (width: number, height: number): number => width * height * 8;

/**
 * Writes what frame `n` is compared by (kernels/assembly/guide.ts) to the address `out`, and the luma that flow is estimated from to the
 * address `luma`, unless that is 0. `scratch`: width*height*4 bytes and 4 more.
 */
export async function loadGuide(
  device: Device,
  source: Source,
  n: number,
  staging: Staging,
  scratch: Block,
  out: number,
  luma: number,
  signal: AbortSignal,
): Promise<void> {
  const { width, height } = source;
  const { shelf } = device;
  const shelved = shelf.find(source, `guide ${n}`);
  const shelvedLuma = shelf.find(source, `luma ${n}`);
  if (shelved && (luma === 0 || shelvedLuma)) {
    await device.run('copyWords', shelved.block.pointer, out, width * height);
    if (luma !== 0) await device.run('copyWords', shelvedLuma!.block.pointer, luma, (width * height + 3) >> 2);
    return;
  }
  const raw = await rawOf(source, n, signal);
  const mask = await source.mask?.(n, signal);
  const channels = await device.writeFrame(staging, raw);
  const pixels = width * height;
  const sums = scratch.pointer;
  // What is written from outside begins with a word.
  const plane: Block = { pointer: sums + ((2 * pixels + 3) & ~3), bytes: pixels };
  if (mask) await device.write(plane, planeOf(mask));
  const maskPlane = mask ? plane.pointer : 0;
  const grey = plane.pointer + pixels;
  await device.run('guide', staging.pointer, width, height, channels, maskPlane, grey, sums, out);
  if (luma === 0) return;
  await device.run('luma', staging.pointer, width, height, channels, luma);
  if (mask) await device.run('maskLuma', maskPlane, width, height, luma);
  // Where flow is estimated a frame comes first, and is sure to be wanted again.
  await shelf.put(source, `guide ${n}`, out, 4 * pixels);
  await shelf.put(source, `luma ${n}`, luma, pixels);
}

async function rawOf(source: Source, n: number, signal: AbortSignal): Promise<RawFrame> {
  if (source.raw) return source.raw(n, signal);
  const frame = await source.get(n, signal);
  return { bytes: frame.data.byteLength, frame: () => frame };
}

function planeOf({ width, height, channels, data }: Frame): Uint8Array {
  const out = new Uint8Array(width * height);
  for (let p = 0, at = 0; p < width * height; p++, at += channels) {
    const alpha = channels === 4 ? data[at + 3]! : 65535;
    out[p] = Math.round((data[at + 1]! / 257) * (alpha / 65535));
  }
  return out;
}

/** Writes the frame as four premultiplied u16 a pixel to the address `out`. */
export async function loadPicture(device: Device, frame: Frame, staging: Staging, out: number): Promise<void> {
  const { width, height, channels, data } = frame;
  await device.write(staging, data);
  await device.run('premultiply', staging.pointer, width, height, channels, out);
}
