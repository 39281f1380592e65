import sharp from 'sharp';
import { normalFrom, randomFrom } from './random.ts';
import type { Drawing } from './scene-drawing.ts';

/**
 * A drawing as pixels: premultiplied RGBA, 16 bits, interleaved. Texel (i, j) has its centre at
 * (x + (i + 0.5) / scale, y + (j + 0.5) / scale) in the drawing's own coordinates.
 */
export type Texture = {
  readonly width: number;
  readonly height: number;
  readonly x: number;
  readonly y: number;
  /** Texels per unit. */
  readonly scale: number;
  readonly data: Uint16Array;
};

/** Draws the piece and gives it the unevenness of real surfaces, so that there is something to hold on to everywhere. */
export async function sourceTexture(drawing: Drawing, scale: number, seed: number): Promise<Texture> {
  const [x, y, w, h] = drawing.box;
  const width = Math.ceil(w * scale);
  const height = Math.ceil(h * scale);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="${x} ${y} ${width / scale} ${height / scale}">${drawing.svg}</svg>`;
  const pixels = await sharp(Buffer.from(svg), { unlimited: true }).ensureAlpha().raw().toBuffer();
  const noise = fractalNoise(width, height, scale, seed);
  const data = new Uint16Array(width * height * 4);
  for (let p = 0; p < width * height; p++) {
    const alpha = pixels[4 * p + 3]! / 255;
    const shade = 1 + 0.38 * noise[p]!;
    for (let c = 0; c < 3; c++) data[4 * p + c] = Math.min(1, (pixels[4 * p + c]! / 255) * shade) * alpha * 65535;
    data[4 * p + 3] = alpha * 65535;
  }
  return { width, height, x, y, scale, data: softened(data, width, height) };
}

/** A little soft, as lenses are: weights 1 2 1 both ways. Detail up to the very limit of the raster would be no camera's. */
function softened(data: Uint16Array, width: number, height: number): Uint16Array {
  const once = (from: Uint16Array, length: number, step: number, lines: number, lineStep: number): Uint16Array => {
    const to = new Uint16Array(from.length);
    for (let line = 0; line < lines; line++) {
      for (let i = 0; i < length; i++) {
        const at = line * lineStep + i * step;
        for (let c = at; c < at + 4; c++) {
          to[c] = (2 * from[c]! + from[i > 0 ? c - step : c]! + from[i < length - 1 ? c + step : c]! + 2) >> 2;
        }
      }
    }
    return to;
  };
  return once(once(data, width, 4, height, 4 * width), height, 4 * width, width, 4);
}

/** Value noise over wavelengths from 48 units down to 1.5, about -0.5..0.5. */
function fractalNoise(width: number, height: number, scale: number, seed: number): Float32Array {
  const sum = new Float32Array(width * height);
  const random = randomFrom(seed * 31 + 11);
  for (let wavelength = 48, amplitude = 0.3; wavelength >= 1.5; wavelength /= 2, amplitude *= 0.86) {
    const step = 1 / (wavelength * scale);
    const columns = Math.ceil(width * step) + 2;
    const lattice = Float32Array.from({ length: columns * (Math.ceil(height * step) + 2) }, () => random() - 0.5);
    for (let y = 0; y < height; y++) {
      const v = y * step;
      const row = Math.floor(v);
      const fy = ease(v - row);
      for (let x = 0; x < width; x++) {
        const u = x * step;
        const column = Math.floor(u);
        const fx = ease(u - column);
        const at = row * columns + column;
        const top = lattice[at]! + (lattice[at + 1]! - lattice[at]!) * fx;
        const bottom = lattice[at + columns]! + (lattice[at + columns + 1]! - lattice[at + columns]!) * fx;
        sum[y * width + x]! += amplitude * (top + (bottom - top) * fy);
      }
    }
  }
  return sum;
}

const ease = (t: number): number => t * t * (3 - 2 * t);

/** Gouache on a warm ground: rows give the painted red, green and blue from the source's. */
const PIGMENTS = [
  [0.7, 0.5, -0.12],
  [0.3, 0.3, 0.36],
  [0.34, -0.16, 0.86],
] as const;

/** The same piece as a painter would do it: other colours, brush strokes along the edges. The outline stays. */
export function styledTexture(source: Texture, seed: number): Texture {
  const { width, height, scale } = source;
  const random = randomFrom(seed * 31 + 17);
  const normal = normalFrom(random);
  const painted = new Float32Array(source.data.length);
  const light = new Float32Array(width * height);
  for (let p = 0; p < width * height; p++) {
    const r = source.data[4 * p]! / 65535;
    const g = source.data[4 * p + 1]! / 65535;
    const b = source.data[4 * p + 2]! / 65535;
    const a = source.data[4 * p + 3]! / 65535;
    for (let c = 0; c < 3; c++) {
      const pigment = PIGMENTS[c]!;
      painted[4 * p + c] = Math.max(
        0,
        Math.min(1.12 * (pigment[0] * r + pigment[1] * g + pigment[2] * b) - 0.04 * a, a),
      );
    }
    painted[4 * p + 3] = a;
    light[p] = 0.3 * r + 0.59 * g + 0.11 * b + 0.5 * (1 - a);
  }
  const smooth = boxBlur(
    boxBlur(light, width, height, Math.round(1.6 * scale)),
    width,
    height,
    Math.round(1.6 * scale),
  );
  const base = new Float32Array(painted);
  const strokes = (width * height) / (16 * scale * scale);
  for (let i = 0; i < strokes; i++) {
    const x = 1 + random() * (width - 3);
    const y = 1 + random() * (height - 3);
    const at = Math.floor(y) * width + Math.floor(x);
    const alpha = base[4 * at + 3]!;
    const gx = smooth[at + 1]! - smooth[at - 1]!;
    const gy = smooth[at + width]! - smooth[at - width]!;
    const angle = Math.atan2(gy, gx) + Math.PI / 2 + 0.2 * normal();
    const length = (1.6 + 4.4 * random() ** 2) * scale;
    const radius = (0.4 + 0.6 * random()) * scale;
    const tone = 0.06 * normal();
    const colour = [0, 1, 2].map((c) => Math.max(0, Math.min(1, base[4 * at + c]! / alpha + tone + 0.02 * normal())));
    if (alpha > 0.6) stroke(painted, width, height, x, y, angle, length, radius, colour);
  }
  const data = new Uint16Array(painted.length);
  for (let i = 0; i < data.length; i++) data[i] = painted[i]! * 65535;
  return { ...source, data: softened(data, width, height) };
}

/** Paints a capsule of the given half length and radius, anti-aliased, inside the piece's own outline. */
function stroke(
  target: Float32Array,
  width: number,
  height: number,
  x: number,
  y: number,
  angle: number,
  length: number,
  radius: number,
  colour: number[],
): void {
  const [dx, dy] = [Math.cos(angle), Math.sin(angle)];
  const [reachX, reachY] = [Math.abs(dx) * length + radius + 1, Math.abs(dy) * length + radius + 1];
  for (let j = Math.max(0, Math.floor(y - reachY)); j <= Math.min(height - 1, y + reachY); j++) {
    for (let i = Math.max(0, Math.floor(x - reachX)); i <= Math.min(width - 1, x + reachX); i++) {
      const along = Math.max(-length, Math.min(length, (i - x) * dx + (j - y) * dy));
      const distance = Math.sqrt((i - x - along * dx) ** 2 + (j - y - along * dy) ** 2);
      const cover = Math.max(0, Math.min(1, radius + 0.5 - distance));
      if (cover === 0) continue;
      const at = 4 * (j * width + i);
      const alpha = target[at + 3]!;
      for (let c = 0; c < 3; c++) target[at + c]! += (colour[c]! * alpha - target[at + c]!) * cover;
    }
  }
}

/** Mean over (2*radius+1)² pixels, edges repeated. */
function boxBlur(image: Float32Array, width: number, height: number, radius: number): Float32Array {
  const once = (from: Float32Array, length: number, lines: number, step: number, lineStep: number): Float32Array => {
    const to = new Float32Array(from.length);
    for (let line = 0; line < lines; line++) {
      const start = line * lineStep;
      const at = (i: number): number => from[start + (i < 0 ? 0 : i < length ? i : length - 1) * step]!;
      let sum = 0;
      for (let i = -radius; i <= radius; i++) sum += at(i);
      for (let i = 0; i < length; i++) {
        to[start + i * step] = sum / (2 * radius + 1);
        sum += at(i + radius + 1) - at(i - radius);
      }
    }
    return to;
  };
  return once(once(image, width, height, 1, width), height, width, width, 1);
}
