import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Runtime } from '../../bridge-server/diffusion/runtime/runtime.ts';
import { recordUNet } from '../../bridge-server/networks/unet.ts';
import { openSession, type Tensor, type Tensors } from '../../bridge-server/onnx/session.ts';
import { compare, ONE_CALL } from '../../bridge-server/parity/case.ts';
import { type Keep, recordTraining } from '../../bridge-server/train/graph.ts';
import { normal } from '../../bridge-server/train/chance.ts';
import { startOf, trainedLora, type TrainState } from '../../bridge-server/train/lora.ts';
import { writeLora } from '../../bridge-server/train/lora-file.ts';
import { trainSettings, type TrainSettings } from '../../bridge-server/train/settings.ts';
import { type Batch, improve, learn, type Learned } from '../../bridge-server/train/step.ts';
import { openLora } from '../../bridge-server/weights/lora.ts';
import { type Model, type Part, requirePart } from '../../bridge-server/weights/model.ts';
import { openSafetensors, readFloats } from '../../bridge-server/weights/safetensors.ts';
import { withLoras } from '../../bridge-server/weights/with-loras.ts';
import { writeSafetensors } from '../../bridge-server/weights/write-safetensors.ts';
import { tiny } from '../networks/model.ts';
import { scratch } from '../weights/file.ts';

const { folder } = await scratch();
const { signal } = new AbortController();
const runtime = new Runtime({ budgetBytes: Infinity, providers: ['cpu'], threads: 1 });
afterAll(() => runtime.close());

const SIDE = 8;
const LENGTH = 4 * SIDE * SIDE;
const SIZES = { batch: 1, height: SIDE, width: SIDE, tokens: 77 };
const SETTINGS: TrainSettings = trainSettings.parse({
  rank: 8,
  alpha: 16,
  layers: 'attention',
  steps: 10,
  accumulate: 1,
  rate: 1e-3,
  schedule: 'constant',
  warmup: 0,
  decay: 0,
  clip: null,
  snrGamma: null,
  rankDropout: 0,
  captionDropout: 0,
  priorWeight: 1,
  seed: 3,
});

const values = (seed: number, shape: readonly number[], scale = 1): Tensor & { dtype: 'float32' } => {
  const data = normal(
    seed,
    'noise',
    0,
    shape.reduce((a, b) => a * b, 1),
  );
  return { dtype: 'float32', shape, data: data.map((value) => value * scale) };
};

/** What a network of the family reads besides the latent. */
function conditionsFor(family: 'sd15' | 'sdxl', unet: Part): Record<string, Tensor> {
  const width = unet.weights.get('mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight')!.shape[1]!;
  const context = values(1, [1, 77, width]);
  if (family === 'sd15') return { context };
  const pooled = unet.weights.get('add_embedding.linear_1.weight')!.shape[1]! - 6 * 8;
  const ids = Float32Array.of(64, 64, 0, 0, 64, 64);
  return { context, pooled: values(2, [1, pooled]), time_ids: { dtype: 'float32', shape: [1, 6], data: ids } };
}

const LESSON = { objective: 'v_prediction', alphas: new Float32Array(1000).fill(0.6), snrGamma: null } as const;

async function lessonOn(family: 'sd15' | 'sdxl', layers: TrainSettings['layers'], keep: Keep) {
  const model = await tiny(family);
  const unet = requirePart(model, 'unet');
  const settings = { ...SETTINGS, layers };
  const { recording, parameters } = recordTraining(unet, SIZES, trainedLora(unet, settings), keep);
  const network = runtime.network({ name: 'training', bytes: 0, recording });
  const batch: Batch = {
    latents: values(5, [1, 4, SIDE, SIDE], 0.18),
    noise: values(6, [LENGTH]).data,
    timesteps: [200],
    conditions: conditionsFor(family, unet),
    weights: [1],
  };
  const state = startOf(parameters, settings.seed);
  const at = (weights: TrainState['weights']): Promise<Learned> =>
    learn(network, { parameters, weights }, batch, LESSON, signal);
  return { model, unet, settings, parameters, batch, state, at };
}

/** Weights as after a long training: nothing is 0. */
function trainedFar(state: TrainState): TrainState {
  const weights = [...state.weights].map(
    ([name, { length }], i) => [name, values(100 + i, [length], 0.1).data] as const,
  );
  return { ...state, weights: new Map(weights) };
}

/** The model with up times down added to each weight in JavaScript, and written to a file. */
async function merged(model: Model, unet: Part, state: TrainState, { rank, alpha }: TrainSettings): Promise<Part> {
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const name of state.weights.keys()) {
    if (!name.endsWith('.lora_up')) continue;
    const module = name.slice(0, -'.lora_up'.length);
    const weight = unet.weights.get(`${module}.weight`)!;
    const [up, down] = [state.weights.get(name)!, state.weights.get(`${module}.lora_down`)!];
    const data = await readFloats(weight.path, weight);
    const columns = data.length / weight.shape[0]!;
    for (let i = 0; i < data.length; i++) {
      const [row, column] = [Math.floor(i / columns), i % columns];
      let sum = 0;
      for (let r = 0; r < rank; r++) sum += up[row * rank + r]! * down[r * columns + column]!;
      data[i]! += (alpha / rank) * sum;
    }
    tensors.set(`${module}.weight`, { shape: weight.shape, data });
  }
  const path = join(folder, `merged ${model.identity.family}.safetensors`);
  await writeSafetensors(path, tensors, {});
  const file = await openSafetensors(path);
  const weights = new Map(unet.weights);
  for (const [name, tensor] of file.tensors) weights.set(name, { path, ...tensor, transposed: false });
  return { ...unet, weights };
}

/** What the network says to each of the feeds; loading it takes longest. */
async function predicted(part: Part, ...feeds: Tensors[]): Promise<Float32Array[]> {
  const session = await openSession(recordUNet(part, SIZES, { storage: 'mapped' }), { threads: 1 });
  const predictions: Float32Array[] = [];
  for (const each of feeds) predictions.push((await session.run(each)).prediction!.data as Float32Array);
  await session.release();
  return predictions;
}

// Recording and loading take longest: one network serves all tests of a family.
describe.each([
  ['sd15', 'all', 'products', 0.1],
  ['sdxl', 'attention', 'blocks', 0.7],
] as const)('a LoRA of %s, layers: %s, kept: %s', (family, layers, keep, left) => {
  let lesson: Awaited<ReturnType<typeof lessonOn>>;
  beforeAll(async () => {
    lesson = await lessonOn(family, layers, keep);
  });

  it('is applied from its file exactly as merged weights are', async () => {
    const { model, unet, settings, parameters, state, batch, at } = lesson;
    const far = trainedFar(state);
    const path = join(folder, `${family} ${layers}.safetensors`);
    await writeLora(path, far, parameters, settings, {
      name: 'x',
      trigger: 'x',
      captions: ['x'],
      unet,
      objective: 'epsilon',
      model: { path: 'base.safetensors', sha256: '' },
      size: { width: 64, height: 64 },
    });
    const { model: changed, matches } = withLoras(model, [{ lora: await openLora(path), scale: 1 }]);
    expect(matches[0]).toMatchObject({ matched: parameters.size / 2, unmatched: [] });

    const feeds = {
      sample: values(9, [1, 4, SIDE, SIDE]),
      timestep: { dtype: 'float32', shape: [1], data: Float32Array.of(200) } as const,
      ...batch.conditions,
    };
    const noisy = batch.latents.data.map((v, i) => Math.sqrt(0.6) * v + Math.sqrt(0.4) * batch.noise[i]!);
    const sample = { dtype: 'float32', shape: [1, 4, SIDE, SIDE], data: noisy } as const;
    const [base] = await predicted(unet, feeds);
    const [applied, prediction] = await predicted(requirePart(changed, 'unet'), feeds, { ...feeds, sample });
    const [whole] = await predicted(await merged(model, unet, far, settings), feeds);
    expect(compare(applied!, whole!).relativeL2).toBeLessThan(ONE_CALL);
    expect(compare(applied!, base!).relativeL2).toBeGreaterThan(0.05);

    // What is trained is what the file does: the loss of one is that of the other.
    const target = batch.latents.data.map((v, i) => Math.sqrt(0.6) * batch.noise[i]! - Math.sqrt(0.4) * v);
    const loss = prediction!.reduce((sum, value, i) => sum + (value - target[i]!) ** 2 / LENGTH, 0);
    expect((await at(far.weights)).loss / loss).toBeCloseTo(1, 4);
  });

  it('learns along gradients that agree with differences of its loss', async () => {
    const { state, at } = lesson;
    const { weights } = trainedFar(state);
    const { gradients } = await at(weights);
    let square = 0;
    for (const gradient of gradients.values()) for (const value of gradient) square += value * value;
    const step = 5e-4 / Math.sqrt(square);
    const moved = (sign: 1 | -1) =>
      new Map([...weights].map(([name, w]) => [name, w.map((v, i) => v + sign * step * gradients.get(name)![i]!)]));
    const slope = ((await at(moved(1))).loss - (await at(moved(-1))).loss) / (2 * step);
    expect(Math.abs(slope / square - 1)).toBeLessThan(0.03);
  });

  it('overfits one image; to a tenth of its loss where every layer is trained', async () => {
    const { state, at } = lesson;
    const optimizer = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, decay: 0 };
    for (let i = 0; i < 50; i++) improve(state, await at(state.weights), { rate: 5e-3, clip: null, optimizer });
    const [first, last] = [state.losses[0]!, state.losses.at(-1)];
    expect(last / first).toBeLessThan(left);
  });
});
