import { access, readFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clipping } from '../../bridge-server/train/adamw.ts';
import { normal, shuffled, uniform } from '../../bridge-server/train/chance.ts';
import { keepState, keptIdentity, keptState } from '../../bridge-server/train/checkpoint.ts';
import { startOf } from '../../bridge-server/train/lora.ts';
import { noisy, snrWeight, targetOf } from '../../bridge-server/train/objective.ts';
import { rateAt } from '../../bridge-server/train/rates.ts';
import { scratch } from '../weights/file.ts';

const { folder } = await scratch();

it('the rate rises, then stays or falls to nothing', () => {
  const at = (schedule: 'constant' | 'linear' | 'cosine') =>
    [0, 4, 5, 55, 104].map((step) => rateAt(step, { schedule, warmup: 5, steps: 105 }));
  expect(at('constant')).toEqual([1 / 6, 5 / 6, 1, 1, 1]);
  expect(at('linear')).toEqual([1 / 6, 5 / 6, 1, 0.5, expect.closeTo(0.01)]);
  expect(at('cosine')).toEqual([1 / 6, 5 / 6, 1, expect.closeTo(0.5), expect.closeTo(0, 3)]);
});

it('gradients are clipped together, and only when they are long', () => {
  const gradients = [Float32Array.of(3), Float32Array.of(0, 4)];
  expect(clipping(gradients, 1)).toBeCloseTo(0.2);
  expect(clipping(gradients, 6)).toBe(1);
  expect(clipping(gradients, null)).toBe(1);
});

describe('objectives', () => {
  it('velocity and noisy latent give back latent and noise', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 0.99, noNaN: true }), (alpha) => {
        const [latents, noise] = [Float32Array.of(0.4, -1.2), Float32Array.of(-0.7, 0.3)];
        const [x, v] = [noisy(latents, noise, alpha), targetOf('v_prediction', latents, noise, alpha)];
        for (const [i, value] of x.entries()) {
          expect(Math.sqrt(alpha) * value - Math.sqrt(1 - alpha) * v[i]!).toBeCloseTo(latents[i]!, 5);
          expect(Math.sqrt(1 - alpha) * value + Math.sqrt(alpha) * v[i]!).toBeCloseTo(noise[i]!, 5);
        }
        expect(targetOf('epsilon', latents, noise, alpha)).toBe(noise);
      }),
    );
  });

  it('min-SNR counts timesteps of little noise less', () => {
    // Ratios of 9 and of 1.
    expect([0.9, 0.5].map((alpha) => snrWeight('epsilon', alpha, 5))).toEqual([expect.closeTo(5 / 9), 1]);
    expect([0.9, 0.5].map((alpha) => snrWeight('v_prediction', alpha, 5))).toEqual([expect.closeTo(0.5), 0.5]);
    expect(snrWeight('epsilon', 0.9, null)).toBe(1);
  });
});

describe('chance', () => {
  it('is the same for the same seed and moment, and another for others', () => {
    expect(normal(1, 'noise', 2, 8)).toEqual(normal(1, 'noise', 2, 8));
    const draws = [
      normal(1, 'noise', 2, 8),
      normal(1, 'noise', 3, 8),
      normal(2, 'noise', 2, 8),
      normal(1, 'latent', 2, 8),
    ];
    expect(new Set(draws.map((draw) => draw.join())).size).toBe(draws.length);
  });

  it('shows every example once a round, and is even', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(1000), (count, round) => {
        expect(shuffled(7, round, count).sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
      }),
    );
    const drawn = uniform(7, 'timestep', 0, 4000);
    expect(drawn.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(drawn.reduce((sum, value) => sum + value, 0) / 4000).toBeCloseTo(0.5, 1);
  });
});

describe('a state', () => {
  const parameters = new Map([
    ['a.lora_down', [2, 3]],
    ['a.lora_up', [4, 2]],
  ]);

  it('begins by changing nothing', () => {
    const { weights } = startOf(parameters, 1);
    expect(weights.get('a.lora_up')).toEqual(new Float32Array(8));
    expect(weights.get('a.lora_down')!.every((value) => value !== 0 && Math.abs(value) <= 1 / Math.sqrt(3))).toBe(true);
    expect(startOf(parameters, 2).weights.get('a.lora_down')).not.toEqual(weights.get('a.lora_down'));
  });

  it('comes back as it was kept, and tells whose it is', async () => {
    const path = join(folder, 'state.safetensors');
    expect([await keptIdentity(path), await keptState(path, parameters)]).toEqual([null, null]);
    const state = { ...startOf(parameters, 1), step: 3, losses: [0.5, 0.25, 0.125] };
    state.moments.get('a.lora_up')!.square[5] = 1e-9;
    await keepState(path, state, parameters, 'x');
    expect(await keptState(path, parameters)).toEqual(state);
    expect(await keptIdentity(path)).toBe('x');
    const bytes = await readFile(path);
    await keepState(path, state, parameters, 'x');
    expect((await readFile(path)).equals(bytes)).toBe(true);
    await truncate(path, bytes.length - 1);
    await expect(keptState(path, parameters)).rejects.toMatchObject({ code: 'weights-damaged' });
    await expect(keepState(join(folder, 'gone', 's'), state, parameters, 'x')).rejects.toMatchObject({
      code: 'path-gone',
    });
    await expect(access(join(folder, 'gone'))).rejects.toThrow();
  });
});
