// Dense optical flow from coarse to fine: on each level inverse search of patches, densification, variational refinement.
import { barrier, worker, workers } from './team';
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
import { enlarge, enlargeBytes, interleave } from './enlarge';
import { planeBytes, planeStride, refine, refineBytes } from './refine';

export { buildPyramid, pyramidBytes, takeLevel } from './pyramid';

/** Bytes of scratch that `flow` needs for pictures of this size when it ends at level `finest`. */
export function flowBytes(width: i32, height: i32, finest: i32, step: i32): usize {
  const w = sizeAt(finest, width);
  const h = sizeAt(finest, height);
  const search = planeBytes(w, h) + 2 * patchBytes(w, h, step) + <usize>workers * TEMPLATE_BYTES;
  return (
    2 * planeBytes(w, h) +
    2 * planeBytes(sizeAt(finest + 1, width), sizeAt(finest + 1, height)) +
    <usize>workers * enlargeBytes(w) +
    max(search, refineBytes(w, h))
  );
}

function patchBytes(width: i32, height: i32, step: i32): usize {
  return (<usize>(patchesAlong(width, step) * patchesAlong(height, step)) * PATCH_BYTES + 63) & ~63;
}

/**
 * The flow from A to B: vectors (dx, dy) in pixels, f32 interleaved, row-major, into `out`, such that A(p) is found at
 * B(p + flow(p)). `a` and `b` are pyramids of `levels` levels, of which the coarsest is the first. Patches are searched down
 * to level `searched`, `step` pixels apart, with `iterations` Gauss-Newton steps in each of two passes; from there down to
 * level `finest` the flow is enlarged and refined. Every level is refined by `outer` fixed-point iterations, the finest by
 * `outerFinest`, each of `inner` SOR iterations. `given`: a full-size flow to start from as well, or 0.
 */
export function flow(
  a: usize,
  b: usize,
  width: i32,
  height: i32,
  levels: i32,
  searched: i32,
  finest: i32,
  step: i32,
  iterations: i32,
  outer: i32,
  outerFinest: i32,
  inner: i32,
  given: usize,
  out: usize,
  scratch: usize,
): void {
  const finestW = sizeAt(finest, width);
  const finestH = sizeAt(finest, height);
  const plane = planeBytes(finestW, finestH);
  const coarsePlane = planeBytes(sizeAt(finest + 1, width), sizeAt(finest + 1, height));
  // Levels take turns between a pair of planes of the finest's size and one of the next coarser's, so that the finest gets its own.
  let u = scratch;
  let v = u + plane;
  let coarseU = v + plane;
  let coarseV = coarseU + coarsePlane;
  const rows = coarseV + coarsePlane;
  if (((levels - finest) & 1) == 0) {
    u = coarseU;
    v = coarseV;
    coarseU = scratch;
    coarseV = scratch + plane;
  }
  // A level is refined when its patches have done their work: both use the same memory.
  const refinement = rows + <usize>workers * enlargeBytes(finestW);
  const weight = refinement;
  const patches = weight + plane;
  const morePatches = patches + patchBytes(finestW, finestH, step);
  const templates = morePatches + patchBytes(finestW, finestH, step);

  for (let level = levels - 1; level >= finest; level--) {
    const w = sizeAt(level, width);
    const h = sizeAt(level, height);
    const stride = strideAt(level, width);
    const coarseW = sizeAt(level + 1, width);
    const coarseH = sizeAt(level + 1, height);
    const levelA = levelAt(a, width, height, level);
    const levelB = levelAt(b, width, height, level);
    const coarsest = level == levels - 1;
    useLevel(levelA, levelB, stride, w, h, step, templates);
    if (level >= searched) {
      const start: usize = coarsest ? 0 : coarseU;
      searchFromFlow(level, start, coarseV, coarseW, coarseH, given, width, height, iterations, patches);
      barrier();
      searchFromNeighbours(patches, iterations, morePatches);
      barrier();
      densify(morePatches, u, v, weight);
    } else {
      enlarge(coarseU, coarseV, coarseW, coarseH, u, v, w, h, rows);
    }
    barrier();
    const fixedPoints = level == finest ? outerFinest : outer;
    if (fixedPoints > 0) refine(levelA, levelB, stride, w, h, u, v, fixedPoints, inner, refinement);
    clearSpareRow(u, w, h);
    clearSpareRow(v, w, h);
    barrier();
    let swap = u;
    u = coarseU;
    coarseU = swap;
    swap = v;
    v = coarseV;
    coarseV = swap;
  }
  handOut(coarseU, coarseV, finest, width, height, rows, out);
}

/** What is read below the last row has weight 0, and must be finite. */
function clearSpareRow(plane: usize, width: i32, height: i32): void {
  if (worker != 0) return;
  const line = (<usize>planeStride(width)) << 2;
  memory.fill(plane + <usize>height * line, 0, line);
}

/** The finest level's planes at full size, interleaved. */
function handOut(u: usize, v: usize, finest: i32, width: i32, height: i32, rows: usize, out: usize): void {
  if (finest == 0) interleave(u, v, width, height, out);
  else enlarge(u, v, sizeAt(1, width), sizeAt(1, height), out, 0, width, height, rows);
  barrier();
}
