import type { Frame } from '../media/frame.ts';

/** Straight RGB or RGBA with an opaque alpha, or `alphaOf`'s, where there was none. */
export function withAlpha(frame: Frame, alphaOf: Frame | null = null): Frame {
  if (frame.channels === 4) return frame;
  const { width, height } = frame;
  const data = new Uint16Array(width * height * 4);
  const alpha = alphaOf?.channels === 4 ? alphaOf.data : null;
  for (let i = 0, p = 0; p < data.length; i += 3, p += 4) {
    data[p] = frame.data[i]!;
    data[p + 1] = frame.data[i + 1]!;
    data[p + 2] = frame.data[i + 2]!;
    data[p + 3] = alpha ? alpha[p + 3]! : 65535;
  }
  return { width, height, channels: 4, data };
}

/** The frame with that many channels; it never has more. */
export const alike = (frame: Frame, channels: 3 | 4): Frame => (channels === 4 ? withAlpha(frame) : frame);

/**
 * `painted` where the mask is white, `source` where it is black, mixed between. The mask's grey is its green channel, times its
 * alpha if it has one. Both pictures and the mask have one size; the result has `painted`'s channels.
 */
export function behindMask(painted: Frame, source: Frame, mask: Frame): Frame {
  const { width, height, channels } = painted;
  const under = channels === 4 ? withAlpha(source) : source;
  const data = new Uint16Array(painted.data.length);
  const from = under.channels;
  for (let pixel = 0, p = 0, s = 0; p < data.length; pixel++, p += channels, s += from) {
    const weight = weightAt(mask, pixel);
    if (channels === 3) for (let c = 0; c < 3; c++) data[p + c] = mix(under.data[s + c]!, painted.data[p + c]!, weight);
    else mixStraight(data, p, under.data, s, painted.data, p, weight);
  }
  return { width, height, channels, data };
}

/** 0..65535 */
function weightAt({ channels, data }: Frame, pixel: number): number {
  const at = pixel * channels;
  return channels === 4 ? mix(0, data[at + 1]!, data[at + 3]!) : data[at + 1]!;
}

/** a for weight 0, b for 65535, rounded to the nearest. */
const mix = (a: number, b: number, weight: number): number =>
  Math.floor((a * (65535 - weight) + b * weight + 32767) / 65535);

/** Colours count by how much of them is seen: what is transparent has no say in the mix. */
function mixStraight(
  out: Uint16Array,
  o: number,
  a: Uint16Array,
  ai: number,
  b: Uint16Array,
  bi: number,
  weight: number,
): void {
  const wa = a[ai + 3]! * (65535 - weight);
  const wb = b[bi + 3]! * weight;
  const sum = wa + wb;
  out[o + 3] = Math.floor((sum + 32767) / 65535);
  // Where nothing is seen, or only one of them is, its colour stays exactly as it was.
  if (wa === 0 || wb === 0) {
    const [from, at] = wb === 0 && (wa > 0 || weight < 32768) ? [a, ai] : [b, bi];
    for (let c = 0; c < 3; c++) out[o + c] = from[at + c]!;
    return;
  }
  for (let c = 0; c < 3; c++) out[o + c] = Math.floor((a[ai + c]! * wa + b[bi + c]! * wb + sum / 2) / sum);
}
