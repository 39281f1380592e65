import { bandFrom, bandTo } from './team';

/**
 * (detail, 0, 0, a): what the lightness of `picture` has beyond `smooth`, its blurred copy. Large steps count for less: they
 * are edges, and would leave an echo beside themselves.
 */
export function lookDetail(picture: usize, smooth: usize, target: usize, width: i32, height: i32): void {
  const to = bandTo(height) * width;
  for (let p = bandFrom(height) * width; p < to; p++) {
    const at = (<usize>p) << 4;
    const detail = light(picture + at) - light(smooth + at);
    v128.store(target + at, f32x4(detail / (1 + 14 * abs(detail)), 0, 0, load<f32>(picture + at, 12)));
  }
}

/** Rec. 709 lightness (of the coded values) of the premultiplied colour at this place, made straight. */
export function light(at: usize): f32 {
  const alpha = load<f32>(at, 12);
  if (alpha < 1e-6) return 0;
  return (<f32>0.2126 * load<f32>(at) + <f32>0.7152 * load<f32>(at, 4) + <f32>0.0722 * load<f32>(at, 8)) / alpha;
}

/**
 * Paint on the canvas: `painted` (straight) gets back the bristles (detail drawn out along the edges), light from the upper left
 * on the ridges between strokes, and a little more colour.
 */
export function lookImpasto(
  painted: usize,
  bristles: usize,
  target: usize,
  width: i32,
  height: i32,
  bristle: f32,
  relief: f32,
  saturation: f32,
  reach: i32,
): void {
  const to = bandTo(height);
  for (let y = bandFrom(height); y < to; y++) {
    for (let x = 0; x < width; x++) {
      const at = (<usize>y * width + x) << 4;
      const upper = (<usize>(max(y - reach, 0) * width + max(x - reach, 0))) << 4;
      const lower = (<usize>(min(y + reach, height - 1) * width + min(x + reach, width - 1))) << 4;
      const colour = v128.load(painted + at);
      const grey = straightLight(colour);
      const slope =
        straightLight(v128.load(painted + lower)) -
        straightLight(v128.load(painted + upper)) +
        2 * (load<f32>(bristles + lower) - load<f32>(bristles + upper));
      // Paint is thick, but not a knife edge: large steps of tone are edges of things, not ridges.
      const lit: f32 = slope / (1 + 9 * abs(slope));
      const shade: f32 = bristle * load<f32>(bristles + at) - relief * lit;
      const vivid = f32x4.add(
        f32x4.splat(grey),
        f32x4.mul(f32x4.sub(colour, f32x4.splat(grey)), f32x4.splat(saturation)),
      );
      v128.store(target + at, f32x4.add(vivid, f32x4.splat(shade)));
    }
  }
}

function straightLight(v: v128): f32 {
  return 0.2126 * f32x4.extract_lane(v, 0) + 0.7152 * f32x4.extract_lane(v, 1) + 0.0722 * f32x4.extract_lane(v, 2);
}
