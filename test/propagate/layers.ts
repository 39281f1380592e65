import type { Frame } from '../../bridge-server/media/frame.ts';
import { randomFrom } from '../media/random.ts';
import type { Shot } from './run.ts';

/** Value 0..1 of one channel anywhere, in pixels. */
export type Channel = (x: number, y: number) => number;
export type Colours = readonly [Channel, Channel, Channel];

/** A smooth random field that can be read anywhere: a lattice of random values, interpolated, in three sizes. */
export function field(seed: number): Channel {
  const random = randomFrom(seed);
  const lattice = Float32Array.from({ length: 64 * 64 }, () => random());
  const at = (x: number, y: number): number => lattice[(((y % 64) + 64) % 64) * 64 + (((x % 64) + 64) % 64)]!;
  const smooth = (t: number): number => t * t * (3 - 2 * t);
  const octave = (x: number, y: number): number => {
    const [ix, iy] = [Math.floor(x), Math.floor(y)];
    const [fx, fy] = [smooth(x - ix), smooth(y - iy)];
    const upper = at(ix, iy) * (1 - fx) + at(ix + 1, iy) * fx;
    const lower = at(ix, iy + 1) * (1 - fx) + at(ix + 1, iy + 1) * fx;
    return upper * (1 - fy) + lower * fy;
  };
  return (x, y) => (octave(x / 23, y / 23) + octave(x / 9 + 7, y / 9) * 0.6 + octave(x / 4, y / 4 + 5) * 0.4) / 2;
}

export const texture = (seed: number): Colours => [field(seed), field(seed + 101), field(seed + 202)];

/** Channels read at every pixel. */
export function picture(width: number, height: number, channels: readonly Channel[]): Frame {
  const data = new Uint16Array(width * height * channels.length);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) for (const channel of channels) data[i++] = Math.round(65535 * channel(x, y));
  }
  return { width, height, channels: channels.length as 3 | 4, data };
}

/** A flat thing in a shot: what it looks like, how it is painted, where it is opaque, and where its origin lies in frame n (pixels, degrees). */
export type Layer = {
  readonly source: Colours;
  readonly painted: Colours;
  readonly alpha?: Channel;
  readonly pose: (n: number) => { readonly x: number; readonly y: number; readonly turn?: number };
};

export type LayeredOptions = {
  readonly width: number;
  readonly height: number;
  /** The farthest first. */
  readonly layers: readonly Layer[];
  /** Part of a frame's time, 0..1, that the shutter is open; source and repainting are blurred alike. */
  readonly shutter?: number;
  /** What the source's colours are multiplied by. The repainting keeps its own light. */
  readonly light?: (n: number) => number;
};

/** Moments that a blurred picture is the mean of. */
const MOMENTS = 8;

/** A shot with known truth: `key(n)` is every frame as a perfect propagation would make it. */
export function layered({ width, height, layers, shutter = 0, light = () => 1 }: LayeredOptions): Shot {
  const drawn = (n: number, of: 'source' | 'painted', gain: number): Frame => {
    const moments = shutter === 0 ? 1 : MOMENTS;
    const sum = new Float64Array(width * height * 3);
    for (let moment = 0; moment < moments; moment++) {
      draw(sum, n + shutter * (moment / moments - 0.5), of);
    }
    const data = Uint16Array.from(sum, (value) => Math.max(0, Math.min(65535, (gain * 65535 * value) / moments)));
    return { width, height, channels: 3, data };
  };
  const draw = (sum: Float64Array, n: number, of: 'source' | 'painted'): void => {
    const posed = layers.map((layer) => {
      const { x, y, turn = 0 } = layer.pose(n);
      const [c, s] = [Math.cos((turn * Math.PI) / 180), Math.sin((turn * Math.PI) / 180)];
      return { layer, x, y, c, s };
    });
    for (let p = 0; p < width * height; p++) {
      let left = 1;
      for (let i = posed.length - 1; i >= 0 && left > 0.001; i--) {
        const { layer, x, y, c, s } = posed[i]!;
        const [dx, dy] = [(p % width) - x, Math.floor(p / width) - y];
        const [u, v] = [c * dx + s * dy, c * dy - s * dx];
        const share = left * (layer.alpha?.(u, v) ?? 1);
        if (share === 0) continue;
        for (let k = 0; k < 3; k++) sum[3 * p + k]! += share * layer[of][k]!(u, v);
        left -= share;
      }
    }
  };
  const kept = (draw: (n: number) => Frame): ((n: number) => Frame) => {
    const pictures = new Map<number, Frame>();
    return (n) => {
      const picture = pictures.get(n) ?? draw(n);
      pictures.set(n, picture);
      return picture;
    };
  };
  return {
    width,
    height,
    frame: kept((n) => drawn(n, 'source', light(n))),
    key: kept((n) => drawn(n, 'painted', 1)),
  };
}

export const disc =
  (radius: number): Channel =>
  (x, y) =>
    Math.max(0, Math.min(1, radius + 0.5 - Math.hypot(x, y)));
