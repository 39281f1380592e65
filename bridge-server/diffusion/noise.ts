/**
 * Normal noise as a function of where it is used, not of what was drawn before: the same whatever the batch, the worker, the order,
 * or an interruption. Philox 4x32 with ten rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") turns a counter
 * into 128 random bits under a key; Box and Muller's transform turns pairs of them into normal values. Integer arithmetic, and
 * functions that every JavaScript engine of one kind computes alike: the same seed gives the same noise on every machine.
 */
export type NoiseSource = {
  /** The user's seed: an integer, 0 <= seed < 2^53. */
  readonly seed: number;
  /** The frame that is repainted, 0 <= frame < 2^32; one number for a whole shot keeps its noise still. */
  readonly frame: number;
};

/** Which of a frame's independent noises: those of the passes over it, and in a pass 0 the noise it starts from, 1, 2, … its calls'. */
export type NoiseUse = { readonly pass: number; readonly draw: number };

/** Whose noise each cell of a latent has: the cell `cells[i]` of the frame `frames[i]`. The same origin is the same noise, every draw. */
export type NoiseOrigin = { readonly frames: Uint32Array; readonly cells: Uint32Array };

/** `length` values of N(0,1); a longer run begins with the same values. */
export function normalNoise({ seed, frame }: NoiseSource, { pass, draw }: NoiseUse, length: number): Float32Array {
  const key = keyOf(seed);
  const values = new Float32Array(length);
  const four = new Float32Array(4);
  for (let i = 0; i < length; i += 4) {
    fourNormal(i / 4, frame, draw, pass, key, four);
    values.set(length - i < 4 ? four.subarray(0, length - i) : four, i);
  }
  return values;
}

/** The noise of a latent that is put together from the noise of other frames' latents of its size, as `normalNoise` makes them. */
export function noiseFrom(
  { frames, cells }: NoiseOrigin,
  seed: number,
  { pass, draw }: NoiseUse,
  channels: number,
): Float32Array {
  const key = keyOf(seed);
  const area = cells.length;
  const values = new Float32Array(channels * area);
  const four = new Float32Array(4);
  for (let c = 0; c < channels; c++) {
    let known = { group: -1, frame: -1 };
    for (let i = 0; i < area; i++) {
      const [at, frame] = [c * area + cells[i]!, frames[i]!];
      const group = at >>> 2;
      if (group !== known.group || frame !== known.frame) {
        fourNormal(group, frame, draw, pass, key, four);
        known = { group, frame };
      }
      values[c * area + i] = four[at & 3]!;
    }
  }
  return values;
}

const keyOf = (seed: number): [number, number] => [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];

const random = new Uint32Array(4);

/** Four values of N(0,1) for a counter. */
function fourNormal(
  group: number,
  frame: number,
  draw: number,
  pass: number,
  key: readonly [number, number],
  out: Float32Array,
): void {
  philox(group, frame, draw, pass, key, random);
  for (let pair = 0; pair < 4; pair += 2) {
    const radius = Math.sqrt(-2 * Math.log((random[pair]! + 1) / 2 ** 32));
    const angle = (2 * Math.PI * random[pair + 1]!) / 2 ** 32;
    out[pair] = radius * Math.cos(angle);
    out[pair + 1] = radius * Math.sin(angle);
  }
}

/** Philox4x32-10: writes four random 32-bit words for a counter of four words and a key of two. Exported for its test vectors. */
export function philox(
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  [k0, k1]: readonly [number, number],
  out: Uint32Array,
): void {
  for (let round = 0; round < 10; round++) {
    const [h0, l0] = [multiplyHigh(0xd2511f53, c0), Math.imul(0xd2511f53, c0)];
    const [h1, l1] = [multiplyHigh(0xcd9e8d57, c2), Math.imul(0xcd9e8d57, c2)];
    [c0, c1, c2, c3] = [h1 ^ c1 ^ k0, l1, h0 ^ c3 ^ k1, l0];
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** The upper 32 bits of the product of two unsigned 32-bit words. */
function multiplyHigh(a: number, b: number): number {
  const [aLow, aHigh, bLow, bHigh] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const middleLow = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(middleLow / 0x10000)) | 0;
}
