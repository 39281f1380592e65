import { PassThrough } from 'node:stream';
import { ffmpeg, fileUrl } from '../../bridge-server/media/ffmpeg.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';

/**
 * Small clips whose every frame says its number: 6x4 cells of black and white, one white and one black for reference, then eleven
 * bits of the number, then the same bits inverted, so that a picture which decoded badly reads as none.
 */
const COLUMNS = 6;
const ROWS = 4;
const BITS = 11;

export const WIDTH = 96;
export const HEIGHT = 64;

/** 8-bit grey, 96x64 unless another size is asked; cells are at least 4 pixels wide. */
export function numberedPicture(n: number, width = WIDTH, height = HEIGHT): Uint8Array {
  const cells = [1, 0, ...bits(n), ...bits(~n)];
  const picture = new Uint8Array(width * height);
  for (let y = 0, at = 0; y < height; y++) {
    const row = Math.floor((y * ROWS) / height) * COLUMNS;
    for (let x = 0; x < width; x++) picture[at++] = cells[row + Math.floor((x * COLUMNS) / width)] ? 225 : 30;
  }
  return picture;
}

/** The same picture as a working frame. */
export function numberedFrame(n: number, width = WIDTH, height = HEIGHT): Frame {
  const grey = numberedPicture(n, width, height);
  const data = new Uint16Array(3 * grey.length);
  for (let i = 0; i < data.length; i++) data[i] = grey[Math.floor(i / 3)]! * 257;
  return { width, height, channels: 3, data };
}

const bits = (n: number): number[] => Array.from({ length: BITS }, (_, bit) => (n >> bit) & 1);

/** The number in a frame; null when there is none to be read for certain. */
export function readNumber({ width, height, channels, data }: Frame): number | null {
  const cells = Array.from({ length: COLUMNS * ROWS }, (_, cell) => {
    const x = Math.floor((((cell % COLUMNS) + 0.5) * width) / COLUMNS);
    const y = Math.floor(((Math.floor(cell / COLUMNS) + 0.5) * height) / ROWS);
    return data[(y * width + x) * channels + 1]! / 65535;
  });
  if (cells.some((value) => value > 0.35 && value < 0.65)) return null;
  const [white, black, ...rest] = cells.map((value) => value > 0.5);
  const number = rest.slice(0, BITS).reduce((sum, bit, at) => sum + (bit ? 1 << at : 0), 0);
  const inverted = rest.slice(BITS).every((bit, at) => bit !== rest[at]);
  return white && !black && inverted ? number : null;
}

/** Numbers of frames as they come. */
export async function numbersOf(frames: AsyncIterable<Frame>): Promise<(number | null)[]> {
  const numbers: (number | null)[] = [];
  for await (const frame of frames) numbers.push(readNumber(frame));
  return numbers;
}

export type ClipRecipe = {
  readonly frames: number;
  /** The number that the n-th picture shows; its own when left out. */
  readonly show?: (n: number) => number;
  /** As ffmpeg takes it: '24000/1001'. */
  readonly rate: string;
  /** Output options: encoder, container, everything. */
  readonly options: readonly string[];
  readonly width?: number;
  readonly height?: number;
  /** Further inputs, such as sound. */
  readonly inputs?: readonly (readonly string[])[];
};

/** Encodes numbered pictures 0, 1, 2 … to a file, with whatever ffmpeg the product uses. */
export async function makeClip(path: string, recipe: ClipRecipe): Promise<string> {
  const { frames, rate, options, width = WIDTH, height = HEIGHT, inputs = [], show = (n) => n } = recipe;
  const pictures = new PassThrough();
  const running = await ffmpeg(
    {
      inputs: [
        {
          options: ['-loglevel', 'error', '-f', 'rawvideo', '-pix_fmt', 'gray', '-s', `${width}x${height}`, '-r', rate],
          source: pictures,
        },
        ...inputs.map((input) => ({ options: input.slice(0, -1), source: input.at(-1)! })),
      ],
      options: ['-pix_fmt', 'yuv420p', ...options],
      output: fileUrl(path),
    },
    new AbortController().signal,
  );
  for (let n = 0; n < frames; n++) pictures.write(numberedPicture(show(n), width, height));
  pictures.end();
  await running.ended;
  return path;
}

/** Runs ffmpeg over files that exist already. */
export async function convert(
  source: string,
  options: readonly string[],
  path: string,
  before: readonly string[] = [],
) {
  const input = { options: ['-loglevel', 'error', ...before], source: fileUrl(source) };
  const running = await ffmpeg({ inputs: [input], options, output: fileUrl(path) }, new AbortController().signal);
  await running.ended;
  return path;
}
