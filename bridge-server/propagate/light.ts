import type { Frame } from '../media/frame.ts';
import type { Source } from './pictures.ts';
import type { Span } from './spans.ts';

type Colour = readonly [number, number, number];

/** What turns the colours of one frame into those of another that shows the same in another light: gain * colour + offset, of 16 bits. */
export type Light = { readonly gain: Colour; readonly offset: Colour };

/** Points along each side that the light is measured at. */
const POINTS = 96;
/** Means of two frames that differ by less (8-bit levels) are in one light. */
const SAME = 2;
/** Part of the points that may show something else in the two frames. */
const OTHERS = 0.3;
/** Other light must explain at least this part of what the two frames differ by, or it was not the light. */
const EXPLAINED = 0.2;
/** What is faded out further than this is not brought back: it would be noise. */
const MOST_GAIN = 4;
/** Deviation (8-bit levels) below which a picture has no contrast to measure a gain by. */
const LEAST_CONTRAST = 1;

/**
 * The light of a span's frames and of its keys. Only frames whose means differ are compared point by point: a pan past a bright window is no
 * change of light, a fade is. Holds three numbers a frame, and no frame.
 */
export class Lights {
  readonly #source: Source;
  readonly #first: number;
  /** Red, green and blue of each frame; NaN where they are not known yet. */
  readonly #means: Float64Array;

  constructor(source: Source, { before, after, from, to }: Span) {
    this.#source = source;
    this.#first = before ?? from;
    this.#means = new Float64Array(3 * ((after ?? to - 1) + 1 - this.#first)).fill(NaN);
  }

  /**
   * What brings frame `n` into the light of `key`; null where they are in one. `map` tells where the frame's pixels are in the key: (dx, dy) in
   * pixels, interleaved.
   */
  async between(n: number, key: number, map: () => Promise<Float32Array>, signal: AbortSignal): Promise<Light | null> {
    const [a, b] = [await this.#mean(n, signal), await this.#mean(key, signal)];
    if (a.every((value, c) => Math.abs(value - b[c]!) < SAME * 257)) return null;
    return lightBetween(await this.#source.get(n, signal), await this.#source.get(key, signal), await map());
  }

  async #mean(n: number, signal: AbortSignal): Promise<Float64Array> {
    const at = 3 * (n - this.#first);
    const mean = this.#means.subarray(at, at + 3);
    if (Number.isNaN(mean[0]!)) {
      const raw = await this.#source.raw?.(n, signal);
      const frame = raw?.yuv?.rows(pointsAlong(this.#source.height)) ?? (await this.#source.get(n, signal));
      mean.set(meanOf(pointsIn(frame).map((p) => colourAt(frame, p))));
    }
    return mean;
  }
}

/** The source with one light over all its frames. */
export function inLight(source: Source, { gain, offset }: Light): Source {
  const get = async (n: number, signal: AbortSignal): Promise<Frame> => {
    const frame = await source.get(n, signal);
    const { channels } = frame;
    const data = new Uint16Array(frame.data);
    for (let p = 0; p < data.length; p += channels) {
      for (let c = 0; c < 3; c++)
        data[p + c] = Math.max(0, Math.min(65535, gain[c]! * data[p + c]! + offset[c]! + 0.5));
    }
    return { ...frame, data };
  };
  return { ...source, get, raw: undefined };
}

/** Null where light does not explain what the two frames differ by, point for point. */
function lightBetween(frame: Frame, key: Frame, map: Float32Array): Light | null {
  const { width, height } = frame;
  const pairs = pointsIn(frame).flatMap((p) => {
    const x = Math.round((p % width) + map[2 * p]!);
    const y = Math.round(Math.floor(p / width) + map[2 * p + 1]!);
    if (x < 0 || y < 0 || x >= width || y >= height) return [];
    return [{ here: colourAt(frame, p), there: colourAt(key, y * width + x) }];
  });
  if (pairs.length === 0) return null;
  const first = fitted(pairs);
  const alike = pairs.toSorted((a, b) => missOf(a, first) - missOf(b, first));
  const light = fitted(alike.slice(0, Math.ceil((1 - OTHERS) * pairs.length)));
  const left = (by: Light): number => pairs.reduce((sum, pair) => sum + missOf(pair, by), 0);
  return left(light) < (1 - EXPLAINED) * left(SAME_LIGHT) ? light : null;
}

type Pair = { readonly here: Colour; readonly there: Colour };

const SAME_LIGHT: Light = { gain: [1, 1, 1], offset: [0, 0, 0] };

/** By the means and deviations of both sides, which points that are a little out of place do not change. */
function fitted(pairs: readonly Pair[]): Light {
  const [here, there] = [pairs.map((pair) => pair.here), pairs.map((pair) => pair.there)];
  const [a, b] = [meanOf(here), meanOf(there)];
  const [from, to] = [deviationOf(here, a), deviationOf(there, b)];
  const gain = from.map((value, c) => (value < LEAST_CONTRAST * 257 ? 1 : Math.min(MOST_GAIN, to[c]! / value)));
  const offset = gain.map((value, c) => b[c]! - value * a[c]!);
  return { gain: gain as unknown as Colour, offset: offset as unknown as Colour };
}

function missOf({ here, there }: Pair, { gain, offset }: Light): number {
  let miss = 0;
  for (let c = 0; c < 3; c++) miss += Math.abs(gain[c]! * here[c]! + offset[c]! - there[c]!);
  return miss;
}

/** Pixels spread evenly over the picture; of the rows of `pointsAlong` alone, the same. */
function pointsIn({ width, height }: Frame): number[] {
  const xs = pointsAlong(width);
  return pointsAlong(height).flatMap((y) => xs.map((x) => y * width + x));
}

function pointsAlong(size: number): number[] {
  const count = Math.min(POINTS, size);
  return Array.from({ length: count }, (_, i) => Math.floor(((i + 0.5) * size) / count));
}

/** Over black where it is transparent. */
function colourAt({ channels, data }: Frame, p: number): Colour {
  const at = p * channels;
  const alpha = channels === 4 ? data[at + 3]! / 65535 : 1;
  return [data[at]! * alpha, data[at + 1]! * alpha, data[at + 2]! * alpha];
}

function meanOf(colours: readonly Colour[]): Colour {
  const sum = [0, 0, 0];
  for (const colour of colours) for (let c = 0; c < 3; c++) sum[c]! += colour[c]!;
  return sum.map((value) => value / colours.length) as unknown as Colour;
}

function deviationOf(colours: readonly Colour[], mean: Colour): Colour {
  const sum = [0, 0, 0];
  for (const colour of colours) for (let c = 0; c < 3; c++) sum[c]! += (colour[c]! - mean[c]!) ** 2;
  return sum.map((value) => Math.sqrt(value / colours.length)) as unknown as Colour;
}
