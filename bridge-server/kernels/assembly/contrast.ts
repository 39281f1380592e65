import { bandFrom, bandTo, barrier } from './team';

// Mixing samples of two keys that are not quite alike, and patches that overlap, loses contrast in the finest detail. It is given back: as much
// as the keys have at the places that were sampled, times what the frame's source has there of the keys' sources (motion blur has less).
// Detail is luma (Rec. 709, 8-bit levels, straight) less its blur over 3x3 pixels (1 2 1 along both axes); its energy is the
// mean of its square, in cells of 4x4 pixels, blurred over 3x3 cells. Beside what is transparent there is no telling detail: all stays.

/** Side of the cells. */
const CELL: i32 = 4;
/** Energy, in squared 8-bit levels, that is grain: added to all, so that none is made from nothing. */
const GRAIN: f32 = 0.5;
/** Detail is never lowered and raised by more than this. */
const LEAST: f32 = 0.95;
const MOST: f32 = 1.6;
/** How much more detail than the keys' sources a frame's source may have; more is something else. */
const MORE: f32 = 2;
/** Luma of what is transparent, far from any: the energy of all that is near it is above `UNKNOWN`. */
const NOWHERE: f32 = 1e9;
const UNKNOWN: f32 = 1e9;
/** Alpha (16-bit levels) below which colours are rounded too much to be told. */
const TRANSPARENT: f32 = 256;

/** Bytes of the energies of a picture, with what it takes to make them. */
export function detailBytes(width: i32, height: i32): usize {
  return (<usize>((width + CELL - 1) / CELL) * <usize>((height + CELL - 1) / CELL)) << 3;
}

// @ts-ignore: decorator
@inline
function lumaOf(red: f32, green: f32, blue: f32): f32 {
  return <f32>0.2126 * red + <f32>0.7152 * green + <f32>0.0722 * blue;
}

/** Detail at (x, y) of a plane of luma; edges are repeated. */
function detailAt(plane: usize, width: i32, height: i32, x: i32, y: i32): f32 {
  const left = <usize>max(0, x - 1) << 2;
  const right = <usize>min(width - 1, x + 1) << 2;
  const own = <usize>x << 2;
  const above = plane + ((<usize>max(0, y - 1) * <usize>width) << 2);
  const row = plane + ((<usize>y * <usize>width) << 2);
  const below = plane + ((<usize>min(height - 1, y + 1) * <usize>width) << 2);
  const first = load<f32>(above + left) + load<f32>(row + left) * 2 + load<f32>(below + left);
  const middle = load<f32>(above + own) + load<f32>(row + own) * 2 + load<f32>(below + own);
  const last = load<f32>(above + right) + load<f32>(row + right) * 2 + load<f32>(below + right);
  return load<f32>(row + own) - (first + last + middle * 2) * 0.0625;
}

/** The same at four pixels from (x, y) on. */
// @ts-ignore: decorator
@inline
function detailOfFour(plane: usize, width: i32, height: i32, x: i32, y: i32): v128 {
  if (x == 0 || x + 5 > width) {
    let four = f32x4.splat(0);
    for (let i = 0; i < 4; i++) {
      four = i32x4.shuffle(four, four, 1, 2, 3, 0);
      four = f32x4.replace_lane(four, 3, x + i < width ? detailAt(plane, width, height, x + i, y) : 0);
    }
    return four;
  }
  const above = plane + ((<usize>max(0, y - 1) * <usize>width + <usize>x) << 2);
  const row = plane + ((<usize>y * <usize>width + <usize>x) << 2);
  const below = plane + ((<usize>min(height - 1, y + 1) * <usize>width + <usize>x) << 2);
  const two = f32x4.splat(2);
  const first = f32x4.add(f32x4.add(v128.load(above - 4), f32x4.mul(v128.load(row - 4), two)), v128.load(below - 4));
  const middle = f32x4.add(f32x4.add(v128.load(above), f32x4.mul(v128.load(row), two)), v128.load(below));
  const last = f32x4.add(f32x4.add(v128.load(above, 4), f32x4.mul(v128.load(row, 4), two)), v128.load(below, 4));
  const sum = f32x4.add(f32x4.add(first, last), f32x4.mul(middle, two));
  return f32x4.sub(v128.load(row), f32x4.mul(sum, f32x4.splat(0.0625)));
}

/**
 * The energies of a picture of four `bytes`-wide samples a pixel (1: a guide, u8; 2: a premultiplied picture, u16), f32 a cell, into `energies`.
 * `plane`: scratch, an f32 a pixel; its luma is left there.
 */
export function detail(picture: usize, bytes: i32, width: i32, height: i32, plane: usize, energies: usize): void {
  const to = <usize>bandTo(height) * <usize>width;
  for (let p = <usize>bandFrom(height) * <usize>width; p < to; p++) {
    let level: f32 = 0;
    if (bytes == 1) {
      const at = picture + (p << 2);
      level = lumaOf(<f32>load<u8>(at), <f32>load<u8>(at, 1), <f32>load<u8>(at, 2));
    } else {
      const at = picture + (p << 3);
      const alpha = <f32>load<u16>(at, 6);
      const colours = lumaOf(<f32>load<u16>(at), <f32>load<u16>(at, 2), <f32>load<u16>(at, 4));
      level = alpha < TRANSPARENT ? NOWHERE : (colours * 255) / alpha;
    }
    store<f32>(plane + (p << 2), level);
  }
  barrier();
  const cellsX = (width + CELL - 1) / CELL;
  const cellsY = (height + CELL - 1) / CELL;
  const raw = energies + ((<usize>cellsX * <usize>cellsY) << 2);
  const top = bandFrom(cellsY);
  const bottom = bandTo(cellsY);
  for (let cy = top; cy < bottom; cy++) {
    const below = min(height, (cy + 1) * CELL);
    for (let cx = 0; cx < cellsX; cx++) {
      let squares = f32x4.splat(0);
      for (let y = cy * CELL; y < below; y++) {
        const four = detailOfFour(plane, width, height, cx * CELL, y);
        squares = f32x4.add(squares, f32x4.mul(four, four));
      }
      const sum =
        f32x4.extract_lane(squares, 0) +
        f32x4.extract_lane(squares, 1) +
        (f32x4.extract_lane(squares, 2) + f32x4.extract_lane(squares, 3));
      const count = (min(width, (cx + 1) * CELL) - cx * CELL) * (below - cy * CELL);
      store<f32>(raw + ((<usize>cy * <usize>cellsX + <usize>cx) << 2), sum / <f32>count);
    }
  }
  barrier();
  for (let cy = top; cy < bottom; cy++) {
    for (let cx = 0; cx < cellsX; cx++) {
      const own = <usize>cx << 2;
      const left = <usize>max(0, cx - 1) << 2;
      const right = <usize>min(cellsX - 1, cx + 1) << 2;
      let sum: f32 = 0;
      for (let j = -1; j <= 1; j++) {
        const row = raw + ((<usize>max(0, min(cellsY - 1, cy + j)) * <usize>cellsX) << 2);
        sum += (load<f32>(row + left) + load<f32>(row + right) + load<f32>(row + own) * 2) * (j == 0 ? 0.125 : 0.0625);
      }
      store<f32>(energies + ((<usize>cy * <usize>cellsX + <usize>cx) << 2), sum);
    }
  }
  barrier();
}

/** Energy at a place of the picture, in pixels, between the middles of the cells. */
// @ts-ignore: decorator
@inline
function energyAt(energies: usize, cellsX: i32, cellsY: i32, x: f32, y: f32): f32 {
  const px = max<f32>(0, min<f32>(<f32>(cellsX - 1), (x + 0.5) / <f32>CELL - 0.5));
  const py = max<f32>(0, min<f32>(<f32>(cellsY - 1), (y + 0.5) / <f32>CELL - 0.5));
  const ix = <i32>px;
  const iy = <i32>py;
  const tx = px - <f32>ix;
  const ty = py - <f32>iy;
  const upper = energies + ((<usize>iy * <usize>cellsX + <usize>ix) << 2);
  const lower = iy + 1 < cellsY ? upper + (<usize>cellsX << 2) : upper;
  const right: usize = ix + 1 < cellsX ? 4 : 0;
  const one = load<f32>(upper) * (1 - tx) + load<f32>(upper + right) * tx;
  const other = load<f32>(lower) * (1 - tx) + load<f32>(lower + right) * tx;
  return one * (1 - ty) + other * ty;
}

/**
 * What energy a frame should have, f32 a cell, into `expected`: that of the repainted keys at the places which it is mixed of, times how much less the
 * frame's source has (`source`, its energies) than the keys' sources there. `sources`, `painted`: energies of key A's source and picture, those
 * of key B behind them, `apart` bytes on. Where there is one key only, mapB is 0 and `share` unused. `filled`: what is taken from the places of
 * `field` (vote.ts), or 0.
 */
export function detailExpected(
  source: usize,
  sources: usize,
  painted: usize,
  apart: usize,
  mapA: usize,
  mapB: usize,
  width: i32,
  height: i32,
  share: usize,
  filled: usize,
  field: usize,
  expected: usize,
): void {
  const cellsX = (width + CELL - 1) / CELL;
  const cellsY = (height + CELL - 1) / CELL;
  const bottom = bandTo(cellsY);
  for (let cy = bandFrom(cellsY); cy < bottom; cy++) {
    for (let cx = 0; cx < cellsX; cx++) {
      let drawn: f32 = 0;
      let shown: f32 = 0;
      const middleX = <f32>(cx * CELL) + <f32>1.5;
      const middleY = <f32>(cy * CELL) + <f32>1.5;
      // One pixel in four tells where the cell is.
      for (let k = 0; k < 4; k++) {
        const x = min(width - 1, cx * CELL + 1 + (k & 1) * 2);
        const y = min(height - 1, cy * CELL + 1 + (k >> 1) * 2);
        const p = <usize>y * <usize>width + <usize>x;
        const weight: f32 = mapB == 0 ? 1 : load<f32>(share + (p << 2));
        let taken: f32 = filled == 0 ? 0 : load<f32>(filled + (p << 2));
        const place = taken > 0 ? load<i32>(field + (p << 2)) : -1;
        if (place < 0) taken = 0;
        if (taken > 0) {
          const other: usize = place >= width * height ? apart : 0;
          const there = place % (width * height);
          const px = middleX + <f32>((there % width) - x);
          const py = middleY + <f32>(there / width - y);
          drawn += taken * energyAt(painted + other, cellsX, cellsY, px, py);
          shown += taken * energyAt(sources + other, cellsX, cellsY, px, py);
        }
        const partA: f32 = (<f32>1 - taken) * weight;
        if (partA > 0) {
          const px = middleX + load<f32>(mapA + (p << 3));
          const py = middleY + load<f32>(mapA + (p << 3), 4);
          drawn += partA * energyAt(painted, cellsX, cellsY, px, py);
          shown += partA * energyAt(sources, cellsX, cellsY, px, py);
        }
        const partB: f32 = (<f32>1 - taken) * (<f32>1 - weight);
        if (partB > 0) {
          const px = middleX + load<f32>(mapB + (p << 3));
          const py = middleY + load<f32>(mapB + (p << 3), 4);
          drawn += partB * energyAt(painted + apart, cellsX, cellsY, px, py);
          shown += partB * energyAt(sources + apart, cellsX, cellsY, px, py);
        }
      }
      const at = (<usize>cy * <usize>cellsX + <usize>cx) << 2;
      const ratio = min<f32>(MORE, (load<f32>(source + at) + GRAIN) / (shown * 0.25 + GRAIN));
      store<f32>(expected + at, drawn * 0.25 * ratio);
    }
  }
  barrier();
}

/** Gains of four pixels in a row of cells, between the middles of cells `before`, `own` and `after`. */
// @ts-ignore: decorator
@inline
function gainsOfFour(before: f32, own: f32, after: f32): v128 {
  const aside = f32x4(before, before, after, after);
  return f32x4.add(f32x4.mul(aside, f32x4(0.375, 0.125, 0.125, 0.375)), f32x4.mul(f32x4.splat(own), f32x4(0.625, 0.875, 0.875, 0.625)));
}

/**
 * The finished frame, u16 straight RGB (channels 3) or RGBA: a premultiplied picture of four u16 whose detail is raised to the energy `expected`.
 * `energies` and `plane` (its luma) are what `detail` made of it; `expected` becomes the gains.
 */
export function restore(
  picture: usize,
  width: i32,
  height: i32,
  plane: usize,
  energies: usize,
  expected: usize,
  channels: i32,
  out: usize,
): void {
  const cellsX = (width + CELL - 1) / CELL;
  const cellsY = (height + CELL - 1) / CELL;
  const last = bandTo(cellsY);
  for (let cell = <usize>bandFrom(cellsY) * <usize>cellsX; cell < <usize>last * <usize>cellsX; cell++) {
    const wanted = load<f32>(expected + (cell << 2)) + GRAIN;
    const there = load<f32>(energies + (cell << 2)) + GRAIN;
    const gain = max<f32>(LEAST, min<f32>(MOST, sqrt(wanted / there)));
    store<f32>(expected + (cell << 2), max(wanted, there) > UNKNOWN ? 0 : gain - 1);
  }
  barrier();
  const bottom = bandTo(height);
  for (let y = bandFrom(height); y < bottom; y++) {
    const py = max<f32>(0, min<f32>(<f32>(cellsY - 1), (<f32>y + 0.5) / <f32>CELL - 0.5));
    const cy = <i32>py;
    const ty = py - <f32>cy;
    const upper = expected + ((<usize>cy * <usize>cellsX) << 2);
    const lower = cy + 1 < cellsY ? upper + (<usize>cellsX << 2) : upper;
    let own: f32 = load<f32>(upper) * (1 - ty) + load<f32>(lower) * ty;
    let before = own;
    for (let cx = 0; cx < cellsX; cx++) {
      const next = <usize>min(cellsX - 1, cx + 1) << 2;
      const after: f32 = load<f32>(upper + next) * (1 - ty) + load<f32>(lower + next) * ty;
      let more = f32x4.mul(gainsOfFour(before, own, after), detailOfFour(plane, width, height, cx * CELL, y));
      const right = min(width, (cx + 1) * CELL);
      for (let x = cx * CELL; x < right; x++) {
        const p = <usize>y * <usize>width + <usize>x;
        let value = f32x4.convert_i32x4_s(v128.load16x4_u(picture + (p << 3)));
        const alpha = f32x4.extract_lane(value, 3);
        const added = f32x4.replace_lane(f32x4.splat(f32x4.extract_lane(more, 0) * alpha * <f32>(1.0 / 255.0)), 3, 0);
        more = i32x4.shuffle(more, more, 1, 2, 3, 0);
        value = f32x4.max(f32x4.splat(0), f32x4.min(f32x4.splat(alpha), f32x4.add(value, added)));
        if (channels == 3) {
          put(out + p * 6, value);
        } else {
          put(out + (p << 3), alpha > 0 ? f32x4.mul(value, f32x4.splat(65535 / alpha)) : value);
          store<u16>(out + (p << 3), <u16>alpha, 6);
        }
      }
      before = own;
      own = after;
    }
  }
  barrier();
}

// @ts-ignore: decorator
@inline
function put(at: usize, value: v128): void {
  const levels = i32x4.trunc_sat_f32x4_s(f32x4.add(value, f32x4.splat(0.5)));
  store<u16>(at, <u16>i32x4.extract_lane(levels, 0));
  store<u16>(at, <u16>i32x4.extract_lane(levels, 1), 2);
  store<u16>(at, <u16>i32x4.extract_lane(levels, 2), 4);
}
