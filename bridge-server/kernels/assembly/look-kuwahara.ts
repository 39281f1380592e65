import { bandFrom, bandTo } from './team';

/** How firmly the calmest sectors win: variances (in 0..1 squared) well above 1/HARDNESS count for little. */
const HARDNESS: f32 = 4000;

/**
 * Anisotropic Kuwahara filter with polynomial sector weights (Kyprianidis, Semmo, Kang and Döllner, 2010): around each pixel an
 * ellipse along the edge, in eight soft sectors; the mean of the calmest sectors wins. Samples lie `step` pixels apart, so that
 * the cost a pixel does not grow with the radius (in pixels); `picture` must then be smooth at that step. Writes straight colour
 * and the picture's alpha. Rows [from, to).
 */
export function lookKuwahara(
  picture: usize,
  tangents: usize,
  target: usize,
  width: i32,
  height: i32,
  radius: f32,
  step: i32,
  from: i32,
  to: i32,
): void {
  const last = from + bandTo(to - from);
  // Sectors as parabolas: half a sector's overlap at the rim, a little of all of them in the middle.
  const samples: f32 = radius / <f32>step;
  const zeta: f32 = 2 / max(samples, 2);
  const crossing: f32 = 0.58;
  const eta: f32 = (zeta + <f32>Math.cos(crossing)) / (<f32>Math.sin(crossing) * <f32>Math.sin(crossing));
  const half: f32 = 0.70710678;
  const zero = f32x4.splat(0);
  const tiny = f32x4.splat(1e-12);
  for (let y = from + bandFrom(to - from); y < last; y++) {
    for (let x = 0; x < width; x++) {
      const here = (<usize>y * width + x) << 4;
      const tx = load<f32>(tangents + here);
      const ty = load<f32>(tangents + here, 4);
      const stretch: f32 = 1 + load<f32>(tangents + here, 8);
      const a: f32 = radius * stretch;
      const b: f32 = max(radius / stretch, 1);
      // Half the box around the ellipse with half axes a along (tx, ty), b across; then picture offsets to the unit disc.
      const reachX = <i32>(sqrt<f32>(a * a * tx * tx + b * b * ty * ty) / <f32>step) * step;
      const reachY = <i32>(sqrt<f32>(a * a * ty * ty + b * b * tx * tx) / <f32>step) * step;
      const ax: f32 = tx / a;
      const ay: f32 = ty / a;
      const bx: f32 = -ty / b;
      const by: f32 = tx / b;

      let wEven = zero;
      let wOdd = zero;
      let rEven = zero;
      let rOdd = zero;
      let gEven = zero;
      let gOdd = zero;
      let bEven = zero;
      let bOdd = zero;
      let sEven = zero;
      let sOdd = zero;
      // A sample and its opposite share their weights, four sectors apart: half the ellipse is walked.
      for (let dy = 0; dy <= reachY; dy += step) {
        for (let dx = dy == 0 ? 0 : -reachX; dx <= reachX; dx += step) {
          const vx = <f32>dx * ax + <f32>dy * ay;
          const vy = <f32>dx * bx + <f32>dy * by;
          const rr = vx * vx + vy * vy;
          if (rr > 1) continue;
          const cx = zeta - eta * vx * vx;
          const cy = zeta - eta * vy * vy;
          let even = f32x4.max(f32x4(vy + cx, cy - vx, cx - vy, vx + cy), zero);
          const ux = half * (vx - vy);
          const uy = half * (vx + vy);
          const ex = zeta - eta * ux * ux;
          const ey = zeta - eta * uy * uy;
          let odd = f32x4.max(f32x4(uy + ex, ey - ux, ex - uy, ux + ey), zero);
          even = f32x4.mul(even, even);
          odd = f32x4.mul(odd, odd);
          // A Gaussian over the disc: exp(-3.125 rr) by its limit form.
          let fall: f32 = 1 - rr * <f32>(3.125 / 8);
          fall *= fall;
          fall *= fall;
          fall *= fall;
          const gauss = f32x4.splat(fall / lanes(f32x4.add(even, odd)));
          even = f32x4.mul(even, gauss);
          odd = f32x4.mul(odd, gauss);
          let sx = x + dx;
          let sy = y + dy;
          for (let side = (dx | dy) == 0 ? 1 : 0; side < 2; side++) {
            if (sx >= 0 && sx < width && sy >= 0 && sy < height) {
              const pixel = v128.load(picture + ((<usize>sy * width + sx) << 4));
              const cover = v128.shuffle<f32>(pixel, pixel, 3, 3, 3, 3);
              // The picture is premultiplied: colours come weighted by alpha already.
              const red = v128.shuffle<f32>(pixel, pixel, 0, 0, 0, 0);
              const green = v128.shuffle<f32>(pixel, pixel, 1, 1, 1, 1);
              const blue = v128.shuffle<f32>(pixel, pixel, 2, 2, 2, 2);
              const squares = f32x4.add(f32x4.mul(red, red), f32x4.add(f32x4.mul(green, green), f32x4.mul(blue, blue)));
              const energy = f32x4.div(squares, f32x4.max(cover, tiny));
              wEven = f32x4.add(wEven, f32x4.mul(even, cover));
              wOdd = f32x4.add(wOdd, f32x4.mul(odd, cover));
              rEven = f32x4.add(rEven, f32x4.mul(even, red));
              rOdd = f32x4.add(rOdd, f32x4.mul(odd, red));
              gEven = f32x4.add(gEven, f32x4.mul(even, green));
              gOdd = f32x4.add(gOdd, f32x4.mul(odd, green));
              bEven = f32x4.add(bEven, f32x4.mul(even, blue));
              bOdd = f32x4.add(bOdd, f32x4.mul(odd, blue));
              sEven = f32x4.add(sEven, f32x4.mul(even, energy));
              sOdd = f32x4.add(sOdd, f32x4.mul(odd, energy));
            }
            sx = x - dx;
            sy = y - dy;
            even = v128.shuffle<f32>(even, even, 2, 3, 0, 1);
            odd = v128.shuffle<f32>(odd, odd, 2, 3, 0, 1);
          }
        }
      }
      wEven = f32x4.max(wEven, tiny);
      wOdd = f32x4.max(wOdd, tiny);
      rEven = f32x4.div(rEven, wEven);
      rOdd = f32x4.div(rOdd, wOdd);
      gEven = f32x4.div(gEven, wEven);
      gOdd = f32x4.div(gOdd, wOdd);
      bEven = f32x4.div(bEven, wEven);
      bOdd = f32x4.div(bOdd, wOdd);
      const even = trust(f32x4.div(sEven, wEven), rEven, gEven, bEven, wEven);
      const odd = trust(f32x4.div(sOdd, wOdd), rOdd, gOdd, bOdd, wOdd);
      const total = max<f32>(lanes(f32x4.add(even, odd)), 1e-20);
      v128.store(
        target + here,
        f32x4(
          lanes(f32x4.add(f32x4.mul(even, rEven), f32x4.mul(odd, rOdd))) / total,
          lanes(f32x4.add(f32x4.mul(even, gEven), f32x4.mul(odd, gOdd))) / total,
          lanes(f32x4.add(f32x4.mul(even, bEven), f32x4.mul(odd, bOdd))) / total,
          load<f32>(picture + here, 12),
        ),
      );
    }
  }
}

/** Weight of four sectors: 1 / (1 + (HARDNESS variance)^4), and nothing for sectors without a visible pixel. */
function trust(energy: v128, r: v128, g: v128, b: v128, cover: v128): v128 {
  const square = f32x4.add(f32x4.mul(r, r), f32x4.add(f32x4.mul(g, g), f32x4.mul(b, b)));
  const variance = f32x4.max(f32x4.sub(energy, square), f32x4.splat(0));
  let power = f32x4.min(f32x4.mul(variance, f32x4.splat(HARDNESS)), f32x4.splat(10000));
  power = f32x4.mul(power, power);
  power = f32x4.mul(power, power);
  const weight = f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), power));
  return v128.and(weight, f32x4.gt(cover, f32x4.splat(1e-9)));
}

function lanes(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3);
}
