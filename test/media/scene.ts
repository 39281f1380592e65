import type { Frame } from '../../bridge-server/media/frame.ts';
import { normalFrom, randomFrom } from './random.ts';
import { backdrop, balloon, forearm, head, torso, town, upperArm, wall } from './scene-drawing.ts';
import type { Drawing } from './scene-drawing.ts';
import { sourceTexture, styledTexture } from './scene-texture.ts';
import type { Texture } from './scene-texture.ts';

export type SceneOptions = {
  /** arms: raised before a slowly moving camera; pan: the camera does the moving; occluder: arms, and a balloon drifts by in front. */
  readonly kind: 'arms' | 'pan' | 'occluder';
  readonly seed: number;
  readonly width: number;
  readonly height: number;
  /** Length of the shot; the whole movement is spread over it. */
  readonly frames: number;
  /** Deviation of the film grain on the source in 8-bit levels; it is not part of the motion. Default 1.2. */
  readonly grain?: number;
};

/** A shot of which everything is known: the source, its styled version as a perfect propagation would make it, the motion. */
export type Scene = {
  readonly width: number;
  readonly height: number;
  readonly frames: number;
  /** Source frame n, RGB. */
  readonly frame: (n: number) => Frame;
  /** Styled frame n, RGB, without grain. */
  readonly truth: (n: number) => Frame;
  /** Interleaved (dx, dy) in pixels for every pixel p of frame n: what frame n shows at p, frame m has at p + flow (perhaps hidden there). */
  readonly flow: (n: number, m: number) => Float32Array;
  /** For every pixel p of frame n: 1 where frame m really shows the same point, 0 where it is covered or out of the picture. */
  readonly visible: (n: number, m: number) => Uint8Array;
};

/** x' = a x + c y + e, y' = b x + d y + f. */
type Affine = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

type Layer = {
  readonly drawing: Drawing;
  /** Own coordinates to units about the middle of the frame; u in 0..1 is time. */ readonly pose: (
    u: number,
  ) => Affine;
};

const UNITS_HIGH = 360;
/** Texels per frame pixel: enough that bilinear sampling keeps the detail at every phase. */
const DENSITY = 1.4;
const GRAIN_TILE = 256;

export async function makeScene(options: SceneOptions): Promise<Scene> {
  const { seed, width, height, frames, grain = 1.2 } = options;
  const scale = height / UNITS_HIGH;
  const layers = layersOf(options, width / scale);
  const sources: Texture[] = [];
  for (const [i, layer] of layers.entries())
    sources.push(await sourceTexture(layer.drawing, scale * DENSITY, seed + i));
  let styled: Texture[] | null = null;
  const grainTile = Float32Array.from({ length: GRAIN_TILE ** 2 }, normalFrom(randomFrom(seed + 99)));

  /** Own coordinates of layer i to pixels of frame n (pixel centres at whole numbers). */
  const toFrame = (i: number, n: number): Affine => {
    const u = frames > 1 ? n / (frames - 1) : 0;
    return chain([scale, 0, 0, scale, width / 2 - 0.5, height / 2 - 0.5], layers[i]!.pose(u));
  };
  const draw = (textures: readonly Texture[], n: number): Float32Array => {
    const canvas = new Float32Array(width * height * 3);
    for (const [i, texture] of textures.entries()) composite(canvas, width, height, texture, toFrame(i, n));
    return canvas;
  };
  const owners = (n: number): Uint8Array => {
    const map = new Uint8Array(width * height);
    for (const [i, texture] of sources.entries()) if (i > 0) claim(map, i, width, height, texture, toFrame(i, n));
    return map;
  };
  const walk = (n: number, m: number, visit: (p: number, layer: number, x: number, y: number) => void): void => {
    const map = owners(n);
    const moves = layers.map((_, i) => chain(toFrame(i, m), inverse(toFrame(i, n))));
    for (let y = 0, p = 0; y < height; y++) {
      for (let x = 0; x < width; x++, p++) {
        const [a, b, c, d, e, f] = moves[map[p]!]!;
        visit(p, map[p]!, a * x + c * y + e, b * x + d * y + f);
      }
    }
  };

  return {
    width,
    height,
    frames,
    frame(n) {
      const canvas = draw(sources, n);
      const random = randomFrom(seed * 1000 + n);
      const [ox, oy] = [Math.floor(random() * GRAIN_TILE), Math.floor(random() * GRAIN_TILE)];
      const strength = (grain / 255) * 65535;
      return toPicture(
        canvas,
        width,
        height,
        (x, y) => strength * grainTile[((y + oy) % GRAIN_TILE) * GRAIN_TILE + ((x + ox) % GRAIN_TILE)]!,
      );
    },
    truth(n) {
      styled ??= sources.map((texture, i) => styledTexture(texture, seed + i));
      return toPicture(draw(styled, n), width, height, () => 0);
    },
    flow(n, m) {
      const field = new Float32Array(width * height * 2);
      walk(n, m, (p, _, x, y) => {
        field[2 * p] = x - (p % width);
        field[2 * p + 1] = y - Math.floor(p / width);
      });
      return field;
    },
    visible(n, m) {
      const there = owners(m);
      const shown = new Uint8Array(width * height);
      walk(n, m, (p, layer, x, y) => {
        const [i, j] = [Math.round(x), Math.round(y)];
        if (i >= 0 && j >= 0 && i < width && j < height && there[j * width + i] === layer) shown[p] = 1;
      });
      return shown;
    },
  };
}

function layersOf({ kind, seed }: SceneOptions, unitsWide: number): Layer[] {
  const reach = unitsWide + 280;
  /** What is `depth` (1: as far as the figure) away in the set, seen by the moving camera. */
  const camera = (u: number, depth: number): Affine => {
    const t = u - 0.5;
    if (kind === 'pan') return chain(turn(2.5 * t, 1 + 0.12 * t * depth), shift(-90 * t * depth, -30 * t * depth));
    return chain(turn(0.8 * t, 1.01 + 0.03 * t * depth), shift(-26 * t * depth, 6 * t * depth));
  };
  const body = (u: number): Affine =>
    chain(camera(u, 1), chain(shift(4 + 6 * Math.sin(3 * u), -12), turn(1.5 * Math.sin(4 * u), 1)));
  const rise = (u: number): number => (kind === 'pan' ? 30 : 22 + 108 * u * u * (3 - 2 * u));
  const shoulder = (u: number, side: 1 | -1): Affine =>
    chain(body(u), chain([side, 0, 0, 1, side * 45, 6], turn(-rise(u), 1)));
  const elbow = (u: number, side: 1 | -1): Affine =>
    chain(shoulder(u, side), chain(shift(0, 70), turn(-12 - 26 * Math.sin(2.6 * u), 1)));
  return [
    { drawing: backdrop(seed, reach), pose: (u) => camera(u, 0.3) },
    { drawing: town(seed, reach), pose: (u) => camera(u, 0.6) },
    { drawing: wall(seed, reach), pose: (u) => camera(u, 0.85) },
    { drawing: torso(), pose: body },
    { drawing: head(), pose: (u) => chain(body(u), chain(shift(0, 2), turn(-5 * Math.sin(5 * u), 1))) },
    ...([1, -1] as const).flatMap((side): Layer[] => [
      { drawing: forearm(), pose: (u) => elbow(u, side) },
      { drawing: upperArm(), pose: (u) => shoulder(u, side) },
    ]),
    ...(kind === 'occluder'
      ? [
          {
            drawing: balloon(seed),
            pose: (u: number) =>
              chain(camera(u, 1.3), chain(shift(-330 + 660 * u, 20 - 50 * u), turn(6 * Math.sin(7 * u), 1))),
          },
        ]
      : []),
  ];
}

const shift = (x: number, y: number): Affine => [1, 0, 0, 1, x, y];

/** Clockwise as seen, by degrees, and scaled. */
function turn(degrees: number, size: number): Affine {
  const [c, s] = [Math.cos((degrees * Math.PI) / 180) * size, Math.sin((degrees * Math.PI) / 180) * size];
  return [c, s, -s, c, 0, 0];
}

/** First `inner`, then `outer`. */
function chain(outer: Affine, inner: Affine): Affine {
  const [a, b, c, d, e, f] = outer;
  const [A, B, C, D, E, F] = inner;
  return [a * A + c * B, b * A + d * B, a * C + c * D, b * C + d * D, a * E + c * F + e, b * E + d * F + f];
}

function inverse([a, b, c, d, e, f]: Affine): Affine {
  const det = a * d - b * c;
  return [d / det, -b / det, -c / det, a / det, (c * f - d * e) / det, (b * e - a * f) / det];
}

/** Visits the frame's pixels that the texture covers, with the place in the texture (texel centres at whole numbers). */
function covered(
  width: number,
  height: number,
  texture: Texture,
  toFrame: Affine,
  visit: (p: number, s: number, t: number) => void,
): void {
  const { x, y, scale } = texture;
  const own = [x, x + texture.width / scale].flatMap((i) =>
    [y, y + texture.height / scale].map((j) => [i, j] as const),
  );
  const xs = own.map(([i, j]) => toFrame[0] * i + toFrame[2] * j + toFrame[4]);
  const ys = own.map(([i, j]) => toFrame[1] * i + toFrame[3] * j + toFrame[5]);
  const [x0, x1] = [Math.max(0, Math.floor(Math.min(...xs))), Math.min(width - 1, Math.ceil(Math.max(...xs)))];
  const [y0, y1] = [Math.max(0, Math.floor(Math.min(...ys))), Math.min(height - 1, Math.ceil(Math.max(...ys)))];
  const [a, b, c, d, e, f] = chain([scale, 0, 0, scale, -x * scale - 0.5, -y * scale - 0.5], inverse(toFrame));
  for (let j = y0; j <= y1; j++) {
    for (let i = x0; i <= x1; i++) {
      const s = a * i + c * j + e;
      const t = b * i + d * j + f;
      if (s >= 0 && t >= 0 && s < texture.width - 1 && t < texture.height - 1) visit(j * width + i, s, t);
    }
  }
}

function composite(canvas: Float32Array, width: number, height: number, texture: Texture, toFrame: Affine): void {
  const { data } = texture;
  const stride = texture.width * 4;
  covered(width, height, texture, toFrame, (p, s, t) => {
    const i = s | 0;
    const j = t | 0;
    const at = j * stride + i * 4;
    const fx = s - i;
    const fy = t - j;
    const w11 = fx * fy;
    const w10 = fx - w11;
    const w01 = fy - w11;
    const w00 = 1 - fx - w01;
    const below = at + stride;
    const keep =
      1 - (data[at + 3]! * w00 + data[at + 7]! * w10 + data[below + 3]! * w01 + data[below + 7]! * w11) / 65535;
    if (keep > 0.99999) return;
    for (let c = 0; c < 3; c++) {
      canvas[3 * p + c] =
        canvas[3 * p + c]! * keep +
        data[at + c]! * w00 +
        data[at + 4 + c]! * w10 +
        data[below + c]! * w01 +
        data[below + 4 + c]! * w11;
    }
  });
}

/** Writes the layer's number where it is more than half opaque. */
function claim(map: Uint8Array, layer: number, width: number, height: number, texture: Texture, toFrame: Affine): void {
  covered(width, height, texture, toFrame, (p, s, t) => {
    const at = (Math.round(t) * texture.width + Math.round(s)) * 4 + 3;
    if (texture.data[at]! > 32767) map[p] = layer;
  });
}

function toPicture(
  canvas: Float32Array,
  width: number,
  height: number,
  grain: (x: number, y: number) => number,
): Frame {
  const data = new Uint16Array(canvas.length);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const g = grain(x, y);
      for (let c = 0; c < 3; c++, at++) data[at] = Math.max(0, Math.min(65535, canvas[at]! + g + 0.5));
    }
  }
  return { width, height, channels: 3, data };
}
