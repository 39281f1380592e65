import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Clip } from '../../bridge-server/media/clip.ts';
import { openClip } from '../../bridge-server/media/clip.ts';
import type { FrameSink } from '../../bridge-server/media/encode.ts';
import { movieLike, openImages, openMovie } from '../../bridge-server/media/encode.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import { encodeRaw, smoothPicture } from './raw-clip.ts';

const signal = new AbortController().signal;
const [width, height, frames] = [192, 128, 2];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pentimento-no-op-'));
});
afterAll(() => rm(folder, { recursive: true }));

const open = (path: string): Promise<Clip> =>
  openClip({ path, from: 0, to: null, rate: null, alpha: 'straight' }, signal);

async function framesOf(clip: Clip): Promise<Frame[]> {
  const all: Frame[] = [];
  for await (const frame of clip.read(clip.range, signal)) all.push(frame);
  return all;
}

async function deliver(sink: FrameSink, pictures: readonly Frame[]): Promise<void> {
  for (const [n, frame] of pictures.entries()) await sink.write(n, frame);
  await sink.finish();
}

/** In codes of 8 bit, for each channel: the mean difference (a shift) and the root of the mean square (an error). */
function difference(a: readonly Frame[], b: readonly Frame[]) {
  expect(b.length).toBe(a.length);
  const channels = a[0]!.channels;
  const sums = Array.from({ length: channels }, () => ({ shift: 0, square: 0 }));
  let pixels = 0;
  for (const [n, frame] of a.entries()) {
    const other = b[n]!;
    expect(other.data.length).toBe(frame.data.length);
    for (let i = 0; i < frame.data.length; i++) {
      const error = (other.data[i]! - frame.data[i]!) / 257;
      const sum = sums[i % channels]!;
      sum.shift += error;
      sum.square += error * error;
    }
    pixels += frame.width * frame.height;
  }
  return {
    shift: Math.max(...sums.map(({ shift }) => Math.abs(shift / pixels))),
    error: Math.max(...sums.map(({ square }) => Math.sqrt(square / pixels))),
  };
}

describe('decoding, encoding and decoding again changes no colour', () => {
  const matrices = [
    ['bt709', 'bt709', 'bt709'],
    ['smpte170m', 'smpte170m', 'smpte170m'],
    ['bt470bg', 'bt470bg', 'bt470bg'],
    ['bt2020nc', 'bt2020', 'arib-std-b67'],
    ['bt2020nc', 'bt2020', 'smpte2084'],
  ] as const;
  const cases = matrices.flatMap(([matrix, primaries, transfer]) =>
    (['tv', 'pc'] as const).flatMap((range) =>
      ['yuv420p', 'yuv422p10le', 'yuv444p12le', 'yuv444p16le'].map((format) => ({
        ...{ matrix, primaries, transfer, range, format },
      })),
    ),
  );
  // Every pair with every depth for ProRes and PNG; H.264 has one depth, so every pair twice.
  it.concurrent.each(cases)(
    '$matrix $transfer $range $format',
    async ({ matrix, primaries, transfer, range, format }) => {
      const name = join(folder, `${matrix}-${transfer}-${range}-${format}`);
      const pictures = Array.from({ length: frames }, (_, n) =>
        smoothPicture(format, width, height, range === 'pc' ? 'full' : 'limited', n),
      );
      const tags = [
        '-colorspace',
        matrix,
        '-color_range',
        range,
        '-color_primaries',
        primaries,
        '-color_trc',
        // Older ffmpegs have another name for it.
        transfer === 'bt470bg' ? '5' : transfer,
      ];
      await encodeRaw(`${name}.mkv`, pictures, { format, width, height }, ['-c:v', 'ffv1', '-level', '3', ...tags]);
      const clip = await open(`${name}.mkv`);
      expect(clip.info.colour).toEqual({
        matrix: { bt709: 'bt709', smpte170m: 'bt601', bt470bg: 'bt601', bt2020nc: 'bt2020' }[matrix],
        range: range === 'pc' ? 'full' : 'limited',
        primaries,
        transfer,
      });
      const source = await framesOf(clip);

      await deliver(await openMovie(`${name}.mov`, movieLike(clip, 'prores4444', 'straight'), signal), source);
      const prores = await open(`${name}.mov`);
      expect(prores.info.colour).toEqual({ ...clip.info.colour, range: 'limited' });
      const proresDifference = difference(source, await framesOf(prores));
      expect(proresDifference.shift).toBeLessThan(0.15);
      expect(proresDifference.error).toBeLessThan(0.6);

      if (format === 'yuv420p' || format === 'yuv422p10le') {
        await deliver(await openMovie(`${name}.mp4`, movieLike(clip, 'h264', 'straight'), signal), source);
        const h264 = await open(`${name}.mp4`);
        expect(h264.info.colour).toEqual({ ...clip.info.colour, range: 'limited' });
        const h264Difference = difference(source, await framesOf(h264));
        expect(h264Difference.shift).toBeLessThan(0.3);
        expect(h264Difference.error).toBeLessThan(1.5);
      }

      await deliver(await openImages(`${name}-png`, { alpha: 'straight' }, signal), source);
      expect(await framesOf(await open(`${name}-png`))).toEqual(source);
    },
  );
});
