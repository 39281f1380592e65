import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { recordTaesdDecoder, recordTaesdEncoder } from '../networks/taesd.ts';
import { recordTextEncoder, type TextLayer } from '../networks/text-encoder.ts';
import { recordUNet } from '../networks/unet.ts';
import { recordVaeDecoder, recordVaeEncoder, scalingFactor } from '../networks/vae.ts';
import type { Recording, Storage } from '../onnx/model.ts';
import { openSession, type Session, type Tensor, type Tensors } from '../onnx/session.ts';
import { type Model, openModel, type Part, requirePart } from '../weights/model.ts';
import { compare, ONE_CALL, type ParityCase } from './case.ts';
import { type Golden, openGolden } from './golden.ts';

/** The networks one by one: every layout of the weights, held in both ways. */
export const STORAGES: readonly Storage[] = ['mapped', 'folded'];

/** One recording serves all sizes of the reference data. */
const PICTURE = { batch: 'batch', height: 'height', width: 'width' };
export const LATENTS = { ...PICTURE, tokens: 'tokens' };

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
  const cases = STORAGES.flatMap((storage) =>
    [
      ...network(() => recordTaesdEncoder(part, PICTURE, { storage }), golden, [
        { name: 'latents', feeds: { image: 'image' }, output: 'latents' },
      ]),
      ...network(() => recordTaesdDecoder(part, PICTURE, { storage }), golden, [
        { name: 'decoded', feeds: { latents: 'z' }, output: 'image' },
      ]),
    ].map((made) => ({ ...made, id: `${made.id} ${storage}` })),
  );
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
      STORAGES.flatMap((storage) =>
        make(model, storage).map((made) => ({ ...made, id: `${name} ${made.id} ${storage}` })),
      ),
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
  const feeds = { ids };
  const record = (layer: TextLayer, pooled: boolean) => (): Recording =>
    recordTextEncoder(part, { batch: 'batch' }, { ...layer, pooled, storage });
  const hidden = TEXT_OUTPUTS.filter(({ name }) => name.startsWith(prefix) && golden.names.includes(name));
  const pooled = [`${prefix}pooled`, `${prefix}text_embeds`].filter((name) => golden.names.includes(name));
  return [
    ...hidden.flatMap(({ name, ...layer }) =>
      network(record(layer, false), golden, [{ name, feeds, output: 'hidden' }]),
    ),
    ...network(
      record({ fromEnd: 0, finalNorm: true }, true),
      golden,
      pooled.map((name) => ({ name, feeds, output: 'pooled' })),
    ),
  ];
}

/** Every output has its own time steps, latents and text. */
function unetCases(part: Part, storage: Storage, golden: Golden): Case[] {
  const names = golden.names.filter((name) => name.startsWith('out_'));
  const record = (): Recording => recordUNet(part, LATENTS, { storage });
  const uses = names.map((name) => ({ name, feeds: () => unetFeeds(golden, name), output: 'prediction' }));
  return network(record, golden, uses).map((made) => ({ ...made, id: `unet ${made.id}` }));
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
  const feeds = { image: 'image' };
  const scaled = { name: 'latents_scaled_mode', feeds, output: 'mean', scale: scalingFactor(part) };
  return [
    ...network(() => recordVaeEncoder(part, PICTURE, { storage }), golden, [
      { name: 'mean', feeds, output: 'mean' },
      { name: 'logvar', feeds, output: 'logvar' },
      ...(golden.names.includes(scaled.name) ? [scaled] : []),
    ]),
    ...network(() => recordVaeDecoder(part, PICTURE, { storage }), golden, [
      { name: 'decoded', feeds: { latents: 'latent' }, output: 'image' },
    ]),
  ];
}

/** One run of a network: which tensor of the reference data each input is, and the one that an output has to match. */
type Use = {
  readonly name: string;
  readonly feeds: Readonly<Record<string, string>> | (() => Promise<Tensors>);
  readonly output: string;
  readonly scale?: number;
};

/** A case for each use; the network is loaded for the first and released after the last. */
function network(record: () => Recording, golden: Golden, uses: readonly Use[]): Case[] {
  let session: Promise<Session> | null = null;
  let left = uses.length;
  return uses.map(({ name, feeds, output, scale = 1 }) => ({
    id: name,
    tolerance: ONE_CALL,
    async measure() {
      // Networks this small gain nothing from threads.
      session ??= openSession(record(), { threads: 1 });
      const { run, release } = await session;
      try {
        const results = await run(typeof feeds === 'function' ? await feeds() : await fromGolden(golden, feeds));
        const result = (results[output] as Tensor).data as Float32Array;
        return compare(scale === 1 ? result : result.map((value) => value * scale), (await golden.floats(name)).data);
      } finally {
        left--;
        if (left === 0) await release();
      }
    },
  }));
}

async function fromGolden(golden: Golden, feeds: Readonly<Record<string, string>>): Promise<Tensors> {
  const tensors: Record<string, Tensor> = {};
  for (const [input, key] of Object.entries(feeds)) {
    tensors[input] = input === 'ids' ? await golden.integers(key) : await golden.floats(key);
  }
  return tensors;
}

const goldens = (folder: string, names: readonly string[]): Promise<[Golden, Golden, Golden]> =>
  Promise.all(names.map((name) => openGolden(path.join(folder, 'golden', `${name}.safetensors`)))) as Promise<
    [Golden, Golden, Golden]
  >;
