import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readFrame, resultName } from '../../bridge-server/jobs/frames.ts';
import { openStageFolder } from '../../bridge-server/jobs/stage-folder.ts';
import type { StageFolder } from '../../bridge-server/jobs/stage-folder.ts';
import type { Device } from '../../bridge-server/kernels/device.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import { matchSpan } from '../../bridge-server/propagate/match.ts';
import type { Span } from '../../bridge-server/propagate/spans.ts';
import { synthesiseSpan } from '../../bridge-server/propagate/synthesise.ts';

export const never = new AbortController().signal;

export type Shot = {
  readonly width: number;
  readonly height: number;
  readonly frame: (n: number) => Frame;
  readonly key: (n: number) => Frame;
  readonly mask?: (n: number) => Frame;
};

export type Folders = { readonly matches: StageFolder; readonly results: StageFolder };

export async function folders(): Promise<Folders> {
  const folder = async (): Promise<StageFolder> =>
    openStageFolder(await mkdtemp(join(tmpdir(), 'pentimento-propagate-')));
  return { matches: await folder(), results: await folder() };
}

/** Both stages on one span. Gives the finished frames by number. */
export async function propagate(
  device: Device,
  shot: Shot,
  span: Span,
  into?: Folders,
  signal = never,
): Promise<Map<number, Frame>> {
  const { matches, results } = into ?? (await folders());
  const { width, height, frame, mask } = shot;
  const moving = mask ? { mask: (n: number) => Promise.resolve(mask(n)) } : {};
  const source = { width, height, get: (n: number) => Promise.resolve(frame(n)), ...moving };
  const keys = { get: (n: number) => Promise.resolve(shot.key(n)) };
  await matchSpan(device, span, source, matches, () => undefined, signal);
  await synthesiseSpan(device, span, { source, keys }, matches, results, () => undefined, signal);
  const made = new Map<number, Frame>();
  for (let n = span.from; n < span.to; n++) made.set(n, await readFrame(await results.read(resultName(n))));
  return made;
}

/** Frames [1, last) between keys 0 and last. */
export const between = (last: number): Span => ({ before: 0, after: last, from: 1, to: last });

/** Peak signal-to-noise ratio in dB over the pixels that `where` picks, colours only. */
export function psnr(a: Frame, b: Frame, where: (p: number) => boolean = () => true): number {
  let sum = 0;
  let count = 0;
  for (let p = 0; p < a.width * a.height; p++) {
    if (!where(p)) continue;
    for (let c = 0; c < 3; c++) sum += ((a.data[p * a.channels + c]! - b.data[p * b.channels + c]!) / 65535) ** 2;
    count += 3;
  }
  return 10 * Math.log10(count / Math.max(sum, 1e-12));
}

/** Mean squared gradient of the grey picture (Sobel). */
export function gradientEnergy({ width, height, channels, data }: Frame): number {
  const grey = Float32Array.from({ length: width * height }, (_, p) => {
    const [r, g, b] = [0, 1, 2].map((c) => data[p * channels + c]!);
    return (0.299 * r! + 0.587 * g! + 0.114 * b!) / 257;
  });
  let sum = 0;
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const at = (dx: number, dy: number): number => grey[(y + dy) * width + x + dx]!;
      const gx = at(1, -1) + 2 * at(1, 0) + at(1, 1) - at(-1, -1) - 2 * at(-1, 0) - at(-1, 1);
      const gy = at(-1, 1) + 2 * at(0, 1) + at(1, 1) - at(-1, -1) - 2 * at(0, -1) - at(1, -1);
      sum += gx * gx + gy * gy;
    }
  }
  return sum / ((width - 2) * (height - 2));
}

/** Mean absolute difference in 8-bit levels. */
export function difference(a: Frame, b: Frame): number {
  return a.data.reduce((sum, value, i) => sum + Math.abs(value - b.data[i]!), 0) / a.data.length / 257;
}

export const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
