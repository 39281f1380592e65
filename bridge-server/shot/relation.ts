import type { Block, Engine } from '../kernels/engine.ts';
import { estimateFlow, type Luma } from './flow.ts';

/** How a frame follows from another one of the same clip. */
export type Relation = {
  /** Mean length of the motion, pixels of the clip. */
  readonly motionPx: number;
  /** Share of this frame that the other does not show: what came into view. 0..1. */
  readonly appeared: number;
  /** Share of the other frame that this one does not show: what went out of view. 0..1. */
  readonly vanished: number;
  /** What motion does not explain: mean absolute difference of luma where the motion is sure, levels of 255. */
  readonly change: number;
  /**
   * How much of this frame's structure is found in the other, 0..1: correlation of blocks after motion, which neither light nor
   * contrast changes. Near 1 within a shot, low across a cut.
   */
  readonly recognised: number;
};

/** Size of the clip, and two flows' worth of memory, for `relate`. */
export type Workspace = {
  readonly width: number;
  readonly height: number;
  readonly back: Block;
  readonly forth: Block;
};

export function workspace(engine: Engine, width: number, height: number): Workspace {
  return { width, height, back: engine.alloc(width * height * 8), forth: engine.alloc(width * height * 8) };
}

/** Relates `frame` to `other` by the flow between them, both ways. */
export async function relate(engine: Engine, frame: Luma, other: Luma, space: Workspace): Promise<Relation> {
  const { width, height, back, forth } = space;
  await estimateFlow(engine, frame, other, { width, height, quality: 'fast', out: back });
  await estimateFlow(engine, other, frame, { width, height, quality: 'fast', out: forth });
  const pixels = width * height;
  return relationOf({
    width,
    height,
    frame: engine.u8(frame, pixels),
    other: engine.u8(other, pixels),
    back: engine.f32(back, 2 * pixels),
    forth: engine.f32(forth, 2 * pixels),
  });
}

/**
 * `frame`, `other`: u8 luma [height, width]. `back`: f32 [height, width, 2], where a pixel of `frame` is found in `other`;
 * `forth` the other way. Worked out on a grid coarse enough to be quick and to average grain away.
 */
export function relationOf(pair: {
  readonly width: number;
  readonly height: number;
  readonly frame: Uint8Array;
  readonly other: Uint8Array;
  readonly back: Float32Array;
  readonly forth: Float32Array;
}): Relation {
  const { width, height, frame, other, back, forth } = pair;
  const cell = Math.max(1, Math.min(4, Math.floor(Math.min(width, height) / (2 * BLOCK))));
  const small = { columns: Math.floor(width / cell), rows: Math.floor(height / cell), cell, width, height };
  const seen = reduced(frame, small);
  const before = reduced(other, small);

  const warped = new Float32Array(seen.length);
  let motion = 0;
  let sure = 0;
  let change = 0;
  let appeared = 0;
  for (let row = 0, i = 0; row < small.rows; row++) {
    for (let column = 0; column < small.columns; column++, i++) {
      const x = column * cell + (cell >> 1);
      const y = row * cell + (cell >> 1);
      const at = 2 * (y * width + x);
      const dx = back[at]!;
      const dy = back[at + 1]!;
      motion += Math.hypot(dx, dy);
      warped[i] = bilinear(before, small, column + dx / cell, row + dy / cell);
      if (returns(x, y, dx, dy, forth, width, height)) {
        sure++;
        change += Math.abs(seen[i]! - warped[i]!);
      } else appeared++;
    }
  }
  let vanished = 0;
  for (let row = 0; row < small.rows; row++) {
    for (let column = 0; column < small.columns; column++) {
      const x = column * cell + (cell >> 1);
      const y = row * cell + (cell >> 1);
      const at = 2 * (y * width + x);
      if (!returns(x, y, forth[at]!, forth[at + 1]!, back, width, height)) vanished++;
    }
  }
  return {
    motionPx: motion / seen.length,
    appeared: appeared / seen.length,
    vanished: vanished / seen.length,
    change: sure > 0 ? change / sure : 0,
    recognised: recognised(seen, warped, small),
  };
}

type Grid = {
  readonly columns: number;
  readonly rows: number;
  readonly cell: number;
  readonly width: number;
  readonly height: number;
};

/** Side of the blocks that are recognised, in cells of the grid. */
const BLOCK = 8;
/** A block with less contrast (standard deviation, levels) is flat: there is nothing in it to recognise but its level. */
const FLAT = 2.5;
/** Levels by which flat blocks may differ and still be the same. */
const SAME_LEVEL = 16;

/** Means of cell x cell pixels. */
function reduced(luma: Uint8Array, { columns, rows, cell, width }: Grid): Float32Array {
  const out = new Float32Array(columns * rows);
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, i++) {
      let sum = 0;
      for (let y = 0; y < cell; y++) {
        const from = (row * cell + y) * width + column * cell;
        for (let x = 0; x < cell; x++) sum += luma[from + x]!;
      }
      out[i] = sum / (cell * cell);
    }
  }
  return out;
}

function bilinear(plane: Float32Array, { columns, rows }: Grid, x: number, y: number): number {
  const cx = Math.min(Math.max(x, 0), columns - 1);
  const cy = Math.min(Math.max(y, 0), rows - 1);
  const ix = Math.min(cx | 0, columns - 2 < 0 ? 0 : columns - 2);
  const iy = Math.min(cy | 0, rows - 2 < 0 ? 0 : rows - 2);
  const fx = cx - ix;
  const fy = cy - iy;
  const at = iy * columns + ix;
  const right = columns > 1 ? 1 : 0;
  const below = rows > 1 ? columns : 0;
  const upper = plane[at]! * (1 - fx) + plane[at + right]! * fx;
  const lower = plane[at + below]! * (1 - fx) + plane[at + below + right]! * fx;
  return upper * (1 - fy) + lower * fy;
}

/** Forward-backward consistency (Sundaram et al. 2010): following the motion there and back ends near where it began. */
function returns(
  x: number,
  y: number,
  dx: number,
  dy: number,
  way: Float32Array,
  width: number,
  height: number,
): boolean {
  const tx = Math.round(x + dx);
  const ty = Math.round(y + dy);
  if (tx < 0 || ty < 0 || tx >= width || ty >= height) return false;
  const at = 2 * (ty * width + tx);
  const ex = dx + way[at]!;
  const ey = dy + way[at + 1]!;
  return ex * ex + ey * ey <= 0.01 * (dx * dx + dy * dy + way[at]! ** 2 + way[at + 1]! ** 2) + 0.5;
}

/** Mean correlation of blocks, weighted by their contrast; blocks that are flat in both count by their level. */
function recognised(a: Float32Array, b: Float32Array, { columns, rows }: Grid): number {
  let total = 0;
  let weights = 0;
  for (let top = 0; top + BLOCK <= Math.max(rows, BLOCK); top += BLOCK) {
    for (let left = 0; left + BLOCK <= Math.max(columns, BLOCK); left += BLOCK) {
      let count = 0;
      let sumA = 0;
      let sumB = 0;
      let sumAA = 0;
      let sumBB = 0;
      let sumAB = 0;
      for (let y = top; y < Math.min(top + BLOCK, rows); y++) {
        for (let x = left; x < Math.min(left + BLOCK, columns); x++) {
          const va = a[y * columns + x]!;
          const vb = b[y * columns + x]!;
          count++;
          sumA += va;
          sumB += vb;
          sumAA += va * va;
          sumBB += vb * vb;
          sumAB += va * vb;
        }
      }
      const meanA = sumA / count;
      const meanB = sumB / count;
      const deviationA = Math.sqrt(Math.max(0, sumAA / count - meanA * meanA));
      const deviationB = Math.sqrt(Math.max(0, sumBB / count - meanB * meanB));
      if (deviationA < FLAT && deviationB < FLAT) {
        total += FLAT * (Math.abs(meanA - meanB) <= SAME_LEVEL ? 1 : 0);
        weights += FLAT;
        continue;
      }
      const weight = Math.max(deviationA, deviationB);
      weights += weight;
      if (deviationA < FLAT / 2 || deviationB < FLAT / 2) continue;
      total += weight * Math.max(0, (sumAB / count - meanA * meanB) / (deviationA * deviationB));
    }
  }
  return weights > 0 ? total / weights : 1;
}
