import { describe, expect, it } from 'vitest';
import { keepFor, refuseLarge, refuseUntrainable } from '../../bridge-server/train/preflight.ts';
import type { Model } from '../../bridge-server/weights/model.ts';
import type { Weight } from '../../bridge-server/weights/parts.ts';
import { tiny } from '../networks/model.ts';

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
    expect(() => refuseLarge(sd, size, 4e9)).not.toThrow();
    expect(() => refuseLarge(xl, size, 2.5e9)).not.toThrow();
    try {
      refuseLarge(sd, size, 2.5e9);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'train-memory', remedy: expect.stringContaining('--size') as string });
    }
    expect([keepFor(sd), keepFor(xl)]).toEqual(['products', 'blocks']);
  });
});
