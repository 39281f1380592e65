import { normal } from '../bridge-server/train/chance.ts';
import { floats } from '../bridge-server/diffusion/networks/tensors.ts';
import { recordUNet } from '../bridge-server/networks/unet.ts';
import { openSession } from '../bridge-server/onnx/session.ts';
import { recordTraining } from '../bridge-server/train/graph.ts';
import { startOf, trainedLora } from '../bridge-server/train/lora.ts';
import { keepFor } from '../bridge-server/train/preflight.ts';
import { learn } from '../bridge-server/train/step.ts';
import { openModel, requirePart } from '../bridge-server/weights/model.ts';
import { emptyCheckpoint } from './checkpoint.ts';
import type { BenchCase } from './harness.ts';

const SIZES = { batch: 1, height: 64, width: 64, tokens: 77 };

/** Loss and gradients of a LoRA of rank 8 on the attention of SD 1.5, beside one call of the same U-Net. */
const step: BenchCase = {
  name: 'sd15 512x512 training step',
  amount: 1,
  unit: 'step',
  iterations: 2,
  open: async () => {
    const { file, remove } = await emptyCheckpoint('sd15');
    const model = await openModel(file);
    const unet = requirePart(model, 'unet');
    const lora = trainedLora(unet, { layers: 'attention', rank: 8, alpha: 8 });
    const { recording, parameters } = recordTraining(unet, SIZES, lora, keepFor(model));
    const session = await openSession(recording);
    const forward = await openSession(recordUNet(unet, SIZES, { storage: 'mapped' }));
    const latents = floats([1, 4, 64, 64], normal(0, 'latent', 0, 4 * 64 * 64));
    const conditions = { context: floats([1, 77, 768], new Float32Array(77 * 768)) };
    const { weights } = startOf(parameters, 0);
    const batch = { latents, noise: latents.data, timesteps: [500], conditions, weights: [1] };
    const lesson = { objective: 'epsilon', alphas: new Float32Array(1000).fill(0.5), snrGamma: null } as const;
    const { signal } = new AbortController();
    return {
      variants: {
        step: async () => void (await learn(session, { parameters, weights }, batch, lesson, signal)),
        'forward alone': async () =>
          void (await forward.run({ sample: latents, timestep: floats([1], Float32Array.of(500)), ...conditions })),
      },
      close: async () => {
        await Promise.all([session.release(), forward.release()]);
        await remove();
      },
    };
  },
};

export const cases: readonly BenchCase[] = [step];
