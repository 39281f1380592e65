import { canny } from '../bridge-server/control/canny.ts';
import { lineArt } from '../bridge-server/control/line-art.ts';
import { openControlMaps } from '../bridge-server/control/maps.ts';
import { pictureOf } from '../bridge-server/control/picture.ts';
import { softEdge } from '../bridge-server/control/soft-edge.ts';
import { Surroundings } from '../bridge-server/control/surroundings.ts';
import type { Planes } from '../bridge-server/diffusion/picture/planes.ts';
import { Runtime } from '../bridge-server/diffusion/runtime/runtime.ts';
import { Engine } from '../bridge-server/kernels/engine.ts';
import { benchScene } from './footage.ts';
import type { BenchCase } from './harness.ts';

/** About what Stable Diffusion 1.5 works at, and full HD. */
const SIZES = [
  { width: 688, height: 384 },
  { width: 1920, height: 1080 },
];
const { signal } = new AbortController();

const KINDS: Readonly<Record<string, (picture: Planes) => unknown>> = {
  canny: (picture) => canny(picture, { low: 100, high: 200, gradient: 'l1' }),
  softedge: softEdge,
  lineart: lineArt,
};

/** A map from one frame alone, decoded and scaled already. */
const alone = (kind: string, { width, height }: { width: number; height: number }): BenchCase => ({
  name: `control ${width}x${height} ${kind}`,
  amount: 1,
  unit: 'map',
  open: async () => {
    const frame = (await benchScene({ width, height, frames: 3 })).frame(1);
    const picture = pictureOf(frame, frame);
    const run = (): Promise<void> => Promise.resolve(void KINDS[kind]!(picture));
    return { variants: { 'one frame': run }, close: () => Promise.resolve() };
  },
});

/** Maps one after the other, as a whole clip needs them: scaled, their motion estimated, smoothed along it. */
const steady = ({ width, height }: { width: number; height: number }): BenchCase => ({
  name: `control ${width}x${height} canny clip`,
  amount: 4,
  unit: 'map',
  iterations: 3,
  open: async () => {
    const scene = await benchScene({ width, height, frames: 8 });
    const range = { from: 0, to: 8 };
    const frames = Array.from({ length: 8 }, (_, n) => scene.frame(n));
    const engine = await Engine.start();
    const runtime = new Runtime({ budgetBytes: 0, providers: ['cpu'], threads: null });
    const run = (isSteady: boolean) => async (): Promise<void> => {
      const surroundings = new Surroundings(engine, range, (n) => Promise.resolve(frames[n]!));
      const map = { kind: 'canny', low: 100, high: 200, gradient: 'l1', steady: isSteady } as const;
      const maps = await openControlMaps(map, { clip: { range, width, height }, surroundings, runtime }, signal);
      for (let n = 2; n < 6; n++) await maps.mapAt(n, { width, height }, signal);
    };
    return { variants: { steady: run(true), 'frame by frame': run(false) }, close: () => engine.close() };
  },
});

export const cases: readonly BenchCase[] = SIZES.flatMap((size) => [
  ...Object.keys(KINDS).map((kind) => alone(kind, size)),
  steady(size),
]);
