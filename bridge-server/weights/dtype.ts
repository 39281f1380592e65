/** Element types of tensors: the runtime's names, bytes an element, and how each is called in a .safetensors header. */
export const DTYPES = {
  float64: { bytes: 8, safetensors: 'F64' },
  float32: { bytes: 4, safetensors: 'F32' },
  float16: { bytes: 2, safetensors: 'F16' },
  bfloat16: { bytes: 2, safetensors: 'BF16' },
  float8e4m3fn: { bytes: 1, safetensors: 'F8_E4M3' },
  float8e5m2: { bytes: 1, safetensors: 'F8_E5M2' },
  int64: { bytes: 8, safetensors: 'I64' },
  int32: { bytes: 4, safetensors: 'I32' },
  int16: { bytes: 2, safetensors: 'I16' },
  int8: { bytes: 1, safetensors: 'I8' },
  uint64: { bytes: 8, safetensors: 'U64' },
  uint32: { bytes: 4, safetensors: 'U32' },
  uint16: { bytes: 2, safetensors: 'U16' },
  uint8: { bytes: 1, safetensors: 'U8' },
  bool: { bytes: 1, safetensors: 'BOOL' },
} as const;

export type Dtype = keyof typeof DTYPES;

const BY_SAFETENSORS_NAME: ReadonlyMap<string, Dtype> = new Map(
  (Object.keys(DTYPES) as Dtype[]).map((dtype) => [DTYPES[dtype].safetensors, dtype]),
);

/** The element type that a header names; undefined for one that nothing here can read (4-bit and 6-bit packings). */
export const dtypeOf = (safetensorsName: string): Dtype | undefined => BY_SAFETENSORS_NAME.get(safetensorsName);

/** Floating-point types that weights come in. */
export const isFloat = (dtype: Dtype): boolean => dtype.startsWith('float') || dtype === 'bfloat16';

/**
 * The elements of little-endian `bytes` as 32-bit floats, exact for every type of 32 bits or fewer. Integers beyond 2^24
 * and doubles are rounded.
 */
export function toFloats(bytes: Uint8Array, dtype: Dtype): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = READERS[dtype];
  const size = DTYPES[dtype].bytes;
  return Float32Array.from({ length: bytes.byteLength / size }, (_, i) => read(view, i * size));
}

const READERS: Readonly<Record<Dtype, (view: DataView, at: number) => number>> = {
  float64: (view, at) => view.getFloat64(at, true),
  float32: (view, at) => view.getFloat32(at, true),
  float16: (view, at) => smallFloat(view.getUint16(at, true), 5, 10, true),
  bfloat16: (view, at) => smallFloat(view.getUint16(at, true), 8, 7, true),
  // E4M3FN gives up infinities for range: only the all-ones pattern is special, and it is NaN.
  float8e4m3fn: (view, at) => smallFloat(view.getUint8(at), 4, 3, false),
  float8e5m2: (view, at) => smallFloat(view.getUint8(at), 5, 2, true),
  int64: (view, at) => Number(view.getBigInt64(at, true)),
  int32: (view, at) => view.getInt32(at, true),
  int16: (view, at) => view.getInt16(at, true),
  int8: (view, at) => view.getInt8(at),
  uint64: (view, at) => Number(view.getBigUint64(at, true)),
  uint32: (view, at) => view.getUint32(at, true),
  uint16: (view, at) => view.getUint16(at, true),
  uint8: (view, at) => view.getUint8(at),
  bool: (view, at) => view.getUint8(at),
};

/** An IEEE-like float of 1 + exponentBits + mantissaBits bits. */
function smallFloat(bits: number, exponentBits: number, mantissaBits: number, hasInfinity: boolean): number {
  const sign = bits >> (exponentBits + mantissaBits) ? -1 : 1;
  const exponentMax = 2 ** exponentBits - 1;
  const mantissaMax = 2 ** mantissaBits - 1;
  const bias = 2 ** (exponentBits - 1) - 1;
  const exponent = (bits >> mantissaBits) & exponentMax;
  const mantissa = bits & mantissaMax;
  if (exponent === 0) return sign * mantissa * 2 ** (1 - bias - mantissaBits);
  if (exponent === exponentMax && hasInfinity) return mantissa === 0 ? sign * Infinity : NaN;
  if (exponent === exponentMax && mantissa === mantissaMax) return NaN;
  return sign * (1 + mantissa / 2 ** mantissaBits) * 2 ** (exponent - bias);
}
