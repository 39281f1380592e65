import type { ChromaSiting, Colour } from './colour.ts';
import { chromaCodes, lumaCodes, toRgb } from './colour.ts';
import type { Frame, YuvLayout } from './frame.ts';
import type { Component, PixelFormat } from './pixel-format.ts';
import { planesOf } from './pixel-format.ts';

type Samples = Uint8Array | Uint16Array;
/** One component as a plane of its own; `stride` counts samples. */
type Plane = { readonly samples: Samples; readonly stride: number; readonly start: number };

export type PixelDecoder = {
  /** Of a picture. */
  readonly bytes: number;
  /** `rows`: those of these numbers alone. */
  readonly decode: (raw: Uint8Array, rows?: readonly number[]) => Frame;
  /** Null where it is not luma and chroma alone, or in words of another order. */
  readonly yuv: YuvLayout | null;
};

/**
 * Makes the function that turns raw pictures of one layout into working frames. Chroma is brought to luma's resolution by
 * linear interpolation at its true place; the arithmetic is double precision, rounded once.
 */
export function pixelDecoder(
  format: PixelFormat,
  width: number,
  height: number,
  colour: Colour,
  siting: ChromaSiting,
): PixelDecoder {
  const { planes, bytes } = planesOf(format, width, height);
  const channels = format.alpha ? 4 : 3;
  const chromaColumns = Math.ceil(width / format.chromaWidth);
  const chromaRows = Math.ceil(height / format.chromaHeight);

  const planeOf = (raw: Uint8Array, component: Component, chroma: boolean): Plane => {
    const { offset, stride } = planes[component.plane]!;
    return extract(raw, component, offset, stride, chroma ? chromaColumns : width, chroma ? chromaRows : height);
  };

  const every = Array.from({ length: height }, (_, row) => row);
  const decode = (raw: Uint8Array, rows: readonly number[] = every): Frame => {
    const data = new Uint16Array(width * rows.length * channels);
    const [first, second, third] = format.components;
    const alpha = format.alpha ? format.components.at(-1)! : null;
    if (format.model === 'yuv') {
      const codes = yuvCodes(format.bits, colour);
      const y = planeOf(raw, first!, false);
      const cb = new ChromaRows(planeOf(raw, second!, true), width, height, format, siting);
      const cr = new ChromaRows(planeOf(raw, third!, true), width, height, format, siting);
      const luma = new Int32Array(width);
      for (const [at, row] of rows.entries()) {
        readRow(y, row, luma);
        yuvRow(luma, cb.row(row), cr.row(row), codes, data, at * width * channels, channels);
      }
    } else {
      const range = format.model === 'rgb' ? 'full' : colour.range;
      const targets = format.model === 'grey' ? [0, 0, 0] : [0, 1, 2];
      for (const [channel, source] of targets.entries()) {
        const component = format.components[source]!;
        spread(planeOf(raw, component, false), width, rows, widening(component.bits, range), data, channel, channels);
      }
    }
    if (alpha) {
      spread(planeOf(raw, alpha, false), width, rows, widening(alpha.bits, 'full'), data, 3, channels);
    }
    return { width, height: rows.length, channels, data };
  };
  return { bytes, decode, yuv: yuvLayout(format, width, height, colour, siting) };
}

function yuvLayout(
  format: PixelFormat,
  width: number,
  height: number,
  colour: Colour,
  siting: ChromaSiting,
): YuvLayout | null {
  const { model, components, chromaWidth, chromaHeight, alpha } = format;
  if (model !== 'yuv' || alpha) return null;
  const { planes } = planesOf(format, width, height);
  const [y, cb, cr] = components as [Component, Component, Component];
  const { word, shift, bits, bigEndian } = y;
  const alike = (other: Component): boolean => other.shift === shift && other.bits === bits && other.step === cb.step;
  if (word === 4 || (word === 2 && bigEndian) || !alike(cb) || !alike(cr)) return null;
  const { rows, middle } = yuvCodes(format.bits, colour);
  return {
    ...{ width, height, word, shift, bits, middle, shared: [chromaWidth, chromaHeight] },
    offsets: [y, cb, cr].map(({ plane, offset }) => planes[plane]!.offset + offset) as [number, number, number],
    strides: [planes[y.plane]!.stride, planes[cb.plane]!.stride],
    steps: [y.step, cb.step],
    inset: [8 * insetOf(chromaWidth, siting.horizontal), 8 * insetOf(chromaHeight, siting.vertical)],
    colours: rows.map(({ y, cb, cr, zero }) => [y, cb, cr, zero] as const),
  };
}

/** A view where the samples already lie in a row, else a copy. */
function extract(
  raw: Uint8Array,
  component: Component,
  offset: number,
  stride: number,
  columns: number,
  rows: number,
): Plane {
  const { word, step, shift, bits, bigEndian } = component;
  const whole = shift === 0 && step === word && bits > 8 * (word - 1) && (word === 1 || !bigEndian);
  const at = raw.byteOffset + offset;
  if (whole && word === 1 && bits === 8) return { samples: raw, stride, start: offset };
  if (whole && word === 2 && at % 2 === 0 && stride % 2 === 0) {
    const length = (stride * rows) / 2;
    return { samples: new Uint16Array(raw.buffer, at, length), stride: stride / 2, start: 0 };
  }
  const samples = new Uint16Array(columns * rows);
  const mask = 2 ** bits - 1;
  const view = new DataView(raw.buffer, raw.byteOffset + offset, stride * rows);
  for (let row = 0, out = 0; row < rows; row++) {
    let from = row * stride + component.offset;
    for (let column = 0; column < columns; column++, from += step) {
      const bytes =
        word === 1
          ? view.getUint8(from)
          : word === 2
            ? view.getUint16(from, !bigEndian)
            : view.getUint32(from, !bigEndian);
      samples[out++] = (bytes >>> shift) & mask;
    }
  }
  return { samples, stride: columns, start: 0 };
}

function readRow({ samples, stride, start }: Plane, row: number, out: Int32Array): void {
  const from = start + row * stride;
  for (let x = 0; x < out.length; x++) out[x] = samples[from + x]!;
}

/** Weights of the linear interpolation are in 1/8 both ways, so that all of it is exact in integers. */
const CHROMA_UNIT = 64;

/** The rows of one chroma plane at luma's resolution, in units of 1/64 code. */
class ChromaRows {
  readonly #plane: Plane;
  readonly #rows: number;
  readonly #format: PixelFormat;
  readonly #siting: ChromaSiting;
  /** The two stored rows that are being blended. */
  #upper: StoredRow;
  #lower: StoredRow;
  readonly #blended: Int32Array;
  readonly #out: Int32Array;

  constructor(plane: Plane, width: number, height: number, format: PixelFormat, siting: ChromaSiting) {
    const columns = Math.ceil(width / format.chromaWidth);
    this.#plane = plane;
    this.#rows = Math.ceil(height / format.chromaHeight);
    this.#format = format;
    this.#siting = siting;
    this.#upper = { row: -1, codes: new Int32Array(columns) };
    this.#lower = { row: -1, codes: new Int32Array(columns) };
    this.#blended = new Int32Array(columns);
    this.#out = new Int32Array(width);
  }

  /** Valid until the next call. */
  row(row: number): Int32Array {
    const { before, weight } = neighbours(row, this.#format.chromaHeight, this.#siting.vertical);
    const upper = this.#stored(clamp(before, this.#rows));
    if (weight === 0) scaleRow(upper, this.#blended);
    else blendRows(upper, this.#stored(clamp(before + 1, this.#rows)), weight, this.#blended);
    const { chromaWidth } = this.#format;
    if (chromaWidth === 1) scaleRow(this.#blended, this.#out);
    else widenRow(this.#blended, chromaWidth, this.#siting.horizontal, this.#out);
    return this.#out;
  }

  #stored(row: number): Int32Array {
    if (this.#upper.row !== row && this.#lower.row !== row) {
      [this.#upper, this.#lower] = [this.#lower, this.#upper];
      readRow(this.#plane, row, this.#lower.codes);
      this.#lower.row = row;
    }
    return this.#upper.row === row ? this.#upper.codes : this.#lower.codes;
  }
}

type StoredRow = { row: number; readonly codes: Int32Array };

function scaleRow(row: Int32Array, out: Int32Array): void {
  for (let x = 0; x < row.length; x++) out[x] = row[x]! << 3;
}

function blendRows(upper: Int32Array, lower: Int32Array, weight: number, out: Int32Array): void {
  const rest = 8 - weight;
  for (let x = 0; x < upper.length; x++) out[x] = upper[x]! * rest + lower[x]! * weight;
}

/** `size` luma columns share a chroma sample. Its place in them decides the two neighbours of each and their weights. */
function widenRow(row: Int32Array, size: number, siting: ChromaSiting['horizontal'], out: Int32Array): void {
  const last = row.length - 1;
  for (let place = 0; place < size; place++) {
    const { before, weight } = neighbours(place, size, siting);
    const rest = 8 - weight;
    if (before < 0) out[place] = row[0]! << 3;
    const first = before < 0 ? size + place : place;
    let left = row[0]!;
    for (let x = first, i = 1; x < out.length; x += size, i++) {
      const right = row[i > last ? last : i]!;
      out[x] = left * rest + right * weight;
      left = right;
    }
  }
}

/**
 * The chroma samples on both sides of a luma sample: `before` and the next one, whose weight is in eighths. `size` luma samples
 * share a chroma sample, which sits on the first of them, in the middle, or on the last.
 */
function neighbours(luma: number, size: number, siting: 'left' | 'top' | 'centre' | 'bottom') {
  const place = (luma - insetOf(size, siting)) / size;
  const before = Math.floor(place);
  return { before, weight: (place - before) * 8 };
}

const insetOf = (size: number, siting: 'left' | 'top' | 'centre' | 'bottom'): number =>
  siting === 'centre' ? (size - 1) / 2 : siting === 'bottom' ? size - 1 : 0;

const clamp = (index: number, length: number): number => Math.max(0, Math.min(length - 1, index));

/** out = y*code of Y + cb*(Cb from its middle) + cr*(Cr from its middle) + zero for one of R, G, B, on the scale 0..65535. */
type Row = { readonly y: number; readonly cb: number; readonly cr: number; readonly zero: number };
type YuvCodes = { readonly rows: readonly [Row, Row, Row]; readonly middle: number };

function yuvCodes(bits: number, { matrix, range }: Colour): YuvCodes {
  const transform = toRgb(matrix);
  const luma = lumaCodes(bits, range);
  // With no matrix the "chroma" planes are B and R, coded as luma is.
  const chroma = matrix === 'rgb' ? luma : chromaCodes(bits, range);
  const rowAt = (at: number): Row => {
    const y = (transform[at]! / luma.scale) * 65535;
    const cb = (transform[at + 1]! / chroma.scale / CHROMA_UNIT) * 65535;
    const cr = (transform[at + 2]! / chroma.scale / CHROMA_UNIT) * 65535;
    // The half is for rounding.
    return { y, cb, cr, zero: 0.5 - y * luma.zero };
  };
  return { rows: [rowAt(0), rowAt(3), rowAt(6)], middle: chroma.zero * CHROMA_UNIT };
}

function yuvRow(
  luma: Int32Array,
  cb: Int32Array,
  cr: Int32Array,
  { rows: [r, g, b], middle }: YuvCodes,
  out: Uint16Array,
  start: number,
  channels: number,
): void {
  const { y: ry, cb: rb, cr: rr, zero: rz } = r;
  const { y: gy, cb: gb, cr: gr, zero: gz } = g;
  const { y: by, cb: bb, cr: br, zero: bz } = b;
  for (let x = 0, at = start; x < luma.length; x++, at += channels) {
    const l = luma[x]!;
    const u = cb[x]! - middle;
    const v = cr[x]! - middle;
    const red = ry * l + rz + rb * u + rr * v;
    const green = gy * l + gz + gb * u + gr * v;
    const blue = by * l + bz + bb * u + br * v;
    out[at] = red < 0 ? 0 : red > 65535 ? 65535 : red;
    out[at + 1] = green < 0 ? 0 : green > 65535 ? 65535 : green;
    out[at + 2] = blue < 0 ? 0 : blue > 65535 ? 65535 : blue;
  }
}

/** Every code of RGB, grey or alpha on the working scale; 8 bit full range gives v*257. */
function widening(bits: number, range: Colour['range']): Uint16Array {
  const { zero, scale } = lumaCodes(bits, range);
  return Uint16Array.from({ length: 2 ** bits }, (_, code) =>
    Math.max(0, Math.min(65535, Math.floor(((code - zero) / scale) * 65535 + 0.5))),
  );
}

function spread(
  { samples, stride, start }: Plane,
  width: number,
  rows: readonly number[],
  table: Uint16Array,
  out: Uint16Array,
  channel: number,
  channels: number,
): void {
  for (const [index, row] of rows.entries()) {
    const from = start + row * stride;
    for (let x = 0, at = index * width * channels + channel; x < width; x++, at += channels) {
      out[at] = table[samples[from + x]!]!;
    }
  }
}
