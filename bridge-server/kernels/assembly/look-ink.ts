import { light } from './look-oil';
import { sample } from './look-picture';
import { bandFrom, bandTo } from './team';

/** (lightness on white paper, 0, 0, a) of a picture: what is transparent is paper. */
export function lookPaper(picture: usize, target: usize, width: i32, height: i32): void {
  const to = bandTo(height) * width;
  for (let p = bandFrom(height) * width; p < to; p++) {
    const at = (<usize>p) << 4;
    const alpha = load<f32>(picture + at, 12);
    v128.store(target + at, f32x4(light(picture + at) * alpha + 1 - alpha, 0, 0, alpha));
  }
}

/**
 * (line, detail, lightness, a) from the lightness and its blurred copy. line: difference of Gaussians across the edge, of
 * deviations sigma and 1.6 sigma pixels (Kang, Lee and Chui, 2007), negative on the dark side. detail: lightness beyond the blurred one.
 * Rows [from, to).
 */
export function lookAcross(
  lightness: usize,
  smooth: usize,
  tangents: usize,
  target: usize,
  width: i32,
  height: i32,
  sigma: f32,
  step: f32,
  from: i32,
  to: i32,
): void {
  const last = from + bandTo(to - from);
  const reach = <i32>Math.ceil((2.4 * 1.6 * sigma) / step);
  const narrow: f32 = (step * step) / (2 * sigma * sigma);
  const wide: f32 = narrow / (1.6 * 1.6);
  for (let y = from + bandFrom(to - from); y < last; y++) {
    for (let x = 0; x < width; x++) {
      const here = (<usize>y * width + x) << 4;
      const nx: f32 = -load<f32>(tangents + here, 4) * step;
      const ny = load<f32>(tangents + here) * step;
      const middle = load<f32>(lightness + here);
      let inner = middle;
      let outer = middle;
      let innerWeight: f32 = 1;
      let outerWeight: f32 = 1;
      for (let i = 1; i <= reach; i++) {
        const d = <f32>i;
        const both = f32x4.extract_lane(
          f32x4.add(
            sample(lightness, width, height, <f32>x + d * nx, <f32>y + d * ny),
            sample(lightness, width, height, <f32>x - d * nx, <f32>y - d * ny),
          ),
          0,
        );
        const a = fall(d * d * narrow);
        const b = fall(d * d * wide);
        inner += a * both;
        outer += b * both;
        innerWeight += 2 * a;
        outerWeight += 2 * b;
      }
      const line = inner / innerWeight - outer / outerWeight;
      v128.store(
        target + here,
        f32x4(line, middle - load<f32>(smooth + here), middle, load<f32>(lightness + here, 12)),
      );
    }
  }
}

/** exp(-x) to within a part in a hundred for small x, by its limit form. */
function fall(x: f32): f32 {
  let t: f32 = max<f32>(0, 1 - x * <f32>0.0625);
  t *= t;
  t *= t;
  t *= t;
  return t * t;
}

/** (|line|, |detail|, lightness, a): what a blur of it turns into the local strength of each. */
export function lookStrength(strokes: usize, target: usize, width: i32, height: i32): void {
  const to = bandTo(height) * width;
  for (let p = bandFrom(height) * width; p < to; p++) {
    const at = (<usize>p) << 4;
    v128.store(
      target + at,
      f32x4(
        abs(load<f32>(strokes + at)),
        abs(load<f32>(strokes + at, 4)),
        load<f32>(strokes + at, 8),
        load<f32>(strokes + at, 12),
      ),
    );
  }
}

/**
 * The sheet: lines where `strokes` (line, detail, lightness, a; drawn out along the edges) dip, hatching where the
 * tone is dark (the picture's own detail, in units of its local strength, decides where each stroke lies), a wash
 * under it in soft steps, black in the deepest shadow. `strength` is the blurred lookStrength. Straight colours.
 */
export function lookInk(strokes: usize, strength: usize, target: usize, width: i32, height: i32): void {
  const paper = f32x4(0.965, 0.945, 0.895, 0);
  const wash = f32x4(0.5, 0.535, 0.58, 0);
  const ink = f32x4(0.085, 0.095, 0.135, 0);
  const to = bandTo(height) * width;
  for (let p = bandFrom(height) * width; p < to; p++) {
    const at = (<usize>p) << 4;
    const line = load<f32>(strokes + at);
    const tone: f32 = <f32>0.35 * load<f32>(strokes + at, 8) + <f32>0.65 * load<f32>(strength + at, 8);
    // Lines are drawn against a floor: film grain is below it, a faint crease above.
    const drawn: f32 = smoothstep(0.0042, 0.0155, -line);
    const stroke: f32 = load<f32>(strokes + at, 4) / (load<f32>(strength + at, 4) + <f32>0.008);
    // Strokes close up as the tone falls: none in the light, half the paper in the half-tones, nearly all in the dark.
    const dark: f32 = 1 - tone;
    const hatched: f32 =
      smoothstep(-0.18, 0.18, (dark - <f32>0.62) * <f32>2.6 - <f32>0.55 - stroke) * smoothstep(0.32, 0.5, dark);
    const solid: f32 = smoothstep(0.84, 0.93, dark);
    const washed: f32 =
      <f32>0.3 * smoothstep(0.3, 0.36, dark) +
      <f32>0.34 * smoothstep(0.5, 0.56, dark) +
      <f32>0.36 * smoothstep(0.68, 0.74, dark);
    const bare: f32 = (<f32>1 - drawn) * (<f32>1 - <f32>0.85 * hatched) * (<f32>1 - solid);
    const ground = mix(paper, wash, washed);
    v128.store(target + at, mix(ground, ink, <f32>0.97 * (<f32>1 - bare)));
  }
}

function mix(a: v128, b: v128, t: f32): v128 {
  return f32x4.add(a, f32x4.mul(f32x4.sub(b, a), f32x4.splat(t)));
}

function smoothstep(low: f32, high: f32, x: f32): f32 {
  const t: f32 = min<f32>(max<f32>((x - low) / (high - low), 0), 1);
  return t * t * (3 - 2 * t);
}
