import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { recordTaesdDecoder, recordTaesdEncoder } from '../networks/taesd.ts';
import { recordTextEncoder, type TextLayer } from '../networks/text-encoder.ts';
import { recordUNet } from '../networks/unet.ts';
import { recordVaeDecoder, recordVaeEncoder, scalingFactor } from '../networks/vae.ts';
import type { Recording, Storage } from '../onnx/model.ts';
import { runGraph, type Tensor, type Tensors } from '../onnx/session.ts';
import { type Model, openModel, type Part, requirePart } from '../weights/model.ts';
import { compare, ONE_CALL, type ParityCase } from './case.ts';
import { type Golden, openGolden } from './golden.ts';

/** The networks one by one: every layout of the weights, held in both ways. */
const STORAGES: readonly Storage[] = ['mapped', 'folded'];

/** One recording serves all sizes of the reference data. */
const PICTURE = { batch: 'batch', height: 'height', width: 'width' };
const LATENTS = { ...PICTURE, tokens: 'tokens' };

export async function tinySd15(folder: string): Promise<ParityCase[]> {
  const [text, unet, vae] = await goldens(folder, ['text_encoder', 'unet', 'vae']);
  return forEachModel(folder, (model, storage) => [
    ...textCases(requirePart(model, 'textEncoder'), storage, text, { ids: 'input_ids', prefix: '' }),
    ...unetCases(requirePart(model, 'unet'), storage, unet),
    ...vaeCases(requirePart(model, 'vae'), storage, vae),
  ]);
}

export async function tinySdxl(folder: string): Promise<ParityCase[]> {
  const [text, unet, vae] = await goldens(folder, ['text_encoders', 'unet', 'vae']);
  return forEachModel(folder, (model, storage) => [
    ...textCases(requirePart(model, 'textEncoder'), storage, text, { ids: 'input_ids_1', prefix: 'te1_' }),
    ...textCases(requirePart(model, 'textEncoder2'), storage, text, { ids: 'input_ids_2', prefix: 'te2_' }),
    ...unetCases(requirePart(model, 'unet'), storage, unet),
    ...vaeCases(requirePart(model, 'vae'), storage, vae),
  ]);
}

export async function taesd(folder: string): Promise<ParityCase[]> {
  const golden = await openGolden(path.join(folder, 'golden.safetensors'));
  const part = requirePart(await openModel(folder), 'taesd');
  const cases = STORAGES.flatMap((storage) => [
    one(
      'latents',
      () => recordTaesdEncoder(part, PICTURE, { storage }),
      golden,
      { image: 'image' },
      'latents',
      storage,
    ),
    one('decoded', () => recordTaesdDecoder(part, PICTURE, { storage }), golden, { latents: 'z' }, 'image', storage),
  ]);
  return cases.map((made) => ({ ...made, folder: path.basename(folder) }));
}

type Case = Omit<ParityCase, 'folder'>;

/** Every single file and, where it has weights, the diffusers folder; its configurations serve the single files too. */
async function forEachModel(folder: string, make: (model: Model, storage: Storage) => Case[]): Promise<ParityCase[]> {
  const configs = path.join(folder, 'diffusers');
  const singles = (await readdir(path.join(folder, 'single-file')))
    .filter((name) => name.endsWith('.safetensors'))
    .sort();
  const models = await Promise.all(
    singles.map(async (name) => ({
      name,
      model: await openModel(path.join(folder, 'single-file', name), { configs }),
    })),
  );
  const hasWeights = (await readdir(path.join(configs, 'unet'))).some((name) => name.endsWith('.safetensors'));
  if (hasWeights) models.push({ name: 'diffusers', model: await openModel(configs) });
  return models
    .flatMap(({ name, model }) =>
      STORAGES.flatMap((storage) => make(model, storage).map((made) => ({ ...made, id: `${name} ${made.id}` }))),
    )
    .map((made) => ({ ...made, folder: path.basename(folder) }));
}

const TEXT_OUTPUTS: readonly (TextLayer & { readonly name: string })[] = [
  { name: 'last_hidden_state', fromEnd: 0, finalNorm: true },
  { name: 'hidden_states_penultimate_raw', fromEnd: 1, finalNorm: false },
  { name: 'clip_skip_2', fromEnd: 1, finalNorm: true },
  { name: 'clip_skip_3', fromEnd: 2, finalNorm: true },
  { name: 'te1_last_hidden_state', fromEnd: 0, finalNorm: true },
  { name: 'te1_penultimate', fromEnd: 1, finalNorm: false },
  { name: 'te1_clip_skip_2', fromEnd: 2, finalNorm: false },
  { name: 'te2_last_hidden_state', fromEnd: 0, finalNorm: true },
  { name: 'te2_penultimate', fromEnd: 1, finalNorm: false },
  { name: 'te2_clip_skip_2', fromEnd: 2, finalNorm: false },
];

function textCases(
  part: Part,
  storage: Storage,
  golden: Golden,
  { ids, prefix }: { ids: string; prefix: string },
): Case[] {
  const record = (layer: TextLayer, pooled: boolean) => () =>
    recordTextEncoder(part, { batch: 'batch' }, { ...layer, pooled, storage });
  const hidden = TEXT_OUTPUTS.filter(({ name }) => name.startsWith(prefix) && golden.names.includes(name));
  const pooled = [`${prefix}pooled`, `${prefix}text_embeds`].filter((name) => golden.names.includes(name));
  return [
    ...hidden.map(({ name, ...layer }) => one(name, record(layer, false), golden, { ids }, 'hidden', storage)),
    ...pooled.map((name) =>
      one(name, record({ fromEnd: 0, finalNorm: true }, true), golden, { ids }, 'pooled', storage),
    ),
  ];
}

/** The inputs of every output: its time steps, its latents and its text. */
function unetCases(part: Part, storage: Storage, golden: Golden): Case[] {
  const record = (): Recording => recordUNet(part, LATENTS, { storage });
  return golden.names
    .filter((name) => name.startsWith('out_'))
    .map((name) => ({
      id: `unet ${name} ${storage}`,
      tolerance: ONE_CALL,
      async measure() {
        const { prediction } = await runGraph(record(), await unetFeeds(golden, name));
        return compare((prediction as Tensor).data as Float32Array, (await golden.floats(name)).data);
      },
    }));
}

async function unetFeeds(golden: Golden, name: string): Promise<Tensors> {
  const what = name.slice('out_'.length);
  const reference = await golden.floats(name);
  const [batch = 1] = reference.shape;
  const has = (key: string): boolean => golden.names.includes(key);
  const sample = first(await golden.floats(has(`sample_${what}`) ? `sample_${what}` : 'sample'), batch);
  const text = has(`encoder_hidden_states_${what}`) ? `encoder_hidden_states_${what}` : 'encoder_hidden_states';
  const stepsKey = [`timesteps_${what}`, `timestep_${what}`].find(has);
  const steps = stepsKey ? [...(await golden.integers(stepsKey)).data].map(Number) : [Number(what.slice(1))];
  const timestep: Tensor = {
    dtype: 'float32',
    shape: [batch],
    data: Float32Array.from({ length: batch }, (_, i) => steps[i % steps.length] ?? 0),
  };
  const feeds = { sample, timestep, context: first(await golden.floats(text), batch) };
  if (!has('time_ids')) return feeds;
  return { ...feeds, pooled: await golden.floats('text_embeds'), time_ids: await golden.floats('time_ids') };
}

/** The first `batch` items. */
function first(tensor: Tensor & { dtype: 'float32' }, batch: number): Tensor {
  const [all = 1, ...rest] = tensor.shape;
  return { ...tensor, shape: [batch, ...rest], data: tensor.data.slice(0, (tensor.data.length / all) * batch) };
}

function vaeCases(part: Part, storage: Storage, golden: Golden): Case[] {
  const encoder = (): Recording => recordVaeEncoder(part, PICTURE, { storage });
  const decoder = (): Recording => recordVaeDecoder(part, PICTURE, { storage });
  const scaled = golden.names.includes('latents_scaled_mode')
    ? [one('latents_scaled_mode', encoder, golden, { image: 'image' }, 'mean', storage, scalingFactor(part))]
    : [];
  return [
    one('mean', encoder, golden, { image: 'image' }, 'mean', storage),
    one('logvar', encoder, golden, { image: 'image' }, 'logvar', storage),
    ...scaled,
    one('decoded', decoder, golden, { latents: 'latent' }, 'image', storage),
  ];
}

/** A network run once: `feeds` says which tensor of the reference data each input is. */
function one(
  name: string,
  record: () => Recording,
  golden: Golden,
  feeds: Readonly<Record<string, string>>,
  output: string,
  storage: Storage,
  scale = 1,
): Case {
  return {
    id: `${name} ${storage}`,
    tolerance: ONE_CALL,
    async measure() {
      const entries = Object.entries(feeds).map(async ([input, key]): Promise<[string, Tensor]> => [
        input,
        input === 'ids' ? await golden.integers(key) : await golden.floats(key),
      ]);
      const results = await runGraph(record(), Object.fromEntries(await Promise.all(entries)));
      const result = (results[output] as Tensor).data as Float32Array;
      return compare(scale === 1 ? result : result.map((value) => value * scale), (await golden.floats(name)).data);
    },
  };
}

const goldens = (folder: string, names: readonly string[]): Promise<[Golden, Golden, Golden]> =>
  Promise.all(names.map((name) => openGolden(path.join(folder, 'golden', `${name}.safetensors`)))) as Promise<
    [Golden, Golden, Golden]
  >;
