import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Control, openControlNet } from '../../bridge-server/diffusion/networks/controlnet.ts';
import type { Conditioning } from '../../bridge-server/diffusion/networks/text.ts';
import { type GuidanceCalls, type Member, openUNet, type Sees } from '../../bridge-server/diffusion/networks/unet.ts';
import { openRuntime } from '../../bridge-server/diffusion/profile.ts';
import { compare } from '../../bridge-server/parity/case.ts';
import { controlNets } from '../../bridge-server/parity/controlnets.ts';
import { tinyModel } from '../../bridge-server/parity/pipelines.ts';
import { requirePart } from '../../bridge-server/weights/model.ts';
import { noise } from '../networks/model.ts';

const GOLDENS = path.join(import.meta.dirname, '..', 'goldens');
const { signal } = new AbortController();
const runtime = openRuntime('fast', 1);
afterAll(() => runtime.close());

const { model } = await tinyModel(path.join(GOLDENS, 'tiny-sd15'));
const nets = await controlNets(path.join(GOLDENS, 'tiny-controlnet'));
const SHAPE = { channels: 4, height: 6, width: 10 };
const CELLS = 6 * 10;

/** Another order of summation; guidance multiplies it. */
const SAME = 1e-4;

const control = (net: 1 | 2, guess: boolean): Control => ({
  net: openControlNet(nets.find((layout) => layout.net === net)!.part, runtime, 'mapped'),
  ...{ weight: 1, start: 0, end: 1, guess },
});
const read = (seed: number): Conditioning => ({ context: noise([77, 32], seed).data, tokens: 77, pooled: null });
const map = (seed: number) => ({
  ...{ channels: 3, height: 48, width: 80 },
  data: noise([3, 48, 80], seed).data.map((value) => (value + 1) / 2),
});
const [base, other] = [read(1), read(8)];
const left = Float32Array.from({ length: CELLS }, (_, i) => Number(i % 10 < 5));

function member(seed: number, count: number, positive: Conditioning, region: Conditioning | null = null): Member {
  const regions = region ? [{ conditioning: region, mask: left }] : [];
  return {
    guidance: { positive, regions, negative: read(2), scale: 5 },
    extra: null,
    maps: Array.from({ length: count }, (_, k) => map(seed * 10 + k)),
  };
}

type Given = { readonly controls?: readonly Control[]; readonly calls?: GuidanceCalls; readonly sees?: Sees | null };

async function predict(members: readonly Member[], { controls = [], calls = 'batched', sees = null }: Given = {}) {
  const network = openUNet(requirePart(model, 'unet'), runtime, 'mapped', calls, { controls });
  const input = noise([members.length, 4, CELLS], 9).data;
  return network.predictor(SHAPE, members, sees)(input, { timestep: 400, done: 0, total: 10 }, signal);
}

const apart = (a: Float32Array, b: Float32Array) => compare(a, b).relativeL2;
const half = (values: Float32Array, isLeft: boolean) => values.filter((_, i) => i % 10 < 5 === isLeft);

describe('a region', () => {
  it.each(['batched', 'split'] as const)(
    'has the prediction of its own prompt, led by ControlNets, %s',
    async (calls) => {
      const given = { calls, controls: [control(1, false), control(2, true)] };
      const both = await predict([member(3, 2, base, other)], given);
      const outside = await predict([member(3, 2, base)], given);
      const inside = await predict([member(3, 2, other)], given);
      expect(apart(half(both, true), half(inside, true))).toBeLessThan(SAME);
      expect(apart(half(both, false), half(outside, false))).toBeLessThan(SAME);
      expect(apart(outside, inside)).toBeGreaterThan(1e-3);
    },
  );

  it.each(['batched', 'split'] as const)(
    'is seen by the other pictures of a window under its own prompt, %s',
    async (calls) => {
      const sees = [
        [0, 1],
        [0, 1],
      ];
      const both = await predict([member(3, 0, base, other), member(4, 0, base, other)], { calls, sees });
      const outside = await predict([member(3, 0, base), member(4, 0, base)], { calls, sees });
      const inside = await predict([member(3, 0, other), member(4, 0, other)], { calls, sees });
      expect(apart(half(both, true), half(inside, true))).toBeLessThan(SAME);
      expect(apart(half(both, false), half(outside, false))).toBeLessThan(SAME);
    },
  );
});
