import { bandFrom, bandTo, barrier, worker, workers } from './team';

// Nearest-neighbour fields (NNF) for what the maps do not explain: for a pixel of a frame, the place in the keys whose patch of 5x5
// is most alike. An exhaustive search on a small picture, then windows on ever larger ones; no random search and nothing passed on
// from pixel to pixel. Guides (guide.ts) of all keys lie below each other in one `atlas` of `keys` pictures of width x height; a
// place is an index of a pixel of the atlas, and its patch lies within one key. Pixels to be matched come as a list of indices.

const R = 2;
const SIDE = 5;
/** Channels of a patch: a difference of their sums bounds the squared distance from below. */
const VALUES = SIDE * SIDE * 4;
/** What a place counts as worse for every pixel beyond the first few that took it: keeps texture from collapsing. */
const CROWDING = 400;
const WELCOME = 3;

/** Half the size (rounded up), four channels, each pixel the mean of up to four. */
export function guideHalf(picture: usize, width: i32, height: i32, out: usize): void {
  const w = (width + 1) >> 1;
  const h = (height + 1) >> 1;
  const bottom = bandTo(h);
  for (let y = bandFrom(h); y < bottom; y++) {
    const upper = picture + ((<usize>(2 * y) * <usize>width) << 2);
    const lower = 2 * y + 1 < height ? upper + (<usize>width << 2) : upper;
    for (let x = 0; x < w; x++) {
      const left = <usize>x << 3;
      const right = 2 * x + 1 < width ? left + 4 : left;
      const to = out + ((<usize>y * <usize>w + <usize>x) << 2);
      for (let c: usize = 0; c < 4; c++) {
        const sum: u32 =
          <u32>load<u8>(upper + left + c) +
          <u32>load<u8>(upper + right + c) +
          <u32>load<u8>(lower + left + c) +
          <u32>load<u8>(lower + right + c);
        store<u8>(to + c, <u8>((sum + 2) >> 2));
      }
    }
  }
  barrier();
}

/** For every pixel of a picture whose patch lies within it the sum of the patch's values, for all others -1 (i32). */
export function patchSums(picture: usize, width: i32, height: i32, out: usize): void {
  const bottom = bandTo(height);
  for (let y = bandFrom(height); y < bottom; y++) {
    for (let x = 0; x < width; x++) {
      let sum = -1;
      if (x >= R && y >= R && x + R < width && y + R < height) {
        sum = 0;
        for (let j = -R; j <= R; j++) {
          const row = picture + ((<usize>(y + j) * <usize>width + <usize>(x - R)) << 2);
          for (let i = 0; i < SIDE * 4; i++) sum += <i32>load<u8>(row + <usize>i);
        }
      }
      store<i32>(out + ((<usize>y * <usize>width + <usize>x) << 2), sum);
    }
  }
  barrier();
}

const PATCH_BYTES: usize = SIDE * 48;

/** Bytes of scratch that nnfSearch and nnfRefine need. */
export function nnfBytes(): usize {
  return <usize>workers * 256;
}

/** The patch about (x, y), edges repeated, as rows of 24 i16 of which 20 count. Gives the sum of its values. */
function takePatch(picture: usize, width: i32, height: i32, x: i32, y: i32, patch: usize): i32 {
  let sum = 0;
  memory.fill(patch, 0, PATCH_BYTES);
  for (let j = -R; j <= R; j++) {
    const row = picture + ((<usize>max(0, min(height - 1, y + j)) * <usize>width) << 2);
    const to = patch + <usize>(j + R) * 48;
    for (let i = -R; i <= R; i++) {
      const from = row + (<usize>max(0, min(width - 1, x + i)) << 2);
      for (let c: usize = 0; c < 4; c++) {
        const value = load<u8>(from + c);
        sum += <i32>value;
        store<i16>(to + ((<usize>(i + R) * 4 + c) << 1), <i16>value);
      }
    }
  }
  return sum;
}

/** Squared distance of the patch to the one about `place`, which lies within the atlas; rows are left out once `limit` is reached. */
// @ts-ignore: decorator
@inline
function distance(patch: usize, atlas: usize, width: i32, place: i32, limit: i32): i32 {
  let row = atlas + ((<usize>(place - R * width - R)) << 2);
  let sum = 0;
  for (let j = 0; j < SIDE; j++, row += <usize>width << 2, patch += 48) {
    const four = v128.load(row);
    const one = i16x8.sub(i16x8.extend_low_i8x16_u(four), v128.load(patch));
    const two = i16x8.sub(i16x8.extend_high_i8x16_u(four), v128.load(patch, 16));
    const last = i16x8.sub(i16x8.extend_low_i8x16_u(v128.load32_zero(row, 16)), v128.load(patch, 32));
    let squares = i32x4.add(i32x4.dot_i16x8_s(one, one), i32x4.dot_i16x8_s(two, two));
    squares = i32x4.add(squares, i32x4.dot_i16x8_s(last, last));
    squares = i32x4.add(squares, i8x16.shuffle(squares, squares, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    sum += i32x4.extract_lane(squares, 0) + i32x4.extract_lane(squares, 1);
    if (sum >= limit) return sum;
  }
  return sum;
}

/**
 * The best place for each listed pixel, by looking at all: `places` are those of the atlas in order of the sums of their patches,
 * `sums` these sums, so that the search goes outwards from its own sum and ends, without missing anything, where the sums alone
 * are too far apart. `taken`: how many took each place before (i32, one a place of the atlas), or 0. Into `field` at the pixel (i32).
 */
export function nnfSearch(
  frame: usize,
  atlas: usize,
  width: i32,
  height: i32,
  list: usize,
  count: i32,
  places: usize,
  sums: usize,
  candidates: i32,
  taken: usize,
  field: usize,
  scratch: usize,
): void {
  const patch = scratch + <usize>worker * 256;
  const to = bandTo(count);
  for (let k = bandFrom(count); k < to; k++) {
    const pixel = load<i32>(list + (<usize>k << 2));
    const known = load<i32>(field + (<usize>pixel << 2));
    if (taken != 0 && load<i32>(taken + (<usize>known << 2)) <= WELCOME) continue;
    const sum = takePatch(frame, width, height, pixel % width, pixel / width, patch);
    let right = lowerBound(sums, candidates, sum);
    let left = right - 1;
    let best = -1;
    let least = i32.MAX_VALUE;
    while (left >= 0 || right < candidates) {
      const before = left >= 0 ? sum - load<i32>(sums + (<usize>left << 2)) : i32.MAX_VALUE;
      const after = right < candidates ? load<i32>(sums + (<usize>right << 2)) - sum : i32.MAX_VALUE;
      const apart = min(before, after);
      if (<i64>apart * apart >= <i64>least * VALUES) break;
      const at = before <= after ? left-- : right++;
      const place = load<i32>(places + (<usize>at << 2));
      let crowd = 0;
      if (taken != 0) crowd = min(1 << 20, max(0, load<i32>(taken + (<usize>place << 2)) - WELCOME)) * CROWDING;
      const error = crowd + distance(patch, atlas, width, place, least - crowd);
      if (error < least) {
        least = error;
        best = place;
      }
    }
    store<i32>(field + (<usize>pixel << 2), best);
  }
  barrier();
}

/** The first index whose sum is not below `sum`. */
function lowerBound(sums: usize, count: i32, sum: i32): i32 {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (load<i32>(sums + (<usize>middle << 2)) < sum) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Counts in `taken` (cleared before) how many listed pixels took each place. */
export function nnfCount(list: usize, count: i32, field: usize, taken: usize): void {
  const to = bandTo(count);
  for (let k = bandFrom(count); k < to; k++) {
    const place = load<i32>(field + (<usize>load<i32>(list + (<usize>k << 2)) << 2));
    atomic.add<i32>(taken + (<usize>place << 2), 1);
  }
  barrier();
}

/**
 * The field of the next larger picture: each listed pixel tries what its own parent and the parents beside found, and then every place
 * within `radius` of the best. `coarse` is the parents' field, -1 where there is none; if
 * it is 0, only the errors of what is in `field` are told. Squared distances into `errors`, in list order.
 */
export function nnfRefine(
  frame: usize,
  atlas: usize,
  width: i32,
  height: i32,
  keys: i32,
  list: usize,
  count: i32,
  coarse: usize,
  radius: i32,
  field: usize,
  errors: usize,
  scratch: usize,
): void {
  const patch = scratch + <usize>worker * 256;
  const parentsX = (width + 1) >> 1;
  const parentsY = (height + 1) >> 1;
  const to = bandTo(count);
  for (let k = bandFrom(count); k < to; k++) {
    const pixel = load<i32>(list + (<usize>k << 2));
    const x = pixel % width;
    const y = pixel / width;
    takePatch(frame, width, height, x, y, patch);
    let least = i32.MAX_VALUE;
    let best = coarse == 0 ? load<i32>(field + (<usize>pixel << 2)) : -1;
    for (let j = coarse == 0 ? 2 : -1; j <= 1; j++) {
      for (let i = -1; i <= 1; i++) {
        const px = (x >> 1) + i;
        const py = (y >> 1) + j;
        if (px < 0 || py < 0 || px >= parentsX || py >= parentsY) continue;
        const found = load<i32>(coarse + ((<usize>py * <usize>parentsX + <usize>px) << 2));
        if (found < 0) continue;
        const key = found / (parentsX * parentsY);
        const within = found - key * parentsX * parentsY;
        const sx = 2 * (within % parentsX) + x - 2 * px;
        const sy = 2 * (within / parentsX) + y - 2 * py;
        const place = placeOf(key, max(R, min(width - 1 - R, sx)), max(R, min(height - 1 - R, sy)), width, height);
        const error = distance(patch, atlas, width, place, least);
        if (error < least) {
          least = error;
          best = place;
        }
      }
    }
    if (coarse == 0) {
      least = distance(patch, atlas, width, best, i32.MAX_VALUE);
    } else if (best >= 0) {
      const key = best / (width * height);
      const centreX = (best - key * width * height) % width;
      const centreY = (best - key * width * height) / width;
      for (let sy = max(R, centreY - radius); sy <= min(height - 1 - R, centreY + radius); sy++) {
        for (let sx = max(R, centreX - radius); sx <= min(width - 1 - R, centreX + radius); sx++) {
          const place = placeOf(key, sx, sy, width, height);
          const error = distance(patch, atlas, width, place, least);
          if (error < least) {
            least = error;
            best = place;
          }
        }
      }
    }
    store<i32>(field + (<usize>pixel << 2), best);
    store<i32>(errors + (<usize>k << 2), least);
  }
  barrier();
}

// @ts-ignore: decorator
@inline
function placeOf(key: i32, x: i32, y: i32, width: i32, height: i32): i32 {
  return (key * height + y) * width + x;
}
