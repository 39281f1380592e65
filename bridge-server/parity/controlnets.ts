import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { addResiduals, strengths } from '../diffusion/networks/controlnet.ts';
import { type Floats, floats, floatsFrom } from '../diffusion/networks/tensors.ts';
import { recordControlNet } from '../networks/controlnet.ts';
import { recordUNet, residualShapes } from '../networks/unet.ts';
import type { Storage } from '../onnx/model.ts';
import { runGraph, type Tensors } from '../onnx/session.ts';
import { readConfig } from '../weights/folder.ts';
import { openModel, type Part, requirePart } from '../weights/model.ts';
import { compare, ONE_CALL, type ParityCase } from './case.ts';
import { type Golden, openGolden } from './golden.ts';
import { LATENTS, STORAGES } from './networks.ts';
import { tinyModel } from './pipelines.ts';

/** One of the ControlNets of the reference data (1, 2, …) in one of its layouts. */
type Layout = { readonly net: number; readonly name: string; readonly part: Part };

/** The nets one by one in every layout, and the UNet of the neighbouring folder tiny-sd15 with what they add. */
export async function tinyControlNet(folder: string): Promise<ParityCase[]> {
  const golden = await openGolden(path.join(folder, 'golden', 'controlnet.safetensors'));
  const layouts = await controlNets(folder);
  const { model } = await tinyModel(path.join(folder, '..', 'tiny-sd15'));
  const unet = requirePart(model, 'unet');
  const cases: ParityCase[] = [];
  const add = (id: string, name: string, run: () => Promise<Float32Array>) =>
    cases.push({
      id: `${id} ${name}`,
      folder: path.basename(folder),
      tolerance: ONE_CALL,
      measure: async () => compare(await run(), (await golden.floats(name)).data),
    });
  for (const storage of STORAGES) {
    for (const { net, name, part } of layouts) {
      const outputs = once(() => residualsOf(part, storage, golden, net));
      for (const key of golden.names.filter((key) => key.startsWith(`cn${net}_`))) {
        add(`${name} ${storage}`, key, async () => (await outputs()).get(outputName(key))!.data);
      }
    }
    const one = (net: number): Part => layouts.find((layout) => layout.net === net)!.part;
    const scale = async (net: number): Promise<number> => (await golden.floats('scales')).data[net - 1]!;
    const guided = (nets: readonly number[], guess: boolean) => async () => {
      const acting = nets.map(async (net) => ({ net, part: one(net), weight: await scale(net), guess }));
      return predicted(unet, storage, golden, await Promise.all(acting));
    };
    const nets = [...new Set(layouts.map(({ net }) => net))];
    for (const net of nets) add(`unet ${storage}`, `out_cn${net}_scaled`, guided([net], false));
    add(`unet ${storage}`, 'out_multi', guided(nets, false));
    add(`unet ${storage}`, 'out_cn1_guess_mode', guided([1], true));
    add(`unet ${storage}`, 'out_no_control', guided([], false));
  }
  return cases;
}

/** Every net in every layout that has weights; single files have the configuration of the net's folder. */
export async function controlNets(folder: string): Promise<Layout[]> {
  const layouts: Layout[] = [];
  for (const name of (await readdir(folder)).sort()) {
    const net = Number(/^diffusers-(\d+)$/.exec(name)?.[1]);
    const weights = net > 0 && (await readdir(path.join(folder, name))).some((file) => file.endsWith('.safetensors'));
    if (weights) layouts.push({ net, name, part: await controlNet(path.join(folder, name)) });
  }
  for (const name of (await readdir(path.join(folder, 'original'))).sort()) {
    const net = Number(/-(\d+)\.safetensors$/.exec(name)?.[1]);
    const config = await readConfig(path.join(folder, `diffusers-${net}`, 'config.json'));
    layouts.push({ net, name, part: { ...(await controlNet(path.join(folder, 'original', name))), config } });
  }
  return layouts;
}

const controlNet = async (location: string): Promise<Part> => requirePart(await openModel(location), 'controlnet');

/** cn1_down_03 is what is added to the fourth skip connection. */
function outputName(key: string): string {
  const skip = /_down_(\d+)$/.exec(key);
  return skip ? `skip_${Number(skip[1])}` : 'middle';
}

async function residualsOf(part: Part, storage: Storage, golden: Golden, net: number): Promise<Map<string, Floats>> {
  const feeds = { ...(await feedsOf(golden)), map: await golden.floats(`cond_${net}`) };
  const recording = recordControlNet(part, LATENTS, { storage });
  const outputs = await runGraph(recording, feeds, { threads: 1 });
  return new Map(recording.outputs.map(({ name }) => [name, floats(outputs[name]!.shape, floatsFrom(outputs[name]!))]));
}

type Acting = { readonly net: number; readonly part: Part; readonly weight: number; readonly guess: boolean };

async function predicted(
  unet: Part,
  storage: Storage,
  golden: Golden,
  acting: readonly Acting[],
): Promise<Float32Array> {
  const feeds = await feedsOf(golden);
  const [batch, , height, width] = feeds.sample!.shape as [number, number, number, number];
  const shapes = residualShapes(unet, { batch, height, width, tokens: 'tokens' });
  const zeros = [...shapes].map(([name, shape]): [string, Floats] => {
    const size = shape.map(Number);
    return [name, floats(size, new Float32Array(size.reduce((product, length) => product * length, 1)))];
  });
  const sum = new Map(zeros);
  for (const { net, part, weight, guess } of acting) {
    const residuals = await residualsOf(part, storage, golden, net);
    addResiduals(
      sum,
      residuals,
      strengths(residuals.size, { weight, byDepth: guess }),
      Array.from({ length: batch }, (_, row) => row),
    );
  }
  const recording = recordUNet(unet, LATENTS, { storage, residuals: acting.length > 0 });
  const added = acting.length > 0 ? Object.fromEntries(sum) : {};
  return floatsFrom((await runGraph(recording, { ...feeds, ...added }, { threads: 1 })).prediction!);
}

async function feedsOf(golden: Golden): Promise<Tensors> {
  const sample = await golden.floats('sample');
  const [step] = (await golden.integers('timestep')).data;
  return {
    sample,
    timestep: floats([sample.shape[0]!], new Float32Array(sample.shape[0]!).fill(Number(step))),
    context: await golden.floats('encoder_hidden_states'),
  };
}

function once<T>(compute: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | null = null;
  return () => (result ??= compute());
}
