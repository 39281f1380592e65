// Nearest-neighbour fields (kernels/assembly/nnf.ts says what and why); whole numbers, bit-equal to the processor's.

const R: i32 = 2;
const VALUES: u32 = 100u;
const CROWDING: i32 = 400;
const WELCOME: i32 = 3;
const MOST: i32 = 0x7fffffff;

// picture, width, height, out
@compute @workgroup_size(16, 8)
fn patchSums(@builtin(global_invocation_id) id: vec3<u32>) {
  let width = argI(1u);
  let height = argI(2u);
  let x = i32(id.x);
  let y = i32(id.y);
  if (x >= width || y >= height) {
    return;
  }
  var sum = -1;
  if (x >= R && y >= R && x + R < width && y + R < height) {
    var all = vec4<f32>(0.0);
    for (var j = y - R; j <= y + R; j++) {
      for (var i = x - R; i <= x + R; i++) {
        all += loadPixel(arg(0u) + (u32(j * width + i) << 2u));
      }
    }
    sum = i32(total4(all));
  }
  storeI(arg(3u) + (u32(y * width + x) << 2u), sum);
}

// The patch of the pixel at hand, edges repeated.
var<private> values: array<vec4<f32>, 25>;

/** Gives the sum of its values. */
fn takePatch(picture: u32, width: i32, height: i32, x: i32, y: i32) -> i32 {
  var all = vec4<f32>(0.0);
  for (var j = -R; j <= R; j++) {
    let row = picture + (u32(clamp(y + j, 0, height - 1) * width) << 2u);
    for (var i = -R; i <= R; i++) {
      let value = loadPixel(row + (u32(clamp(x + i, 0, width - 1)) << 2u));
      values[(j + R) * 5 + i + R] = value;
      all += value;
    }
  }
  return i32(total4(all));
}

/** Squared distance to the patch about `place`, which lies within the atlas; given up once `limit` is reached. */
fn distance_(atlas: u32, width: i32, place: i32, limit: i32) -> i32 {
  var sum = 0;
  for (var j = 0; j < 5; j++) {
    let row = atlas + (u32(place + (j - R) * width - R) << 2u);
    var squares = 0.0;
    for (var i = 0; i < 5; i++) {
      let off = loadPixel(row + (u32(i) << 2u)) - values[j * 5 + i];
      squares += dot(off, off);
    }
    sum += i32(squares);
    if (sum >= limit) {
      return sum;
    }
  }
  return sum;
}

/** The first index whose sum is not below `sum`. */
fn lowerBound(sums: u32, count: i32, sum: i32) -> i32 {
  var low = 0;
  var high = count;
  while (low < high) {
    let middle = (low + high) >> 1u;
    if (loadI(sums + (u32(middle) << 2u)) < sum) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// frame, atlas, width, height, list, count, places, sums, candidates, taken (0: none), field
@compute @workgroup_size(64)
fn nnfSearch(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= arg(5u)) {
    return;
  }
  let width = argI(2u);
  let pixel = loadI(arg(4u) + (k << 2u));
  let to = arg(10u) + (u32(pixel) << 2u);
  let taken = arg(9u);
  if (taken != 0u && loadI(taken + (loadU(to) << 2u)) <= WELCOME) {
    return;
  }
  let candidates = argI(8u);
  let sums = arg(7u);
  let sum = takePatch(arg(0u), width, argI(3u), pixel % width, pixel / width);
  var right = lowerBound(sums, candidates, sum);
  var left = right - 1;
  var best = -1;
  var least = MOST;
  while (left >= 0 || right < candidates) {
    var below = MOST;
    var above = MOST;
    if (left >= 0) {
      below = sum - loadI(sums + (u32(left) << 2u));
    }
    if (right < candidates) {
      above = loadI(sums + (u32(right) << 2u)) - sum;
    }
    // Sums are at most 25500 apart. A larger `least` than this could not end the search, and its product would not fit.
    let apart = u32(min(below, above));
    if (least <= 21474836 && apart * apart >= u32(least) * VALUES) {
      break;
    }
    var at = right;
    if (below <= above) {
      at = left;
      left--;
    } else {
      right++;
    }
    let place = loadI(arg(6u) + (u32(at) << 2u));
    var crowd = 0;
    if (taken != 0u) {
      crowd = clamp(loadI(taken + (u32(place) << 2u)) - WELCOME, 0, 1 << 20) * CROWDING;
    }
    let error = crowd + distance_(arg(1u), width, place, least - crowd);
    if (error < least) {
      least = error;
      best = place;
    }
  }
  storeI(to, best);
}

fn placeOf(key: i32, x: i32, y: i32, width: i32, height: i32) -> i32 {
  return (key * height + y) * width + x;
}

// frame, atlas, width, height, list, count, coarse (0: none), radius, field, errors
@compute @workgroup_size(64)
fn nnfRefine(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let k = (group.y * groups.x + group.x) * 64u + local;
  if (k >= arg(5u)) {
    return;
  }
  let atlas = arg(1u);
  let width = argI(2u);
  let height = argI(3u);
  let parentsX = (width + 1) >> 1u;
  let parentsY = (height + 1) >> 1u;
  let pixel = loadI(arg(4u) + (k << 2u));
  let to = arg(8u) + (u32(pixel) << 2u);
  let x = pixel % width;
  let y = pixel / width;
  _ = takePatch(arg(0u), width, height, x, y);
  var least = MOST;
  var best = -1;
  if (arg(6u) == 0u) {
    best = loadI(to);
    least = distance_(atlas, width, best, MOST);
  } else {
    for (var j = -1; j <= 1; j++) {
      for (var i = -1; i <= 1; i++) {
        let px = (x >> 1u) + i;
        let py = (y >> 1u) + j;
        if (px < 0 || py < 0 || px >= parentsX || py >= parentsY) {
          continue;
        }
        let found = loadI(arg(6u) + (u32(py * parentsX + px) << 2u));
        if (found < 0) {
          continue;
        }
        let key = found / (parentsX * parentsY);
        let within = found - key * parentsX * parentsY;
        let sx = 2 * (within % parentsX) + x - 2 * px;
        let sy = 2 * (within / parentsX) + y - 2 * py;
        let place = placeOf(key, clamp(sx, R, width - 1 - R), clamp(sy, R, height - 1 - R), width, height);
        let error = distance_(atlas, width, place, least);
        if (error < least) {
          least = error;
          best = place;
        }
      }
    }
    if (best >= 0) {
      let radius = argI(7u);
      let key = best / (width * height);
      let within = best - key * width * height;
      let centre = vec2<i32>(within % width, within / width);
      for (var sy = max(R, centre.y - radius); sy <= min(height - 1 - R, centre.y + radius); sy++) {
        for (var sx = max(R, centre.x - radius); sx <= min(width - 1 - R, centre.x + radius); sx++) {
          let place = placeOf(key, sx, sy, width, height);
          let error = distance_(atlas, width, place, least);
          if (error < least) {
            least = error;
            best = place;
          }
        }
      }
    }
  }
  storeI(to, best);
  storeI(arg(9u) + (k << 2u), least);
}
