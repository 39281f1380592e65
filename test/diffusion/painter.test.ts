import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openPainter, type PaintJob, type PaintSettings } from '../../bridge-server/diffusion/painter.ts';
import { ownNoise } from '../../bridge-server/diffusion/consistency/carry.ts';
import { openRuntime, type Profile } from '../../bridge-server/diffusion/profile.ts';
import type { Frame } from '../../bridge-server/media/frame.ts';
import { openModel } from '../../bridge-server/weights/model.ts';
import { rewriteTensor, tinyFolder, TINY_SETTINGS, waves } from './model.ts';

const { signal } = new AbortController();
const runtime = openRuntime('fast');
afterAll(() => runtime.close());
const sd15 = await tinyFolder('sd15');
const size = { width: 90, height: 50 };

const SETTINGS: PaintSettings = { ...TINY_SETTINGS, scheduler: 'euler_a' };

const FRAME = waves(size, 4);
const JOB: PaintJob = {
  frame: FRAME,
  prompt: 'a (red:1.3) cat',
  fade: null,
  regions: [],
  size,
  mask: null,
  maps: [],
  details: [],
  noise: 3,
};

type Means = { readonly folder?: string; readonly profile?: Profile; readonly pictures?: number };

const painterOf = async (
  changes: Partial<PaintSettings> = {},
  { folder = sd15, profile = 'fast', pictures = 1 }: Means = {},
) => openPainter(await openModel(folder), { runtime, settings: { ...SETTINGS, ...changes }, profile, pictures, size });

async function paint(
  jobs: readonly PaintJob[],
  changes: Partial<PaintSettings> = {},
  means: Means = {},
): Promise<Frame[]> {
  const painter = await painterOf(changes, { pictures: jobs.length, ...means });
  const results: Frame[] = [];
  for (const job of jobs) {
    const [painted] = await painter.paint({ jobs: [job], earlier: null }, signal);
    results.push(painted!.picture);
  }
  return results;
}

const one = async (...args: Parameters<typeof paint>) => (await paint(...args))[0]!;

/** Largest difference of the colours, of 65535. */
const apart = (a: Frame, b: Frame) =>
  a.data.reduce((most, value, i) => Math.max(most, Math.abs(value - b.data[i]!)), 0);

describe('a painted frame', () => {
  it('has the size and the alpha of its source, and something else in it', async () => {
    const painted = await one([JOB]);
    expect(painted).toMatchObject({ ...size, channels: 4 });
    expect(painted.data.filter((_, i) => i % 4 === 3)).toEqual(FRAME.data.filter((_, i) => i % 4 === 3));
    expect(apart(painted, FRAME)).toBeGreaterThan(3000);
  });

  it('is the same whatever was painted before it, in whatever process', async () => {
    const other = { ...JOB, noise: 9 };
    const [a, b] = await paint([JOB, other]);
    runtime.close();
    const [b2, a2] = await paint([other, JOB]);
    expect(a2!.data).toEqual(a!.data);
    expect(b2!.data).toEqual(b!.data);
  });

  it('has the noise of the frame that it is told, or that its cells are told', async () => {
    const painted = await one([JOB]);
    expect(apart(await one([{ ...JOB, noise: 4 }]), painted)).toBeGreaterThan(1000);
    expect(apart(await one([JOB], { seed: 8 }), painted)).toBeGreaterThan(1000);
    const { origin } = ownNoise(3, { width: 14, height: 8 });
    expect((await one([{ ...JOB, noise: [origin] }])).data).toEqual(painted.data);
    const swapped = { ...origin, cells: origin.cells.toReversed() };
    expect(apart(await one([{ ...JOB, noise: [swapped] }]), painted)).toBeGreaterThan(1000);
  });

  it('follows prompt, emphasis, negative prompt, guidance, clip skip and steps', async () => {
    const plain = await one([JOB]);
    for (const prompt of ['a (red:1.2) cat', 'a cat']) {
      expect(apart(await one([{ ...JOB, prompt }]), plain), prompt).toBeGreaterThan(20);
    }
    for (const change of [
      { negative: 'sun' },
      { guidance: 4 },
      { clipSkip: 2 },
      { steps: 5 },
      { scheduler: 'heun' },
    ] as const) {
      expect(apart(await one([JOB], change), plain), JSON.stringify(change)).toBeGreaterThan(20);
    }
    expect(apart(await one([JOB], { guidance: 1, negative: 'sun' }), await one([JOB], { guidance: 1 }))).toBe(0);
  });

  it('can have prompts of any length on either side', async () => {
    const job = { ...JOB, prompt: `a cat ${'of the sea '.repeat(60)}` };
    const long = await one([job], { negative: 'on '.repeat(90) });
    expect(long).toMatchObject(size);
  });

  it('comes from noise alone when there is no frame, at any size', async () => {
    const { width, height, channels } = await one([{ ...JOB, frame: null, size: { width: 61, height: 87 } }]);
    expect({ width, height, channels }).toEqual({ width: 61, height: 87, channels: 3 });
  });

  it('at almost no strength is the source through the VAE: nothing moves', async () => {
    const kept = await one([JOB], { strength: 0.01 });
    const again = await one([{ ...JOB, prompt: 'the sun' }], { strength: 0.01, seed: 99 });
    expect(again.data).toEqual(kept.data);
  });

  it('is nearly the same in the small profile, with tiles, and folded', async () => {
    const fast = await one([JOB]);
    expect(apart(await one([JOB], {}, { profile: 'small' }), fast)).toBeLessThan(300);
    const folded = await one([JOB], {}, { profile: 'quality', pictures: 100 });
    expect(apart(folded, fast)).toBeLessThan(300);
  });

  it('can be painted over once more, larger', async () => {
    const twice = await one([JOB], { secondPass: { scale: 1.5, strength: 0.5 } });
    expect(twice).toMatchObject(size);
    expect(apart(twice, await one([JOB]))).toBeGreaterThan(500);
  });
});

describe('a mask', () => {
  const left = Float32Array.from({ length: size.width * size.height }, (_, i) => (i % size.width < 45 ? 1 : 0));
  const masked = { ...JOB, mask: { channels: 1, ...size, data: left } };
  const half = (frame: Frame, isLeft: boolean) =>
    frame.data.filter((_, i) => (i >> 2) % size.width < 45 === isLeft && i % 4 !== 3);

  it('keeps the pixels outside exactly, and repaints inside', async () => {
    const painted = await one([masked]);
    expect(half(painted, false)).toEqual(half(FRAME, false));
    expect(half(painted, true)).not.toEqual(half(FRAME, true));
  });

  it('is seen by a network that was trained with masks', async () => {
    const folder = await tinyFolder('sd15');
    const unet = path.join(folder, 'unet', 'diffusion_pytorch_model.safetensors');
    // Five more input channels that weigh nothing: it must paint as the ordinary network does without a mask.
    await rewriteTensor(unet, 'conv_in.weight', ([out, input, ...kernel], data) => {
      const each = data.length / out!;
      const empty = Buffer.alloc((each / input!) * 5);
      const rows = Array.from({ length: out! }, (_, o) => [data.subarray(o * each, (o + 1) * each), empty]);
      return { shape: [out!, 9, ...kernel], data: Buffer.concat(rows.flat()) };
    });
    const blind = await one([masked], {}, { folder });
    expect(half(blind, true)).toEqual(half(await one([JOB]), true));
    // And with weight on the mask's channel, not so.
    await rewriteTensor(unet, 'conv_in.weight', (shape, data) => {
      const values = new Uint16Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.length));
      for (let o = 0; o < shape[0]!; o++) values.fill(0x3800, (o * 9 + 4) * 9, (o * 9 + 5) * 9);
      return { shape: [...shape], data: Buffer.from(values.buffer) };
    });
    expect(half(await one([masked], {}, { folder }), true)).not.toEqual(half(blind, true));
  });
});

describe('SDXL', () => {
  it('paints with both text encoders, and reads an empty negative prompt as nothing', async () => {
    const folder = await tinyFolder('sdxl');
    const painted = await one([JOB], { negative: '' }, { folder });
    expect(painted).toMatchObject(size);
    expect(apart(await one([JOB], { negative: 'a' }, { folder }), painted)).toBeGreaterThan(20);
  });
});

describe('while it is painted', () => {
  it('reports every call and shows what is coming', async () => {
    const painter = await painterOf();
    const seen: number[] = [];
    await painter.paint({ jobs: [JOB], earlier: null }, signal, ({ done, total, preview }) => {
      seen.push(done);
      expect(total).toBe(3);
      expect(preview(0)).toMatchObject({ width: 14, height: 8, channels: 3 });
    });
    expect(seen).toEqual([1, 2, 3]);
    expect(runtime.placements().map(({ placement }) => placement.provider)).toContain('cpu');
  });

  it('is cancelled between calls, and can be painted again afterwards to the same pixels', async () => {
    const painter = await painterOf();
    const stop = new AbortController();
    const calls: number[] = [];
    const cancelled = painter.paint({ jobs: [JOB], earlier: null }, stop.signal, ({ done }) => {
      calls.push(done);
      stop.abort(new Error('enough'));
    });
    await expect(cancelled).rejects.toThrow('enough');
    expect(calls).toEqual([1]);
    expect((await painter.paint({ jobs: [JOB], earlier: null }, signal))[0]!.picture.data).toEqual(
      (await one([JOB])).data,
    );
  });
});
