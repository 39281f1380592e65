import { access } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { recordTextEncoder, textLayer } from '../networks/text-encoder.ts';
import { recordUNet } from '../networks/unet.ts';
import type { Recording, Storage } from '../onnx/model.ts';
import { runGraph, type Tensor, type Tensors } from '../onnx/session.ts';
import type { AdaptedPart } from '../weights/keys/adapter-names.ts';
import { openLora } from '../weights/lora.ts';
import { type Model, requirePart } from '../weights/model.ts';
import { withLoras } from '../weights/with-loras.ts';
import { compare, ONE_CALL, type ParityCase } from './case.ts';
import { type Golden, openGolden, readJson } from './golden.ts';
import { LATENTS, STORAGES } from './networks.ts';
import { tinyModel } from './pipelines.ts';

const combinations = z.record(z.string(), z.array(z.tuple([z.string(), z.number()])));

/** LoRA files in the text encoder and U-Net of the neighbouring folder tiny-sd15, alone and stacked. */
export async function tinyLora(folder: string): Promise<ParityCase[]> {
  const stacks = combinations.parse(await readJson(path.join(folder, 'golden', 'lora.json')));
  const golden = await openGolden(path.join(folder, 'golden', 'lora.safetensors'));
  const { model } = await tinyModel(path.join(folder, '..', 'tiny-sd15'));
  const cases: ParityCase[] = [];
  for (const [name, stack] of Object.entries(stacks)) {
    const loras = await Promise.all(
      stack.map(async ([file, scale]) => ({ lora: await openLora(path.join(folder, `${file}.safetensors`)), scale })),
    );
    const changed = withLoras(model, loras).model;
    const unet = async (text: string): Promise<Tensors> => ({
      sample: await golden.floats('sample'),
      timestep: await timestep(golden),
      context: await golden.floats(text),
    });
    for (const storage of STORAGES) {
      const made = (result: string, run: () => Promise<Float32Array>): ParityCase => ({
        id: `${result} ${storage}`,
        folder: path.basename(folder),
        tolerance: ONE_CALL,
        measure: async () => compare(await run(), (await golden.floats(result)).data),
      });
      cases.push(
        made(`${name}.text`, () => hidden(changed, 'textEncoder', storage, golden, 'input_ids')),
        made(`${name}.out`, async () => predicted(changed, storage, await unet(`${name}.text`))),
        made(`${name}.out_text_base`, async () => predicted(changed, storage, await unet('base.text'))),
      );
    }
  }
  return cases;
}

/** A LoRA with the names of original checkpoints, in all three networks of the folder's own model; none where there is no such file. */
export async function sdxlLora(folder: string): Promise<ParityCase[]> {
  const file = path.join(folder, 'golden', 'lora_sgm.safetensors');
  if (!(await exists(file))) return [];
  const golden = await openGolden(file);
  const texts = await openGolden(path.join(folder, 'golden', 'text_encoders.safetensors'));
  const { model } = await tinyModel(folder);
  const lora = await openLora(path.join(folder, 'lora', 'kohya-sgm.safetensors'));
  const [scale] = (await golden.floats('scale')).data as unknown as [number];
  const changed = withLoras(model, [{ lora, scale }]).model;
  return STORAGES.flatMap((storage) => {
    const made = (name: string, run: () => Promise<Float32Array>): ParityCase => ({
      id: `lora_sgm ${name} ${storage}`,
      folder: path.basename(folder),
      tolerance: ONE_CALL,
      measure: async () => compare(await run(), (await golden.floats(name)).data),
    });
    const unets = golden.names.filter((name) => name.startsWith('out_t'));
    return [
      made('prompt_embeds', async () =>
        sideBySide(
          await hidden(changed, 'textEncoder', storage, texts, 'input_ids_1'),
          await hidden(changed, 'textEncoder2', storage, texts, 'input_ids_2'),
          (await golden.floats('prompt_embeds')).shape,
        ),
      ),
      made('text_embeds', async () => {
        const ids = await texts.integers('input_ids_2');
        return run(recordText(changed, 'textEncoder2', storage), { ids }, 'pooled');
      }),
      ...unets.map((name) =>
        made(name, async () => {
          const sample = await golden.floats('sample');
          return predicted(changed, storage, {
            sample,
            timestep: repeated(Number(name.slice('out_t'.length)), sample.shape[0]!),
            context: await golden.floats('prompt_embeds'),
            pooled: await golden.floats('text_embeds'),
            time_ids: await golden.floats('time_ids'),
          });
        }),
      ),
    ];
  });
}

const predicted = (model: Model, storage: Storage, feeds: Tensors): Promise<Float32Array> =>
  run(recordUNet(requirePart(model, 'unet'), LATENTS, { storage }), feeds, 'prediction');

const hidden = async (
  model: Model,
  part: AdaptedPart,
  storage: Storage,
  golden: Golden,
  ids: string,
): Promise<Float32Array> => run(recordText(model, part, storage), { ids: await golden.integers(ids) }, 'hidden');

function recordText(model: Model, part: AdaptedPart, storage: Storage): Recording {
  const layer = textLayer(model.identity.family ?? 'sd15');
  const options = { ...layer, storage, pooled: part === 'textEncoder2' };
  return recordTextEncoder(requirePart(model, part), { batch: 'batch' }, options);
}

/** Networks this small gain nothing from threads. */
const run = async (recording: Recording, feeds: Tensors, output: string): Promise<Float32Array> =>
  (await runGraph(recording, feeds, { threads: 1 }))[output]!.data as Float32Array;

async function timestep(golden: Golden): Promise<Tensor> {
  const [step] = (await golden.integers('timestep')).data;
  return repeated(Number(step), (await golden.floats('sample')).shape[0]!);
}

const repeated = (value: number, count: number): Tensor => ({
  dtype: 'float32',
  shape: [count],
  data: new Float32Array(count).fill(value),
});

/** Rows of `a` and `b` one after the other, as they fit `shape`. */
function sideBySide(a: Float32Array, b: Float32Array, shape: readonly number[]): Float32Array {
  const width = shape.at(-1)!;
  const rows = (a.length + b.length) / width;
  const [left, right] = [a.length / rows, b.length / rows];
  return Float32Array.from({ length: rows * width }, (_, i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    return column < left ? a[row * left + column]! : b[row * right + column - left]!;
  });
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
