import type { Correspondence } from '../diffusion/consistency/correspondence.ts';
import type { Engine } from '../kernels/engine.ts';
import type { Frame } from '../media/frame.ts';
import { occlusionOf } from './compare.ts';
import { estimateFlow, lumaOf } from './flow.ts';

/** Where the points of one frame are found in another of its size, and which of them are seen there. */
export async function correspondence(engine: Engine, here: Frame, there: Frame): Promise<Correspondence> {
  const { width, height } = here;
  const area = width * height;
  const blocks = [await lumaOf(engine, here), await lumaOf(engine, there)];
  const [from, to] = blocks as [(typeof blocks)[0], (typeof blocks)[0]];
  try {
    const [onward, back, hidden] = [engine.alloc(area * 8), engine.alloc(area * 8), engine.alloc(area)];
    blocks.push(onward, back, hidden);
    const options = { width, height, quality: 'fine' } as const;
    await estimateFlow(engine, from, to, { ...options, out: onward });
    await estimateFlow(engine, to, from, { ...options, out: back });
    await occlusionOf(engine, onward, back, { width, height, out: hidden });
    const vectors = engine.f32(onward, 2 * area);
    const occluded = engine.u8(hidden, area);
    const flow = new Float32Array(2 * area);
    const visible = new Float32Array(area);
    for (let y = 0, p = 0; y < height; y++) {
      for (let x = 0; x < width; x++, p++) {
        const [dx, dy] = [vectors[2 * p]!, vectors[2 * p + 1]!];
        flow[p] = dx;
        flow[area + p] = dy;
        const isInside = x + dx >= 0 && y + dy >= 0 && x + dx <= width - 1 && y + dy <= height - 1;
        visible[p] = isInside && occluded[p] === 0 ? 1 : 0;
      }
    }
    return {
      flow: { channels: 2, height, width, data: flow },
      visible: { channels: 1, height, width, data: visible },
    };
  } finally {
    engine.free(...blocks);
  }
}
