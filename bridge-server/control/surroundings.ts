import type { Planes } from '../diffusion/picture/planes.ts';
import type { Size } from '../diffusion/picture/size.ts';
import type { Block, Engine } from '../kernels/engine.ts';
import type { Frame, FrameRange } from '../media/frame.ts';
import { occlusionOf } from '../shot/compare.ts';
import { estimateFlow } from '../shot/flow.ts';
import { likeness, thumbnailOf } from '../shot/likeness.ts';
import { luminance, pictureOf } from './picture.ts';
import { Recent } from './recent.ts';

/**
 * Frames to either side that a map is smoothed over. A map depends on these frames and no others, so that it is the same bits wherever
 * one begins, whatever was made before and in whichever order.
 */
export const REACH = 2;
export const WINDOW = 2 * REACH + 1;

/** A frame near another, and the way there. */
export type Neighbour = {
  readonly frame: number;
  /** In frames, negative before. */
  readonly distance: number;
  /** Interleaved (dx, dy) in pixels: pixel p is found at p + flow(p) of this frame. */
  readonly flow: Float32Array;
  /** For each pixel how far the two agree: 0 (hidden, out of the picture, or of another brightness) to 1. */
  readonly trust: Float32Array;
};

/** Grey levels of difference, 0..255, at which two ends of a vector are no longer the same thing. */
const UNLIKE = 24;
/** Two frames less alike than this are of two shots, or too blurred or bright to be followed. See findCuts. */
const ALIKE = 0.5;

/**
 * The frames of a clip at the size of a map, and the motion between neighbours; what all maps of a clip share. Holds one window of
 * frames and their motion, whatever the length of the clip.
 */
export class Surroundings {
  readonly #engine: Engine;
  readonly #range: FrameRange;
  readonly #read: (frame: number, signal: AbortSignal) => Promise<Frame>;
  readonly #pictures = new Recent<Planes>(WINDOW);
  readonly #motions = new Recent<Motion | null>(2 * REACH);

  /** @param read any frame of the range; see FrameWindow */
  constructor(engine: Engine, range: FrameRange, read: (frame: number, signal: AbortSignal) => Promise<Frame>) {
    this.#engine = engine;
    this.#range = range;
    this.#read = read;
  }

  /** See pictureOf. Not to be written to. */
  picture(frame: number, size: Size, signal: AbortSignal): Promise<Planes> {
    return this.#pictures.get(keyOf(frame, size), async () => pictureOf(await this.#read(frame, signal), size));
  }

  /** Those within REACH and in the same shot, ascending. */
  async neighbours(frame: number, size: Size, signal: AbortSignal): Promise<readonly Neighbour[]> {
    const { from, to } = this.#range;
    // In their order: to a decoder, back is far away.
    for (let n = Math.max(frame - REACH, from); n < Math.min(frame + REACH + 1, to); n++) {
      signal.throwIfAborted();
      await this.picture(n, size, signal);
    }
    const here = luminance(await this.picture(frame, size, signal)).data;
    const found: Neighbour[] = [];
    for (const step of [-1, 1] as const) {
      let way: Way | null = null;
      for (let n = frame + step; Math.abs(n - frame) <= REACH; n += step) {
        signal.throwIfAborted();
        if (n < from || n >= to) break;
        const motion = await this.#motion(Math.min(n, n - step), size, signal);
        if (motion === null) break;
        const next: Way = step > 0 ? motion.forth : motion.back;
        way = way === null ? next : joined(way, next, size);
        const there = luminance(await this.picture(n, size, signal)).data;
        found.push({ frame: n, distance: n - frame, flow: way.flow, trust: trustOf(here, there, way, size) });
      }
    }
    return found.sort((a, b) => a.frame - b.frame);
  }

  /** Between a frame and the next; null at a cut. */
  #motion(frame: number, size: Size, signal: AbortSignal): Promise<Motion | null> {
    return this.#motions.get(keyOf(frame, size), async () => {
      const a = await this.picture(frame, size, signal);
      const b = await this.picture(frame + 1, size, signal);
      return motionBetween(this.#engine, a, b);
    });
  }
}

const keyOf = (frame: number, { width, height }: Size): string => `${frame} ${width}x${height}`;

/** One way along the motion: the flow, and for each pixel 255 where it is hidden at the other end. */
type Way = { readonly flow: Float32Array; readonly hidden: Uint8Array };
type Motion = { readonly forth: Way; readonly back: Way };

async function motionBetween(engine: Engine, a: Planes, b: Planes): Promise<Motion | null> {
  const { width, height } = a;
  const area = width * height;
  const size = { width, height };
  const blocks: Block[] = [area, area, area * 8, area * 8, area, area].map((bytes) => engine.alloc(bytes));
  const [lumaA, lumaB, forth, back, hiddenA, hiddenB] = blocks as [Block, Block, Block, Block, Block, Block];
  try {
    for (const [block, picture] of [
      [lumaA, a],
      [lumaB, b],
    ] as const) {
      engine.u8(block, area).set(luminance(picture).data.map((value) => value * 255 + 0.5));
    }
    const thumbnails = [
      await thumbnailOf(engine, lumaA, width, height),
      await thumbnailOf(engine, lumaB, width, height),
    ] as const;
    if ((await likeness(engine, ...thumbnails)) < ALIKE) return null;
    await estimateFlow(engine, lumaA, lumaB, { ...size, quality: 'fine', out: forth });
    await estimateFlow(engine, lumaB, lumaA, { ...size, quality: 'fine', out: back });
    await occlusionOf(engine, forth, back, { ...size, out: hiddenA });
    await occlusionOf(engine, back, forth, { ...size, out: hiddenB });
    const way = (flow: Block, hidden: Block): Way => ({
      flow: engine.f32(flow, 2 * area).slice(),
      hidden: engine.u8(hidden, area).slice(),
    });
    return { forth: way(forth, hiddenA), back: way(back, hiddenB) };
  } finally {
    engine.free(...blocks);
  }
}

/** One way after the other. */
function joined(first: Way, second: Way, { width, height }: Size): Way {
  const flow = new Float32Array(first.flow.length);
  const hidden = new Uint8Array(first.hidden.length);
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      const dx = first.flow[2 * p]!;
      const dy = first.flow[2 * p + 1]!;
      const tx = x + dx;
      const ty = y + dy;
      if (first.hidden[p] || !inside(tx, ty, width, height)) {
        hidden[p] = 255;
        continue;
      }
      const q = Math.round(ty) * width + Math.round(tx);
      hidden[p] = second.hidden[q]!;
      flow[2 * p] = dx + second.flow[2 * q]!;
      flow[2 * p + 1] = dy + second.flow[2 * q + 1]!;
    }
  }
  return { flow, hidden };
}

const inside = (x: number, y: number, width: number, height: number): boolean =>
  x >= 0 && y >= 0 && x <= width - 1 && y <= height - 1;

/** How far the brightness at both ends agrees (Tukey's biweight), 0 where there is no other end. */
function trustOf(
  here: Float32Array,
  there: Float32Array,
  { flow, hidden }: Way,
  { width, height }: Size,
): Float32Array {
  const trust = new Float32Array(hidden.length);
  const scale = 255 / UNLIKE;
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      const tx = x + flow[2 * p]!;
      const ty = y + flow[2 * p + 1]!;
      if (hidden[p] || !inside(tx, ty, width, height)) continue;
      const away = (fetch(there, 0, width, height, tx, ty) - here[p]!) * scale;
      const left = 1 - away * away;
      if (left > 0) trust[p] = left * left;
    }
  }
  return trust;
}

/** A plane that begins at `plane`, at a place in the picture, between pixels: bilinear. */
export function fetch(data: Float32Array, plane: number, width: number, height: number, x: number, y: number): number {
  const left = Math.trunc(x);
  const top = Math.trunc(y);
  const at = plane + top * width + left;
  const right = left < width - 1 ? 1 : 0;
  const below = top < height - 1 ? width : 0;
  const fx = x - left;
  const upper = data[at]! + (data[at + right]! - data[at]!) * fx;
  const lower = data[at + below]! + (data[at + below + right]! - data[at + below]!) * fx;
  return upper + (lower - upper) * (y - top);
}
