import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { estimateOf } from '../../bridge-server/train/estimate.ts';
import { recordTraining } from '../../bridge-server/train/graph.ts';
import { elementsOf, trainedLora } from '../../bridge-server/train/lora.ts';
import {
  keepFor,
  neededBytesFor,
  refuseFull,
  refuseLarge,
  refuseUntrainable,
} from '../../bridge-server/train/preflight.ts';
import type { Model } from '../../bridge-server/weights/model.ts';
import type { Weight } from '../../bridge-server/weights/parts.ts';
import { someTraining } from '../jobs/train-request.ts';
import { tiny } from '../networks/model.ts';

const SIZES = { batch: 1, height: 8, width: 8, tokens: 77 };

/** The model with other tensors in its U-Net. */
function changed(model: Model, tensors: Record<string, number[]>): Model {
  const unet = model.parts.unet!;
  const weights = new Map<string, Weight>(unet.weights);
  const any = unet.weights.get('conv_in.weight')!;
  for (const [name, shape] of Object.entries(tensors)) weights.set(name, { ...any, shape });
  return { ...model, parts: { ...model.parts, unet: { ...unet, weights } } };
}

describe('before anything is loaded', () => {
  it('models that cannot be trained are refused, others not', async () => {
    const [sd, xl] = [await tiny('sd15'), await tiny('sdxl')];
    for (const model of [sd, xl]) expect(() => refuseUntrainable(model)).not.toThrow();
    const refused = (model: Model, words: string) => expect(() => refuseUntrainable(model)).toThrow(words);
    refused(changed(sd, { 'conv_in.weight': [32, 9, 3, 3] }), 'inpainting');
    refused(changed(sd, { 'time_embedding.cond_proj.weight': [4, 4] }), 'distilled');
    refused({ ...xl, identity: { ...xl.identity, family: 'sdxl-refiner' } }, 'efiner');
    const parts = Object.fromEntries(Object.entries(sd.parts).filter(([kind]) => kind !== 'vae'));
    refused({ ...sd, parts }, 'VAE');
  });

  it('what memory is too small for is refused with a remedy; SDXL holds less for each pixel', async () => {
    const [sd, xl] = [await tiny('sd15'), await tiny('sdxl')];
    const size = { width: 512, height: 512 };
    const request = someTraining();
    const many = { ...request, examples: { kind: 'auto', count: 500 } } as const;
    expect(() => refuseLarge(sd, size, many, 4e9)).toThrow('memory');
    expect(() => refuseLarge(sd, size, request, 4e9)).not.toThrow();
    expect(() => refuseLarge(xl, size, request, 2.5e9)).not.toThrow();
    try {
      refuseLarge(sd, size, request, 2.5e9);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'train-memory', remedy: expect.stringContaining('--size') as string });
    }
    expect([keepFor(sd), keepFor(xl)]).toEqual(['products', 'blocks']);
  });

  it('matrices are counted, in memory and on the disk', async () => {
    const sd = await tiny('sd15');
    const unet = sd.parts.unet!;
    const settings = { ...someTraining().settings, layers: 'all', rank: 256 } as const;
    const { parameters } = recordTraining(unet, SIZES, trainedLora(unet, settings), 'blocks');
    const elements = [...parameters.values()].reduce((sum, shape) => sum + shape[0]! * shape[1]!, 0);
    expect(elementsOf(unet, settings)).toBe(elements);
    const [small, large] = [1, 256].map((rank) =>
      neededBytesFor(sd, { width: 64, height: 64 }, { ...someTraining(), settings: { ...settings, rank } }),
    ) as [number, number];
    expect(large - small).toBeGreaterThan(elements * 4);

    const samples = { every: 1, prompt: '' };
    const endless = { ...someTraining({ samples }), settings: { ...settings, steps: 100_000 } };
    await expect(refuseFull(tmpdir(), sd, endless)).rejects.toMatchObject({ code: 'disk-small' });
    await expect(refuseFull(tmpdir(), sd, someTraining())).resolves.toBeUndefined();
  });

  it('a training is estimated: by what a step computes, on this machine, as many times as there are', async () => {
    const { path } = await tiny('sd15');
    const { signal } = new AbortController();
    const request = someTraining({ model: path, area: 256 * 256 });
    const { secondsPerStep, seconds, neededBytes, freeBytes } = await estimateOf(request, 4e9, signal);
    expect(secondsPerStep).toBeGreaterThan(0);
    expect(seconds / secondsPerStep).toBeCloseTo(request.settings.steps);
    expect(neededBytes).toBeLessThan(freeBytes);
    await expect(estimateOf(request, 1e8, signal)).rejects.toMatchObject({ code: 'train-memory' });
  });
});
