import { Engine } from '../bridge-server/kernels/engine.ts';
import { LOOKS } from '../bridge-server/looks/looks.ts';
import { benchScene } from './footage.ts';
import type { BenchCase } from './harness.ts';

const SIZE = { width: 1920, height: 1080, frames: 3 };

/** One key frame, against the same with one worker. */
const look = (name: 'ink' | 'oil' | 'poster'): BenchCase => ({
  name: `look ${SIZE.width}x${SIZE.height} ${name}`,
  amount: 1,
  unit: 'frame',
  iterations: 3,
  open: async () => {
    const frame = (await benchScene(SIZE)).frame(1);
    const [all, one] = [await Engine.start(), await Engine.start(1)];
    const signal = new AbortController().signal;
    return {
      variants: {
        'all workers': async () => void (await LOOKS[name](all, frame, signal)),
        'one worker': async () => void (await LOOKS[name](one, frame, signal)),
      },
      close: async () => void (await Promise.all([all.close(), one.close()])),
    };
  },
});

export const cases: readonly BenchCase[] = [look('ink'), look('oil'), look('poster')];
