// Dense optical flow from coarse to fine: on each level inverse search of patches, densification, variational refinement.
import { bandFrom, bandTo, barrier, worker, workers } from './team';
import { levelAt, pyramidBytes, sizeAt, strideAt } from './pyramid';
import {
  PATCH_BYTES,
  TEMPLATE_BYTES,
  densify,
  patchesAlong,
  searchFromFlow,
  searchFromNeighbours,
  useLevel,
} from './patches';
import { planeBytes, planeStride, refine, refineBytes } from './refine';

export { buildPyramid, pyramidBytes } from './pyramid';

/** Bytes of scratch that `flow` needs for pictures of this size when it ends at level `finest`. */
export function flowBytes(width: i32, height: i32, finest: i32, step: i32): usize {
  const w = sizeAt(finest, width);
  const h = sizeAt(finest, height);
  return (
    6 * planeBytes(w, h) + 2 * patchBytes(w, h, step) + <usize>workers * TEMPLATE_BYTES + refineBytes(w, h, workers)
  );
}

function patchBytes(width: i32, height: i32, step: i32): usize {
  return (<usize>(patchesAlong(width, step) * patchesAlong(height, step)) * PATCH_BYTES + 63) & ~63;
}

/**
 * The flow from A to B: vectors (dx, dy) in pixels, f32 interleaved, row-major, into `out`, such that A(p) is found at
 * B(p + flow(p)). `a` and `b` are pyramids of `levels` levels; the search begins at the coarsest and ends at `finest`, whose
 * flow is then enlarged bilinearly. `step`: pixels between patches. `iterations`: Gauss-Newton steps in each of two passes.
 * `outer`, `inner`: fixed-point iterations of the refinement, and SOR iterations in each. `given`: a full-size flow to start
 * from as well, or 0.
 */
export function flow(
  a: usize,
  b: usize,
  width: i32,
  height: i32,
  levels: i32,
  finest: i32,
  step: i32,
  iterations: i32,
  outer: i32,
  inner: i32,
  given: usize,
  out: usize,
  scratch: usize,
): void {
  const largest = planeBytes(sizeAt(finest, width), sizeAt(finest, height));
  let u = scratch;
  let v = u + largest;
  let coarseU = v + largest;
  let coarseV = coarseU + largest;
  const weight = coarseV + largest;
  const patches = weight + 2 * largest;
  const morePatches = patches + patchBytes(sizeAt(finest, width), sizeAt(finest, height), step);
  const templates = morePatches + patchBytes(sizeAt(finest, width), sizeAt(finest, height), step);
  const refinement = templates + <usize>workers * TEMPLATE_BYTES;

  for (let level = levels - 1; level >= finest; level--) {
    const w = sizeAt(level, width);
    const h = sizeAt(level, height);
    const stride = strideAt(level, width);
    const levelA = levelAt(a, width, height, level);
    const levelB = levelAt(b, width, height, level);
    useLevel(levelA, levelB, stride, w, h, step, templates);
    const coarsest = level == levels - 1;
    searchFromFlow(
      level,
      coarsest ? 0 : coarseU,
      coarseV,
      planeStride(sizeAt(level + 1, width)),
      sizeAt(level + 1, width),
      sizeAt(level + 1, height),
      given,
      width,
      height,
      iterations,
      patches,
    );
    barrier();
    searchFromNeighbours(patches, iterations, morePatches);
    barrier();
    densify(morePatches, u, v, weight, planeStride(w));
    barrier();
    if (outer > 0) refine(levelA, levelB, stride, w, h, u, v, outer, inner, refinement);
    clearSpareRow(u, w, h);
    clearSpareRow(v, w, h);
    barrier();
    if (level == finest) enlarge(u, v, w, h, finest, width, height, out, weight);
    let swap = u;
    u = coarseU;
    coarseU = swap;
    swap = v;
    v = coarseV;
    coarseV = swap;
  }
  barrier();
}

/** What is read below the last row has weight 0, and must be finite. */
function clearSpareRow(plane: usize, width: i32, height: i32): void {
  if (worker == 0) {
    const line = (<usize>planeStride(width)) << 2;
    memory.fill(plane + <usize>height * line, 0, line);
  }
}

/** The planes of level `level`, enlarged bilinearly and interleaved. `rows`: a plane of scratch. */
function enlarge(
  u: usize,
  v: usize,
  w: i32,
  h: i32,
  level: i32,
  width: i32,
  height: i32,
  out: usize,
  rows: usize,
): void {
  const stride = planeStride(w);
  const size = <f32>(1 << level);
  const bottom = bandTo(height);
  for (let y = bandFrom(height); y < bottom; y++) {
    const cy = max<f32>(0, min<f32>(<f32>(h - 1), (<f32>y + 0.5) / size - 0.5));
    const iy = <i32>cy;
    const fy = cy - <f32>iy;
    const rowU = u + ((<usize>(iy * stride)) << 2);
    const rowV = v + ((<usize>(iy * stride)) << 2);
    const line = (<usize>stride) << 2;
    let to = out + ((<usize>y * <usize>width) << 3);
    for (let x = 0; x < width; x++, to += 8) {
      const cx = max<f32>(0, min<f32>(<f32>(w - 1), (<f32>x + 0.5) / size - 0.5));
      const ix = <i32>cx;
      const fx = cx - <f32>ix;
      const at = (<usize>ix) << 2;
      const upper = load<f32>(rowU + at) * (1 - fx) + load<f32>(rowU + at, 4) * fx;
      const lower = load<f32>(rowU + at + line) * (1 - fx) + load<f32>(rowU + at + line, 4) * fx;
      store<f32>(to, size * (upper * (1 - fy) + lower * fy));
      const upperV = load<f32>(rowV + at) * (1 - fx) + load<f32>(rowV + at, 4) * fx;
      const lowerV = load<f32>(rowV + at + line) * (1 - fx) + load<f32>(rowV + at + line, 4) * fx;
      store<f32>(to, size * (upperV * (1 - fy) + lowerV * fy), 4);
    }
  }
}
