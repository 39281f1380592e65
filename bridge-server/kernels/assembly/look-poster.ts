import { bandFrom, bandTo, worker } from './team';

/** What differences in warmth (half of red less blue) and greenness (half of green less magenta) count against lightness. */
const WARM: f32 = 2.2;
const GREEN: f32 = 5;

/**
 * Specks and frays give way: a pixel whose ink holds less than a fifth of the square around it takes the square's commonest
 * ink (of equals the first). `counts`: scratch of 64 u16 a worker.
 */
export function lookTidy(index: usize, target: usize, counts: usize, width: i32, height: i32, radius: i32): void {
  const to = bandTo(height);
  const own = counts + worker * 128;
  for (let y = bandFrom(height); y < to; y++) {
    const top = max(y - radius, 0);
    const bottom = min(y + radius, height - 1);
    memory.fill(own, 0, 128);
    for (let x = 0; x < min(radius, width); x++) count(index, own, width, x, top, bottom, 1);
    for (let x = 0; x < width; x++) {
      if (x + radius < width) count(index, own, width, x + radius, top, bottom, 1);
      if (x > radius) count(index, own, width, x - radius - 1, top, bottom, -1);
      const area = (bottom - top + 1) * (min(x + radius, width - 1) - max(x - radius, 0) + 1);
      const at = y * width + x;
      let ink = <i32>load<u8>(index + at);
      if (5 * <i32>load<u16>(own + (ink << 1)) < area) {
        let most = 0;
        for (let i = 0; i < 64; i++) {
          const here = <i32>load<u16>(own + (i << 1));
          if (here > most) {
            most = here;
            ink = i;
          }
        }
      }
      store<u8>(target + at, <u8>ink);
    }
  }
}

function count(index: usize, counts: usize, width: i32, x: i32, top: i32, bottom: i32, by: i32): void {
  for (let y = top; y <= bottom; y++) {
    const at = counts + ((<usize>load<u8>(index + y * width + x)) << 1);
    store<u16>(at, <u16>(<i32>load<u16>(at) + by));
  }
}

/** Prints the inks: (r, g, b, 0) of each, f32. Boundaries are anti-aliased by the weights 1 2 1 both ways. */
export function lookPrint(index: usize, inks: usize, target: usize, width: i32, height: i32): void {
  const to = bandTo(height);
  for (let y = bandFrom(height); y < to; y++) {
    const above = index + max(y - 1, 0) * width;
    const row = index + y * width;
    const below = index + min(y + 1, height - 1) * width;
    for (let x = 0; x < width; x++) {
      const l = max(x - 1, 0);
      const r = min(x + 1, width - 1);
      const corners = f32x4.add(
        f32x4.add(inkAt(inks, above + l), inkAt(inks, above + r)),
        f32x4.add(inkAt(inks, below + l), inkAt(inks, below + r)),
      );
      const sides = f32x4.add(
        f32x4.add(inkAt(inks, above + x), inkAt(inks, below + x)),
        f32x4.add(inkAt(inks, row + l), inkAt(inks, row + r)),
      );
      const sum = f32x4.add(
        corners,
        f32x4.add(f32x4.mul(sides, f32x4.splat(2)), f32x4.mul(inkAt(inks, row + x), f32x4.splat(4))),
      );
      v128.store(target + ((<usize>(y * width + x)) << 4), f32x4.mul(sum, f32x4.splat(1.0 / 16.0)));
    }
  }
}

function inkAt(inks: usize, at: usize): v128 {
  return v128.load(inks + ((<usize>load<u8>(at)) << 4));
}

/** The number of the nearest ink for every pixel, a byte each. */
export function lookNearest(plain: usize, palette: usize, fours: i32, index: usize, width: i32, height: i32): void {
  const to = bandTo(height) * width;
  for (let p = bandFrom(height) * width; p < to; p++) {
    store<u8>(index + p, nearest(v128.load(plain + ((<usize>p) << 4)), palette, fours));
  }
}

/** Four inks at a time: `palette` holds for every four of them their lightness, warmth and greenness, four f32 each. */
function nearest(colour: v128, palette: usize, fours: i32): i32 {
  const r = f32x4.extract_lane(colour, 0);
  const g = f32x4.extract_lane(colour, 1);
  const b = f32x4.extract_lane(colour, 2);
  const lightness = f32x4.splat(0.2126 * r + 0.7152 * g + 0.0722 * b);
  const warm = f32x4.splat(0.5 * (r - b));
  const green = f32x4.splat(0.5 * g - 0.25 * (r + b));
  let least = f32x4.splat(1e9);
  let best = i32x4.splat(0);
  let number = i32x4(0, 1, 2, 3);
  for (let i = 0; i < fours; i++, palette += 48) {
    const dl = f32x4.sub(lightness, v128.load(palette));
    const dw = f32x4.sub(warm, v128.load(palette, 16));
    const dg = f32x4.sub(green, v128.load(palette, 32));
    const distance = f32x4.add(
      f32x4.mul(dl, dl),
      f32x4.add(f32x4.mul(f32x4.mul(dw, dw), f32x4.splat(WARM)), f32x4.mul(f32x4.mul(dg, dg), f32x4.splat(GREEN))),
    );
    const closer = f32x4.lt(distance, least);
    least = v128.bitselect(distance, least, closer);
    best = v128.bitselect(number, best, closer);
    number = i32x4.add(number, i32x4.splat(4));
  }
  let shortest = f32x4.extract_lane(least, 0);
  let winner = i32x4.extract_lane(best, 0);
  if (f32x4.extract_lane(least, 1) < shortest) {
    shortest = f32x4.extract_lane(least, 1);
    winner = i32x4.extract_lane(best, 1);
  }
  if (f32x4.extract_lane(least, 2) < shortest) {
    shortest = f32x4.extract_lane(least, 2);
    winner = i32x4.extract_lane(best, 2);
  }
  if (f32x4.extract_lane(least, 3) < shortest) winner = i32x4.extract_lane(best, 3);
  return winner;
}
