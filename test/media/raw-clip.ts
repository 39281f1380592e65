import { PassThrough } from 'node:stream';
import { ffmpeg, fileUrl } from '../../bridge-server/media/ffmpeg.ts';
import { pixelFormat, planesOf } from '../../bridge-server/media/pixel-format.ts';

/** Encodes raw pictures of one layout. `options` name encoder, container and tags. */
export async function encodeRaw(
  path: string,
  pictures: readonly Uint8Array[],
  { format, width, height, rate = '25' }: { format: string; width: number; height: number; rate?: string },
  options: readonly string[],
): Promise<string> {
  const input = new PassThrough();
  const source = ['-loglevel', 'error', '-f', 'rawvideo', '-pix_fmt', format, '-s', `${width}x${height}`, '-r', rate];
  const running = await ffmpeg(
    { inputs: [{ options: source, source: input }], options, output: fileUrl(path) },
    new AbortController().signal,
  );
  for (const picture of pictures) input.write(picture);
  input.end();
  await running.ended;
  return path;
}

/** A smooth planar YUV picture of colours that RGB can hold, from dark to light, different for each n. */
export function smoothPicture(
  format: string,
  width: number,
  height: number,
  range: 'full' | 'limited',
  n = 0,
): Uint8Array {
  const layout = pixelFormat(format)!;
  const { planes, bytes } = planesOf(layout, width, height);
  const unit = 2 ** (layout.bits - 8);
  const words = layout.bits > 8;
  const samples = words ? new Uint16Array(bytes / 2) : new Uint8Array(bytes);
  for (const [plane, { offset, stride, rows }] of planes.entries()) {
    const columns = words ? stride / 2 : stride;
    const start = words ? offset / 2 : offset;
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const slope = (x / columns + y / rows) / 2;
        const wave = Math.sin((x / columns) * 3 + n / 4 + plane) * Math.cos((y / rows) * 2 + plane);
        const [low, high] = range === 'full' ? [40, 215] : [50, 200];
        const code =
          plane === 0 || plane === 3 ? low + (high - low) * slope : 128 + (plane === 1 ? 14 : -9) + 20 * wave;
        samples[start + y * columns + x] = Math.round(code * unit);
      }
    }
  }
  return new Uint8Array(samples.buffer);
}
