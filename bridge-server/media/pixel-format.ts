/**
 * The raw picture layouts that ffmpeg hands over, by its names for them (libavutil/pixfmt.h). Every format is told as components:
 * where in the bytes each of Y, Cb, Cr (or R, G, B, or Y alone), and alpha last, has its samples.
 */
export type Component = {
  readonly plane: number;
  /** Bytes from the start of a row to the first sample, and from one sample to the next. */
  readonly offset: number;
  readonly step: number;
  /** The sample is `bits` wide, `shift` up from the bottom of a word of `word` bytes. */
  readonly word: 1 | 2 | 4;
  readonly bigEndian: boolean;
  readonly shift: number;
  readonly bits: number;
};

export type PixelFormat = {
  readonly name: string;
  readonly model: 'yuv' | 'rgb' | 'grey';
  /** Width and height of a chroma sample in luma samples: 1, 2 or 4. */
  readonly chromaWidth: number;
  readonly chromaHeight: number;
  readonly alpha: boolean;
  /** Of the deepest component. */
  readonly bits: number;
  readonly components: readonly Component[];
  /** `step` bytes hold `pixels` luma columns; `chroma`: the plane has the chroma size. */
  readonly planes: readonly { readonly step: number; readonly pixels: number; readonly chroma: boolean }[];
  /** The name itself says full range, as JPEG's formats do. */
  readonly fullRange: boolean;
};

/** Null when this is a layout that we do not read. */
export function pixelFormat(name: string): PixelFormat | null {
  return planarYuv(name) ?? semiPlanar(name) ?? planarRgb(name) ?? grey(name) ?? packed(name);
}

/** Byte offsets of each plane of one picture, its row lengths in bytes, and the total. */
export function planesOf(format: PixelFormat, width: number, height: number) {
  let bytes = 0;
  const planes = format.planes.map(({ step, pixels, chroma }) => {
    const columns = chroma ? Math.ceil(width / format.chromaWidth) : width;
    const stride = Math.ceil(columns / pixels) * step;
    const rows = chroma ? Math.ceil(height / format.chromaHeight) : height;
    const offset = bytes;
    bytes += stride * rows;
    return { offset, stride, rows };
  });
  return { planes, bytes };
}

const CHROMA: Record<string, readonly [number, number]> = {
  '410': [4, 4],
  '411': [4, 1],
  '420': [2, 2],
  '422': [2, 1],
  '440': [1, 2],
  '444': [1, 1],
};

const sample = (plane: number, bits: number, bigEndian: boolean, offset = 0, step = bits > 8 ? 2 : 1): Component => ({
  ...{ plane, offset, step, bits, bigEndian },
  word: bits > 8 ? 2 : 1,
  shift: 0,
});

function planarYuv(name: string): PixelFormat | null {
  const match = /^yuv(a|j)?(410|411|420|422|440|444)p(9|10|12|14|16)?(le|be)?$/.exec(name);
  if (!match) return null;
  const [, kind, sampling, depth, endian] = match;
  const bits = Number(depth ?? 8);
  const [chromaWidth, chromaHeight] = CHROMA[sampling!]!;
  const count = kind === 'a' ? 4 : 3;
  return {
    ...{ name, model: 'yuv', chromaWidth, chromaHeight, bits, alpha: kind === 'a', fullRange: kind === 'j' },
    components: Array.from({ length: count }, (_, plane) => sample(plane, bits, endian === 'be')),
    planes: Array.from({ length: count }, (_, plane) => ({
      step: bits > 8 ? 2 : 1,
      pixels: 1,
      chroma: plane === 1 || plane === 2,
    })),
  };
}

/** nv12 and its kin: a plane of Y, a plane of Cb and Cr in turn; p010 and its kin have the bits at the top of the word. */
function semiPlanar(name: string): PixelFormat | null {
  const nv = /^nv(12|21|16|24|42|20)(le|be)?$/.exec(name);
  const p = /^p(0|2|4)(10|12|16)(le|be)$/.exec(name);
  if (!nv && !p) return null;
  const bits = p ? Number(p[2]) : nv![1] === '20' ? 10 : 8;
  const sampling = p
    ? { 0: '420', 2: '422', 4: '444' }[p[1]!]
    : { 16: '422', 20: '422', 24: '444', 42: '444' }[nv![1]!];
  const [chromaWidth, chromaHeight] = CHROMA[sampling ?? '420']!;
  const bytes = bits > 8 ? 2 : 1;
  const swapped = nv?.[1] === '21' || nv?.[1] === '42';
  const bigEndian = (p?.[3] ?? nv?.[2]) === 'be';
  const at = (plane: number, offset: number, step: number): Component => ({
    ...sample(plane, bits, bigEndian, offset, step),
    shift: p ? 16 - bits : 0,
  });
  return {
    ...{ name, model: 'yuv', chromaWidth, chromaHeight, bits, alpha: false, fullRange: false },
    components: [at(0, 0, bytes), at(1, swapped ? bytes : 0, 2 * bytes), at(1, swapped ? 0 : bytes, 2 * bytes)],
    planes: [
      { step: bytes, pixels: 1, chroma: false },
      { step: 2 * bytes, pixels: 1, chroma: true },
    ],
  };
}

function planarRgb(name: string): PixelFormat | null {
  const match = /^gbr(a)?p(9|10|12|14|16)?(le|be)?$/.exec(name);
  if (!match) return null;
  const bits = Number(match[2] ?? 8);
  const order = match[1] ? [2, 0, 1, 3] : [2, 0, 1];
  return {
    ...{ name, model: 'rgb', chromaWidth: 1, chromaHeight: 1, bits, alpha: match[1] !== undefined, fullRange: true },
    components: order.map((plane) => sample(plane, bits, match[3] === 'be')),
    planes: order.map(() => ({ step: bits > 8 ? 2 : 1, pixels: 1, chroma: false })),
  };
}

function grey(name: string): PixelFormat | null {
  const match = /^(?:gr[ae]y(8|9|10|12|14|16)?|y(a)(8|16))(le|be)?$/.exec(name);
  if (!match) return null;
  const alpha = match[2] !== undefined;
  const bits = Number(match[1] ?? match[3] ?? 8);
  const bytes = bits > 8 ? 2 : 1;
  const step = alpha ? 2 * bytes : bytes;
  const offsets = alpha ? [0, bytes] : [0];
  return {
    ...{ name, model: 'grey', chromaWidth: 1, chromaHeight: 1, bits, alpha, fullRange: false },
    components: offsets.map((offset) => sample(0, bits, match[4] === 'be', offset, step)),
    planes: [{ step, pixels: 1, chroma: false }],
  };
}

function packed(name: string): PixelFormat | null {
  return packedBytes(name) ?? packedWords(name) ?? packedChroma(name);
}

/** rgb24, bgra, 0rgb, rgb48le, rgba64be, ayuv64le, vuya …: one sample a byte or 16-bit word, in the order of the name. */
function packedBytes(name: string): PixelFormat | null {
  const match = /^(0rgb|rgb0|0bgr|bgr0|argb|rgba|abgr|bgra|rgb|bgr|ayuv|vuya|vuyx)(24|48|64)?(le|be)?$/.exec(name);
  if (!match) return null;
  const letters = match[1]!;
  const bits = match[2] === '48' || match[2] === '64' ? 16 : 8;
  if (letters.length === 3 && match[2] !== '24' && match[2] !== '48') return null;
  const bytes = bits / 8;
  const yuv = letters.includes('y');
  const wanted = yuv ? ['y', 'u', 'v', 'a'] : ['r', 'g', 'b', 'a'];
  const step = letters.length * bytes;
  const components = wanted
    .filter((letter) => letters.includes(letter))
    .map((letter) => sample(0, bits, match[3] === 'be', letters.indexOf(letter) * bytes, step));
  return {
    ...{ name, model: yuv ? 'yuv' : 'rgb', chromaWidth: 1, chromaHeight: 1, bits, fullRange: !yuv },
    alpha: letters.includes('a'),
    components,
    planes: [{ step, pixels: 1, chroma: false }],
  };
}

/** rgb565le, x2rgb10le …: several samples in one word, first letter on top. */
function packedWords(name: string): PixelFormat | null {
  const match = /^(rgb|bgr|x2rgb|x2bgr)(444|555|565|10|8|4_byte)(le|be)?$/.exec(name);
  if (!match) return null;
  const letters = match[1]!.slice(-3);
  const depth = match[2]!;
  const deep = match[1]!.startsWith('x2');
  if (deep !== (depth === '10')) return null;
  // rgb8 is 3-3-2 and rgb4_byte is 1-2-1, from the top, blue (bgr8: red) taking the short one.
  const widths =
    depth === '10'
      ? [10, 10, 10]
      : depth === '8'
        ? letters === 'rgb'
          ? [3, 3, 2]
          : [2, 3, 3]
        : depth === '4_byte'
          ? [1, 2, 1]
          : [...depth].map(Number);
  const word = depth === '10' ? 4 : depth === '8' || depth === '4_byte' ? 1 : 2;
  const shifts = [widths[1]! + widths[2]!, widths[2]!, 0];
  return {
    ...{
      name,
      model: 'rgb',
      chromaWidth: 1,
      chromaHeight: 1,
      alpha: false,
      bits: Math.max(...widths),
      fullRange: true,
    },
    components: ['r', 'g', 'b'].map((letter) => {
      const at = letters.indexOf(letter);
      return {
        plane: 0,
        offset: 0,
        step: word,
        word,
        bigEndian: match[3] === 'be',
        shift: shifts[at]!,
        bits: widths[at]!,
      };
    }),
    planes: [{ step: word, pixels: 1, chroma: false }],
  };
}

/** yuyv422, uyvy422, yvyu422, uyyvyy411, y210le: luma and chroma in one plane, at less chroma than luma. */
function packedChroma(name: string): PixelFormat | null {
  const layouts: Record<string, { bits: number; y: readonly [number, number]; u: number; v: number; unit: number }> = {
    yuyv422: { bits: 8, y: [0, 2], u: 1, v: 3, unit: 4 },
    yvyu422: { bits: 8, y: [0, 2], u: 3, v: 1, unit: 4 },
    uyvy422: { bits: 8, y: [1, 2], u: 0, v: 2, unit: 4 },
    y210le: { bits: 10, y: [0, 4], u: 2, v: 6, unit: 8 },
  };
  const layout = layouts[name];
  if (!layout) return null;
  const { bits, y, u, v, unit } = layout;
  const at = (offset: number, step: number): Component => ({
    ...sample(0, bits, false, offset, step),
    shift: bits > 8 ? 6 : 0,
  });
  return {
    ...{ name, model: 'yuv', chromaWidth: 2, chromaHeight: 1, alpha: false, bits, fullRange: false },
    components: [at(...y), at(u, unit), at(v, unit)],
    planes: [{ step: unit, pixels: 2, chroma: false }],
  };
}
