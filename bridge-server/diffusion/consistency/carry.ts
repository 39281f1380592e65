import type { NoiseOrigin } from '../noise.ts';
import type { Size } from '../picture/size.ts';
import { atSize, type Correspondence } from './correspondence.ts';

/**
 * Noise that rides on the motion. A cell's noise is never mixed or resampled, only handed on whole, and to one cell at most: the
 * noise of every frame stays independent N(0,1) from cell to cell, exactly.
 */
export type CarriedNoise = {
  readonly origin: NoiseOrigin;
  /** Where the noise of each cell really is by now, in cells from the cell's middle: dx of all cells, then dy. */
  readonly offsets: Float32Array;
};

/** How far from a cell's middle noise may be and still be the cell's, in cells. */
const REACH = 0.75;

/** The noise of a frame that begins a shot: its own. */
export function ownNoise(frame: number, { width, height }: Size): CarriedNoise {
  const area = width * height;
  const origin = { frames: new Uint32Array(area).fill(frame), cells: Uint32Array.from({ length: area }, (_, i) => i) };
  return { origin, offsets: new Float32Array(2 * area) };
}

/**
 * The noise of `frame`, a latent of `cells`, from that of an earlier frame: each cell takes the noise that the motion brings nearest to
 * its middle; where several want one, the nearest gets it (the first of equals). Cells that get none (what comes into sight, or grows)
 * have noise of their own. What is left of a cell by rounding is remembered, so that slow motion is followed, too.
 *
 * @param motion from this frame to the earlier one
 */
export function carryNoise(before: CarriedNoise, motion: Correspondence, frame: number, cells: Size): CarriedNoise {
  const { width, height } = cells;
  const area = width * height;
  const { flow, visible } = atSize(motion, cells);
  const wanted = new Int32Array(area).fill(-1);
  const distance = new Float64Array(area);
  const taker = new Int32Array(area).fill(-1);
  for (let y = 0, cell = 0; y < height; y++) {
    for (let x = 0; x < width; x++, cell++) {
      if (visible.data[cell]! < 0.5) continue;
      const [fromX, fromY] = [x + flow.data[cell]!, y + flow.data[area + cell]!];
      const nearest = nearestNoise(fromX, fromY);
      if (nearest === null) continue;
      wanted[cell] = nearest.at;
      distance[cell] = nearest.distance;
      const rival = taker[nearest.at]!;
      if (rival < 0 || distance[rival]! > nearest.distance) taker[nearest.at] = cell;
    }
  }
  const next = ownNoise(frame, cells);
  for (const [cell, at] of wanted.entries()) {
    if (at < 0 || taker[at] !== cell) continue;
    next.origin.frames[cell] = before.origin.frames[at]!;
    next.origin.cells[cell] = before.origin.cells[at]!;
    const [x, y] = [cell % width, Math.floor(cell / width)];
    next.offsets[cell] = (at % width) + before.offsets[at]! - (x + flow.data[cell]!);
    next.offsets[area + cell] = Math.floor(at / width) + before.offsets[area + at]! - (y + flow.data[area + cell]!);
  }
  return next;

  /** The earlier frame's noise that is nearest to a place. */
  function nearestNoise(x: number, y: number): { at: number; distance: number } | null {
    let best: { at: number; distance: number } | null = null;
    const [left, top] = [Math.round(x) - 1, Math.round(y) - 1];
    for (let j = Math.max(top, 0); j <= Math.min(top + 2, height - 1); j++) {
      for (let i = Math.max(left, 0); i <= Math.min(left + 2, width - 1); i++) {
        const at = j * width + i;
        const away = Math.max(Math.abs(i + before.offsets[at]! - x), Math.abs(j + before.offsets[area + at]! - y));
        if (away <= REACH && (best === null || away < best.distance)) best = { at, distance: away };
      }
    }
    return best;
  }
}
