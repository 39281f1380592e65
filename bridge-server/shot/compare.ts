import type { Block, Engine } from '../kernels/engine.ts';

type Size = { readonly width: number; readonly height: number };

/**
 * Which pixels of A cannot be seen in B, by forward-backward consistency: a plane of bytes, 255 occluded, 0 seen. `there` is
 * the flow A to B, `back` B to A, both as estimateFlow makes them for this size.
 */
export async function occlusionOf(
  engine: Engine,
  there: Block,
  back: Block,
  { width, height, out }: Size & { readonly out: Block },
): Promise<void> {
  await engine.run('occlusion', there.pointer, back.pointer, width, height, out.pointer);
}

/** What A and B have in common along the flow from A to B. */
export type Comparison = {
  /** Share of A's pixels whose vector stays in the picture, 0..1; the rest is left out of what follows. */
  readonly compared: number;
  /** Mean absolute difference of luma, 0..255. */
  readonly difference: number;
  /** Mean length of the vectors, in pixels of this size. */
  readonly length: number;
  /** How much of the structure of both the motion explains: 1 all of it, near 0 as little as of unrelated pictures. */
  readonly structure: number;
  /** Share of A that B has nothing for: occluded and unlike, or led out of the picture. 0..1. */
  readonly missed: number;
  /** Share of the picture that has structure at all, 0..1. */
  readonly texture: number;
};

/** f32 sums that the kernel writes for each row of blocks, and rows of pixels in one. */
const SUMS = 6;
const BLOCK = 8;

/**
 * Compares two luma planes in blocks of 8x8 pixels, flat blocks hardly counting. `hidden`: what occlusionOf made of this flow;
 * without it only what leaves the picture counts as missed.
 */
export async function compareAlong(
  engine: Engine,
  a: Block,
  b: Block,
  flow: Block,
  { width, height, hidden }: Size & { readonly hidden?: Block },
): Promise<Comparison> {
  const rows = Math.ceil(height / BLOCK);
  const sums = engine.alloc(rows * SUMS * 4);
  try {
    const planes = [a.pointer, b.pointer, flow.pointer, hidden?.pointer ?? 0];
    await engine.run('compareAlong', ...planes, width, height, sums.pointer);
    const values = engine.f32(sums, rows * SUMS);
    const total = (index: number): number => {
      let sum = 0;
      for (let row = 0; row < rows; row++) sum += values[row * SUMS + index]!;
      return sum;
    };
    const pixels = Math.max(1, total(0));
    return {
      compared: total(0) / (width * height),
      difference: total(1) / pixels,
      length: total(2) / pixels,
      structure: total(3) / Math.max(1, total(4)),
      missed: total(5) / (width * height),
      texture: total(4) / (width * height),
    };
  } finally {
    engine.free(sums);
  }
}

/**
 * Mean luma, 0..255, and sharpness: the mean distance of a pixel from the mean of its four neighbours, in grey levels, which
 * focus and grain raise and motion blur lowers. Only to compare frames of one shot.
 */
export async function lookAt(engine: Engine, luma: Block, { width, height }: Size): Promise<Look> {
  const sums = engine.alloc(height * 8);
  try {
    await engine.run('pictureSums', luma.pointer, width, height, sums.pointer);
    const values = engine.f32(sums, height * 2);
    let brightness = 0;
    let sharpness = 0;
    for (let row = 0; row < height; row++) {
      brightness += values[2 * row]!;
      sharpness += values[2 * row + 1]!;
    }
    return { brightness: brightness / (width * height), sharpness: sharpness / (width * height) };
  } finally {
    engine.free(sums);
  }
}

export type Look = { readonly brightness: number; readonly sharpness: number };
