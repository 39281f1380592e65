import path from 'node:path';
import { z } from 'zod';
import type { Network, Runtime } from '../diffusion/runtime/runtime.ts';
import { requirePart } from '../weights/model.ts';
import { kohyaName } from '../weights/keys/adapter-names.ts';
import { noMoments } from '../train/adamw.ts';
import { type Parameters, recordTraining } from '../train/graph.ts';
import type { TrainState } from '../train/lora.ts';
import type { Objective } from '../train/objective.ts';
import { type Batch, improve, learn, type Lesson } from '../train/step.ts';
import { compare, type Difference, ONE_CALL, type ParityCase } from './case.ts';
import { type Golden, openGolden, readJson } from './golden.ts';
import { once, tinyModel } from './pipelines.ts';

const settings = z.object({
  rank: z.int(),
  alpha: z.number(),
  lr: z.number(),
  betas: z.tuple([z.number(), z.number()]),
  weight_decay: z.number(),
  eps: z.number(),
  layers: z.array(z.string()),
});

/** Adam divides by the size of each gradient: where one is near 0, a difference in rounding becomes one of the weight. */
const AFTER_STEPS = 1e-3;
/** Every loss comes of all the differences before it, which grow where training runs straight downhill. */
const CURVES = 2e-3;

/** LoRA training of the U-Net of the neighbouring folder tiny-sd15: losses, every gradient, and the weights after some steps. */
export async function loraTraining(folder: string, runtime: Runtime): Promise<ParityCase[]> {
  const given = settings.parse(await readJson(path.join(folder, 'train.json')));
  const open = (name: string): Promise<Golden> => openGolden(path.join(folder, `${name}.safetensors`));
  const data = await open('data');
  const { model } = await tinyModel(path.join(folder, '..', 'tiny-sd15'));
  const context = await data.floats('encoder_hidden_states');
  const [batch, , height, width] = (await data.floats('latents')).shape as [number, number, number, number];
  const { recording, parameters } = recordTraining(
    requirePart(model, 'unet'),
    { batch, height, width, tokens: context.shape[1]! },
    { rank: given.rank, factor: given.alpha / given.rank, modules: new Set(given.layers) },
    'blocks',
  );
  const network = runtime.network({ name: 'LoRA training', bytes: recording.bytes.length, recording });
  const lesson = { alphas: (await data.floats('alphas_cumprod')).data, snrGamma: null };
  const start = await valuesOf(await open('lora_init'), parameters);
  const course = { network, parameters, data, lesson, start, given };

  const made = (id: string, tolerance: number, measure: ParityCase['measure']): ParityCase => ({
    id,
    folder: path.basename(folder),
    tolerance,
    measure,
  });
  const cases: ParityCase[] = [];
  for (const [objective, suffix] of OBJECTIVES) {
    const first = once(async (signal) => {
      const first = await batchOf(data, 0);
      return learn(network, { parameters, weights: start }, first, { ...lesson, objective }, signal);
    });
    const reference = await open(`grads_step0${suffix}`);
    const loss = `loss_step0${suffix}`;
    cases.push(made(loss, ONE_CALL, async (s) => compare([(await first(s)).loss], (await data.floats(loss)).data)));
    for (const name of parameters.keys()) {
      const measure = async (signal: AbortSignal): Promise<Difference> =>
        compare((await first(signal)).gradients.get(name)!, (await reference.floats(fileName(name))).data);
      cases.push(made(`grads_step0${suffix} ${name}`, ONE_CALL, measure));
    }
  }
  const steps = once((signal) => train(course, { rate: given.lr, at: (step) => step, count: 50 }, signal));
  for (const count of [1, 5]) {
    const reference = await open(`lora_after${count}`);
    for (const name of parameters.keys()) {
      const measure = async (signal: AbortSignal): Promise<Difference> =>
        compare((await steps(signal)).after.get(count)!.get(name)!, (await reference.floats(fileName(name))).data);
      cases.push(made(`lora_after${count} ${name}`, AFTER_STEPS, measure));
    }
  }
  const fixed = 'losses_fixed_batch_zero_up_lr2e-3';
  const zeroUp = new Map(
    [...start].map(([name, values]) => [name, name.endsWith('.lora_up') ? values.map(() => 0) : values]),
  );
  cases.push(
    made('losses_50', CURVES, async (signal) =>
      compare((await steps(signal)).losses, (await data.floats('losses_50')).data),
    ),
    made(fixed, CURVES, async (signal) => {
      const reference = (await data.floats(fixed)).data;
      const count = reference.length;
      const { losses } = await train({ ...course, start: zeroUp }, { rate: 2e-3, at: () => 0, count }, signal);
      return compare(losses, reference);
    }),
  );
  return cases;
}

const OBJECTIVES: readonly (readonly [Objective, string])[] = [
  ['epsilon', ''],
  ['v_prediction', '_vpred'],
];

type Course = {
  readonly network: Network;
  readonly parameters: Parameters;
  readonly data: Golden;
  readonly lesson: Pick<Lesson, 'alphas' | 'snrGamma'>;
  readonly start: ReadonlyMap<string, Float32Array>;
  readonly given: z.infer<typeof settings>;
};

/** AdamW from the start, step by step on the batches that `at` names; and the weights as they were after 1 and 5 steps. */
async function train(
  { network, parameters, data, lesson, start, given }: Course,
  { rate, at, count }: { rate: number; at: (step: number) => number; count: number },
  signal: AbortSignal,
): Promise<{ losses: readonly number[]; after: ReadonlyMap<number, ReadonlyMap<string, Float32Array>> }> {
  const copy = (): Map<string, Float32Array> => new Map([...start].map(([name, values]) => [name, values.slice()]));
  const state: TrainState = {
    step: 0,
    weights: copy(),
    moments: new Map([...start].map(([name, { length }]) => [name, noMoments(length)])),
    losses: [],
  };
  const [beta1, beta2] = given.betas;
  const optimizer = { beta1, beta2, epsilon: given.eps, decay: given.weight_decay };
  const after = new Map<number, Map<string, Float32Array>>();
  for (let step = 0; step < count; step++) {
    const learned = await learn(
      network,
      { parameters, weights: state.weights },
      await batchOf(data, at(step)),
      { ...lesson, objective: 'epsilon' },
      signal,
    );
    improve(state, learned, { rate, clip: null, optimizer });
    if ([1, 5].includes(state.step)) {
      after.set(state.step, new Map([...state.weights].map(([name, values]) => [name, values.slice()])));
    }
  }
  return { losses: state.losses, after };
}

/** The batch of one step: its own noise and timesteps, the same latents. */
async function batchOf(data: Golden, step: number): Promise<Batch> {
  const latents = await data.floats('latents');
  const [batch] = latents.shape as [number];
  const noise = (await data.floats('noise')).data;
  const timesteps = (await data.integers('timesteps')).data;
  return {
    latents,
    noise: noise.subarray(step * latents.data.length, (step + 1) * latents.data.length),
    timesteps: [...timesteps.subarray(step * batch, (step + 1) * batch)].map(Number),
    conditions: { context: await data.floats('encoder_hidden_states') },
    weights: new Array<number>(batch).fill(1),
  };
}

async function valuesOf(golden: Golden, parameters: Parameters): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const name of parameters.keys()) values.set(name, (await golden.floats(fileName(name))).data);
  return values;
}

/** What kohya's scripts call an input of the graph. */
function fileName(input: string): string {
  const [, module, matrix] = /^(.*)\.(lora_(?:down|up))$/.exec(input)!;
  return `${kohyaName('unet', module!, false)}.${matrix}.weight`;
}
