// The contrast of the finest detail, given back (kernels/assembly/contrast.ts says what and why).

const CELL: i32 = 4;
const GRAIN: f32 = 0.5;
const LEAST: f32 = 0.95;
const MOST: f32 = 1.6;
const MORE: f32 = 2.0;
const NOWHERE: f32 = 1e9;
const UNKNOWN: f32 = 1e9;
const TRANSPARENT: f32 = 256.0;

fn cellsOf(size: vec2<i32>) -> vec2<i32> {
  return (size + CELL - 1) / CELL;
}

fn lumaOf(colours: vec4<f32>) -> f32 {
  return 0.2126 * colours.x + 0.7152 * colours.y + 0.0722 * colours.z;
}

// picture, bytes, width, height, plane
@compute @workgroup_size(16, 8)
fn detailLuma(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= arg(2u) || id.y >= arg(3u)) {
    return;
  }
  let p = id.y * arg(2u) + id.x;
  if (arg(1u) == 1u) {
    storeF(arg(4u) + (p << 2u), lumaOf(loadPixel(arg(0u) + (p << 2u))));
  } else {
    let value = loadWords(arg(0u) + (p << 3u));
    let luma = (lumaOf(value) * 255.0) / max(value.w, 1.0);
    storeF(arg(4u) + (p << 2u), select(luma, NOWHERE, value.w < TRANSPARENT));
  }
}

/** Detail at a place of a plane of luma. */
fn detailAt(plane: u32, size: vec2<i32>, place: vec2<i32>) -> f32 {
  var sum = 0.0;
  for (var j = -1; j <= 1; j++) {
    for (var i = -1; i <= 1; i++) {
      let at = clamp(place + vec2<i32>(i, j), vec2<i32>(0), size - 1);
      sum += loadF(plane + (u32(at.y * size.x + at.x) << 2u)) * select(1.0, 2.0, i == 0) * select(1.0, 2.0, j == 0);
    }
  }
  return loadF(plane + (u32(place.y * size.x + place.x) << 2u)) - sum * 0.0625;
}

/** Mean squares of cells. */
// plane, width, height, raw
@compute @workgroup_size(8, 8)
fn detailCells(@builtin(global_invocation_id) id: vec3<u32>) {
  let size = vec2<i32>(argI(1u), argI(2u));
  let cells = cellsOf(size);
  let cell = vec2<i32>(id.xy);
  if (any(cell >= cells)) {
    return;
  }
  let first = cell * CELL;
  let past = min(size, first + CELL);
  var sum = 0.0;
  for (var y = first.y; y < past.y; y++) {
    for (var x = first.x; x < past.x; x++) {
      let value = detailAt(arg(0u), size, vec2<i32>(x, y));
      sum += value * value;
    }
  }
  storeF(arg(3u) + (u32(cell.y * cells.x + cell.x) << 2u), sum / f32((past.x - first.x) * (past.y - first.y)));
}

// raw, cells across, cells down, energies
@compute @workgroup_size(8, 8)
fn detailBlur(@builtin(global_invocation_id) id: vec3<u32>) {
  let cells = vec2<i32>(argI(1u), argI(2u));
  let cell = vec2<i32>(id.xy);
  if (any(cell >= cells)) {
    return;
  }
  var sum = 0.0;
  for (var j = -1; j <= 1; j++) {
    for (var i = -1; i <= 1; i++) {
      let at = clamp(cell + vec2<i32>(i, j), vec2<i32>(0), cells - 1);
      sum += loadF(arg(0u) + (u32(at.y * cells.x + at.x) << 2u)) * select(0.25, 0.5, i == 0) * select(0.25, 0.5, j == 0);
    }
  }
  storeF(arg(3u) + (u32(cell.y * cells.x + cell.x) << 2u), sum);
}

/** Energy at a place of the picture, in pixels. */
fn energyAt(energies: u32, cells: vec2<i32>, place: vec2<f32>) -> f32 {
  let p = clamp((place + 0.5) / f32(CELL) - 0.5, vec2<f32>(0.0), vec2<f32>(cells - 1));
  let i = vec2<i32>(p);
  let t = p - vec2<f32>(i);
  let upper = energies + (u32(i.y * cells.x + i.x) << 2u);
  let lower = select(upper, upper + (u32(cells.x) << 2u), i.y + 1 < cells.y);
  let right = select(0u, 4u, i.x + 1 < cells.x);
  return mix(mix(loadF(upper), loadF(upper + right), t.x), mix(loadF(lower), loadF(lower + right), t.x), t.y);
}

// source, sources, painted, apart, map A, map B, width, height, share, filled, field, expected
@compute @workgroup_size(8, 8)
fn detailExpected(@builtin(global_invocation_id) id: vec3<u32>) {
  let size = vec2<i32>(argI(6u), argI(7u));
  let cells = cellsOf(size);
  let cell = vec2<i32>(id.xy);
  if (any(cell >= cells)) {
    return;
  }
  let middle = vec2<f32>(cell * CELL) + 1.5;
  var drawn = 0.0;
  var shown = 0.0;
  for (var k = 0; k < 4; k++) {
    let place = min(size - 1, cell * CELL + 1 + 2 * vec2<i32>(k & 1, k >> 1u));
    let p = u32(place.y * size.x + place.x);
    var weight = 1.0;
    if (arg(5u) != 0u) {
      weight = loadF(arg(8u) + (p << 2u));
    }
    var taken = 0.0;
    if (arg(9u) != 0u) {
      taken = loadF(arg(9u) + (p << 2u));
      if (taken > 0.0) {
        let found = loadI(arg(10u) + (p << 2u));
        if (found < 0) {
          taken = 0.0;
        } else {
          let other = select(0u, arg(3u), found >= size.x * size.y);
          let there = found % (size.x * size.y);
          let at = middle + vec2<f32>(vec2<i32>(there % size.x, there / size.x) - place);
          drawn += taken * energyAt(arg(2u) + other, cells, at);
          shown += taken * energyAt(arg(1u) + other, cells, at);
        }
      }
    }
    let partA = (1.0 - taken) * weight;
    if (partA > 0.0) {
      let at = middle + loadVector(arg(4u) + (p << 3u));
      drawn += partA * energyAt(arg(2u), cells, at);
      shown += partA * energyAt(arg(1u), cells, at);
    }
    let partB = (1.0 - taken) * (1.0 - weight);
    if (partB > 0.0) {
      let at = middle + loadVector(arg(5u) + (p << 3u));
      drawn += partB * energyAt(arg(2u) + arg(3u), cells, at);
      shown += partB * energyAt(arg(1u) + arg(3u), cells, at);
    }
  }
  let at = u32(cell.y * cells.x + cell.x) << 2u;
  let ratio = min(MORE, (loadF(arg(0u) + at) + GRAIN) / (shown * 0.25 + GRAIN));
  storeF(arg(11u) + at, drawn * 0.25 * ratio);
}

// energies, expected, cells across, cells down
@compute @workgroup_size(8, 8)
fn restoreGains(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= arg(2u) || id.y >= arg(3u)) {
    return;
  }
  let at = (id.y * arg(2u) + id.x) << 2u;
  let wanted = loadF(arg(1u) + at) + GRAIN;
  let there = loadF(arg(0u) + at) + GRAIN;
  let gain = clamp(sqrt(wanted / there), LEAST, MOST);
  storeF(arg(1u) + at, select(gain - 1.0, 0.0, max(wanted, there) > UNKNOWN));
}

/** A finished pixel: premultiplied colours with alpha, 16-bit levels. */
// picture, width, height, plane, gains, out
fn restored(p: u32) -> vec4<f32> {
  let size = vec2<i32>(argI(1u), argI(2u));
  let place = vec2<i32>(i32(p % arg(1u)), i32(p / arg(1u)));
  let value = loadWords(arg(0u) + (p << 3u));
  let gain = energyAt(arg(4u), cellsOf(size), vec2<f32>(place));
  let more = gain * detailAt(arg(3u), size, place) * value.w * (1.0 / 255.0);
  return vec4<f32>(clamp(value.xyz + more, vec3<f32>(0.0), vec3<f32>(value.w)), value.w);
}

/** Two pixels a thread of straight RGB, u16. */
@compute @workgroup_size(256)
fn restoreRgb(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = linear(group, groups, local);
  let count = arg(1u) * arg(2u);
  if (2u * i >= count) {
    return;
  }
  let one = vec3<u32>(restored(2u * i).xyz + 0.5);
  let to = arg(5u) + 12u * i;
  storeU(to, one.x | (one.y << 16u));
  if (2u * i + 1u < count) {
    let two = vec3<u32>(restored(2u * i + 1u).xyz + 0.5);
    storeU(to + 4u, one.z | (two.x << 16u));
    storeU(to + 8u, two.y | (two.z << 16u));
  } else {
    storeU(to + 4u, one.z);
  }
}

/** A pixel a thread of straight RGBA, u16. */
@compute @workgroup_size(256)
fn restoreRgba(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let p = linear(group, groups, local);
  if (p >= arg(1u) * arg(2u)) {
    return;
  }
  let value = restored(p);
  var colours = value.xyz;
  if (value.w > 0.0) {
    colours *= 65535.0 / value.w;
  }
  storeWords(arg(5u) + (p << 3u), vec4<f32>(colours, value.w));
}
