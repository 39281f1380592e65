// What two flows and two pictures say about each other: where the flows disagree, what cannot be seen in the other picture.
import { bandFrom, bandTo } from './team';

/**
 * Which pixels of A are not seen in B, by forward-backward consistency (Sundaram, Brox and Keutzer 2010): the way there and
 * back must close to within sqrt(0.01 (|there|² + |back|²) + 0.5) pixels, inside the picture. `there` is the flow A to B,
 * `back` B to A, both f32 interleaved; `out` is a plane of bytes, 255 where occluded, else 0.
 */
export function occlusion(there: usize, back: usize, width: i32, height: i32, out: usize): void {
  const lastX = <f32>(width - 1);
  const lastY = <f32>(height - 1);
  const bottom = bandTo(height);
  for (let y = bandFrom(height); y < bottom; y++) {
    const row = <usize>y * <usize>width;
    for (let x = 0; x < width; x++) {
      const at = there + ((row + x) << 3);
      const dx = load<f32>(at);
      const dy = load<f32>(at, 4);
      const px = <f32>x + dx;
      const py = <f32>y + dy;
      // Half a pixel of grace: the flow of the very edge is never that exact.
      let hidden = !(px >= -0.5 && py >= -0.5 && px <= lastX + 0.5 && py <= lastY + 0.5);
      if (!hidden) {
        const cx = max<f32>(0, min<f32>(lastX, px));
        const cy = max<f32>(0, min<f32>(lastY, py));
        const ix = <i32>cx;
        const iy = <i32>cy;
        const fx = cx - <f32>ix;
        const fy = cy - <f32>iy;
        const upper = back + ((<usize>iy * <usize>width + <usize>ix) << 3);
        const right: usize = ix < width - 1 ? 8 : 0;
        const lower = upper + (iy < height - 1 ? (<usize>width) << 3 : 0);
        const w00: f32 = (1 - fx) * (1 - fy);
        const w01: f32 = fx * (1 - fy);
        const w10: f32 = (1 - fx) * fy;
        const w11: f32 = fx * fy;
        const bx: f32 =
          w00 * load<f32>(upper) +
          w01 * load<f32>(upper + right) +
          w10 * load<f32>(lower) +
          w11 * load<f32>(lower + right);
        const by: f32 =
          w00 * load<f32>(upper, 4) +
          w01 * load<f32>(upper + right, 4) +
          w10 * load<f32>(lower, 4) +
          w11 * load<f32>(lower + right, 4);
        const openX = dx + bx;
        const openY = dy + by;
        const allowed = <f32>0.01 * (dx * dx + dy * dy + bx * bx + by * by) + <f32>0.5;
        hidden = openX * openX + openY * openY > allowed;
      }
      store<u8>(out + row + x, hidden ? 255 : 0);
    }
  }
}

/** Side of the squares in which structure is compared. */
const BLOCK = 8;
/** Variance below which a block counts as flat: about one grey level of noise in either picture. */
const FLAT: f32 = 128;

/** f32 sums that `compareAlong` writes for each row of blocks. */
export const SUMS = 6;

/** Grey levels by which an occluded pixel must differ from what lies at the end of its vector to be missed. */
const MISSED: f32 = 6;

/**
 * Compares A with B along the flow, in blocks of 8x8 pixels. For each row of blocks writes six f32 sums into `out`: the
 * compared pixels; their absolute differences; the length of their vectors; the blocks' structure (how much of both
 * variances the warped B explains, 1: all, 0: as little as an unrelated picture), weighted by texture; these weights; the
 * pixels that B has nothing for: occluded (`hidden`, a plane that `occlusion` made, or 0) and unlike, or led out of the
 * picture. For the others only pixels whose vector stays in the picture count.
 */
export function compareAlong(
  a: usize,
  b: usize,
  flow: usize,
  hidden: usize,
  width: i32,
  height: i32,
  out: usize,
): void {
  const lastX = <f32>(width - 1);
  const lastY = <f32>(height - 1);
  const rows = (height + BLOCK - 1) / BLOCK;
  const bottom = bandTo(rows);
  for (let row = bandFrom(rows); row < bottom; row++) {
    let compared: f32 = 0;
    let differences: f32 = 0;
    let lengths: f32 = 0;
    let structure: f32 = 0;
    let weights: f32 = 0;
    let missed: f32 = 0;
    for (let left = 0; left < width; left += BLOCK) {
      let n: f32 = 0;
      let sumA: f32 = 0;
      let sumB: f32 = 0;
      let squareA: f32 = 0;
      let squareB: f32 = 0;
      let product: f32 = 0;
      const endX = min(left + BLOCK, width);
      const endY = min((row + 1) * BLOCK, height);
      for (let y = row * BLOCK; y < endY; y++) {
        for (let x = left; x < endX; x++) {
          const index = <usize>y * <usize>width + <usize>x;
          const dx = load<f32>(flow + (index << 3));
          const dy = load<f32>(flow + (index << 3), 4);
          const px = <f32>x + dx;
          const py = <f32>y + dy;
          if (!(px >= 0 && py >= 0 && px <= lastX && py <= lastY)) {
            if (!(px >= -0.5 && py >= -0.5 && px <= lastX + 0.5 && py <= lastY + 0.5)) missed += 1;
            continue;
          }
          const ix = <i32>px;
          const iy = <i32>py;
          const fx = px - <f32>ix;
          const fy = py - <f32>iy;
          const upper = b + <usize>iy * <usize>width + <usize>ix;
          const right: usize = ix < width - 1 ? 1 : 0;
          const lower = upper + (iy < height - 1 ? <usize>width : 0);
          const there =
            (<f32>load<u8>(upper) * (1 - fx) + <f32>load<u8>(upper + right) * fx) * (1 - fy) +
            (<f32>load<u8>(lower) * (1 - fx) + <f32>load<u8>(lower + right) * fx) * fy;
          const here = <f32>load<u8>(a + index);
          n += 1;
          sumA += here;
          sumB += there;
          squareA += here * here;
          squareB += there * there;
          product += here * there;
          const difference = abs<f32>(here - there);
          differences += difference;
          if (difference > MISSED && hidden != 0 && load<u8>(hidden + index)) missed += 1;
          lengths += sqrt<f32>(dx * dx + dy * dy);
        }
      }
      compared += n;
      if (n < 16) continue;
      const varianceA = max<f32>(0, squareA - (sumA * sumA) / n);
      const varianceB = max<f32>(0, squareB - (sumB * sumB) / n);
      const shared: f32 = 2 * (product - (sumA * sumB) / n);
      const texture: f32 = varianceA + varianceB;
      const weight: f32 = (n * texture) / (texture + FLAT);
      structure += (weight * shared) / (texture + 1);
      weights += weight;
    }
    const to = out + <usize>(row * SUMS * 4);
    store<f32>(to, compared);
    store<f32>(to, differences, 4);
    store<f32>(to, lengths, 8);
    store<f32>(to, structure, 12);
    store<f32>(to, weights, 16);
    store<f32>(to, missed, 20);
  }
}

/**
 * For each row two f32 sums into `out`: the luma, and how far each pixel is from the mean of its four neighbours (its own
 * value beyond the edge), which grain and focus raise and motion blur lowers.
 */
export function pictureSums(plane: usize, width: i32, height: i32, out: usize): void {
  const bottom = bandTo(height);
  for (let y = bandFrom(height); y < bottom; y++) {
    const row = plane + <usize>y * <usize>width;
    const above = y > 0 ? row - width : row;
    const below = y < height - 1 ? row + width : row;
    let sum: u32 = 0;
    let detail: u32 = 0;
    for (let x = 0; x < width; x++) {
      const here = <i32>load<u8>(row + x);
      const left = <i32>load<u8>(row + max(0, x - 1));
      const right = <i32>load<u8>(row + min(width - 1, x + 1));
      sum += here;
      detail += abs(4 * here - left - right - <i32>load<u8>(above + x) - <i32>load<u8>(below + x));
    }
    store<f32>(out + ((<usize>y) << 3), <f32>sum);
    store<f32>(out + ((<usize>y) << 3), <f32>detail * 0.25, 4);
  }
}
