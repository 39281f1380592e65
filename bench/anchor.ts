import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openStageFolder } from '../bridge-server/jobs/stage-folder.ts';
import { Engine } from '../bridge-server/kernels/engine.ts';
import type { Frame } from '../bridge-server/media/frame.ts';
import { writePng } from '../bridge-server/media/image.ts';
import { matchSpan } from '../bridge-server/propagate/match.ts';
import { synthesiseSpan } from '../bridge-server/propagate/synthesise.ts';
import type { Scene } from '../test/media/scene.ts';
import { benchFolder, benchScene } from './footage.ts';
import type { BenchCase } from './harness.ts';

const run = promisify(execFile);

type Size = { readonly width: number; readonly height: number };
const SIZES: readonly Size[] = [
  { width: 640, height: 360 },
  { width: 960, height: 540 },
];
/** One frame alone, and a shot as long as shots between keys are. */
const SPANS: readonly Span[] = [
  { before: 0, after: 2, from: 1, to: 2 },
  { before: 0, after: 20, from: 1, to: 20 },
];
const THEIRS = 'ebsynth, both';

type Span = { readonly before: number; readonly after: number; readonly from: number; readonly to: number };

/**
 * Frames of video from the keys on both sides beside EbSynth's command line (jamriska/ebsynth), `binary`, on the processor, with the guides that
 * video pipelines give it: colour, edges, position, and the frame before. Positions and the frame before are the scene's true ones, better
 * than any flow. It makes the frame in the middle from either key; mixing the two is not counted.
 */
export const anchorCases = (binary: string): BenchCase[] =>
  SPANS.flatMap((span) => SIZES.map((size) => anchorCase(binary, size, span)));

function anchorCase(binary: string, size: Size, span: Span): BenchCase {
  const frames = span.to - span.from;
  return {
    name: `anchor ${size.width}x${size.height} of ${frames}`,
    amount: frames,
    amounts: { [THEIRS]: 1 },
    unit: 'frame',
    iterations: frames === 1 ? 3 : 2,
    open: async () => {
      const scene = await benchScene({ ...size, frames: span.after + 1 });
      const { path, remove } = await benchFolder();
      const engine = await Engine.start();
      const middle = (span.from + span.to - 1) >> 1;
      const [before, after] = [
        await guidesFor(scene, span.before, middle, join(path, 'before')),
        await guidesFor(scene, span.after, middle, join(path, 'after')),
      ];
      return {
        variants: {
          'both keys': ours(engine, scene, span, path),
          [THEIRS]: async () => {
            await run(binary, before);
            await run(binary, after);
          },
        },
        close: async () => {
          await engine.close();
          await remove();
        },
      };
    },
  };
}

function ours(engine: Engine, scene: Scene, span: Span, path: string): () => Promise<void> {
  const { width, height } = scene;
  const shown = Array.from({ length: span.after + 1 }, (_, n) => scene.frame(n));
  const painted = new Map([span.before, span.after].map((n) => [n, scene.truth(n)]));
  const source = { width, height, get: (n: number) => Promise.resolve(shown[n]!) };
  const keys = { get: (n: number) => Promise.resolve(painted.get(n)!) };
  const { signal } = new AbortController();
  let made = 0;
  return async () => {
    const folder = join(path, String(made++));
    await mkdir(folder);
    const into = openStageFolder(folder);
    await matchSpan(engine, span, source, into, () => undefined, signal);
    await synthesiseSpan(engine, span, { source, keys }, into, into, () => undefined, signal);
  };
}

/** Writes what the other program works from, and gives its arguments. */
async function guidesFor(scene: Scene, key: number, target: number, folder: string): Promise<string[]> {
  await mkdir(folder);
  const from = scene.flow(target, key);
  const moved = (frame: Frame): Frame => fetched(frame, from);
  const ramp = picture(scene, (x, y) => [x / scene.width, y / scene.height, 0]);
  const guides: [number, Frame, Frame][] = [
    [6, scene.frame(key), scene.frame(target)],
    [0.5, edges(scene.frame(key)), edges(scene.frame(target))],
    [2, ramp, moved(ramp)],
    [0.5, scene.truth(key), moved(scene.truth(key))],
  ];
  const written = async (name: string, frame: Frame): Promise<string> => {
    const path = join(folder, name);
    await writePng(path, frame);
    return path;
  };
  const style = ['-style', await written('style.png', scene.truth(key))];
  const given: string[] = [];
  for (const [i, [weight, source, there]] of guides.entries()) {
    given.push('-guide', await written(`${i}-source.png`, source), await written(`${i}-target.png`, there));
    given.push('-weight', String(weight));
  }
  return [...style, ...given, '-output', join(folder, 'out.png'), '-backend', 'cpu'];
}

/** What each pixel finds at the end of its vector, by the nearest pixel. */
function fetched(frame: Frame, flow: Float32Array): Frame {
  const { width, height, data } = frame;
  const inside = (value: number, length: number): number => Math.min(length - 1, Math.max(0, Math.round(value)));
  return picture(frame, (x, y) => {
    const p = y * width + x;
    const at = 3 * (inside(y + flow[2 * p + 1]!, height) * width + inside(x + flow[2 * p]!, width));
    return [data[at]! / 65535, data[at + 1]! / 65535, data[at + 2]! / 65535];
  });
}

/** Grey less the mean of the 7x7 pixels around, about the middle. */
function edges(frame: Frame): Frame {
  const { width, height, data } = frame;
  const grey = (x: number, y: number): number => {
    const at = 3 * (Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x)));
    return (0.299 * data[at]! + 0.587 * data[at + 1]! + 0.114 * data[at + 2]!) / 65535;
  };
  return picture(frame, (x, y) => {
    let sum = 0;
    for (let j = -3; j <= 3; j++) for (let i = -3; i <= 3; i++) sum += grey(x + i, y + j);
    const value = 0.5 + grey(x, y) - sum / 49;
    return [value, value, value];
  });
}

function picture({ width, height }: Size, colour: (x: number, y: number) => readonly [number, number, number]): Frame {
  const data = new Uint16Array(width * height * 3);
  for (let p = 0; p < width * height; p++) {
    const values = colour(p % width, Math.floor(p / width));
    for (let c = 0; c < 3; c++) data[3 * p + c] = Math.round(65535 * Math.min(1, Math.max(0, values[c]!)));
  }
  return { width, height, channels: 3, data };
}
