import type { Block } from '../../bridge-server/kernels/heap.ts';
import type { Engine } from '../../bridge-server/kernels/engine.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import type { Span } from '../../bridge-server/propagate/spans.ts';
import { estimateFlow, lumaOf } from '../../bridge-server/shot/flow.ts';
import type { Shot } from './run.ts';

/**
 * What propagation is compared with: every frame from flow alone. The flow to a key is accumulated from frame to frame, and estimated anew
 * against the key from there. `nearest`: the nearer key, warped; `blend`: both, the closer and the better match weighing more.
 */
export async function baselines(
  engine: Engine,
  shot: Shot,
  { before, after, from, to }: Span,
): Promise<{ nearest: Map<number, Frame>; blend: Map<number, Frame> }> {
  const frames = Array.from({ length: to - from }, (_, i) => from + i);
  const sides: { key: number; warped: Map<number, Warped> }[] = [];
  if (before !== null) sides.push({ key: before, warped: await warpedFrom(engine, shot, before, frames) });
  if (after !== null) sides.push({ key: after, warped: await warpedFrom(engine, shot, after, frames.toReversed()) });
  const nearest = new Map<number, Frame>();
  const blend = new Map<number, Frame>();
  for (const n of frames) {
    const near = sides.reduce((a, b) => (Math.abs(b.key - n) < Math.abs(a.key - n) ? b : a));
    nearest.set(n, near.warped.get(n)!.picture);
    const span = Math.abs((sides[1]?.key ?? sides[0]!.key) - sides[0]!.key);
    const weights = sides.map(({ key, warped }) => {
      const nearness = sides.length === 1 ? 1 : 1 - Math.abs(key - n) / span;
      return { nearness, ...warped.get(n)! };
    });
    blend.set(n, mixed(shot, weights));
  }
  return { nearest, blend };
}

/** The key moved to a frame, and by how much its source then misses the frame's (mean square over colours, 8-bit levels). */
type Warped = { readonly picture: Frame; readonly error: Float32Array };

async function warpedFrom(
  engine: Engine,
  shot: Shot,
  key: number,
  frames: readonly number[],
): Promise<Map<number, Warped>> {
  const { width, height } = shot;
  const pixels = width * height;
  const out = new Map<number, Warped>();
  const keyLuma = await lumaOf(engine, shot.frame(key));
  let last = await lumaOf(engine, shot.frame(key));
  const [step, refined, initial] = [1, 2, 3].map(() => engine.alloc(8 * pixels)) as [Block, Block, Block];
  let map = new Float32Array(2 * pixels);
  for (const n of frames) {
    const luma = await lumaOf(engine, shot.frame(n));
    await estimateFlow(engine, luma, last, { width, height, quality: 'fine', out: step });
    map = chained(engine.f32(step, 2 * pixels), map, width, height);
    engine.f32(initial, 2 * pixels).set(map);
    await estimateFlow(engine, luma, keyLuma, { width, height, quality: 'fine', initial, out: refined });
    const anew = new Float32Array(engine.f32(refined, 2 * pixels));
    const [a, b] = [map, anew].map((flow) => missOf(shot.frame(n), fetched(shot.frame(key), flow))) as [
      Float32Array,
      Float32Array,
    ];
    const better = map.map((value, i) => (b[i >> 1]! < a[i >> 1]! ? anew[i]! : value));
    const error = a.map((value, p) => Math.min(value, b[p]!));
    out.set(n, { picture: fetched(shot.key(key), better), error });
    engine.free(last);
    last = luma;
  }
  engine.free(keyLuma, last, step, refined, initial);
  return out;
}

/** First `step`, then `map` from where it leads. */
function chained(step: Float32Array, map: Float32Array, width: number, height: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(map.length);
  const inside = (value: number, length: number): number => Math.min(length - 1, Math.max(0, Math.round(value)));
  for (let p = 0; p < width * height; p++) {
    const [dx, dy] = [step[2 * p]!, step[2 * p + 1]!];
    const at = 2 * (inside(Math.floor(p / width) + dy, height) * width + inside((p % width) + dx, width));
    out[2 * p] = dx + map[at]!;
    out[2 * p + 1] = dy + map[at + 1]!;
  }
  return out;
}

/** Bilinear; the rim goes on. */
function fetched({ width, height, channels, data }: Frame, flow: Float32Array): Frame {
  const out = new Uint16Array(data.length);
  for (let p = 0; p < width * height; p++) {
    const x = Math.min(width - 1, Math.max(0, (p % width) + flow[2 * p]!));
    const y = Math.min(height - 1, Math.max(0, Math.floor(p / width) + flow[2 * p + 1]!));
    const [ix, iy] = [Math.floor(x), Math.floor(y)];
    const [fx, fy] = [x - ix, y - iy];
    const [right, below] = [ix + 1 < width ? channels : 0, iy + 1 < height ? width * channels : 0];
    for (let c = 0, at = (iy * width + ix) * channels; c < channels; c++, at++) {
      const upper = data[at]! * (1 - fx) + data[at + right]! * fx;
      const lower = data[at + below]! * (1 - fx) + data[at + below + right]! * fx;
      out[p * channels + c] = Math.round(upper * (1 - fy) + lower * fy);
    }
  }
  return { width, height, channels, data: out };
}

/** Blurred over 5x5 pixels. */
function missOf(a: Frame, b: Frame): Float32Array {
  const { width, height } = a;
  const miss = new Float32Array(width * height);
  for (let p = 0; p < miss.length; p++) {
    for (let c = 0; c < 3; c++) miss[p]! += ((a.data[3 * p + c]! - b.data[3 * p + c]!) / 257) ** 2 / 3;
  }
  return miss.map((_, p) => {
    let [sum, count] = [0, 0];
    const [x, y] = [p % width, Math.floor(p / width)];
    for (let j = Math.max(0, y - 2); j <= Math.min(height - 1, y + 2); j++) {
      for (let i = Math.max(0, x - 2); i <= Math.min(width - 1, x + 2); i++, count++) sum += miss[j * width + i]!;
    }
    return sum / count;
  });
}

function mixed({ width, height }: Shot, sides: readonly (Warped & { readonly nearness: number })[]): Frame {
  const data = new Uint16Array(width * height * 3);
  for (let p = 0; p < width * height; p++) {
    const weights = sides.map(({ nearness, error }) => nearness / (error[p]! + 4));
    const whole = weights.reduce((a, b) => a + b, 0);
    for (let c = 0; c < 3; c++) {
      data[3 * p + c] = sides.reduce(
        (sum, { picture }, i) => sum + (weights[i]! / whole) * picture.data[3 * p + c]!,
        0,
      );
    }
  }
  return { width, height, channels: 3, data };
}
