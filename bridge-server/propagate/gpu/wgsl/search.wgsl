// Dense inverse search of patches (kernels/assembly/patches.ts says what and after whom). Eight threads have a patch, one a row; eight
// patches are a workgroup. Sums are of whole numbers, so their order does not matter.

const PATCH: i32 = 8;
const PAD: i32 = 16;
const NEAREST: f32 = -15.0;
const FLT_MAX: f32 = 3.4e38;

// What all kernels of this file are given first:
// A, B (addresses of their pixels 0, 0), stride, width, height, step
fn imageA() -> u32 { return arg(0u); }
fn imageB() -> u32 { return arg(1u); }
fn stride() -> i32 { return argI(2u); }
fn levelWidth() -> i32 { return argI(3u); }
fn levelHeight() -> i32 { return argI(4u); }
fn step_() -> i32 { return argI(5u); }

fn patchesAlong(size: i32) -> i32 {
  return select((size - PATCH + step_() - 1) / step_() + 1, 1, size <= PATCH);
}

/** Nine bytes, and what is left of twelve, from an address that need not be aligned. */
fn nine(at: u32) -> vec3<u32> {
  let i = at >> 2u;
  let shift = (at & 3u) << 3u;
  let a = memory[i];
  let b = memory[i + 1u];
  let c = memory[i + 2u];
  if (shift == 0u) {
    return vec3<u32>(a, b, c);
  }
  return vec3<u32>((a >> shift) | (b << (32u - shift)), (b >> shift) | (c << (32u - shift)), c >> shift);
}

fn byteOf(words: vec3<u32>, i: i32) -> i32 {
  return i32((words[u32(i) >> 2u] >> ((u32(i) & 3u) << 3u)) & 255u);
}

fn rowAt(image: u32, x: i32, y: i32) -> u32 {
  return u32(i32(image) + y * stride() + x);
}

/** Where a vector points from a place, kept inside the border of B. */
fn reach(x: i32, y: i32, vector: vec2<f32>) -> vec2<f32> {
  let most = vec2<f32>(f32(levelWidth() + PAD - PATCH - 2), f32(levelHeight() + PAD - PATCH - 2));
  return max(vec2<f32>(NEAREST), min(vec2<f32>(f32(x), f32(y)) + vector, most));
}

/** The weights of four neighbours: upper left, upper right, lower left, lower right, in 1/16384. */
fn weightsAt(t: vec2<f32>) -> vec4<i32> {
  let w11 = i32(t.x * t.y * 16384.0);
  let w01 = i32(t.x * 16384.0) - w11;
  let w10 = i32(t.y * 16384.0) - w11;
  return vec4<i32>(16384 - w11 - w01 - w10, w01, w10, w11);
}

// The row of the template that this thread has.
var<private> place: vec2<i32>;
var<private> row: i32;
var<private> slot: u32;
var<private> here: array<i32, 8>;
var<private> slopeX: array<i32, 8>;
var<private> slopeY: array<i32, 8>;
// The template's own sums.
var<private> sums: vec2<f32>;
var<private> inverse: vec3<f32>;
// The sums of the last comparison.
var<private> mean: f32;
var<private> error: f32;
var<private> along: vec2<f32>;

var<workgroup> partial: array<vec4<i32>, 64>;
var<workgroup> squares: array<vec4<i32>, 64>;

fn totalOfRows() -> vec4<i32> {
  var sum = vec4<i32>(0);
  for (var k = 0u; k < 8u; k++) {
    sum += partial[slot * 8u + k];
  }
  return sum;
}

fn takeTemplate() {
  let middle = nine(rowAt(imageA(), place.x, place.y + row));
  var before_ = i32(loadByte(rowAt(imageA(), place.x - 1, place.y + row)));
  let upper = nine(rowAt(imageA(), place.x, place.y + row - 1));
  let lower = nine(rowAt(imageA(), place.x, place.y + row + 1));
  var squared = vec4<i32>(0);
  var x = 0;
  var y = 0;
  for (var i = 0; i < 8; i++) {
    let own = byteOf(middle, i);
    let gx = byteOf(middle, i + 1) - before_;
    let gy = byteOf(lower, i) - byteOf(upper, i);
    here[i] = own << 5u;
    before_ = own;
    slopeX[i] = gx;
    slopeY[i] = gy;
    squared += vec4<i32>(gx * gx, gx * gy, gy * gy, 0);
    x += gx;
    y += gy;
  }
  workgroupBarrier();
  partial[slot * 8u + u32(row)] = vec4<i32>(squared.xyz, x);
  squares[slot * 8u + u32(row)] = vec4<i32>(y, 0, 0, 0);
  workgroupBarrier();
  let all = totalOfRows();
  var allY = 0;
  for (var k = 0u; k < 8u; k++) {
    allY += squares[slot * 8u + k].x;
  }
  sums = vec2<f32>(f32(all.w), f32(allY));
  // A little more than nothing on the diagonal: where there is no texture a patch stays where it was put.
  let a = f32(all.x) - (sums.x * sums.x) / 64.0 + 64.0;
  let b = f32(all.y) - (sums.x * sums.y) / 64.0;
  let c = f32(all.z) - (sums.y * sums.y) / 64.0 + 64.0;
  // 16: the gradients are doubled, the differences are in 1/32.
  let scale = 1.0 / (16.0 * (a * c - b * b));
  inverse = vec3<f32>(c * scale, -b * scale, a * scale);
}

/** Compares the template with B at `vector`. All threads of the workgroup come here together. */
fn compare(vector: vec2<f32>) {
  let p = reach(place.x, place.y, vector);
  let i = vec2<i32>(floor(p));
  let w = weightsAt(p - floor(p));
  let upper = nine(rowAt(imageB(), i.x, i.y + row));
  let lower = nine(rowAt(imageB(), i.x, i.y + row + 1));
  var sum = vec4<i32>(0);
  var squared = vec4<i32>(0);
  for (var k = 0; k < 8; k++) {
    let value = (byteOf(upper, k) * w.x + byteOf(upper, k + 1) * w.y +
      byteOf(lower, k) * w.z + byteOf(lower, k + 1) * w.w + 256) >> 9u;
    let difference = value - here[k];
    sum += vec4<i32>(difference, difference * slopeX[k], difference * slopeY[k], 0);
    squared[k >> 1u] += difference * difference;
  }
  workgroupBarrier();
  partial[slot * 8u + u32(row)] = sum;
  squares[slot * 8u + u32(row)] = squared;
  workgroupBarrier();
  let all = totalOfRows();
  var allSquared = vec4<i32>(0);
  for (var k = 0u; k < 8u; k++) {
    allSquared += squares[slot * 8u + k];
  }
  // Four of them together may not fit into 32 bits.
  let s = vec4<f32>(allSquared);
  mean = f32(all.x) / 64.0;
  error = s.x + s.y + (s.z + s.w) - f32(all.x) * mean;
  along = vec2<f32>(f32(all.y), f32(all.z)) - mean * sums;
}

/** What a patch may start from. */
var<private> starts: array<vec2<f32>, 5>;

/**
 * Gauss-Newton from the first of the best of `count` starts, of which `there` has a bit each, while the error falls and the patch stays
 * within its own size of where it began.
 */
fn descend(count: u32, there: u32, iterations: u32, to: u32, counts: bool) {
  var best = vec2<f32>(0.0);
  var least = FLT_MAX;
  for (var i = 0u; i < count; i++) {
    compare(starts[i]);
    if (((there >> i) & 1u) == 1u && error < least) {
      least = error;
      best = starts[i];
    }
  }
  let begin = best;
  var next = best;
  var leastMean = 0.0;
  var falling = true;
  least = FLT_MAX;
  for (var i = 0u; i <= iterations; i++) {
    compare(next);
    falling = falling && error < least;
    if (falling) {
      least = error;
      leastMean = mean;
      best = next;
      let step = vec2<f32>(inverse.x * along.x + inverse.y * along.y, inverse.y * along.x + inverse.z * along.y);
      next = best - step;
      let far = next - begin;
      falling = step.x * step.x + step.y * step.y >= 0.0001 && far.x * far.x + far.y * far.y <= f32(PATCH * PATCH);
    }
  }
  if (counts && row == 0) {
    storeVector(to, best);
    storeF(to + 8u, leastMean);
  }
}

/** Gives the thread its patch; those past the end do the last one's work over again. Gives the patch's index. */
fn takePlace(group: vec3<u32>, groups: vec3<u32>, local: u32) -> u32 {
  let columns = patchesAlong(levelWidth());
  let rows = patchesAlong(levelHeight());
  slot = local >> 3u;
  row = i32(local & 7u);
  let index = (group.y * groups.x + group.x) * 8u + slot;
  let own = min(i32(index), columns * rows - 1);
  place = vec2<i32>(own % columns, own / columns) * step_();
  return index;
}

// …, u, v (0: none), width and height of the coarser level, given (0: none), full width, full height, level, iterations, patches
@compute @workgroup_size(64)
fn searchFromFlow(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let index = takePlace(group, groups, local);
  let counts = i32(index) < patchesAlong(levelWidth()) * patchesAlong(levelHeight());
  takeTemplate();
  let size = vec2<i32>(levelWidth(), levelHeight());
  let centre = vec2<f32>(min(place + PATCH / 2, size));
  starts[0] = vec2<f32>(0.0);
  if (arg(6u) != 0u) {
    let at = centre * 0.5 - 0.5;
    starts[0] = 2.0 * vec2<f32>(
      samplePlane(arg(6u), argI(8u), argI(9u), at),
      samplePlane(arg(7u), argI(8u), argI(9u), at),
    );
  }
  var count = 1u;
  if (arg(10u) != 0u) {
    let unit = f32(1u << arg(13u));
    let at = min(vec2<i32>(centre * unit), vec2<i32>(argI(11u), argI(12u)) - 1);
    starts[1] = loadVector(arg(10u) + (u32(at.y * argI(11u) + at.x) << 3u)) * (1.0 / unit);
    count = 2u;
  }
  descend(count, 3u, arg(14u), arg(15u) + index * 12u, counts);
}

// …, from, iterations, patches
@compute @workgroup_size(64)
fn searchFromNeighbours(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let index = takePlace(group, groups, local);
  let columns = u32(patchesAlong(levelWidth()));
  let rows = u32(patchesAlong(levelHeight()));
  let counts = index < columns * rows;
  takeTemplate();
  let own = min(index, columns * rows - 1u);
  let left = own % columns > 0u;
  let right = own % columns + 1u < columns;
  let above = own >= columns;
  let below = own + columns < columns * rows;
  starts[0] = loadVector(arg(6u) + own * 12u);
  starts[1] = loadVector(arg(6u) + select(own, own - 1u, left) * 12u);
  starts[2] = loadVector(arg(6u) + select(own, own + 1u, right) * 12u);
  starts[3] = loadVector(arg(6u) + select(own, own - columns, above) * 12u);
  starts[4] = loadVector(arg(6u) + select(own, own + columns, below) * 12u);
  let there = 1u | select(0u, 2u, left) | select(0u, 4u, right) | select(0u, 8u, above) | select(0u, 16u, below);
  descend(5u, there, arg(7u), arg(8u) + index * 12u, counts);
}

/** Every pixel the mean of the patches over it, weighed by how well each explains it. */
// …, patches, u, v
@compute @workgroup_size(16, 8)
fn densify(@builtin(global_invocation_id) id: vec3<u32>) {
  let x = i32(id.x);
  let y = i32(id.y);
  if (x >= levelWidth() || y >= levelHeight()) {
    return;
  }
  let columns = patchesAlong(levelWidth());
  let rows = patchesAlong(levelHeight());
  let target_ = i32(loadByte(rowAt(imageA(), x, y))) << 5u;
  var weights = 0.0;
  var sum = vec2<f32>(0.0);
  for (var line_ = max(0, (y - PATCH + step_()) / step_()); line_ <= min(rows - 1, y / step_()); line_++) {
    for (var column = max(0, (x - PATCH + step_()) / step_()); column <= min(columns - 1, x / step_()); column++) {
      let at = arg(6u) + u32(line_ * columns + column) * 12u;
      let vector = loadVector(at);
      let origin = vec2<i32>(column, line_) * step_();
      let p = reach(origin.x, origin.y, vector);
      let i = vec2<i32>(floor(p)) + vec2<i32>(x, y) - origin;
      let w = weightsAt(p - floor(p));
      let b = rowAt(imageB(), i.x, i.y);
      let value = (i32(loadByte(b)) * w.x + i32(loadByte(b + 1u)) * w.y +
        i32(loadByte(b + u32(stride()))) * w.z + i32(loadByte(b + u32(stride()) + 1u)) * w.w + 256) >> 9u;
      let difference = abs(value - target_ - i32(loadF(at + 8u)));
      let weight = 32.0 / f32(max(difference, 32));
      weights += weight;
      sum += weight * vector;
    }
  }
  let p = u32(y * levelWidth() + x) << 2u;
  storeF(arg(7u) + p, sum.x / weights);
  storeF(arg(8u) + p, sum.y / weights);
}
