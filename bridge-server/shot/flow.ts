import type { Block, Engine } from '../kernels/engine.ts';
import type { Frame } from '../media/frame.ts';

/** An 8-bit luma plane of width*height bytes in the engine's memory. */
export type Luma = Block;

/** The frame's luma (rec. 709 weights; what is transparent is over black). The caller frees it. */
export async function lumaOf(engine: Engine, frame: Frame): Promise<Luma> {
  const { width, height, channels, data } = frame;
  const pixels = engine.alloc(data.byteLength);
  const luma = engine.alloc(width * height);
  engine.u16(pixels, data.length).set(data);
  try {
    await engine.run('luma', pixels.pointer, width, height, channels, luma.pointer);
  } catch (error) {
    engine.free(luma);
    throw error;
  } finally {
    engine.free(pixels);
  }
  return luma;
}

type Effort = {
  /** The finest level of the pyramid at which motion is searched, and at which the flow lives: 0 is full size, 1 half. */
  readonly finest: number;
  /** Pixels between patches. */
  readonly step: number;
  /** Gauss-Newton steps of a patch in each of two passes. */
  readonly iterations: number;
  /** Fixed-point iterations of the variational refinement on each level, on the finest, and SOR iterations in each. */
  readonly outer: number;
  readonly outerFinest: number;
  readonly inner: number;
};

const EFFORT = {
  fast: { finest: 1, step: 4, iterations: 8, outer: 3, outerFinest: 0, inner: 5 },
  fine: { finest: 0, step: 4, iterations: 8, outer: 3, outerFinest: 3, inner: 5 },
} as const satisfies Record<string, Effort>;

/**
 * `fast`, for analysis: to half size, refined above it only; about the effort of OpenCV's DIS FAST, with less warp error.
 * `fine`, for propagation: to full size, refined there too; less warp error than DIS MEDIUM.
 */
export type FlowQuality = keyof typeof EFFORT;

export type FlowOptions = {
  readonly width: number;
  readonly height: number;
  readonly quality: FlowQuality;
  /**
   * A full-size flow, laid out as `out`, that is tried besides what the coarser level says, patch by patch, on every level:
   * for example the accumulated flow towards a key many frames away. It may be wrong in places.
   */
  readonly initial?: Block;
  /** width*height*8 bytes: f32 (dx, dy) in pixels, interleaved, row-major. Pixel p of A is found at p + flow(p) of B. */
  readonly out: Block;
};

/** Dense optical flow from A to B (Dense Inverse Search with variational refinement). Bit-equal for any number of workers. */
export async function estimateFlow(engine: Engine, a: Luma, b: Luma, options: FlowOptions): Promise<void> {
  const { width, height, quality, initial, out } = options;
  const { finest, step, iterations, outer, outerFinest, inner } = EFFORT[quality];
  const levels = levelsOf(width, height, finest);
  const pyramidBytes = (await engine.run('pyramidBytes', width, height, levels)) >>> 0;
  const scratchBytes = (await engine.run('flowBytes', width, height, finest, step)) >>> 0;
  const blocks = [engine.alloc(pyramidBytes), engine.alloc(pyramidBytes), engine.alloc(scratchBytes)] as const;
  const [pyramidA, pyramidB, scratch] = blocks;
  try {
    await Promise.all([
      engine.run('buildPyramid', a.pointer, width, height, levels, pyramidA.pointer),
      engine.run('buildPyramid', b.pointer, width, height, levels, pyramidB.pointer),
      engine.run(
        'flow',
        ...[pyramidA.pointer, pyramidB.pointer, width, height, levels, finest, finest, step, iterations],
        ...[outer, outerFinest, inner, initial?.pointer ?? 0, out.pointer, scratch.pointer],
      ),
    ]);
  } finally {
    engine.free(...blocks);
  }
}

/** Levels of the pyramid: at the coarsest the longer side is about four patches, the shorter at least one and a half. */
function levelsOf(width: number, height: number, finest: number): number {
  const byLength = Math.round(Math.log2(Math.max(width, height) / 32));
  const byWidth = Math.floor(Math.log2(Math.min(width, height) / 12));
  return Math.max(finest, Math.min(byLength, byWidth)) + 1;
}
