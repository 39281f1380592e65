/**
 * One run of a WGSL entry point: `args` are 32-bit words; threads beyond what there is to do return by themselves. A pass sees all that
 * the passes before it wrote.
 */
export type Pass = {
  readonly module: Module;
  readonly entry: string;
  readonly groups: readonly [number, number, number];
  readonly args: readonly number[];
};

/** The files of `wgsl/` that have entry points. */
export const MODULES = [
  'words',
  'yuv',
  'guide',
  'pyramid',
  'search',
  'variation',
  'enlarge',
  'maps',
  'smooth',
  'mix',
  'contrast',
  'vote',
  'nnf',
  'count',
] as const;
export type Module = (typeof MODULES)[number];

/** The most groups that a row of threads is cut into; longer ones go on in the second dimension. */
const GROUPS_IN_ROW = 32768;

/** A thread for each pixel: groups of 16x8, in `layers`. */
function overPixels(
  module: Module,
  entry: string,
  [width, height]: readonly [number, number],
  args: readonly number[],
  layers = 1,
): Pass {
  return { module, entry, groups: [Math.ceil(width / 16), Math.ceil(height / 8), layers], args };
}

/** The same in groups of 8x8, for kernels that do much for each. */
function overCells(
  module: Module,
  entry: string,
  [width, height]: readonly [number, number],
  args: readonly number[],
): Pass {
  return { module, entry, groups: [Math.ceil(width / 8), Math.ceil(height / 8), 1], args };
}

/** A row of `count` threads in groups of `size`. */
function along(module: Module, entry: string, count: number, size: number, args: readonly number[]): Pass {
  const groups = Math.max(1, Math.ceil(count / size));
  const rows = Math.ceil(groups / GROUPS_IN_ROW);
  return { module, entry, groups: [Math.min(groups, GROUPS_IN_ROW), rows, 1], args };
}

const bits = new DataView(new ArrayBuffer(4));

/** The bits of an f32. */
function float(value: number): number {
  bits.setFloat32(0, value);
  return bits.getUint32(0);
}

type Size = readonly [number, number];

/** Blurs planes that lie `apart` bytes from each other. `between`: as much scratch, laid out alike. */
function smooth(plane: number, between: number, [width, height]: Size, planes = 1, apart = 0): Pass[] {
  return [
    overPixels('smooth', 'smoothAcross', [width, height], [plane, width, height, between, apart], planes),
    overPixels('smooth', 'smoothDown', [width, height], [between, width, height, plane, apart], planes),
  ];
}

const twice = <T>(passes: readonly T[]): T[] => [...passes, ...passes];

const sizeAt = (level: number, size: number): number => (size + (1 << level) - 1) >> level;
const PAD = 16;
const strideAt = (level: number, width: number): number => (sizeAt(level, width) + 2 * PAD + 15) & ~15;

function pyramidBytes(width: number, height: number, levels: number): number {
  let bytes = 16;
  for (let level = 0; level < levels; level++) bytes += strideAt(level, width) * (sizeAt(level, height) + 2 * PAD);
  return bytes;
}

/** Address of the border's corner of a level. */
const cornerOf = (pyramid: number, width: number, height: number, level: number): number =>
  pyramid + pyramidBytes(width, height, level);
const levelAt = (pyramid: number, width: number, height: number, level: number): number =>
  cornerOf(pyramid, width, height, level) + strideAt(level, width) * PAD + PAD;

function buildPyramid(plane: number, width: number, height: number, levels: number, pyramid: number): Pass[] {
  return Array.from({ length: levels }, (_, level) => {
    const [w, h] = [sizeAt(level, width), sizeAt(level, height)];
    const stride = strideAt(level, width);
    const from =
      level === 0 ? [plane, width, 0] : [levelAt(pyramid, width, height, level - 1), strideAt(level - 1, width), 1];
    const args = [...from, cornerOf(pyramid, width, height, level), stride, w, h];
    return overPixels('pyramid', 'pyramidLevel', [stride / 4, h + 2 * PAD], args);
  });
}

const PATCH = 8;
const PATCH_BYTES = 12;
const patchesAlong = (size: number, step: number): number =>
  size <= PATCH ? 1 : Math.floor((size - PATCH + step - 1) / step) + 1;
const patchCount = ([width, height]: Size, step: number): number =>
  patchesAlong(width, step) * patchesAlong(height, step);

const rounded = (bytes: number): number => (bytes + 63) & ~63;
const planeBytes = ([width, height]: Size): number => rounded(4 * width * height);
/** Planes that the flow keeps: u and v of two levels, and of one to go on to. Planes of the refinement, as in variation.wgsl. */
const FLOW_PLANES = 6;
const REFINEMENT_PLANES = 12;

function flowBytes(width: number, height: number, finest: number, step: number): number {
  const size: Size = [sizeAt(finest, width), sizeAt(finest, height)];
  return (FLOW_PLANES + REFINEMENT_PLANES) * planeBytes(size) + 2 * rounded(patchCount(size, step) * PATCH_BYTES);
}

function flow(
  a: number,
  b: number,
  width: number,
  height: number,
  levels: number,
  searched: number,
  finest: number,
  step: number,
  iterations: number,
  outer: number,
  outerFinest: number,
  inner: number,
  given: number,
  out: number,
  scratch: number,
): Pass[] {
  const plane = planeBytes([sizeAt(finest, width), sizeAt(finest, height)]);
  const pair = (i: number): Pair => [scratch + 2 * i * plane, scratch + (2 * i + 1) * plane];
  let [now, coarser, next] = [pair(0), pair(1), pair(2)];
  const refinement = scratch + FLOW_PLANES * plane;
  const patches = refinement + REFINEMENT_PLANES * plane;
  const passes: Pass[] = [];
  for (let level = levels - 1; level >= finest; level--) {
    const size: Size = [sizeAt(level, width), sizeAt(level, height)];
    const coarse: Size = [sizeAt(level + 1, width), sizeAt(level + 1, height)];
    const count = patchCount(size, step);
    const morePatches = patches + rounded(count * PATCH_BYTES);
    const images = [levelAt(a, width, height, level), levelAt(b, width, height, level)] as const;
    const stride = strideAt(level, width);
    const shared = [...images, stride, ...size, step];
    if (level >= searched) {
      const start = level === levels - 1 ? [0, 0] : coarser;
      const fromFlow = [...shared, ...start, ...coarse, given, width, height, level, iterations, patches];
      passes.push(
        along('search', 'searchFromFlow', count, 8, fromFlow),
        along('search', 'searchFromNeighbours', count, 8, [...shared, patches, iterations, morePatches]),
        overPixels('search', 'densify', size, [...shared, morePatches, ...now]),
      );
    } else {
      passes.push(overPixels('enlarge', 'enlarge', size, [...coarser, ...coarse, ...now, ...size]));
    }
    const fixedPoints = level === finest ? outerFinest : outer;
    if (fixedPoints > 0) {
      const refined = refineFlow(images, stride, size, [now, next], fixedPoints, inner, refinement);
      passes.push(...refined.passes);
      [now, next] = refined.planes;
    }
    [now, coarser] = [coarser, now];
  }
  const finestSize = [sizeAt(finest, width), sizeAt(finest, height)] as const;
  passes.push(
    finest === 0
      ? overPixels('enlarge', 'interleave', [width, height], [...coarser, width, height, out])
      : overPixels('enlarge', 'enlarge', [width, height], [...coarser, ...finestSize, out, 0, width, height]),
  );
  return passes;
}

/** u and v of a level. */
type Pair = readonly [number, number];

/** The core of a tile, as in variation.wgsl. */
const CORE: Size = [32, 16];

/** Refines the first of the two pairs of planes; gives them back in the order in which the first is the result. */
function refineFlow(
  images: readonly [number, number],
  stride: number,
  size: Size,
  planes: readonly [Pair, Pair],
  outer: number,
  inner: number,
  scratch: number,
): { readonly passes: readonly Pass[]; readonly planes: readonly [Pair, Pair] } {
  let [now, next] = planes;
  const system = (): number[] => [...size, ...now, scratch, planeBytes(size)];
  const passes = [overPixels('variation', 'warp', size, [...system(), ...images, stride])];
  const groups = [Math.ceil(size[0] / CORE[0]), Math.ceil(size[1] / CORE[1]), 1] as const;
  for (let i = 0; i < outer; i++) {
    passes.push(overPixels('variation', 'smoothness', size, system()));
    passes.push(overPixels('variation', 'assemble', size, system()));
    for (let j = 0; j < inner; j++) {
      passes.push({ module: 'variation', entry: 'relax', groups, args: [...system(), ...next] });
      [now, next] = [next, now];
    }
  }
  return { passes, planes: [now, next] };
}

const cellsOf = ([width, height]: Size): Size => [(width + 1) >> 1, (height + 1) >> 1];
/** Planes of cells: six sums, as many to blur them, the least error, and whether it fell. */
const CELL_PLANES = 14;
const refineMapBytes = (width: number, height: number): number =>
  rounded(8 * width * height) + CELL_PLANES * planeBytes(cellsOf([width, height]));

function mapRefine(
  frame: number,
  key: number,
  width: number,
  height: number,
  map: number,
  iterations: number,
  scratch: number,
): Pass[] {
  const size: Size = [width, height];
  const cells = cellsOf(size);
  const plane = planeBytes(cells);
  const sums = scratch + rounded(8 * width * height);
  const [between, least, moved] = [sums + 6 * plane, sums + 12 * plane, sums + 13 * plane];
  const [stepX, stepY, error] = [sums + 3 * plane, sums + 4 * plane, sums + 5 * plane];
  return Array.from({ length: iterations + 1 }, (_, i) => [
    i < iterations
      ? overCells('maps', 'refineGather', cells, [frame, key, width, height, map, sums, plane])
      : overCells('maps', 'refineMisfit', cells, [frame, key, width, height, map, error]),
    ...(i < iterations ? smooth(sums, between, cells, 6, plane) : smooth(error, between, cells)),
    overPixels('maps', 'refineSolve', cells, [sums, plane, ...cells, least, moved, i === 0 ? 1 : 0]),
    overPixels('maps', 'refineMove', size, [
      map,
      scratch,
      width,
      height,
      moved,
      stepX,
      stepY,
      i === iterations ? 1 : 0,
    ]),
  ]).flat();
}

function mapBetter(
  frame: number,
  key: number,
  width: number,
  height: number,
  map: number,
  other: number,
  plane: number,
  between: number,
): Pass[] {
  const size: Size = [width, height];
  return [
    overPixels('maps', 'mapGain', size, [frame, key, width, height, map, other, plane]),
    ...twice(smooth(plane, between, size)),
    overPixels('maps', 'mapTake', size, [map, other, width, height, plane]),
  ];
}

function mix(
  frame: number,
  keyA: number,
  mapA: number,
  keyB: number,
  mapB: number,
  width: number,
  height: number,
  nearness: number,
  residual: number,
  samples: number,
  share: number,
  errorB: number,
  cross: number,
  square: number,
  between: number,
): Pass[] {
  const size: Size = [width, height];
  const four = [share, errorB, cross, square];
  return [
    overPixels('mix', 'mixErrors', size, [frame, keyA, mapA, keyB, mapB, ...size, residual, samples, ...four]),
    ...twice(smooth(share, between, size)),
    ...twice(smooth(errorB, between, size)),
    ...smooth(cross, between, size),
    ...smooth(square, between, size),
    overPixels('mix', 'mixShares', size, [frame, width, height, float(nearness), residual, samples, ...four]),
  ];
}

const CELL = 4;
const bandCells = ([width, height]: Size): Size => [Math.ceil(width / CELL), Math.ceil(height / CELL)];
const coarseBytes = (width: number, height: number): number => {
  const [x, y] = bandCells([width, height]);
  return (x * y) << 5;
};

function bands(residual: number, width: number, height: number, soft: number, between: number, coarse: number): Pass[] {
  const size: Size = [width, height];
  const cells = bandCells(size);
  const raw = coarse + ((cells[0] * cells[1]) << 4);
  return [
    overPixels('mix', 'bandAcross', size, [residual, width, height, between]),
    overPixels('mix', 'bandDown', size, [between, width, height, soft]),
    overCells('mix', 'bandCells', cells, [residual, width, height, ...cells, raw]),
    overCells('mix', 'bandCoarse', cells, [raw, ...cells, coarse]),
  ];
}

const detailBytes = (width: number, height: number): number => {
  const [x, y] = bandCells([width, height]);
  return (x * y) << 3;
};

function detail(
  picture: number,
  bytes: number,
  width: number,
  height: number,
  plane: number,
  energies: number,
): Pass[] {
  const cells = bandCells([width, height]);
  const raw = energies + 4 * cells[0] * cells[1];
  return [
    overPixels('contrast', 'detailLuma', [width, height], [picture, bytes, width, height, plane]),
    overCells('contrast', 'detailCells', cells, [plane, width, height, raw]),
    overCells('contrast', 'detailBlur', cells, [raw, ...cells, energies]),
  ];
}

function vote(
  frame: number,
  atlas: number,
  pictures: number,
  width: number,
  height: number,
  field: number,
  errors: number,
  doubts: number,
  residual: number,
  filled: number,
  votes: number,
  misses: number,
  plane: number,
  between: number,
): Pass[] {
  const size: Size = [width, height];
  const gathered = [frame, atlas, pictures, ...size, field, errors, filled, votes, misses, plane];
  return [
    overCells('vote', 'voteGather', size, gathered),
    ...smooth(plane, between, size),
    overPixels('vote', 'voteTake', size, [...size, doubts, residual, filled, misses, plane]),
  ];
}

/**
 * The kernels of kernels/assembly that propagation runs, under the same names and with the same arguments, as passes. What has an
 * answer of its own is in ANSWERS.
 */
const PASSES = {
  /** The one without a twin: there frames are made by media/decode-pixels.ts. */
  yuvFrame: (...args: readonly number[]) => [
    along('yuv', 'yuvFrame', (args[1]! * args[2]!) / 2, 256, [...args.slice(0, 19), ...args.slice(19).map(float)]),
  ],
  copyWords: (from: number, to: number, count: number) => [along('words', 'copyWords', count, 256, [from, to, count])],
  fillWords: (at: number, count: number, value: number) => [
    along('words', 'fillWords', count, 256, [at, count, value]),
  ],
  frameDifferences: (pixels: number, samples: number, channels: number, out: number) => [
    along('words', 'frameDifferences', samples / 2, 256, [pixels, samples, channels, out]),
  ],
  luma: (pixels: number, width: number, height: number, channels: number, out: number) => [
    along('guide', 'luma', (width * height) / 4, 256, [pixels, width, height, channels, out]),
  ],
  maskLuma: (mask: number, width: number, height: number, luma: number) => [
    along('guide', 'maskLuma', (width * height) / 4, 256, [mask, width, height, luma]),
  ],
  guide: (
    pixels: number,
    width: number,
    height: number,
    channels: number,
    mask: number,
    _grey: number,
    sums: number,
    out: number,
  ) => [
    overPixels('guide', 'guideColours', [width, height], [pixels, width, height, channels, out]),
    along('guide', 'guideSums', (width * height) / 2, 256, [out, width, height, sums]),
    overPixels('guide', 'guideEdges', [width, height], [out, width, height, sums, mask]),
  ],
  premultiply: (pixels: number, width: number, height: number, channels: number, out: number) => [
    overPixels('guide', 'premultiply', [width, height], [pixels, width, height, channels, out]),
  ],
  guideHalf: (picture: number, width: number, height: number, out: number) => [
    overPixels('guide', 'guideHalf', cellsOf([width, height]), [picture, width, height, out]),
  ],
  buildPyramid,
  flow,
  mapAlong: (step: number, known: number, width: number, height: number, out: number) => [
    overPixels('maps', 'mapAlong', [width, height], [step, known, width, height, out]),
  ],
  mapBorrow: (frame: number, key: number, width: number, height: number, map: number, out: number) => [
    overCells('maps', 'mapBorrow', cellsOf([width, height]), [frame, key, width, height, map, out]),
  ],
  mapBetter,
  mapRefine,
  mapExtent: (map: number, width: number, height: number, rows: number) => [
    { module: 'maps', entry: 'mapExtent', groups: [height, 1, 1], args: [map, width, height, rows] },
  ],
  mapPack: (map: number, width: number, height: number, scale: number, out: number) => [
    along('maps', 'mapPack', width * height, 256, [map, width, height, float(scale), out]),
    overPixels('maps', 'mapRound', [width, height], [map, width, height, float(scale), float(1 / scale)]),
  ],
  mapUnpack: (packed: number, width: number, height: number, scale: number, map: number) => [
    {
      module: 'maps',
      entry: 'mapUnpack',
      groups: [height, 1, 1],
      args: [packed, width, height, float(1 / scale), map],
    },
  ],
  mix,
  miss: (frame: number, key: number, map: number, width: number, height: number, residual: number) => [
    overPixels('mix', 'miss', [width, height], [frame, key, map, width, height, residual]),
  ],
  mixBeside: (...args: readonly number[]) => {
    const size: Size = [args[5]!, args[6]!];
    return [overCells('mix', 'besideShares', size, args), overPixels('mix', 'besideMissed', size, args)];
  },
  bands,
  relate: (
    residual: number,
    soft: number,
    coarse: number,
    painted: number,
    other: number,
    map: number,
    width: number,
    height: number,
    rows: number,
  ) => [
    {
      module: 'mix',
      entry: 'relate',
      groups: [(height + 1) >> 1, 1, 1],
      args: [residual, soft, coarse, painted, other, map, width, height, rows],
    },
  ],
  compose: (...args: readonly number[]) => [overPixels('mix', 'compose', [args[4]!, args[5]!], args)],
  detail,
  detailExpected: (...args: readonly number[]) => [
    overCells('contrast', 'detailExpected', bandCells([args[6]!, args[7]!]), args),
  ],
  restore: (
    picture: number,
    width: number,
    height: number,
    plane: number,
    energies: number,
    expected: number,
    channels: number,
    out: number,
  ) => {
    const cells = bandCells([width, height]);
    const args = [picture, width, height, plane, expected, out];
    return [
      overCells('contrast', 'restoreGains', cells, [energies, expected, ...cells]),
      channels === 3
        ? along('contrast', 'restoreRgb', (width * height) / 2, 256, args)
        : along('contrast', 'restoreRgba', width * height, 256, args),
    ];
  },
  doubt: (residual: number, width: number, height: number, plane: number, between: number) => [
    overPixels('vote', 'doubt', [width, height], [residual, width, height, plane]),
    ...twice(smooth(plane, between, [width, height])),
  ],
  blockSums: (plane: number, width: number, height: number, side: number, sums: number) => [
    overCells(
      'vote',
      'blockSums',
      [Math.ceil(width / side), Math.ceil(height / side)],
      [plane, width, height, side, sums],
    ),
  ],
  vote,
  patchSums: (picture: number, width: number, height: number, out: number) => [
    overPixels('nnf', 'patchSums', [width, height], [picture, width, height, out]),
  ],
  nnfSearch: (...args: readonly number[]) => [along('nnf', 'nnfSearch', args[5]!, 64, args)],
  nnfCount: (list: number, count: number, field: number, taken: number) => [
    along('count', 'nnfCount', count, 64, [list, count, field, taken]),
  ],
  nnfRefine: (
    frame: number,
    atlas: number,
    width: number,
    height: number,
    _keys: number,
    list: number,
    count: number,
    coarse: number,
    radius: number,
    field: number,
    errors: number,
  ) => [
    along('nnf', 'nnfRefine', count, 64, [frame, atlas, width, height, list, count, coarse, radius, field, errors]),
  ],
} satisfies Record<string, (...args: never) => readonly Pass[]>;

/** Kernels that only answer with a number: bytes of scratch, as these passes need it. */
const ANSWERS = {
  pyramidBytes,
  flowBytes,
  refineMapBytes,
  coarseBytes,
  detailBytes,
  nnfBytes: () => 0,
} satisfies Record<string, (...args: never) => number>;

type Named<R> = Readonly<Record<string, (...args: readonly number[]) => R>>;

/** What a kernel answers without running anything, or null. */
export function answerOf(kernel: string, args: readonly number[]): number | null {
  if (!Object.hasOwn(ANSWERS, kernel)) return null;
  return (ANSWERS as Named<number>)[kernel]!(...args);
}

/** The passes of a kernel. Throws for one that there is not. */
export function passesOf(kernel: string, args: readonly number[]): readonly Pass[] {
  if (!Object.hasOwn(PASSES, kernel)) throw new Error(`${kernel}: there is no such kernel for the graphics card`);
  return (PASSES as Named<readonly Pass[]>)[kernel]!(...args);
}
