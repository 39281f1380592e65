import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { openAutoencoder } from '../diffusion/networks/autoencoder.ts';
import { joined } from '../diffusion/networks/tensors.ts';
import { type Control, openControlNet } from '../diffusion/networks/controlnet.ts';
import type { Conditioning } from '../diffusion/networks/text.ts';
import { openUNet } from '../diffusion/networks/unet.ts';
import { type Pass, type PassMember, runPass } from '../diffusion/pass.ts';
import { map, type Planes } from '../diffusion/picture/planes.ts';
import type { Runtime } from '../diffusion/runtime/runtime.ts';
import { makeScheduler, type Scheduler } from '../diffusion/schedulers/scheduler.ts';
import type { Tensor } from '../onnx/session.ts';
import { type Model, openModel, requirePart } from '../weights/model.ts';
import { compare, ONE_CALL, type ParityCase } from './case.ts';
import { controlNets } from './controlnets.ts';
import { type Golden, openGolden, readJson } from './golden.ts';
import { SAME_TIMESTEPS, schedulerConfig } from './schedulers.ts';

/** Several calls under guidance multiply rounding noise. */
const LATENTS_AFTER_STEPS = 5e-4;
const PICTURE_AFTER_STEPS = 1e-3;

const tilingSchema = z.object({ tile_sample_min_size: z.int().positive(), tile_overlap_factor: z.number() });

/** The VAE of the neighbouring folder tiny-sd15, in tiles. */
export async function vaeTiling(folder: string, runtime: Runtime): Promise<ParityCase[]> {
  const tiling = tilingSchema.parse(await readJson(path.join(folder, 'config.json')));
  const golden = await openGolden(path.join(folder, 'golden.safetensors'));
  const { model } = await tinyModel(path.join(folder, '..', 'tiny-sd15'));
  const autoencoder = openAutoencoder(requirePart(model, 'vae'), runtime, 'mapped', {
    tilePixels: tiling.tile_sample_min_size,
    overlap: tiling.tile_overlap_factor,
  });
  const planes = async (name: string) => planesOf(await golden.floats(name));
  const encode = once(async (signal) => autoencoder.encode(await planes('image'), signal));
  const decode = once(async (signal) => autoencoder.decode(await planes('z'), signal));
  const results: [string, (signal: AbortSignal) => Promise<Planes>][] = [
    ['decoded_tiled', decode],
    ['mean_tiled', async (signal) => (await encode(signal)).mean],
    ['logvar_tiled', async (signal) => (await encode(signal)).logVariance],
  ];
  return results.map(([id, result]) => ({
    id,
    folder: path.basename(folder),
    tolerance: ONE_CALL,
    measure: async (signal) => compare((await result(signal)).data, (await golden.floats(id)).data),
  }));
}

/** One, or a list with one for each ControlNet. */
const each = <T>(one: z.ZodType<T>) => z.union([z.array(one), one.transform((value) => [value])]);

const pipelineSchema = z.object({
  pipeline: z.string().default('StableDiffusionPipeline'),
  scheduler: z.string(),
  guidance_scale: z.number(),
  num_inference_steps: z.int().positive(),
  strength: z.number().nullable().default(null),
  controlnet_conditioning_scale: each(z.number()).default([]),
  control_guidance_start: each(z.number()).default([0]),
  control_guidance_end: each(z.number()).default([1]),
  guess_mode: z.boolean().default(false),
});

/** How upstream's pipelines keep what is not masked, and how many draws of noise they make before the sampling. */
const PIPELINES: Readonly<Record<string, Pick<Pass, 'keeping'> & { readonly draws: number }>> = {
  StableDiffusionPipeline: { draws: 0, keeping: { level: 'next', cell: 'first' } },
  StableDiffusionImg2ImgPipeline: { draws: 2, keeping: { level: 'next', cell: 'first' } },
  StableDiffusionControlNetPipeline: { draws: 0, keeping: { level: 'next', cell: 'first' } },
  StableDiffusionControlNetImg2ImgPipeline: { draws: 2, keeping: { level: 'next', cell: 'first' } },
  StableDiffusionInpaintPipelineLegacy: { draws: 2, keeping: { level: 'current', cell: 'middle' } },
  StableDiffusionInpaintPipeline: { draws: 3, keeping: { level: 'next', cell: 'first' } },
};

/** Whole pipelines over the neighbouring folders tiny-sd15 and tiny-controlnet; those of other kinds are named as not built. */
export async function endToEnd(folder: string, runtime: Runtime): Promise<{ cases: ParityCase[]; notBuilt: string[] }> {
  const all = z.record(z.string(), z.unknown()).parse(await readJson(path.join(folder, 'cases.json')));
  const { model, scheduler: schedulerJson } = await tinyModel(path.join(folder, '..', 'tiny-sd15'));
  const cases: ParityCase[] = [];
  const notBuilt: string[] = [];
  for (const [id, settings] of Object.entries(all)) {
    if (id.startsWith('_')) continue;
    const { pipeline, guidance_scale: guidance, ...rest } = pipelineSchema.parse(settings);
    const way = PIPELINES[pipeline];
    if (!way) {
      notBuilt.push(id);
      continue;
    }
    const golden = await openGolden(path.join(folder, `${id}.safetensors`));
    // Of the scheduler's settings, only this one is told by nothing but the case's name.
    const overrides = id.includes('karras') ? { use_karras_sigmas: true } : {};
    const scheduler = makeScheduler(schedulerConfig(rest.scheduler, schedulerJson, overrides), {
      count: rest.num_inference_steps,
      strength: rest.strength,
    });
    const controls = await controlsOf(rest, path.join(folder, '..', 'tiny-controlnet'), runtime);
    const read = async (name: string) => (golden.names.includes(name) ? (await golden.floats(name)).data : null);
    const run = once(async (signal) => {
      const draws: Float32Array[] = [];
      for (let k = 0; golden.names.includes(`randn_${k}`); k++) draws.push((await golden.floats(`randn_${k}`)).data);
      const maps: Planes[] = [];
      for (const k of controls.keys()) {
        const name = k === 0 ? 'control_image_u8' : `control_image_${k + 1}_u8`;
        maps.push(map(pictureOf(await golden.bytes(name)), (value) => value / 2 + 0.5));
      }
      return paint(model, runtime, signal, {
        size: sizeOf(await golden.floats('image_out')),
        controls,
        member: {
          maps,
          picture: golden.names.includes('image_in_u8') ? pictureOf(await golden.bytes('image_in_u8')) : null,
          mask: golden.names.includes('mask_u8') ? maskOf(await golden.bytes('mask_u8')) : null,
          guidance: {
            positive: conditioning(await golden.floats('prompt_embeds')),
            regions: [],
            negative: guidance > 1 ? conditioning(await golden.floats('negative_prompt_embeds')) : null,
            scale: guidance,
          },
          noise: {
            start: (await read('latents')) ?? draws[1]!,
            posterior: draws[0] ?? null,
            maskedPosterior: draws[2] ?? null,
            at: (call) => draws[way.draws + call]!,
          },
        },
        scheduler,
        keeping: way.keeping,
      });
    });
    cases.push(
      ...pipelineCases(folder, id, golden, scheduler, run, { timesteps: 'timesteps_all', image: 'image_out' }),
    );
  }
  return { cases, notBuilt };
}

/** The ControlNets of a case, in the order of their images: the first, the second, … of the folder. */
async function controlsOf(
  settings: Omit<z.infer<typeof pipelineSchema>, 'pipeline' | 'guidance_scale'>,
  folder: string,
  runtime: Runtime,
): Promise<Control[]> {
  const { controlnet_conditioning_scale: weights, guess_mode: guess } = settings;
  if (weights.length === 0) return [];
  const nets = await controlNets(folder);
  const of = (values: readonly number[], k: number) => values[k] ?? values[0]!;
  return weights.map((weight, k) => ({
    net: openControlNet(nets.find(({ net }) => net === k + 1)!.part, runtime, 'mapped'),
    weight,
    start: of(settings.control_guidance_start, k),
    end: of(settings.control_guidance_end, k),
    guess,
  }));
}

/** SDXL's text to image, in its own folder: Euler, leading spacing. */
export async function sdxlTextToImage(folder: string, runtime: Runtime): Promise<ParityCase[]> {
  const golden = await openGolden(path.join(folder, 'golden', 'txt2img.safetensors'));
  const { model, scheduler: json } = await tinyModel(folder);
  const [count = 0] = (await golden.floats('timesteps')).shape;
  const config = schedulerConfig('EulerDiscreteScheduler', json, { timestep_spacing: 'leading', steps_offset: 1 });
  const scheduler = makeScheduler(config, { count, strength: null });
  const run = once(async (signal) => {
    const embeds = async (name: string, pooled: string) =>
      conditioning(await golden.floats(name), (await golden.floats(pooled)).data);
    const pass = {
      size: sizeOf(await golden.floats('image')),
      scheduler,
      keeping: PIPELINES.StableDiffusionPipeline!.keeping,
    };
    const noise = {
      start: (await golden.floats('noise')).data,
      posterior: null,
      maskedPosterior: null,
      at: () => new Float32Array(),
    };
    const member = (scale: number) => ({
      maps: [],
      picture: null,
      mask: null,
      guidance: { positive, regions: [], negative, scale },
      noise,
    });
    const positive = await embeds('prompt_embeds', 'pooled');
    const negative = await embeds('negative_prompt_embeds', 'negative_pooled');
    const first = (await golden.floats('latents_steps')).data.slice(0, noise.start.length);
    const after = async (scale: number) => {
      const { steps } = await paint(model, runtime, signal, { ...pass, member: member(scale) }, 1);
      return steps;
    };
    const scale = roundedRatio(await after(0), await after(1), first);
    return paint(model, runtime, signal, { ...pass, member: member(scale) });
  });
  return pipelineCases(folder, 'txt2img', golden, scheduler, run, { timesteps: 'timesteps', image: 'image' });
}

/**
 * The guidance is in no file, and what follows is linear in it after one step: the scale that leads from `without` over `with` to
 * `reference`, to the nearest quarter, so that it cannot hide a difference.
 */
function roundedRatio(without: Float32Array, one: Float32Array, reference: Float32Array): number {
  let [along, length] = [0, 0];
  for (const [i, value] of without.entries()) {
    along += (one[i]! - value) * (reference[i]! - value);
    length += (one[i]! - value) ** 2;
  }
  return Math.round((4 * along) / length) / 4;
}

type Painted = { readonly steps: Float32Array; readonly image: Float32Array };

/** Runs a pipeline; `calls` ends it after so many. The picture comes back in [0, 1]. */
async function paint(
  model: Model,
  runtime: Runtime,
  signal: AbortSignal,
  {
    member,
    controls = [],
    ...pass
  }: Omit<Pass, 'onStep' | 'members' | 'sees' | 'guests'> & {
    member: Omit<PassMember, 'lent'>;
    controls?: readonly Control[];
  },
  calls = Infinity,
): Promise<Painted> {
  const networks = {
    unet: openUNet(requirePart(model, 'unet'), runtime, 'mapped', 'batched', { controls }),
    autoencoder: openAutoencoder(requirePart(model, 'vae'), runtime, 'mapped', { tilePixels: null }),
  };
  const { scheduler } = pass;
  const timesteps = scheduler.timesteps.slice(0, scheduler.first + calls);
  const steps: Float32Array[] = [];
  const [result] = await runPass(
    networks,
    {
      ...pass,
      members: [{ ...member, lent: null }],
      sees: null,
      guests: 0,
      scheduler: { ...scheduler, timesteps },
      onStep: ({ sample }) => steps.push(sample),
    },
    signal,
  );
  return { steps: joined(...steps), image: result!.picture!.data.map((value) => value / 2 + 0.5) };
}

function pipelineCases(
  folder: string,
  id: string,
  golden: Golden,
  scheduler: Scheduler,
  run: (signal: AbortSignal) => Promise<Painted>,
  names: { readonly timesteps: string; readonly image: string },
): ParityCase[] {
  const common = { folder: path.basename(folder) };
  const floats = async (name: string) => (await golden.floats(name)).data;
  const cases: ParityCase[] = [
    {
      ...common,
      id: `${id} ${names.timesteps}`,
      tolerance: SAME_TIMESTEPS,
      measure: async () => compare(scheduler.timesteps, await floats(names.timesteps)),
    },
    {
      ...common,
      id: `${id} latents_steps`,
      tolerance: LATENTS_AFTER_STEPS,
      measure: async (signal) => compare((await run(signal)).steps, await floats('latents_steps')),
    },
    {
      ...common,
      id: `${id} ${names.image}`,
      tolerance: PICTURE_AFTER_STEPS,
      metric: 'maxAbs',
      measure: async (signal) => compare((await run(signal)).image, await floats(names.image)),
    },
  ];
  const bytes = `${names.image}_u8`;
  if (golden.names.includes(bytes)) {
    cases.push({
      ...common,
      id: `${id} ${bytes}`,
      tolerance: 1,
      metric: 'maxAbs',
      async measure(signal) {
        const { image } = await run(signal);
        const area = image.length / 3;
        const rounded = Uint8Array.from(image, (_, i) => Math.round(image[(i % 3) * area + Math.floor(i / 3)]! * 255));
        return compare(rounded, (await golden.bytes(bytes)).data);
      },
    });
  }
  return cases;
}

/** A model of the reference data: its single file, which always has the weights, with the configurations of its folder. */
export async function tinyModel(folder: string) {
  const configs = path.join(folder, 'diffusers');
  const [single] = (await readdir(path.join(folder, 'single-file')))
    .filter((name) => name.endsWith('.safetensors'))
    .sort();
  const model = await openModel(path.join(folder, 'single-file', single!), { configs });
  const json = await readJson(path.join(configs, 'scheduler', 'scheduler_config.json'));
  return { model, scheduler: z.record(z.string(), z.unknown()).parse(json) };
}

function conditioning(
  { shape, data }: Tensor & { dtype: 'float32' },
  pooled: Float32Array | null = null,
): Conditioning {
  return { context: data, tokens: shape[1]!, pooled };
}

function planesOf({ shape, data }: Tensor & { dtype: 'float32' }): Planes {
  const [, channels, height, width] = shape as [number, number, number, number];
  return { channels, height, width, data };
}

const sizeOf = ({ shape }: Tensor) => ({ height: shape[2]!, width: shape[3]! });

/** 8-bit RGB, rows from the top, as planes in [-1, 1]. */
function pictureOf({ shape, data }: { shape: readonly number[]; data: Uint8Array }): Planes {
  const [height, width] = shape as [number, number];
  const area = height * width;
  const planes = Float32Array.from(data, (_, i) => data[(i % area) * 3 + Math.floor(i / area)]! / 127.5 - 1);
  return { channels: 3, height, width, data: planes };
}

function maskOf({ shape, data }: { shape: readonly number[]; data: Uint8Array }): Planes {
  const [height, width] = shape as [number, number];
  return { channels: 1, height, width, data: Float32Array.from(data, (value) => value / 255) };
}

/** Computes once what several cases look at. */
export function once<T>(compute: (signal: AbortSignal) => Promise<T>): (signal: AbortSignal) => Promise<T> {
  let result: Promise<T> | null = null;
  return (signal) => (result ??= compute(signal));
}
