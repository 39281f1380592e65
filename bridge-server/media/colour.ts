/**
 * What the numbers of a picture mean. Primaries and transfer are names that are only carried through (ffmpeg's: 'bt2020',
 * 'arib-std-b67', …; 'unknown' when the source does not say); matrix and range decide how YUV becomes RGB and back.
 */
export type Colour = {
  readonly matrix: Matrix;
  readonly range: 'full' | 'limited';
  readonly primaries: string;
  readonly transfer: string;
};

/** 'rgb' is no matrix at all: the planes are G, B, R. */
export type Matrix = 'bt709' | 'bt601' | 'bt2020' | 'smpte240m' | 'fcc' | 'ycgco' | 'rgb';

/** Where a chroma sample sits in its block of luma samples. */
export type ChromaSiting = { readonly horizontal: 'left' | 'centre'; readonly vertical: 'top' | 'centre' | 'bottom' };

/** Kr and Kb of ITU-T H.273, table 4. */
const WEIGHTS: Record<Exclude<Matrix, 'ycgco' | 'rgb'>, readonly [kr: number, kb: number]> = {
  bt709: [0.2126, 0.0722],
  bt601: [0.299, 0.114],
  bt2020: [0.2627, 0.0593],
  smpte240m: [0.212, 0.087],
  fcc: [0.3, 0.11],
};

/** Row-major 3x3. */
export type Transform = readonly [number, number, number, number, number, number, number, number, number];

/** R, G, B in 0..1 from Y in 0..1 and Cb, Cr in -0.5..0.5. */
export function toRgb(matrix: Matrix): Transform {
  if (matrix === 'rgb') return [0, 0, 1, 1, 0, 0, 0, 1, 0];
  if (matrix === 'ycgco') return [1, -1, 1, 1, 1, 0, 1, -1, -1];
  const [kr, kb] = WEIGHTS[matrix];
  const kg = 1 - kr - kb;
  return [1, 0, 2 - 2 * kr, 1, (-kb * (2 - 2 * kb)) / kg, (-kr * (2 - 2 * kr)) / kg, 1, 2 - 2 * kb, 0];
}

/** Y, Cb, Cr from R, G, B: the inverse of `toRgb`. */
export function fromRgb(matrix: Matrix): Transform {
  if (matrix === 'rgb') return [0, 1, 0, 0, 0, 1, 1, 0, 0];
  if (matrix === 'ycgco') return [0.25, 0.5, 0.25, -0.25, 0.5, -0.25, 0.5, 0, -0.5];
  const [kr, kb] = WEIGHTS[matrix];
  const kg = 1 - kr - kb;
  const [b, r] = [2 - 2 * kb, 2 - 2 * kr];
  return [kr, kg, kb, -kr / b, -kg / b, (1 - kb) / b, (1 - kr) / r, -kg / r, -kb / r];
}

/** How a plane's integers stand for numbers: value = (code - zero) / scale. */
export type Quantisation = { readonly zero: number; readonly scale: number };

/** Y, R, G or B: 0..1 (ITU-R BT.709 and BT.2100: 16..235 at 8 bit, shifted up for more). */
export const lumaCodes = (bits: number, range: Colour['range']): Quantisation =>
  range === 'full' ? { zero: 0, scale: 2 ** bits - 1 } : { zero: 16 * 2 ** (bits - 8), scale: 219 * 2 ** (bits - 8) };

/** Cb and Cr: -0.5..0.5. */
export const chromaCodes = (bits: number, range: Colour['range']): Quantisation => ({
  zero: 2 ** (bits - 1),
  scale: range === 'full' ? 2 ** bits - 1 : 224 * 2 ** (bits - 8),
});
