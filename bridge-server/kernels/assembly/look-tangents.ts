import { sample } from './look-picture';
import { bandFrom, bandTo } from './team';

/**
 * Structure tensor of a picture: (E, F, G, 0) a pixel, summed over the colours. Derivatives by the 3x3 filter whose response
 * depends least on the direction (weights 0.183 and 0.634, after Jähne, Scharr and Körkel, 1999).
 */
export function lookTensor(picture: usize, tensor: usize, width: i32, height: i32): void {
  const to = bandTo(height);
  const side = f32x4.splat(0.183);
  const middle = f32x4.splat(0.634);
  for (let y = bandFrom(height); y < to; y++) {
    const above = picture + ((<usize>max(y - 1, 0) * width) << 4);
    const row = picture + ((<usize>y * width) << 4);
    const below = picture + ((<usize>min(y + 1, height - 1) * width) << 4);
    for (let x = 0; x < width; x++) {
      const l = (<usize>max(x - 1, 0)) << 4;
      const m = (<usize>x) << 4;
      const r = (<usize>min(x + 1, width - 1)) << 4;
      const al = v128.load(above + l);
      const ar = v128.load(above + r);
      const bl = v128.load(below + l);
      const br = v128.load(below + r);
      const gx = f32x4.add(
        f32x4.mul(side, f32x4.add(f32x4.sub(ar, al), f32x4.sub(br, bl))),
        f32x4.mul(middle, f32x4.sub(v128.load(row + r), v128.load(row + l))),
      );
      const gy = f32x4.add(
        f32x4.mul(side, f32x4.add(f32x4.sub(bl, al), f32x4.sub(br, ar))),
        f32x4.mul(middle, f32x4.sub(v128.load(below + m), v128.load(above + m))),
      );
      v128.store(
        tensor + ((<usize>y * width + x) << 4),
        f32x4(colours(f32x4.mul(gx, gx)), colours(f32x4.mul(gx, gy)), colours(f32x4.mul(gy, gy)), 0),
      );
    }
  }
}

function colours(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + f32x4.extract_lane(v, 2);
}

/** In place: smoothed tensors to (tx, ty, A, 0): unit vector along the edge, anisotropy 0 (no direction) to 1 (a clear edge). */
export function lookTangents(tensor: usize, width: i32, height: i32): void {
  const to = bandTo(height) * width;
  for (let p = bandFrom(height) * width; p < to; p++) {
    const at = tensor + ((<usize>p) << 4);
    const e = load<f32>(at);
    const f = load<f32>(at, 4);
    const g = load<f32>(at, 8);
    const root = sqrt<f32>((e - g) * (e - g) + 4 * f * f);
    const major: f32 = 0.5 * (e + g + root);
    const minor: f32 = 0.5 * (e + g - root);
    // Eigenvector of the smaller eigenvalue, from the larger row of (T - minor): the other may vanish.
    const steep = e > g;
    const tx: f32 = steep ? -f : g - minor;
    const ty: f32 = steep ? e - minor : -f;
    const length = sqrt<f32>(tx * tx + ty * ty);
    const sum = major + minor;
    if (length > 1e-9) v128.store(at, f32x4(tx / length, ty / length, sum > 1e-7 ? (major - minor) / sum : 0, 0));
    else v128.store(at, f32x4(1, 0, 0, 0));
  }
}

/**
 * Weighted mean of all four values along the streamline through each pixel. `weights`: count+1 f32 from the middle outwards,
 * `step` pixels apart; they need not sum to anything. Rows [from, to).
 */
export function lookAlong(
  source: usize,
  tangents: usize,
  target: usize,
  width: i32,
  height: i32,
  weights: usize,
  count: i32,
  step: f32,
  from: i32,
  to: i32,
): void {
  const last = from + bandTo(to - from);
  for (let y = from + bandFrom(to - from); y < last; y++) {
    for (let x = 0; x < width; x++) {
      const here = (<usize>y * width + x) << 4;
      let total = load<f32>(weights);
      let sum = f32x4.mul(v128.load(source + here), f32x4.splat(total));
      for (let side = 0; side < 2; side++) {
        let dx = load<f32>(tangents + here);
        let dy = load<f32>(tangents + here, 4);
        if (side == 1) {
          dx = -dx;
          dy = -dy;
        }
        let px = <f32>x;
        let py = <f32>y;
        for (let i = 1; i <= count; i++) {
          px += dx * step;
          py += dy * step;
          if (px < 0 || py < 0 || px > <f32>(width - 1) || py > <f32>(height - 1)) break;
          const weight = load<f32>(weights + ((<usize>i) << 2));
          sum = f32x4.add(sum, f32x4.mul(sample(source, width, height, px, py), f32x4.splat(weight)));
          total += weight;
          const at = tangents + ((<usize>(<i32>(py + 0.5)) * width + <i32>(px + 0.5)) << 4);
          const tx = load<f32>(at);
          const ty = load<f32>(at, 4);
          const forward: f32 = tx * dx + ty * dy < 0 ? -1 : 1;
          dx = forward * tx;
          dy = forward * ty;
        }
      }
      v128.store(target + here, f32x4.div(sum, f32x4.splat(total)));
    }
  }
}
