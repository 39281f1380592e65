import type { Planes } from '../diffusion/picture/planes.ts';
import { blurred } from './blur.ts';
import { connect } from './hysteresis.ts';
import { unitOf } from './soft-edge.ts';

/** Soft edge above which a line begins, and above which it goes on. */
const HIGH = 0.55;
const LOW = 0.3;
/** Strokes with fewer pixels than this, at 512, are dust. */
const DUST = 120;
/** Deviation of the Gaussian that rounds the strokes, at 512. */
const PEN = 1.5;

/**
 * A scribble: the contours of a soft edge map as a few thick strokes of one strength, as with a marker. White on black.
 *
 * @param soft one plane in [0, 1], see softEdge
 * @returns one plane of zeros and ones
 */
export function scribble(soft: Planes): Planes {
  const { width, height } = soft;
  const unit = unitOf(soft);
  const classes = new Uint8Array(width * height);
  for (let p = 0; p < classes.length; p++) classes[p] = soft.data[p]! > HIGH ? 2 : soft.data[p]! > LOW ? 1 : 0;
  const strokes = withoutDust(connect(classes, width, height), width, height, DUST * unit ** 2);
  const round = blurred({ ...soft, data: Float32Array.from(strokes) }, PEN * unit);
  return { ...soft, data: round.data.map((value) => (value > 0.4 ? 1 : 0)) };
}

/** Takes out what hangs together over eight neighbours in fewer than `least` pixels. */
function withoutDust(strokes: Uint8Array, width: number, height: number, least: number): Uint8Array {
  const left = strokes.slice();
  const out = new Uint8Array(strokes.length);
  for (let start = 0; start < left.length; start++) {
    if (left[start] === 0) continue;
    const stroke = [start];
    left[start] = 0;
    for (let i = 0; i < stroke.length; i++) {
      const p = stroke[i]!;
      const x = p % width;
      const y = (p - x) / width;
      for (let qy = Math.max(y - 1, 0); qy <= Math.min(y + 1, height - 1); qy++) {
        for (let qx = Math.max(x - 1, 0); qx <= Math.min(x + 1, width - 1); qx++) {
          const q = qy * width + qx;
          if (left[q] === 0) continue;
          left[q] = 0;
          stroke.push(q);
        }
      }
    }
    if (stroke.length >= least) for (const p of stroke) out[p] = 1;
  }
  return out;
}
