import type { Device } from '../kernels/device.ts';
import type { Block } from '../kernels/heap.ts';
import type { Frame } from '../media/frame.ts';

/** An 8-bit luma plane of width*height bytes in the device's memory. */
export type Luma = Block;

/** The frame's luma (rec. 709 weights; what is transparent is over black). The caller frees it. */
export async function lumaOf(device: Device, frame: Frame): Promise<Luma> {
  const { width, height, channels, data } = frame;
  const pixels = device.alloc(data.byteLength);
  const luma = device.alloc(width * height);
  try {
    await device.write(pixels, data);
    await device.run('luma', pixels.pointer, width, height, channels, luma.pointer);
  } catch (error) {
    device.free(luma);
    throw error;
  } finally {
    device.free(pixels);
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
export async function estimateFlow(device: Device, a: Luma, b: Luma, options: FlowOptions): Promise<void> {
  const { width, height, quality, initial, out } = options;
  const { finest, step, iterations, outer, outerFinest, inner } = EFFORT[quality];
  const levels = levelsOf(width, height, finest);
  const pyramidBytes = (await device.run('pyramidBytes', width, height, levels)) >>> 0;
  const scratchBytes = (await device.run('flowBytes', width, height, finest, step)) >>> 0;
  const blocks = [device.alloc(pyramidBytes), device.alloc(pyramidBytes), device.alloc(scratchBytes)] as const;
  const [pyramidA, pyramidB, scratch] = blocks;
  try {
    await Promise.all([
      device.run('buildPyramid', a.pointer, width, height, levels, pyramidA.pointer),
      device.run('buildPyramid', b.pointer, width, height, levels, pyramidB.pointer),
      device.run(
        'flow',
        ...[pyramidA.pointer, pyramidB.pointer, width, height, levels, finest, finest, step, iterations],
        ...[outer, outerFinest, inner, initial?.pointer ?? 0, out.pointer, scratch.pointer],
      ),
    ]);
  } finally {
    device.free(...blocks);
  }
}

/** Levels of the pyramid: at the coarsest the longer side is about four patches, the shorter at least one and a half. */
function levelsOf(width: number, height: number, finest: number): number {
  const byLength = Math.round(Math.log2(Math.max(width, height) / 32));
  const byWidth = Math.floor(Math.log2(Math.min(width, height) / 12));
  return Math.max(finest, Math.min(byLength, byWidth)) + 1;
}
