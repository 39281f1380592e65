import { afterAll } from 'vitest';
import { Surroundings } from '../../bridge-server/control/surroundings.ts';
import type { ControlMeans } from '../../bridge-server/control/maps.ts';
import { Runtime } from '../../bridge-server/diffusion/runtime/runtime.ts';
import { Engine } from '../../bridge-server/kernels/engine.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';

export const engine = await Engine.start(2);
const runtime = new Runtime({ budgetBytes: Infinity, providers: ['cpu'], threads: 1 });
afterAll(async () => {
  runtime.close();
  await engine.close();
});

/** Frames in memory as a clip whose first frame has that number; `read` notes which were asked for. */
export function meansFor(frames: readonly Frame[], first = 0, read: number[] = []): ControlMeans {
  const range = { from: first, to: first + frames.length };
  const surroundings = new Surroundings(engine, range, (n) => {
    read.push(n);
    return Promise.resolve(frames[n - first]!);
  });
  const { width, height } = frames[0]!;
  return { clip: { range, width, height }, surroundings, runtime };
}

/** A frame of 8-bit colours. */
export function frameWith(width: number, height: number, colourAt: (x: number, y: number) => readonly number[]): Frame {
  const data = new Uint16Array(3 * width * height);
  for (let p = 0; p < width * height; p++) {
    const colour = colourAt(p % width, Math.floor(p / width));
    for (let c = 0; c < 3; c++) data[3 * p + c] = Math.round(colour[c]!) * 257;
  }
  return { width, height, channels: 3, data };
}
