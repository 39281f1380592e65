import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Runtime } from '../../bridge-server/diffusion/runtime/runtime.ts';
import { loraTraining } from '../../bridge-server/parity/training.ts';

const runtime = new Runtime({ budgetBytes: Infinity, providers: ['cpu'], threads: null });
afterAll(() => runtime.close());
const { signal } = new AbortController();
const cases = await loraTraining(path.join(import.meta.dirname, '..', 'goldens', 'lora-training'), runtime);

describe('training a LoRA does what PyTorch does', () => {
  // Hundreds of tensors: told by name only where one is too far off.
  it.each(['loss_step0', 'grads_step0 ', 'grads_step0_vpred ', 'lora_after1 ', 'lora_after5 ', 'losses_'])(
    '%s',
    async (kind) => {
      const some = cases.filter(({ id }) => id.startsWith(kind));
      expect(some.length).toBeGreaterThanOrEqual(kind.endsWith(' ') ? 256 : 2);
      for (const { id, measure, tolerance } of some) {
        expect((await measure(signal)).relativeL2, id).toBeLessThanOrEqual(tolerance);
      }
    },
  );
});
