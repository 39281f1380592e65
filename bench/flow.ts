import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Engine } from '../bridge-server/kernels/engine.ts';
import { estimateFlow, lumaOf, type FlowQuality } from '../bridge-server/shot/flow.ts';
import { benchScene } from './footage.ts';
import type { BenchCase } from './harness.ts';

const SIZES = [
  { width: 640, height: 360 },
  { width: 960, height: 540 },
  { width: 1920, height: 1080 },
];
/** Pairs in one timed run. */
const PAIRS = 4;

/** OpenCV's DIS on as many threads, where a Python with OpenCV is at hand: told in PENTIMENTO_BENCH_PYTHON, or on the PATH. */
const python = process.env['PENTIMENTO_BENCH_PYTHON'] ?? 'python3';
const hasOpenCv = spawnSync(python, ['-c', 'import cv2']).status === 0;
const PRESETS = { fast: { preset: 1, name: 'DIS FAST' }, fine: { preset: 2, name: 'DIS MEDIUM' } };

/** Flow between two neighbouring frames, with all workers, with one, and by OpenCV. */
const flow = (quality: FlowQuality, { width, height }: { width: number; height: number }): BenchCase => ({
  name: `flow ${width}x${height} ${quality}`,
  amount: PAIRS,
  unit: 'pair',
  iterations: 7,
  open: async () => {
    const scene = await benchScene({ width, height, frames: 21 });
    const frames = [scene.frame(10), scene.frame(11)] as const;
    const teams = { 'all workers': await Engine.start(), 'one worker': await Engine.start(1) };
    const variants: Record<string, () => Promise<void>> = {};
    let planes: Uint8Array[] = [];
    for (const [name, engine] of Object.entries(teams)) {
      const [a, b] = [await lumaOf(engine, frames[0]), await lumaOf(engine, frames[1])];
      const out = engine.alloc(width * height * 8);
      planes = [a, b].map((luma) => engine.u8(luma, width * height).slice());
      variants[name] = async () => {
        for (let i = 0; i < PAIRS; i++) await estimateFlow(engine, a, b, { width, height, quality, out });
      };
    }
    const { preset, name } = PRESETS[quality];
    const other = hasOpenCv ? openCv(preset, { width, height }, planes, teams['all workers'].workers) : null;
    if (other) variants[name] = other.run;
    return {
      variants,
      close: async () => {
        other?.end();
        for (const engine of Object.values(teams)) await engine.close();
      },
    };
  },
});

/** A Python that holds both planes and estimates their flow PAIRS times for each line that it is sent. */
function openCv(
  preset: number,
  { width, height }: { width: number; height: number },
  planes: readonly Uint8Array[],
  threads: number,
): { run: () => Promise<void>; end: () => void } {
  const script = `
import sys, cv2, numpy
cv2.setNumThreads(${threads})
size = ${width} * ${height}
a, b = (numpy.frombuffer(sys.stdin.buffer.read(size), numpy.uint8).reshape(${height}, ${width}) for _ in range(2))
dis = cv2.DISOpticalFlow_create(${preset})
for line in sys.stdin.buffer:
    for _ in range(${PAIRS}): dis.calc(a, b, None)
    print('done', flush=True)
`;
  const child = spawn(python, ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  for (const plane of planes) child.stdin.write(plane);
  const lines = createInterface(child.stdout);
  return {
    run: async () => {
      const answer = once(lines, 'line');
      child.stdin.write('\n');
      await answer;
    },
    end: () => child.stdin.end(),
  };
}

export const cases: readonly BenchCase[] = SIZES.flatMap((size) => [flow('fast', size), flow('fine', size)]);
